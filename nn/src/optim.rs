//! From gradients to better parameters.

use crate::kernel::{Kernel, Simd, Task};
use crate::math::flush;
use crate::network::{Network, Params};

/// Stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the last step that is taken again, in [0, 1); 0 for plain SGD.
    pub momentum: f32,
    /// L2: each step takes `learning_rate * weight_decay` of every weight (not of biases) away.
    pub weight_decay: f32,
}

impl Sgd {
    /// One step: `v = momentum * v + gradient + weight_decay * w; w -= learning_rate * v`.
    /// `velocity` must be there if `momentum` is not 0. `grads` become 0.
    ///
    /// # Panics
    /// If the parameters are not all of `net`'s shape, or `velocity` is missing.
    pub fn step(
        &self,
        net: &Network,
        params: &mut Params,
        grads: &mut Params,
        velocity: Option<&mut Params>,
        learning_rate: f32,
    ) {
        let n = net.params_len;
        assert!(
            params.values.len() == n && grads.values.len() == n,
            "parameters of another network"
        );
        assert!(self.momentum == 0.0 || velocity.is_some(), "momentum needs its velocity");
        let velocity = velocity.map(|v| &mut v.values[..]);
        let sgd = *self;
        let (params, grads) = (&mut params.values[..], &mut grads.values[..]);
        let weights = net.weights_len;
        Kernel::chosen().run(Step { sgd, weights, params, grads, velocity, learning_rate });
    }
}

struct Step<'a> {
    sgd: Sgd,
    weights: usize,
    params: &'a mut [f32],
    grads: &'a mut [f32],
    velocity: Option<&'a mut [f32]>,
    learning_rate: f32,
}

impl Task for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rate = self.learning_rate;
        for (range, decay) in
            [(0..self.weights, self.sgd.weight_decay), (self.weights..self.params.len(), 0.0)]
        {
            let all = self.params[range.clone()].iter_mut().zip(&mut self.grads[range.clone()]);
            match &self.velocity {
                None => {
                    let keep = 1.0 - rate * decay;
                    all.for_each(|(w, g)| {
                        *w = flush(s.mul_add_1(-rate, *g, *w * keep));
                        *g = 0.0;
                    });
                }
                Some(_) => {}
            }
        }
        let Some(velocity) = self.velocity else { return };
        let all = self.params.iter_mut().zip(self.grads.iter_mut()).zip(velocity);
        for (i, ((w, g), v)) in all.enumerate() {
            let decay = if i < self.weights { self.sgd.weight_decay } else { 0.0 };
            *v = flush(s.mul_add_1(self.sgd.momentum, *v, s.mul_add_1(decay, *w, *g)));
            *w = flush(s.mul_add_1(-rate, *v, *w));
            *g = 0.0;
        }
    }
}

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
        let Self { sgd: Sgd { momentum, weight_decay }, weights, learning_rate: rate, .. } = self;
        let Some(velocity) = self.velocity else {
            let (weight, bias) = self.params.split_at_mut(weights);
            let (d_weight, d_bias) = self.grads.split_at_mut(weights);
            descend(s, weight, d_weight, 1.0 - rate * weight_decay, rate);
            descend(s, bias, d_bias, 1.0, rate);
            return;
        };
        let all = self.params.iter_mut().zip(self.grads.iter_mut()).zip(velocity);
        for (i, ((w, g), v)) in all.enumerate() {
            let decay = if i < weights { weight_decay } else { 0.0 };
            *v = flush(s.mul_add_1(momentum, *v, s.mul_add_1(decay, *w, *g)));
            *w = flush(s.mul_add_1(-rate, *v, *w));
            *g = 0.0;
        }
    }
}

/// `w = keep * w - rate * g`; `grads` become 0.
#[inline(always)]
fn descend<S: Simd>(s: S, params: &mut [f32], grads: &mut [f32], keep: f32, rate: f32) {
    for (w, g) in params.iter_mut().zip(grads) {
        *w = flush(s.mul_add_1(-rate, *g, *w * keep));
        *g = 0.0;
    }
}

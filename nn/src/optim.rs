//! From gradients to better parameters.

use rayon::prelude::*;

use crate::kernel::{Kernel, Simd, Task};
use crate::layers::batch_norm::STATISTICS_RATE;
use crate::math::flush;
use crate::network::{Network, Placed};
use crate::params::Params;

/// Parameters that are changed at a time.
const CHUNK: usize = 1 << 14;

/// How a gradient changes the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    /// The direction of a step.
    pub method: Method,
    /// Each step takes `learning_rate * weight_decay` of every weight (not of biases) away.
    pub weight_decay: f32,
}

/// What a step makes of the gradients seen so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// `v = momentum * v + g + weight_decay * w; w -= learning_rate * v`: stochastic gradient
    /// descent.
    Sgd {
        /// Share of the last step that is taken again, in [0, 1); 0 for plain SGD.
        momentum: f32,
    },
    /// Mean over root of mean square of the gradients; the weights decay apart from it (Kingma and
    /// Ba 2015, Loshchilov and Hutter 2019), with the decay rates 0.9 and 0.99 and epsilon 1e-8.
    AdamW,
}

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.99;
const EPSILON: f32 = 1e-8;

/// An optimiser at work: what it remembers of earlier gradients.
pub(crate) struct Descent {
    optimizer: Optimizer,
    state: [Vec<f32>; 2],
    steps: i32,
    /// Layers that stay as they are.
    frozen: usize,
}

impl Descent {
    pub fn new(net: &Network, optimizer: Optimizer, frozen: usize) -> Self {
        let mut descent = Self { optimizer, state: [vec![], vec![]], steps: 0, frozen };
        descent.go_on_with(net, optimizer);
        descent
    }

    /// Takes the next steps with `optimizer`. What is remembered of gradients begins at 0 where
    /// the method has not remembered it so far.
    pub fn go_on_with(&mut self, net: &Network, optimizer: Optimizer) {
        let remembered = match optimizer.method {
            Method::Sgd { momentum: 0.0 } => 0,
            Method::Sgd { .. } => 1,
            Method::AdamW => 2,
        };
        for (i, state) in self.state.iter_mut().enumerate() {
            state.resize(if i < remembered { net.params_len } else { 0 }, 0.0);
        }
        self.optimizer = optimizer;
    }

    /// One step with the sum of `grads`, added in their order; they become 0. `average` follows
    /// the parameters at the given decay.
    pub fn step(
        &mut self,
        net: &Network,
        params: &mut Params,
        grads: &mut [Params],
        average: Option<(&mut Params, f32)>,
        learning_rate: f32,
    ) {
        self.steps += 1;
        let mut chunks: Vec<Chunk> = Vec::new();
        let (mut average, decay) = match average {
            Some((average, decay)) => (average.values_mut(), decay),
            None => (&mut [][..], 0.0),
        };
        let mut params = params.values_mut();
        let mut grads: Vec<&mut [f32]> = grads.iter_mut().map(Params::values_mut).collect();
        let [mut first, mut second] = self.state.each_mut().map(|s| &mut s[..]);
        // Of each kind, the frozen layers' come first.
        let frozen = &net.placed[..self.frozen];
        let last = |range: fn(&Placed) -> usize, or| frozen.iter().map(range).fold(or, usize::max);
        let parts = [
            (Kind::Frozen, last(|p| p.weight.end, 0)),
            (Kind::Weights, net.weights_len),
            (Kind::Frozen, last(|p| p.bias.end, net.weights_len)),
            (Kind::Biases, net.trained_len),
            (Kind::Frozen, last(|p| p.statistics.end, net.trained_len)),
            (Kind::Statistics, net.params_len),
        ];
        let mut start = 0;
        for (kind, end) in parts {
            while start < end {
                let len = CHUNK.min(end - start);
                chunks.push(Chunk {
                    kind,
                    params: take(&mut params, len),
                    grads: grads.iter_mut().map(|g| take(g, len)).collect(),
                    state: [take(&mut first, len), take(&mut second, len)],
                    average: take(&mut average, len),
                });
                start += len;
            }
        }
        let (optimizer, steps) = (self.optimizer, self.steps);
        let step = |chunk: Chunk| {
            Kernel::chosen().run(Step { optimizer, steps, learning_rate, decay, chunk });
        };
        if chunks.len() == 1 || rayon::current_num_threads() == 1 {
            chunks.into_iter().for_each(step);
        } else {
            chunks.into_par_iter().for_each(step);
        }
    }
}

/// Cuts `len` floats from the beginning, or nothing where there is nothing.
fn take<'a>(from: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let all = std::mem::take(from);
    let (taken, rest) = all.split_at_mut(len.min(all.len()));
    *from = rest;
    taken
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Frozen,
    Weights,
    Biases,
    Statistics,
}

struct Chunk<'a> {
    kind: Kind,
    params: &'a mut [f32],
    grads: Vec<&'a mut [f32]>,
    state: [&'a mut [f32]; 2],
    average: &'a mut [f32],
}

struct Step<'a> {
    optimizer: Optimizer,
    steps: i32,
    learning_rate: f32,
    decay: f32,
    chunk: Chunk<'a>,
}

impl Task for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { optimizer, steps, learning_rate: rate, decay, chunk } = self;
        let Chunk { kind, params, mut grads, state: [first, second], average } = chunk;
        let (sum, others) = grads.split_first_mut().expect("there is a gradient");
        for other in others {
            sum.iter_mut().zip(other.iter_mut()).for_each(|(sum, g)| *sum += std::mem::take(g));
        }
        let weight_decay = if kind == Kind::Weights { optimizer.weight_decay } else { 0.0 };
        let all = params.iter_mut().zip(sum.iter_mut());
        match (kind, optimizer.method) {
            (Kind::Frozen, _) => {}
            (Kind::Statistics, _) => all.for_each(|(w, g)| *w += STATISTICS_RATE * (*g - *w)),
            (_, Method::Sgd { momentum: 0.0 }) => {
                let keep = 1.0 - rate * weight_decay;
                all.for_each(|(w, g)| *w = flush(s.mul_add_1(-rate, *g, *w * keep)));
            }
            (_, Method::Sgd { momentum }) => {
                all.zip(first).for_each(|((w, g), v)| {
                    *v = flush(s.mul_add_1(momentum, *v, s.mul_add_1(weight_decay, *w, *g)));
                    *w = flush(s.mul_add_1(-rate, *v, *w));
                });
            }
            (_, Method::AdamW) => {
                let (keep, root) = (1.0 - rate * weight_decay, (1.0 - BETA2.powi(steps)).sqrt());
                let (rate, epsilon) = (rate * root / (1.0 - BETA1.powi(steps)), EPSILON * root);
                all.zip(first.iter_mut().zip(second)).for_each(|((w, g), (m, v))| {
                    *m = flush(s.mul_add_1(BETA1, *m, (1.0 - BETA1) * *g));
                    *v = flush(s.mul_add_1(BETA2, *v, (1.0 - BETA2) * *g * *g));
                    *w = flush(s.mul_add_1(-rate, *m / (v.sqrt() + epsilon), *w * keep));
                });
            }
        }
        sum.fill(0.0);
        average.iter_mut().zip(&*params).for_each(|(a, w)| *a = s.mul_add_1(decay, *a - *w, *w));
    }
}

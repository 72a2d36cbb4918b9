//! Element-wise functions. Each derivative is written in terms of the function's value, so that
//! only values need to be kept.

use crate::kernel::{Simd, vectors, vectors_mut};
use crate::math::{flush_each, sigmoid, tanh};

/// A function applied to each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// x where positive, else 0.01 x.
    LeakyRelu,
    /// x.
    Identity,
}

const LEAK: f32 = 0.01;

impl Activation {
    /// All activations.
    pub const ALL: [Activation; 5] = [
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Identity,
    ];

    /// The name used in recipes and model files.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::LeakyRelu => "leaky_relu",
            Activation::Identity => "identity",
        }
    }

    /// `values[i] = f(values[i])`, for whole vectors.
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(self, s: S, values: &mut [f32]) {
        let (zero, leak) = (s.splat(0.0), s.splat(LEAK));
        for value in vectors_mut(values) {
            let x = s.get(value);
            let y = match self {
                Activation::Sigmoid => sigmoid(s, x),
                Activation::Tanh => tanh(s, x),
                Activation::Relu => s.max(x, zero),
                Activation::LeakyRelu => s.where_positive(x, x, s.mul(leak, x)),
                Activation::Identity => x,
            };
            s.put(value, y);
        }
    }

    /// `d[i] = d[i] * f'`, where `output[i]` is what [`Self::forward`] made; whole vectors.
    #[inline(always)]
    pub(crate) fn backward<S: Simd>(self, s: S, output: &[f32], d: &mut [f32]) {
        let (zero, one, leak) = (s.splat(0.0), s.splat(1.0), s.splat(LEAK));
        for (d, y) in vectors_mut(d).iter_mut().zip(vectors(output)) {
            let (y, dy) = (s.get(y), s.get(d));
            let dx = match self {
                Activation::Sigmoid => flush_each(s, s.mul(s.mul(dy, y), s.sub(one, y))),
                Activation::Tanh => flush_each(s, s.mul(dy, s.sub(one, s.mul(y, y)))),
                Activation::Relu => s.where_positive(y, dy, zero),
                Activation::LeakyRelu => s.where_positive(y, dy, s.mul(leak, dy)),
                Activation::Identity => dy,
            };
            s.put(d, dx);
        }
    }
}

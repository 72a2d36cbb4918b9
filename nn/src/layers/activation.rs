//! Element-wise functions. Each derivative is written in terms of the function's value, so that
//! only values need to be kept.

use crate::kernel::Simd;
use crate::math::{flush, sigmoid, tanh};

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

    /// `output[i] = f(input[i])`.
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(self, s: S, input: &[f32], output: &mut [f32]) {
        let pairs = output.iter_mut().zip(input);
        match self {
            Activation::Sigmoid => pairs.for_each(|(y, &x)| *y = sigmoid(s, x)),
            Activation::Tanh => pairs.for_each(|(y, &x)| *y = tanh(s, x)),
            Activation::Relu => pairs.for_each(|(y, &x)| *y = if x > 0.0 { x } else { 0.0 }),
            Activation::LeakyRelu => {
                pairs.for_each(|(y, &x)| *y = if x > 0.0 { x } else { LEAK * x });
            }
            Activation::Identity => pairs.for_each(|(y, &x)| *y = x),
        }
    }

    /// `d_input[i] = d_output[i] * f'`, where `output[i] = f(input[i])`.
    #[inline(always)]
    pub(crate) fn backward(self, output: &[f32], d_output: &[f32], d_input: &mut [f32]) {
        let all = d_input.iter_mut().zip(output.iter().zip(d_output));
        match self {
            Activation::Sigmoid => all.for_each(|(dx, (&y, &dy))| *dx = flush(dy * y * (1.0 - y))),
            Activation::Tanh => all.for_each(|(dx, (&y, &dy))| *dx = flush(dy * (1.0 - y * y))),
            Activation::Relu => {
                all.for_each(|(dx, (&y, &dy))| *dx = if y > 0.0 { dy } else { 0.0 })
            }
            Activation::LeakyRelu => {
                all.for_each(|(dx, (&y, &dy))| *dx = if y > 0.0 { dy } else { LEAK * dy });
            }
            Activation::Identity => all.for_each(|(dx, (_, &dy))| *dx = dy),
        }
    }
}

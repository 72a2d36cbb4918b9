//! The kinds of layers.

use std::fmt;
use std::str::FromStr;

use crate::layers::activation::Activation;

/// One layer, without its parameters.
///
/// As text (in recipes and model files): `dense 32`, `relu`, `sigmoid`, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Every output is a weighted sum of every input, plus a bias.
    Dense {
        /// Number of outputs.
        outputs: usize,
    },
    /// A function of each value.
    Activation(Activation),
}

/// Most values that a layer may have.
pub const MAX_WIDTH: usize = 1 << 16;

impl Layer {
    /// Number of outputs, given the number of inputs.
    pub fn outputs(self, inputs: usize) -> usize {
        match self {
            Layer::Dense { outputs } => outputs,
            Layer::Activation(_) => inputs,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Layer::Dense { outputs } => write!(f, "dense {outputs}"),
            Layer::Activation(activation) => f.write_str(activation.name()),
        }
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(outputs) = text.strip_prefix("dense ") {
            return match outputs.parse() {
                Ok(outputs @ 1..=MAX_WIDTH) => Ok(Layer::Dense { outputs }),
                _ => Err(format!("'{text}': a dense layer has 1 to {MAX_WIDTH} outputs")),
            };
        }
        Activation::ALL.into_iter().find(|a| a.name() == text).map(Layer::Activation).ok_or_else(
            || {
                let names: Vec<_> = Activation::ALL.iter().map(|a| a.name()).collect();
                format!("no layer '{text}'; there are 'dense N', {}", names.join(", "))
            },
        )
    }
}

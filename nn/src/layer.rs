//! The kinds of layers.

use std::fmt;
use std::str::FromStr;

use crate::layers::activation::Activation;
use crate::layers::conv2d::Conv2d;
use crate::shape::Shape;

/// One layer, without its parameters.
///
/// As text (in recipes and model files): `dense 32`, `conv 16 3x3`, `conv 16 5x5 stride 2 pad 2`,
/// `max_pool 2`, `avg_pool 2`, `global_avg_pool`, `batch_norm`, `dropout 0.5`, `relu`, `sigmoid`, ...
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// Every output is a weighted sum of every input, plus a bias.
    Dense {
        /// Number of outputs.
        outputs: usize,
    },
    /// Every output is a weighted sum of a window of the input, plus a bias.
    Conv2d {
        /// Channels of the output.
        outputs: usize,
        /// Height and width of the window, in pixels.
        kernel: (usize, usize),
        /// Pixels from one window to the next.
        stride: usize,
        /// Pixels that windows reach beyond the border, where all is 0.
        pad: usize,
    },
    /// The largest value of each window, channel by channel.
    MaxPool2d {
        /// Side of the windows, which do not overlap; what does not fill one is left out.
        size: usize,
    },
    /// The mean of each window, channel by channel.
    AvgPool2d {
        /// Side of the windows, which do not overlap; what does not fill one is left out.
        size: usize,
    },
    /// The mean of each channel.
    GlobalAvgPool2d,
    /// Each channel to mean 0 and variance 1, then scaled and shifted.
    BatchNorm,
    /// In training, values are set to 0 at random.
    Dropout {
        /// The probability, in [0, 1).
        rate: f32,
    },
    /// A function of each value.
    Activation(Activation),
}

/// Most values that a layer may have.
pub const MAX_WIDTH: usize = 1 << 16;
/// Largest window, stride or padding.
const MAX_KERNEL: usize = 256;

impl Layer {
    /// Whether this layer works in place on what `before` puts out. Only an activation does, whose
    /// derivative needs nothing but its result, and only where nobody needs what was there before.
    pub(crate) fn in_place(self, before: Layer) -> bool {
        let keeps_none =
            matches!(before, Layer::Dense { .. } | Layer::Conv2d { .. } | Layer::BatchNorm);
        matches!(self, Layer::Activation(_)) && keeps_none
    }

    /// Whether it pools.
    pub(crate) fn pools(self) -> bool {
        use Layer::{AvgPool2d, GlobalAvgPool2d, MaxPool2d};
        matches!(self, MaxPool2d { .. } | AvgPool2d { .. } | GlobalAvgPool2d)
    }

    /// The shape of the output, given that of the input.
    ///
    /// # Errors
    /// A sentence, where the input is too small for a window, or the output too large.
    pub fn output(self, input: Shape) -> Result<Shape, String> {
        let Shape { height, width, channels } = input;
        let small = || format!("'{self}' does not fit into {height} x {width} pixels");
        let output = match self {
            Layer::Dense { outputs } => Shape::flat(outputs),
            Layer::Conv2d { outputs, kernel, stride, pad } => {
                let size = Conv2d::output_size(input, kernel, stride, pad);
                let (height, width) = size.ok_or_else(small)?;
                Shape { height, width, channels: outputs }
            }
            Layer::MaxPool2d { size } | Layer::AvgPool2d { size } => {
                if height < size || width < size {
                    return Err(small());
                }
                Shape { height: height / size, width: width / size, channels }
            }
            Layer::GlobalAvgPool2d => Shape::flat(channels),
            Layer::BatchNorm | Layer::Dropout { .. } | Layer::Activation(_) => input,
        };
        if !(1..=MAX_WIDTH).contains(&output.channels) || output.values() > MAX_WIDTH {
            return Err(format!("'{self}': a layer has 1 to {MAX_WIDTH} outputs"));
        }
        Ok(output)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Layer::Dense { outputs } => write!(f, "dense {outputs}"),
            Layer::Conv2d { outputs, kernel: (height, width), stride, pad } => {
                write!(f, "conv {outputs} {height}x{width}")?;
                if *stride != 1 {
                    write!(f, " stride {stride}")?;
                }
                if *pad != 0 {
                    write!(f, " pad {pad}")?;
                }
                Ok(())
            }
            Layer::MaxPool2d { size } => write!(f, "max_pool {size}"),
            Layer::AvgPool2d { size } => write!(f, "avg_pool {size}"),
            Layer::GlobalAvgPool2d => f.write_str("global_avg_pool"),
            Layer::BatchNorm => f.write_str("batch_norm"),
            Layer::Dropout { rate } => write!(f, "dropout {rate}"),
            Layer::Activation(activation) => f.write_str(activation.name()),
        }
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("'{text}': {what}"));
        let number = |word: &str, most: usize| word.parse().ok().filter(|n| (1..=most).contains(n));
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["dense", outputs] => match number(outputs, MAX_WIDTH) {
                Some(outputs) => Ok(Layer::Dense { outputs }),
                None => wrong(&format!("a dense layer has 1 to {MAX_WIDTH} outputs")),
            },
            ["conv", outputs, kernel, ref options @ ..] => {
                let side = |word| number(word, MAX_KERNEL);
                let kernel = kernel.split_once('x').and_then(|(h, w)| Some((side(h)?, side(w)?)));
                let (Some(outputs), Some(kernel)) = (number(outputs, MAX_WIDTH), kernel) else {
                    return wrong("a convolution is written as 'conv 16 3x3'");
                };
                let (mut stride, mut pad) = (1, 0);
                for option in options.chunks(2) {
                    match option {
                        ["stride", n] if side(n).is_some() => stride = side(n).expect("it is some"),
                        ["pad", n] if side(n).is_some() => pad = side(n).expect("it is some"),
                        _ => return wrong("after the window come 'stride N' and 'pad N'"),
                    }
                }
                if pad >= kernel.0.min(kernel.1) {
                    return wrong("the padding is smaller than the window");
                }
                Ok(Layer::Conv2d { outputs, kernel, stride, pad })
            }
            [kind @ ("max_pool" | "avg_pool"), size] => match number(size, MAX_KERNEL) {
                Some(size) if kind == "max_pool" => Ok(Layer::MaxPool2d { size }),
                Some(size) => Ok(Layer::AvgPool2d { size }),
                None => wrong("pooling is written as 'max_pool 2'"),
            },
            ["global_avg_pool"] => Ok(Layer::GlobalAvgPool2d),
            ["batch_norm"] => Ok(Layer::BatchNorm),
            ["dropout", rate] => match rate.parse() {
                Ok(rate) if (0.0..1.0).contains(&rate) => Ok(Layer::Dropout { rate }),
                _ => wrong("dropout takes a probability in [0, 1)"),
            },
            _ => {
                let activation = Activation::ALL.into_iter().find(|a| a.name() == text);
                activation.map(Layer::Activation).ok_or_else(|| {
                    let names = Activation::ALL.map(Activation::name).join(", ");
                    format!(
                        "no layer '{text}'; there are 'dense N', 'conv N 3x3', 'max_pool N', \
                         'avg_pool N', 'global_avg_pool', 'batch_norm', 'dropout P', {names}"
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for text in [
            "dense 32",
            "conv 16 3x3",
            "conv 6 5x7 stride 2",
            "conv 6 5x5 stride 2 pad 2",
            "conv 8 3x3 pad 1",
            "max_pool 2",
            "avg_pool 3",
            "global_avg_pool",
            "batch_norm",
            "dropout 0.25",
            "relu",
            "leaky_relu",
        ] {
            assert_eq!(text.parse::<Layer>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for text in [
            "",
            "dense",
            "dense 0",
            "dense 70000",
            "conv 16",
            "conv 16 3",
            "conv 16 3x",
            "conv 0 3x3",
            "conv 16 3x3 stride",
            "conv 16 3x3 stride 0",
            "conv 16 3x3 pad 3",
            "conv 16 3x3 shift 1",
            "max_pool",
            "max_pool 0",
            "dropout 1",
            "dropout -0.1",
            "dropout nan",
            "sine",
        ] {
            assert!(text.parse::<Layer>().unwrap_err().contains(&format!("'{text}'")), "{text}");
        }
        let five = Shape { height: 5, width: 5, channels: 1 };
        let does_not_fit = |text: &str| text.parse::<Layer>().unwrap().output(five).is_err();
        assert!(does_not_fit("conv 1 6x6") && does_not_fit("max_pool 6"));
        assert!(!does_not_fit("conv 1 6x6 pad 1") && does_not_fit("conv 60000 3x3"));
    }
}

//! What training makes small. A loss takes the network's last values, `z`, and the right class.

use crate::aligned::padded;
use crate::kernel::{LANES, Simd, tree_sum};
use crate::math::{exp, sigmoid};

/// A loss, and with it the meaning of the network's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Half the squared distance to the one-hot target (Nielsen, chapter 1). Outputs are taken
    /// as they are.
    Quadratic,
    /// Cross-entropy of ten yes-or-no questions, on `sigmoid(z)` (Nielsen, chapter 3). The
    /// sigmoid belongs to the loss, so that neither it nor its derivative is ever rounded to 0.
    SigmoidCrossEntropy,
    /// Cross-entropy of one question with ten answers, on `softmax(z)`, computed from
    /// differences to the largest `z`, so that nothing overflows.
    SoftmaxCrossEntropy,
}

type Chunk = [f32; LANES];

/// The 16 values from `first` on; what is beyond `len` is `fill`.
#[inline(always)]
fn chunk(values: &[f32], first: usize, len: usize, fill: f32) -> Chunk {
    let all: &Chunk = values[first..first + LANES].try_into().expect("values are padded");
    std::array::from_fn(|i| if first + i < len { all[i] } else { fill })
}

#[inline(always)]
fn largest(values: &[f32], len: usize) -> f32 {
    let mut max = [f32::NEG_INFINITY; LANES];
    for first in (0..len).step_by(LANES) {
        let z = chunk(values, first, len, f32::NEG_INFINITY);
        max = std::array::from_fn(|i| if z[i] > max[i] { z[i] } else { max[i] });
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            max[i] = if max[i + width] > max[i] { max[i + width] } else { max[i] };
        }
        width /= 2;
    }
    max[0]
}

impl Loss {
    /// All losses.
    pub const ALL: [Loss; 3] =
        [Loss::Quadratic, Loss::SigmoidCrossEntropy, Loss::SoftmaxCrossEntropy];

    /// The name used in recipes and model files.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Quadratic => "quadratic",
            Loss::SigmoidCrossEntropy => "sigmoid_cross_entropy",
            Loss::SoftmaxCrossEntropy => "softmax_cross_entropy",
        }
    }

    /// The loss called `name`.
    pub fn named(name: &str) -> Option<Loss> {
        Loss::ALL.into_iter().find(|loss| loss.name() == name)
    }

    /// The loss of one sample. `d_output` becomes its derivative by each of the first `classes`
    /// `output`s, times `scale`; the padding of `d_output` becomes 0.
    #[inline(always)]
    pub(crate) fn loss_and_gradient<S: Simd>(
        self,
        s: S,
        output: &[f32],
        classes: usize,
        label: u8,
        scale: f32,
        d_output: &mut [f32],
    ) -> f32 {
        let label = usize::from(label);
        let mut loss = 0.0;
        match self {
            Loss::Quadratic => {
                for first in (0..classes).step_by(LANES) {
                    let mut d = chunk(output, first, classes, 0.0);
                    if (first..first + LANES).contains(&label) {
                        d[label - first] -= 1.0;
                    }
                    loss += 0.5 * tree_sum(d.map(|d| d * d));
                    d_output[first..first + LANES].copy_from_slice(&d.map(|d| d * scale));
                }
            }
            Loss::SigmoidCrossEntropy => {
                for first in (0..classes).step_by(LANES) {
                    let z = chunk(output, first, classes, 0.0);
                    // -ln(sigmoid(z)) = ln(1 + e^-z), so all logarithms become one of a product.
                    let product = (0..LANES.min(classes - first))
                        .map(|i| 1.0 + exp(s, -z[i].abs()))
                        .product::<f32>();
                    loss += product.ln() + tree_sum(z.map(|z| if z > 0.0 { z } else { 0.0 }));
                    let mut d: Chunk = std::array::from_fn(|i| sigmoid(s, z[i]));
                    if (first..first + LANES).contains(&label) {
                        loss -= z[label - first];
                        d[label - first] -= 1.0;
                    }
                    let d = std::array::from_fn::<_, LANES, _>(|i| {
                        if first + i < classes { d[i] * scale } else { 0.0 }
                    });
                    d_output[first..first + LANES].copy_from_slice(&d);
                }
            }
            Loss::SoftmaxCrossEntropy => {
                d_output[..padded(classes)].copy_from_slice(&output[..padded(classes)]);
                let (max, sum) = softmax_terms(s, d_output, classes);
                loss = sum.ln() - (output[label] - max);
                let factor = scale / sum;
                for d in d_output[..padded(classes)].as_chunks_mut::<LANES>().0 {
                    *d = d.map(|d| d * factor);
                }
                d_output[label] -= scale;
            }
        }
        loss
    }

    /// Turns the `classes` outputs of one sample into probabilities in [0, 1], in place. Those of
    /// the softmax add up to 1; the quadratic loss's are outputs limited to [0, 1].
    #[inline(always)]
    pub(crate) fn probabilities<S: Simd>(self, s: S, output: &mut [f32], classes: usize) {
        match self {
            Loss::Quadratic => output.iter_mut().for_each(|z| *z = z.clamp(0.0, 1.0)),
            Loss::SigmoidCrossEntropy => output.iter_mut().for_each(|z| *z = sigmoid(s, *z)),
            Loss::SoftmaxCrossEntropy => {
                let (_, sum) = softmax_terms(s, output, classes);
                output.iter_mut().for_each(|e| *e /= sum);
            }
        }
    }
}

/// Turns each of the `classes` values z into e^(z - max), the padding into 0; returns max and sum.
#[inline(always)]
fn softmax_terms<S: Simd>(s: S, values: &mut [f32], classes: usize) -> (f32, f32) {
    let max = largest(values, classes);
    let mut sums = [0.0; LANES];
    for first in (0..classes).step_by(LANES) {
        let z = chunk(values, first, classes, max);
        let e: Chunk = std::array::from_fn(|i| {
            let e = exp(s, z[i] - max);
            if first + i < classes { e } else { 0.0 }
        });
        sums = std::array::from_fn(|i| sums[i] + e[i]);
        values[first..first + LANES].copy_from_slice(&e);
    }
    (max, tree_sum(sums))
}

//! What training makes small. A loss takes the network's last values, `z`, and the right class.

use crate::kernel::{LANES, Simd, vectors, vectors_mut};
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

/// One 1 between zeros: read from `LANES - 1 - i` on, it stands in lane `i`.
static ONE: [f32; 2 * LANES - 1] = {
    let mut one = [0.0; 2 * LANES - 1];
    one[LANES - 1] = 1.0;
    one
};
/// Ones, then zeros: read from `LANES - n` on, the first `n` lanes are 1.
static ONES: [f32; 2 * LANES] = {
    let mut ones = [0.0; 2 * LANES];
    let mut i = 0;
    while i < LANES {
        ones[i] = 1.0;
        i += 1;
    }
    ones
};

/// The sixteen values from `first` on.
#[inline(always)]
fn lanes(values: &[f32], first: usize) -> &[f32; LANES] {
    values[first..][..LANES].first_chunk().expect("there are sixteen")
}

/// 1 in the lane of `label`, where it is among those from `first` on.
#[inline(always)]
fn one_hot<S: Simd>(s: S, label: usize, first: usize) -> S::V {
    if (first..first + LANES).contains(&label) {
        s.get(lanes(&ONE, LANES - 1 - (label - first)))
    } else {
        s.splat(0.0)
    }
}

/// 1 in the first `count` lanes, at most 16.
#[inline(always)]
fn first_lanes<S: Simd>(s: S, count: usize) -> S::V {
    s.get(lanes(&ONES, LANES - count.min(LANES)))
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

    /// Turns the `classes` outputs of one sample into probabilities in [0, 1], in place. Those of
    /// the softmax add up to 1; the quadratic loss's are outputs limited to [0, 1].
    #[inline(always)]
    pub(crate) fn probabilities<S: Simd>(self, s: S, output: &mut [f32], classes: usize) {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let output = vectors_mut(output);
        match self {
            Loss::Quadratic => {
                for z in output {
                    s.put(z, s.min(s.max(s.get(z), zero), one));
                }
            }
            Loss::SigmoidCrossEntropy => {
                for z in output {
                    s.put(z, sigmoid(s, s.get(z)));
                }
            }
            Loss::SoftmaxCrossEntropy => {
                let (_, sum) = softmax_terms(s, output, classes);
                let sum = s.splat(sum);
                for e in output {
                    s.put(e, s.div(s.get(e), sum));
                }
            }
        }
    }
}

/// What training makes small: a loss, and how sure of the labels it is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: Loss,
    /// The share of the target, in [0, 1), that is spread evenly over all classes (Szegedy et al.
    /// 2016).
    pub label_smoothing: f32,
}

impl Objective {
    /// The target of each class from `first` on.
    #[inline(always)]
    fn target<S: Simd>(self, s: S, label: usize, first: usize, classes: usize) -> S::V {
        let one_hot = one_hot(s, label, first);
        if self.label_smoothing == 0.0 {
            return one_hot;
        }
        let share = s.splat(self.label_smoothing / classes as f32);
        let even = s.mul(share, first_lanes(s, classes - first));
        s.mul_add(s.splat(1.0 - self.label_smoothing), one_hot, even)
    }

    /// The loss of one sample. `d_output` becomes its derivative by each of the first `classes`
    /// `output`s, times `scale`; the padding of `d_output` becomes 0.
    #[inline(always)]
    pub(crate) fn gradient<S: Simd>(
        self,
        s: S,
        output: &[f32],
        classes: usize,
        label: u8,
        scale: f32,
        d_output: &mut [f32],
    ) -> f32 {
        let label = usize::from(label);
        let scale = s.splat(scale);
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let mut loss = 0.0;
        let (output, d_output) = (vectors(output), vectors_mut(d_output));
        match self.loss {
            Loss::Quadratic => {
                for (n, (d, z)) in d_output.iter_mut().zip(output).enumerate() {
                    let present = first_lanes(s, classes - n * LANES);
                    let z = s.mul(present, s.get(z));
                    let error = s.sub(z, self.target(s, label, n * LANES, classes));
                    loss += 0.5 * s.sum(s.mul(error, error));
                    s.put(d, s.mul(scale, error));
                }
            }
            Loss::SigmoidCrossEntropy => {
                for (n, (d, z)) in d_output.iter_mut().zip(output).enumerate() {
                    let present = first_lanes(s, classes - n * LANES);
                    let z = s.mul(present, s.get(z));
                    let target = self.target(s, label, n * LANES, classes);
                    // -ln(sigmoid(z)) = ln(1 + e^-z), so all logarithms become one of a product.
                    let size = s.max(z, s.sub(zero, z));
                    let mut factors = [0.0; LANES];
                    let e = exp(s, s.sub(zero, size));
                    s.put(&mut factors, s.mul_add(present, e, one));
                    let rest = s.sub(s.max(z, zero), s.mul(target, z));
                    loss += factors.iter().product::<f32>().ln() + s.sum(rest);
                    let error = s.mul(present, s.sub(sigmoid(s, z), target));
                    s.put(d, s.mul(scale, error));
                }
            }
            Loss::SoftmaxCrossEntropy => {
                let mut target = s.splat(0.0);
                for (n, z) in output.iter().enumerate() {
                    target = s.mul_add(self.target(s, label, n * LANES, classes), s.get(z), target);
                }
                let target = s.sum(target);
                for (d, z) in d_output.iter_mut().zip(output) {
                    s.put(d, s.get(z));
                }
                let (max, sum) = softmax_terms(s, d_output, classes);
                loss = sum.ln() - (target - max);
                let factor = s.div(scale, s.splat(sum));
                for (n, d) in d_output.iter_mut().enumerate() {
                    let target = self.target(s, label, n * LANES, classes);
                    s.put(d, s.sub(s.mul(factor, s.get(d)), s.mul(scale, target)));
                }
            }
        }
        loss
    }
}

/// Turns each of the `classes` values z into e^(z - max), the padding into 0; returns max and sum.
#[inline(always)]
fn softmax_terms<S: Simd>(s: S, values: &mut [[f32; LANES]], classes: usize) -> (f32, f32) {
    let mut max = s.splat(f32::MIN);
    for (n, z) in values.iter().enumerate() {
        let absent = s.sub(s.splat(1.0), first_lanes(s, classes - n * LANES));
        // Padding is 0 or a function of it: far below every other value after this.
        max = s.max(s.mul_add(absent, s.splat(f32::MIN), s.get(z)), max);
    }
    let max = s.largest(max);
    let mut sum = s.splat(0.0);
    for (n, z) in values.iter_mut().enumerate() {
        let e = exp(s, s.sub(s.get(z), s.splat(max)));
        let e = s.mul(first_lanes(s, classes - n * LANES), e);
        sum = s.add(sum, e);
        s.put(z, e);
    }
    (max, s.sum(sum))
}

//! Batch normalisation (Ioffe and Szegedy 2015): each channel to mean 0 and variance 1, then
//! scaled and shifted.
//!
//! In training, mean and variance are those of the samples of one pass, at most 32 of them ("ghost batches", Hoffer, Hubara and Soudry 2017): so the
//! passes of a batch stay independent of each other, and the result of the number of threads. For
//! use, running means of both are kept among the parameters.

// Sums are indexed by number throughout.
#![allow(clippy::needless_range_loop)]

use crate::kernel::{LANES, Simd, lanes, lanes_mut, vectors, vectors_mut};
use crate::shape::Grid;

/// Added to variances, so that a constant channel is not divided by 0.
const EPSILON: f32 = 1e-5;
/// Sums that are kept apart, since an addition waits for the one before it.
const UNROLL: usize = 4;
/// How far each step moves the running statistics towards those of its batch.
pub(crate) const STATISTICS_RATE: f32 = 0.1;

/// The geometry of one normalisation: `grid` on both sides, but for the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchNorm {
    pub input: Grid,
    pub output: Grid,
}

/// `pitch` values of each kind, side by side: as parameters scale and shift, as statistics mean
/// and variance.
fn halves(values: &[f32]) -> (&[[f32; LANES]], &[[f32; LANES]]) {
    let (a, b) = values.split_at(values.len() / 2);
    (vectors(a), vectors(b))
}

fn halves_mut(values: &mut [f32]) -> (&mut [[f32; LANES]], &mut [[f32; LANES]]) {
    let (a, b) = values.split_at_mut(values.len() / 2);
    (vectors_mut(a), vectors_mut(b))
}

impl BatchNorm {
    /// Where each stretch of the input and of the output begins; both are equally long.
    #[inline(always)]
    fn stretches(&self, samples: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (input, output) = (self.input, self.output);
        let (height, width) = (input.shape.height, input.shape.width);
        (0..samples * height).map(move |i| {
            let (b, y) = (i / height, i % height);
            let from = b * input.sample() + input.at(y, 0);
            (from, b * output.sample() + output.at(y, 0), width * input.pitch)
        })
    }

    /// Mean and variance of each channel of `input`, in one pass: of the distances from the
    /// channel's first value, which keeps the difference of the squares exact enough.
    #[inline(always)]
    pub fn statistics<S: Simd>(&self, s: S, samples: usize, input: &[f32], statistics: &mut [f32]) {
        let pitch = self.input.pitch;
        let share = s.splat(self.share(samples));
        let (means, variances) = halves_mut(statistics);
        for (n, (mean, variance)) in means.iter_mut().zip(variances).enumerate() {
            let shift = s.get(lanes(input, self.input.at(0, 0) + n * LANES));
            let mut sums = [[s.splat(0.0); UNROLL]; 2];
            for (from, _, len) in self.stretches(samples) {
                let input = &input[from..][..len];
                let mut at = n * LANES;
                while at < len {
                    for j in 0..UNROLL {
                        if at < len {
                            let x = s.sub(s.get(lanes(input, at)), shift);
                            sums[0][j] = s.add(sums[0][j], x);
                            sums[1][j] = s.mul_add(x, x, sums[1][j]);
                            at += pitch;
                        }
                    }
                }
            }
            let [sum, squares] = [s.total(sums[0]), s.total(sums[1])];
            let away = s.mul(share, sum);
            s.put(mean, s.add(shift, away));
            let less = s.mul(away, away);
            s.put(variance, s.max(s.sub(s.mul(share, squares), less), s.splat(0.0)));
        }
    }

    /// `output = (input - mean) / sqrt(variance + 1e-5) * scale + shift`, channel by channel.
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        s: S,
        params: &[f32],
        statistics: &[f32],
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let ((scale, shift), (mean, variance)) = (halves(params), halves(statistics));
        for (n, (scale, shift)) in scale.iter().zip(shift).enumerate() {
            let factor = s.mul(s.get(scale), inverse_deviation(s, &variance[n]));
            let (mean, shift) = (s.get(&mean[n]), s.get(shift));
            for (from, to, len) in self.stretches(samples) {
                let (input, output) = (&input[from..][..len], &mut output[to..][..len]);
                for at in (n * LANES..len).step_by(self.input.pitch) {
                    let x = s.sub(s.get(lanes(input, at)), mean);
                    s.put(lanes_mut(output, at), s.mul_add(x, factor, shift));
                }
            }
        }
    }

    /// Adds the gradients of scale and shift, and writes `d_input`.
    #[inline(always)]
    pub fn backward<S: Simd>(
        &self,
        s: S,
        (params, d_params): (&[f32], &mut [f32]),
        statistics: &[f32],
        samples: usize,
        (input, d_output): (&[f32], &[f32]),
        d_input: &mut [f32],
    ) {
        let pitch = self.input.pitch;
        let ((scale, _), (mean, variance)) = (halves(params), halves(statistics));
        let (d_scale, d_shift) = halves_mut(d_params);
        let share = s.splat(self.share(samples));
        for (n, scale) in scale.iter().enumerate() {
            let (scale, mean) = (s.get(scale), s.get(&mean[n]));
            let inverse = inverse_deviation(s, &variance[n]);
            // The sums of d_output, and of d_output times the centred input.
            let mut sums = [[s.splat(0.0); UNROLL]; 2];
            for (from, to, len) in self.stretches(samples) {
                let (input, d_output) = (&input[from..][..len], &d_output[to..][..len]);
                let mut at = n * LANES;
                while at < len {
                    for j in 0..UNROLL {
                        if at < len {
                            let dy = s.get(lanes(d_output, at));
                            let x = s.sub(s.get(lanes(input, at)), mean);
                            sums[0][j] = s.add(sums[0][j], dy);
                            sums[1][j] = s.mul_add(dy, x, sums[1][j]);
                            at += pitch;
                        }
                    }
                }
            }
            let (sum, product) = (s.total(sums[0]), s.mul(inverse, s.total(sums[1])));
            for (d, part) in [(&mut d_scale[n], product), (&mut d_shift[n], sum)] {
                s.put(d, s.add(s.get(d), part));
            }
            // d_input = factor * (d_output - mean of it - normalised input * mean of the product)
            let (sum, product) = (s.mul(share, sum), s.mul(inverse, s.mul(share, product)));
            let factor = s.mul(scale, inverse);
            for (from, to, len) in self.stretches(samples) {
                let (input, d_output) = (&input[from..][..len], &d_output[to..][..len]);
                let d_input = &mut d_input[from..][..len];
                for at in (n * LANES..len).step_by(pitch) {
                    let x = s.sub(s.get(lanes(input, at)), mean);
                    let dy = s.sub(s.get(lanes(d_output, at)), sum);
                    let centred = s.sub(dy, s.mul(x, product));
                    s.put(lanes_mut(d_input, at), s.mul(factor, centred));
                }
            }
        }
    }

    /// One over the values of a channel.
    fn share(&self, samples: usize) -> f32 {
        1.0 / (samples * self.input.shape.height * self.input.shape.width) as f32
    }
}

#[inline(always)]
fn inverse_deviation<S: Simd>(s: S, variance: &[f32; LANES]) -> S::V {
    s.div(s.splat(1.0), s.sqrt(s.add(s.get(variance), s.splat(EPSILON))))
}

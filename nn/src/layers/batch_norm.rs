//! Batch normalisation (Ioffe and Szegedy 2015): each channel to mean 0 and variance 1, then
//! scaled and shifted.
//!
//! In training, mean and variance are those of the samples of one pass, at most
//! [`PASS`](crate::batch::PASS) of them ("ghost batches", Hoffer, Hubara and Soudry 2017): so the
//! passes of a batch stay independent of each other, and the result of the number of threads. For
//! use, running means of both are kept among the parameters.

use crate::kernel::{LANES, Simd, vectors, vectors_mut};
use crate::shape::Grid;

/// Added to variances, so that a constant channel is not divided by 0.
const EPSILON: f32 = 1e-5;
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

    /// Mean and variance of each channel of `input`.
    #[inline(always)]
    pub fn statistics<S: Simd>(&self, s: S, samples: usize, input: &[f32], statistics: &mut [f32]) {
        let count = (samples * self.input.shape.height * self.input.shape.width) as f32;
        let share = s.splat(1.0 / count);
        statistics.fill(0.0);
        let (mean, variance) = halves_mut(statistics);
        for (from, _, len) in self.stretches(samples) {
            for pixel in vectors(&input[from..][..len]).chunks_exact(mean.len()) {
                for (m, x) in mean.iter_mut().zip(pixel) {
                    s.put(m, s.add(s.get(m), s.get(x)));
                }
            }
        }
        for m in mean.iter_mut() {
            s.put(m, s.mul(share, s.get(m)));
        }
        for (from, _, len) in self.stretches(samples) {
            for pixel in vectors(&input[from..][..len]).chunks_exact(mean.len()) {
                for ((v, m), x) in variance.iter_mut().zip(&*mean).zip(pixel) {
                    let away = s.sub(s.get(x), s.get(m));
                    s.put(v, s.mul_add(away, away, s.get(v)));
                }
            }
        }
        for v in variance {
            s.put(v, s.mul(share, s.get(v)));
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
                let input =
                    vectors(&input[from..][..len]).iter().skip(n).step_by(vectors_a_pixel(self));
                let output = vectors_mut(&mut output[to..][..len]).iter_mut();
                for (y, x) in output.skip(n).step_by(vectors_a_pixel(self)).zip(input) {
                    s.put(y, s.mul_add(s.sub(s.get(x), mean), factor, shift));
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
        let ((scale, _), (mean, variance)) = (halves(params), halves(statistics));
        let (d_scale, d_shift) = halves_mut(d_params);
        let count = samples * self.input.shape.height * self.input.shape.width;
        let share = s.splat(1.0 / count as f32);
        let step = vectors_a_pixel(self);
        for (n, scale) in scale.iter().enumerate() {
            let (scale, mean) = (s.get(scale), s.get(&mean[n]));
            let inverse = inverse_deviation(s, &variance[n]);
            // The sums of d_output, and of d_output times the normalised input.
            let (mut sum, mut product) = (s.splat(0.0), s.splat(0.0));
            for (from, to, len) in self.stretches(samples) {
                let input = vectors(&input[from..][..len]).iter().skip(n).step_by(step);
                let d_output = vectors(&d_output[to..][..len]).iter().skip(n).step_by(step);
                for (x, dy) in input.zip(d_output) {
                    let (dy, x) = (s.get(dy), s.mul(s.sub(s.get(x), mean), inverse));
                    sum = s.add(sum, dy);
                    product = s.mul_add(dy, x, product);
                }
            }
            for (total, part) in [(&mut d_scale[n], product), (&mut d_shift[n], sum)] {
                s.put(total, s.add(s.get(total), part));
            }
            let (sum, product) = (s.mul(share, sum), s.mul(share, product));
            let factor = s.mul(scale, inverse);
            for (from, to, len) in self.stretches(samples) {
                let input = vectors(&input[from..][..len]).iter().skip(n).step_by(step);
                let d_output = vectors(&d_output[to..][..len]).iter().skip(n).step_by(step);
                let d_input = vectors_mut(&mut d_input[from..][..len]).iter_mut();
                for (dx, (x, dy)) in d_input.skip(n).step_by(step).zip(input.zip(d_output)) {
                    let x = s.mul(s.sub(s.get(x), mean), inverse);
                    let centred = s.sub(s.sub(s.get(dy), sum), s.mul(x, product));
                    s.put(dx, s.mul(factor, centred));
                }
            }
        }
    }
}

/// Vectors a pixel.
fn vectors_a_pixel(norm: &BatchNorm) -> usize {
    norm.input.pitch / LANES
}

#[inline(always)]
fn inverse_deviation<S: Simd>(s: S, variance: &[f32; LANES]) -> S::V {
    s.div(s.splat(1.0), s.sqrt(s.add(s.get(variance), s.splat(EPSILON))))
}

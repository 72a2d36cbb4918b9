//! Pooling: a window of each channel becomes its largest value, or its mean.

use crate::kernel::{LANES, Simd};
use crate::shape::{Grid, Shape};

/// What becomes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Max,
    Average,
}

/// The geometry of one pooling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub kind: Kind,
    pub input: Grid,
    pub output: Grid,
    /// Height and width of the window, and how far apart windows are.
    pub window: (usize, usize),
}

impl Pool {
    /// For every pixel of every sample: where its values begin, and where those of its window's top
    /// left pixel do.
    fn windows(self, samples: usize) -> impl Iterator<Item = (usize, usize)> {
        let Shape { height, width, .. } = self.output.shape;
        (0..samples * height * width).map(move |i| {
            let (b, y, x) = (i / (height * width), i / width % height, i % width);
            let from = self.input.at(y * self.window.0, x * self.window.1);
            (b * self.output.sample() + self.output.at(y, x), b * self.input.sample() + from)
        })
    }

    /// Each pixel of a window, from its beginning.
    fn pixels(self) -> impl Iterator<Item = usize> {
        let (row, pitch, (height, width)) = (self.input.row(), self.input.pitch, self.window);
        (0..height).flat_map(move |y| (0..width).map(move |x| y * row + x * pitch))
    }

    /// `output` = the largest, or the mean, of each window of `input`.
    #[inline(always)]
    pub fn forward<S: Simd>(&self, s: S, samples: usize, input: &[f32], output: &mut [f32]) {
        let share = s.splat(1.0 / (self.window.0 * self.window.1) as f32);
        for (to, from) in self.windows(samples) {
            for lane in (0..self.output.pitch).step_by(LANES) {
                let mut max = s.splat(f32::MIN);
                let mut sum = s.splat(0.0);
                for at in self.pixels() {
                    let value = s.get(lanes(input, from + at + lane));
                    match self.kind {
                        Kind::Max => max = s.max(value, max),
                        Kind::Average => sum = s.add(sum, value),
                    }
                }
                let out = match self.kind {
                    Kind::Max => max,
                    Kind::Average => s.mul(share, sum),
                };
                s.put(lanes_mut(output, to + lane), out);
            }
        }
    }

    /// `d_input`: the derivative of the largest goes to the first value that is as large, that of
    /// the mean to all in equal parts.
    #[inline(always)]
    pub fn backward<S: Simd>(
        &self,
        s: S,
        samples: usize,
        (input, output): (&[f32], &[f32]),
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        d_input[..samples * self.input.sample()].fill(0.0);
        let (zero, share) = (s.splat(0.0), s.splat(1.0 / (self.window.0 * self.window.1) as f32));
        for (to, from) in self.windows(samples) {
            for lane in (0..self.output.pitch).step_by(LANES) {
                let mut left = s.get(lanes(d_output, to + lane));
                let (each, max) = (s.mul(share, left), s.get(lanes(output, to + lane)));
                for at in self.pixels() {
                    let at = from + at + lane;
                    let part = match self.kind {
                        Kind::Average => each,
                        Kind::Max => {
                            let below = s.sub(max, s.get(lanes(input, at)));
                            let part = s.where_positive(below, zero, left);
                            left = s.where_positive(below, left, zero);
                            part
                        }
                    };
                    s.put(lanes_mut(d_input, at), part);
                }
            }
        }
    }
}

#[inline(always)]
fn lanes(values: &[f32], at: usize) -> &[f32; LANES] {
    values[at..][..LANES].first_chunk().expect("there are sixteen")
}

#[inline(always)]
fn lanes_mut(values: &mut [f32], at: usize) -> &mut [f32; LANES] {
    values[at..][..LANES].first_chunk_mut().expect("there are sixteen")
}

//! Pooling: a window of each channel becomes its largest value, or its mean.

use crate::kernel::{LANES, Simd, lanes, lanes_mut};
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
    /// Calls `each` for every vector of every pixel of every sample, with where it is and where that
    /// of its window's top left pixel is.
    #[inline(always)]
    fn each_window(self, samples: usize, mut each: impl FnMut(usize, usize)) {
        let Shape { height, width, .. } = self.output.shape;
        for b in 0..samples {
            for y in 0..height {
                let to = b * self.output.sample() + self.output.at(y, 0);
                let from = b * self.input.sample() + self.input.at(y * self.window.0, 0);
                for x in 0..width {
                    let to = to + x * self.output.pitch;
                    let from = from + x * self.window.1 * self.input.pitch;
                    for lane in (0..self.output.pitch).step_by(LANES) {
                        each(to + lane, from + lane);
                    }
                }
            }
        }
    }

    /// `output` = the largest, or the mean, of each window of `input`.
    #[inline(always)]
    pub fn forward<S: Simd>(&self, s: S, samples: usize, input: &[f32], output: &mut [f32]) {
        let share = s.splat(1.0 / (self.window.0 * self.window.1) as f32);
        let (row, pitch) = (self.input.row(), self.input.pitch);
        self.each_window(
            samples,
            #[inline(always)]
            |to, from| {
                let mut out = s.get(lanes(input, from));
                for y in 0..self.window.0 {
                    for x in 0..self.window.1 {
                        if (y, x) == (0, 0) {
                            continue;
                        }
                        let value = s.get(lanes(input, from + y * row + x * pitch));
                        out = match self.kind {
                            Kind::Max => s.max(value, out),
                            Kind::Average => s.add(out, value),
                        };
                    }
                }
                if self.kind == Kind::Average {
                    out = s.mul(share, out);
                }
                s.put(lanes_mut(output, to), out);
            },
        );
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
        let Shape { height, width, .. } = self.input.shape;
        if !(height.is_multiple_of(self.window.0) && width.is_multiple_of(self.window.1)) {
            // Some pixels are in no window.
            d_input[..samples * self.input.sample()].fill(0.0);
        }
        let (zero, share) = (s.splat(0.0), s.splat(1.0 / (self.window.0 * self.window.1) as f32));
        let (row, pitch) = (self.input.row(), self.input.pitch);
        self.each_window(
            samples,
            #[inline(always)]
            |to, from| {
                let mut left = s.get(lanes(d_output, to));
                let (each, max) = (s.mul(share, left), s.get(lanes(output, to)));
                for y in 0..self.window.0 {
                    for x in 0..self.window.1 {
                        let at = from + y * row + x * pitch;
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
            },
        );
    }
}

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
    /// Calls `work(output, inputs)` for every pixel of every sample: where its values begin, and
    /// where those of its window's top left pixel do.
    #[inline(always)]
    fn each(&self, samples: usize, mut work: impl FnMut(usize, usize)) {
        let Shape { height, width, .. } = self.output.shape;
        for b in 0..samples {
            let (to, from) = (b * self.output.sample(), b * self.input.sample());
            for y in 0..height {
                for x in 0..width {
                    let corner = self.input.at(y * self.window.0, x * self.window.1);
                    work(to + self.output.at(y, x), from + corner);
                }
            }
        }
    }

    #[inline(always)]
    fn pixels(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let (row, pitch, (height, width)) = (self.input.row(), self.input.pitch, self.window);
        (0..height).flat_map(move |y| (0..width).map(move |x| y * row + x * pitch))
    }

    /// `output` = the largest, or the mean, of each window of `input`.
    #[inline(always)]
    pub fn forward<S: Simd>(&self, s: S, samples: usize, input: &[f32], output: &mut [f32]) {
        let share = s.splat(1.0 / (self.window.0 * self.window.1) as f32);
        self.each(samples, |to, from| {
            for lane in (0..self.output.pitch).step_by(LANES) {
                let values = self.pixels().map(|at| s.get(lanes(input, from + at + lane)));
                let out = match self.kind {
                    Kind::Max => values.reduce(|a, b| s.max(a, b)).expect("a window has a pixel"),
                    Kind::Average => s.mul(
                        share,
                        values.reduce(|a, b| s.add(a, b)).expect("a window has a pixel"),
                    ),
                };
                s.put(lanes_mut(output, to + lane), out);
            }
        });
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
        self.each(samples, |to, from| {
            for lane in (0..self.output.pitch).step_by(LANES) {
                let mut left = s.get(lanes(d_output, to + lane));
                if self.kind == Kind::Average {
                    left = s.mul(share, left);
                }
                let max = s.get(lanes(output, to + lane));
                for at in self.pixels() {
                    let at = from + at + lane;
                    let part = match self.kind {
                        Kind::Average => left,
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
        });
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

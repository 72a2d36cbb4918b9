//! Pooling: a window of each channel becomes its largest value, or its mean.

use crate::kernel::{LANES, Simd, lanes, lanes_mut};
use crate::shape::{Grid, HALF, Shape};

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
        // Of the usual window the compiler makes straight code (backward, it made training slower).
        let usual = Self { window: (2, 2), ..*self };
        match (self.window, self.input.in_pairs()) {
            ((2, 2), true) => usual.forward_by::<S, HALF>(s, samples, input, output),
            ((2, 2), false) => usual.forward_by::<S, LANES>(s, samples, input, output),
            (_, true) => self.forward_by::<S, HALF>(s, samples, input, output),
            (_, false) => self.forward_by::<S, LANES>(s, samples, input, output),
        }
    }

    /// [`Pool::forward`] by `W` channels at a time, a vector or half of one.
    #[inline(always)]
    fn forward_by<S: Simd, const W: usize>(
        &self,
        s: S,
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let share = s.splat(1.0 / (self.window.0 * self.window.1) as f32);
        let (row, pitch) = (self.input.row(), self.input.pitch);
        self.each_window(
            samples,
            #[inline(always)]
            |to, from| {
                let mut out = get::<S, W>(s, input, from);
                for y in 0..self.window.0 {
                    for x in 0..self.window.1 {
                        if (y, x) == (0, 0) {
                            continue;
                        }
                        let value = get::<S, W>(s, input, from + y * row + x * pitch);
                        out = match self.kind {
                            Kind::Max => s.max(value, out),
                            Kind::Average => s.add(out, value),
                        };
                    }
                }
                if self.kind == Kind::Average {
                    out = s.mul(share, out);
                }
                put::<S, W>(s, output, to, out);
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
        values: (&[f32], &[f32]),
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        if self.input.in_pairs() {
            self.backward_by::<S, HALF>(s, samples, values, d_output, d_input);
        } else {
            self.backward_by::<S, LANES>(s, samples, values, d_output, d_input);
        }
    }

    /// [`Pool::backward`] by `W` channels at a time.
    #[inline(always)]
    fn backward_by<S: Simd, const W: usize>(
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
                let mut left = get::<S, W>(s, d_output, to);
                let (each, max) = (s.mul(share, left), get::<S, W>(s, output, to));
                for y in 0..self.window.0 {
                    for x in 0..self.window.1 {
                        let at = from + y * row + x * pitch;
                        let part = match self.kind {
                            Kind::Average => each,
                            Kind::Max => {
                                let below = s.sub(max, get::<S, W>(s, input, at));
                                let part = s.where_positive(below, zero, left);
                                left = s.where_positive(below, left, zero);
                                part
                            }
                        };
                        put::<S, W>(s, d_input, at, part);
                    }
                }
            },
        );
    }
}

/// The `W` values from there on, and zeros.
#[inline(always)]
fn get<S: Simd, const W: usize>(s: S, values: &[f32], at: usize) -> S::V {
    if W == LANES {
        return s.get(lanes(values, at));
    }
    let mut part = [0.0; LANES];
    part[..W].copy_from_slice(&values[at..][..W]);
    s.get(&part)
}

/// The first `W` of the lanes become the values from there on.
#[inline(always)]
fn put<S: Simd, const W: usize>(s: S, values: &mut [f32], at: usize, v: S::V) {
    if W == LANES {
        return s.put(lanes_mut(values, at), v);
    }
    let mut part = [0.0; LANES];
    s.put(&mut part, v);
    values[at..][..W].copy_from_slice(&part[..W]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};
    use crate::rng::Rng;

    /// Pools and goes back, on the grid.
    struct Both<'a>(Pool, &'a [f32], &'a [f32]);

    impl Task for Both<'_> {
        type Output = [Vec<f32>; 2];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [Vec<f32>; 2] {
            let Self(pool, values, d_values) = self;
            let samples = 3;
            let input = pool.input.filled(samples, values);
            let d_output = pool.output.filled(samples, d_values);
            let [mut output, mut d_input] =
                [pool.output, pool.input].map(|grid| vec![7.0; samples * grid.sample()]);
            pool.forward(s, samples, &input, &mut output);
            pool.backward(s, samples, (&input, &output), &d_output, &mut d_input);
            [pool.output.values(samples, &output), pool.input.values(samples, &d_input)]
        }
    }

    #[test]
    fn halves_of_vectors_are_pooled_as_whole_ones() {
        let mut rng = Rng::new(1, &[]);
        for _ in 0..60 {
            let mut below = |n: u32| rng.below(n) as usize;
            let window = (1 + below(3), 1 + below(3));
            let channels = 1 + below(8);
            let (height, width) = (window.0 + below(5), (window.1 + below(5)).next_multiple_of(2));
            let input = Shape { height, width, channels };
            let output = Shape { height: height / window.0, width: width / window.1, channels };
            // Equal values too, of which the first is the largest.
            let mut noise = |n: usize| (0..3 * n).map(|_| rng.below(9) as f32 / 8.0).collect();
            let (values, d_values): (Vec<f32>, Vec<f32>) =
                (noise(input.values()), noise(output.values()));
            for kind in [Kind::Max, Kind::Average] {
                for kernel in Kernel::available() {
                    let pooled = |input: Grid, output: Grid| {
                        kernel.run(Both(Pool { kind, input, output, window }, &values, &d_values))
                    };
                    let whole = pooled(Grid::of(input, 0), Grid::of(output, 1));
                    let pairs = Grid::of_pairs(input).unwrap();
                    for to in [Grid::of(output, 1), Grid::of_halves(output, 1).unwrap()] {
                        assert!(pooled(pairs, to) == whole, "{input:?}, {window:?}");
                    }
                }
            }
        }
    }
}

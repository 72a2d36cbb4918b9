//! Pooling: a window of each channel becomes its largest value, or its mean.

use crate::kernel::{Kernel, LANES, Simd, Task};
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
    pub fn forward(&self, samples: usize, input: &[f32], output: &mut [f32]) {
        debug_assert!(self.output.pitch >= self.input.pitch, "room for all channels");
        Kernel::chosen().run(Forward(*self, samples, input, output));
    }

    #[inline(always)]
    fn pool(&self, samples: usize, input: &[f32], output: &mut [f32]) {
        match (self.window, self.kind) {
            ((2, 2), Kind::Average) => self.forward_fours(mean, samples, input, output),
            ((2, 2), Kind::Max) => self.forward_fours(largest, samples, input, output),
            _ if self.input.pitch == HALF => self.forward_by::<HALF>(samples, input, output),
            _ => self.forward_by::<LANES>(samples, input, output),
        }
    }

    /// [`Pool::forward`] of the usual windows.
    #[inline(always)]
    fn forward_fours(
        &self,
        pool: impl Fn([f32; 4]) -> f32,
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        // Of a known pitch the compiler makes straight code.
        match self.input.pitch {
            HALF => self.forward_rows::<HALF>(HALF, pool, samples, input, output),
            LANES => self.forward_rows::<LANES>(LANES, pool, samples, input, output),
            pitch => self.forward_rows::<LANES>(pitch, pool, samples, input, output),
        }
    }

    /// [`Pool::forward_fours`] by rows of pixels of `pitch` floats, and `W` of these at a time.
    #[inline(always)]
    fn forward_rows<const W: usize>(
        &self,
        pitch: usize,
        pool: impl Fn([f32; 4]) -> f32,
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        for [to, top, bottom] in self.rows_of_fours(samples) {
            let [top, bottom] = [top, bottom].map(|row| input[row..].chunks_exact(2 * pitch));
            let to = output[to..].chunks_exact_mut(self.output.pitch);
            for ((to, top), bottom) in to.zip(top).zip(bottom).take(self.output.shape.width) {
                for at in (0..pitch).step_by(W) {
                    let [a, b]: [[f32; W]; 2] = [channels(top, at), channels(top, pitch + at)];
                    let [c, d] = [channels::<W>(bottom, at), channels(bottom, pitch + at)];
                    let to = channels_mut::<W>(to, at);
                    for i in 0..W {
                        to[i] = pool([a[i], b[i], c[i], d[i]]);
                    }
                }
            }
        }
    }

    /// Of every row of windows of 2 x 2, where it begins in the output, and both its rows in the input.
    #[inline(always)]
    fn rows_of_fours(&self, samples: usize) -> impl Iterator<Item = [usize; 3]> {
        let Self { input, output, .. } = *self;
        let rows = (0..samples).flat_map(move |b| (0..output.shape.height).map(move |y| (b, y)));
        rows.map(move |(b, y)| {
            let top = b * input.sample() + input.at(2 * y, 0);
            [b * output.sample() + output.at(y, 0), top, top + input.row()]
        })
    }

    /// [`Pool::forward`] by `W` channels at a time, a vector or half of one.
    #[inline(always)]
    fn forward_by<const W: usize>(&self, samples: usize, input: &[f32], output: &mut [f32]) {
        let share = 1.0 / (self.window.0 * self.window.1) as f32;
        let (row, pitch) = (self.input.row(), self.input.pitch);
        self.each_window(
            samples,
            #[inline(always)]
            |to, from| {
                let mut out: [f32; W] = channels(input, from);
                for y in 0..self.window.0 {
                    for x in 0..self.window.1 {
                        if (y, x) == (0, 0) {
                            continue;
                        }
                        let values: [f32; W] = channels(input, from + y * row + x * pitch);
                        for (out, value) in out.iter_mut().zip(values) {
                            *out = match self.kind {
                                Kind::Max if value > *out => value,
                                Kind::Max => *out,
                                Kind::Average => *out + value,
                            };
                        }
                    }
                }
                if self.kind == Kind::Average {
                    out.iter_mut().for_each(|out| *out *= share);
                }
                *channels_mut(output, to) = out;
            },
        );
    }

    /// `d_input`: the derivative of the largest goes to the first value that is as large, that of
    /// the mean to all in equal parts.
    pub fn backward(
        &self,
        samples: usize,
        values: (&[f32], &[f32]),
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        Kernel::chosen().run(Backward(*self, samples, values, d_output, d_input));
    }

    #[inline(always)]
    fn spread(
        &self,
        samples: usize,
        values: (&[f32], &[f32]),
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        // Of the usual window the compiler makes straight code.
        let usual = Self { window: (2, 2), ..*self };
        match (self.window, self.input.pitch) {
            ((2, 2), HALF) => usual.backward_by::<HALF>(samples, values, d_output, d_input),
            ((2, 2), _) => usual.backward_by::<LANES>(samples, values, d_output, d_input),
            (_, HALF) => self.backward_by::<HALF>(samples, values, d_output, d_input),
            _ => self.backward_by::<LANES>(samples, values, d_output, d_input),
        }
    }

    /// [`Pool::backward`] by `W` channels at a time.
    #[inline(always)]
    fn backward_by<const W: usize>(
        &self,
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
        let share = 1.0 / (self.window.0 * self.window.1) as f32;
        let (row, pitch) = (self.input.row(), self.input.pitch);
        self.each_window(
            samples,
            #[inline(always)]
            |to, from| {
                let mut left: [f32; W] = channels(d_output, to);
                let (each, max) = (left.map(|d| share * d), channels::<W>(output, to));
                for y in 0..self.window.0 {
                    for x in 0..self.window.1 {
                        let at = from + y * row + x * pitch;
                        let part = match self.kind {
                            Kind::Average => each,
                            Kind::Max => {
                                let values: [f32; W] = channels(input, at);
                                let mut part = [0.0; W];
                                for i in 0..W {
                                    let is_less = values[i] < max[i];
                                    part[i] = if is_less { 0.0 } else { left[i] };
                                    left[i] = if is_less { left[i] } else { 0.0 };
                                }
                                part
                            }
                        };
                        *channels_mut(d_input, at) = part;
                    }
                }
            },
        );
    }
}

/// [`Pool::forward`] with the instructions of a kernel: a function of its own, as tasks are, whose loops over
/// rows have all registers.
struct Forward<'a>(Pool, usize, &'a [f32], &'a mut [f32]);

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.0.pool(self.1, self.2, self.3);
    }
}

/// [`Pool::backward`], likewise.
struct Backward<'a>(Pool, usize, (&'a [f32], &'a [f32]), &'a [f32], &'a mut [f32]);

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.0.spread(self.1, self.2, self.3, self.4);
    }
}

/// The mean of a window.
#[inline(always)]
fn mean([a, b, c, d]: [f32; 4]) -> f32 {
    0.25 * (a + b + c + d)
}

/// The largest value of a window.
#[inline(always)]
fn largest([a, b, c, d]: [f32; 4]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    larger(larger(larger(a, b), c), d)
}

/// The `W` values from there on.
#[inline(always)]
fn channels<const W: usize>(values: &[f32], at: usize) -> [f32; W] {
    *values[at..].first_chunk().expect("a pixel has all its channels")
}

/// The same, to be written.
#[inline(always)]
fn channels_mut<const W: usize>(values: &mut [f32], at: usize) -> &mut [f32; W] {
    values[at..].first_chunk_mut().expect("a pixel has all its channels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Pools and goes back, on the grid. What is outside of its pixels stays as it was.
    fn both(kernel: Kernel, pool: Pool, values: &[f32], d_values: &[f32]) -> [Vec<f32>; 2] {
        let samples = 3;
        let input = pool.input.filled(samples, values);
        let d_output = pool.output.filled(samples, d_values);
        let [mut output, mut d_input] =
            [pool.output, pool.input].map(|grid| vec![7.0; samples * grid.sample()]);
        kernel.run(Forward(pool, samples, &input, &mut output));
        kernel.run(Backward(pool, samples, (&input, &output), &d_output, &mut d_input));
        let mut outside = output.clone();
        for at in pool.output.pixels(samples) {
            outside[at as usize..][..pool.output.pitch].fill(7.0);
        }
        assert!(outside.iter().all(|&value| value == 7.0), "{pool:?} writes into the frame");
        [pool.output.values(samples, &output), pool.input.values(samples, &d_input)]
    }

    /// What [`Pool`] does, by its definition: values without padding.
    fn plain(pool: Pool, values: &[f32], d_values: &[f32]) -> [Vec<f32>; 2] {
        let (input, output, window) = (pool.input.shape, pool.output.shape, pool.window);
        let channels = input.channels;
        let mut all = [vec![], vec![0.0; values.len()]];
        for b in 0..values.len() / input.values() {
            for i in 0..output.values() {
                let (pixel, channel) = (i / channels, i % channels);
                let (y, x) = (pixel / output.width * window.0, pixel % output.width * window.1);
                let of = |i: usize| (y + i / window.1) * input.width + x + i % window.1;
                let places: Vec<usize> = (0..window.0 * window.1)
                    .map(|i| b * input.values() + of(i) * channels + channel)
                    .collect();
                let d = d_values[all[0].len()];
                let share = 1.0 / places.len() as f32;
                let of_window = places.iter().map(|&at| values[at]);
                if pool.kind == Kind::Average {
                    all[0].push(of_window.reduce(|sum, value| sum + value).unwrap() * share);
                    places.iter().for_each(|&at| all[1][at] = d * share);
                } else {
                    let max = of_window.reduce(f32::max).unwrap();
                    all[0].push(max);
                    all[1][*places.iter().find(|&&at| values[at] == max).unwrap()] = d;
                }
            }
        }
        all
    }

    #[test]
    fn windows_of_any_size_and_pixels_of_any_width_are_pooled_as_defined() {
        let mut rng = Rng::new(3, &[]);
        for round in 0..80 {
            let mut below = |n: u32| rng.below(n) as usize;
            let window = if round % 2 == 0 { (2, 2) } else { (1 + below(3), 1 + below(3)) };
            let channels = 1 + below(40);
            let (height, width) = (window.0 + below(6), window.1 + below(6));
            let input = Shape { height, width, channels };
            let output = Shape { height: height / window.0, width: width / window.1, channels };
            let frames = [below(3), below(3)];
            let mut noise = |n: usize| (0..3 * n).map(|_| rng.below(9) as f32 / 8.0).collect();
            let (values, d_values): (Vec<f32>, Vec<f32>) =
                (noise(input.values()), noise(output.values()));
            let (input, output) = (Grid::of(input, frames[0]), Grid::of(output, frames[1]));
            for kind in [Kind::Max, Kind::Average] {
                let pool = Pool { kind, input, output, window };
                let expected = plain(pool, &values, &d_values);
                for kernel in Kernel::available() {
                    let pooled = both(kernel, pool, &values, &d_values);
                    assert!(pooled == expected, "{pool:?}, {}", kernel.name());
                }
            }
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
                        both(kernel, Pool { kind, input, output, window }, &values, &d_values)
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

//! Convolutions with windows of 3 x 3 and a stride of 1, with a quarter of the multiplications
//! (Winograd 1980; Lavin and Gray 2016, F(4 x 4, 3 x 3)).
//!
//! The output is made in tiles of 4 x 4 pixels. A tile's input, 6 x 6 pixels, and the weights are
//! transformed to 36 points each; there a convolution is a product point by point, a matrix product
//! over channels and tiles; and the result is transformed back:
//!
//! `Y = A' [(G W G') (B' X B)] A`, with `'` for transposed.
//!
//! The backward pass is the exact derivative of that, by the same matrices transposed. The
//! rounding errors are some ten times those of the plain sums, about 1e-6 of the largest value.

mod matrices;
mod square;

use std::ops::Range;

use self::matrices::{A, ATransposed, B, BTransposed, G, GTransposed, both_ways};
use self::square::{Square, load, store};
use super::conv2d::Conv2d;
use crate::aligned::Aligned;
use crate::gemm::{Gathered, Start, gemm, gemm_transposed};
use crate::kernel::{LANES, Simd};
use crate::shape::Grid;

/// Side of a tile of the output, of the input it depends on, and of a window.
const OUT: usize = 4;
const IN: usize = 6;
const WINDOW: usize = 3;
const POINTS: usize = IN * IN;
/// Most tiles that are done together, each a row of the matrix products.
const MOST_TILES: usize = 48;

/// From how many channels, pixels a side and tiles at a time on it pays, measured.
const CHANNELS: usize = 32;
const SIDE: usize = 6;
const TILES: usize = 12;

/// The memory that convolutions by this method need.
#[derive(Clone)]
pub(crate) struct Winograd {
    /// Tiles of a sample, from top to bottom and from left to right.
    tiles: (usize, usize),
    /// Samples that are done together.
    group: usize,
    input: Points,
    output: Points,
    /// `[point][input channels][pitch of the output]`, and for the backward pass transposed.
    weights: Aligned,
    transposed: Aligned,
    d_weights: Aligned,
}

/// The transformed tiles of a group, `[point][tile][pitch]`.
#[derive(Clone)]
struct Points {
    pitch: usize,
    /// Where tiles begin, and the channels of a tile.
    rows: Vec<u32>,
    channels: Vec<u32>,
    values: Aligned,
}

impl Points {
    fn new(grid: Grid, tiles: usize) -> Self {
        let pitch = grid.pitch;
        Self {
            pitch,
            rows: (0..tiles).map(|tile| (tile * pitch) as u32).collect(),
            channels: (0..grid.shape.channels as u32).collect(),
            values: Aligned::zeros(POINTS * tiles * pitch),
        }
    }

    /// Floats from one point to the next.
    fn size(&self) -> usize {
        self.rows.len() * self.pitch
    }

    /// The first `tiles` tiles at one point.
    fn at(&self, point: usize, tiles: usize) -> Gathered<'_> {
        let values = &self.values[point * self.size()..];
        Gathered { values, rows: &self.rows[..tiles], columns: &self.channels }
    }

    /// All points of a tile.
    fn tile(&self, tile: usize) -> Square {
        let pitch = self.size();
        Square { at: tile * self.pitch, row: IN * pitch, pitch, height: IN, width: IN }
    }
}

impl Winograd {
    /// Memory for up to `samples` samples at a time, or `None` where plain sums are as good.
    pub fn new(conv: &Conv2d, samples: usize) -> Option<Self> {
        let (input, output) = (conv.input, conv.output);
        let (height, width) = (output.shape.height, output.shape.width);
        let tiles = (height.div_ceil(OUT), width.div_ceil(OUT));
        let group = (MOST_TILES / (tiles.0 * tiles.1)).clamp(1, samples);
        let fits = conv.kernel == (WINDOW, WINDOW)
            && conv.stride == 1
            && input.pitch.is_multiple_of(LANES)
            && input.shape.channels.min(output.shape.channels) >= CHANNELS
            && height.min(width) >= SIDE;
        if !fits {
            return None;
        }
        let points = |grid| Points::new(grid, group * tiles.0 * tiles.1);
        let winograd = Self {
            tiles,
            group,
            input: points(input),
            output: points(output),
            weights: Aligned::zeros(POINTS * input.shape.channels * output.pitch),
            transposed: Aligned::zeros(0),
            d_weights: Aligned::zeros(0),
        };
        Some(winograd).filter(|winograd| winograd.pays(samples))
    }

    /// Whether so many samples at a time have tiles enough.
    pub fn pays(&self, samples: usize) -> bool {
        samples.min(self.group) * self.tiles.0 * self.tiles.1 >= TILES
    }

    /// As [`Conv2d::prepare`].
    #[inline(always)]
    pub fn prepare<S: Simd>(&mut self, s: S, weight: &[f32]) {
        transform_weights(s, weight, &mut self.weights);
    }

    /// As [`Conv2d::forward`].
    #[inline(always)]
    pub fn forward<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        bias: &[f32],
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        for samples in self.groups(samples) {
            self.transform_inputs(s, conv, samples.clone(), input);
            let tiles = samples.len() * self.tiles.0 * self.tiles.1;
            multiply(s, &self.input, &self.weights, &mut self.output, tiles);
            let (values, pitch) = (&self.output.values, self.output.pitch);
            self.each_tile(
                conv,
                samples,
                #[inline(always)]
                |tile, _, place| {
                    for lane in (0..pitch).step_by(LANES) {
                        let points = load::<S, IN>(s, values, self.output.tile(tile).lane(lane));
                        let tile = both_ways::<S, ATransposed, IN, OUT>(s, points);
                        store(s, output, place.lane(lane), tile, Start::Row(&bias[lane..]));
                    }
                },
            );
        }
    }

    /// As [`Conv2d::backward_params`], without the biases.
    #[inline(always)]
    pub fn backward_weights<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: usize,
        input: &[f32],
        d_output: &[f32],
        d_weight: &mut [f32],
    ) {
        if self.d_weights.is_empty() {
            self.d_weights = Aligned::zeros(self.weights.len());
        }
        self.d_weights.fill(0.0);
        let size = self.d_weights.len() / POINTS;
        for samples in self.groups(samples) {
            self.transform_inputs(s, conv, samples.clone(), input);
            self.transform_d_outputs(s, conv, samples.clone(), d_output);
            let tiles = samples.len() * self.tiles.0 * self.tiles.1;
            for (point, c) in self.d_weights.chunks_exact_mut(size).enumerate() {
                let (a, d) = (self.input.at(point, tiles), self.output.at(point, tiles));
                gemm_transposed(s, a, d.values, d.rows, self.output.pitch, c);
            }
        }
        for at in (0..size).step_by(LANES) {
            let points = load::<S, IN>(s, &self.d_weights, Square::apart(IN, size).lane(at));
            let window = both_ways::<S, GTransposed, IN, WINDOW>(s, points);
            store(s, d_weight, Square::apart(WINDOW, size).lane(at), window, Start::Add);
        }
    }

    /// As [`Conv2d::backward_input`]; `transposed` is what that takes.
    #[inline(always)]
    pub fn backward_input<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        transposed: &[f32],
        samples: usize,
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        if self.transposed.is_empty() {
            self.transposed =
                Aligned::zeros(POINTS * self.output.channels.len() * self.input.pitch);
        }
        transform_weights(s, transposed, &mut self.transposed);
        d_input[..samples * conv.input.sample()].fill(0.0);
        for samples in self.groups(samples) {
            self.transform_d_outputs(s, conv, samples.clone(), d_output);
            let tiles = samples.len() * self.tiles.0 * self.tiles.1;
            multiply(s, &self.output, &self.transposed, &mut self.input, tiles);
            let (values, pitch) = (&self.input.values, self.input.pitch);
            self.each_tile(
                conv,
                samples,
                #[inline(always)]
                |tile, window, _| {
                    for lane in (0..pitch).step_by(LANES) {
                        let points = load::<S, IN>(s, values, self.input.tile(tile).lane(lane));
                        let tile = both_ways::<S, B, IN, IN>(s, points);
                        store(s, d_input, window.lane(lane), tile, Start::Add);
                    }
                },
            );
        }
    }

    /// `samples` samples, as many at a time as are done together.
    fn groups(&self, samples: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let group = self.group;
        (0..samples).step_by(group).map(move |first| first..samples.min(first + group))
    }

    /// Calls `each` for every tile of the samples: its number, the part of its window that lies in
    /// the input with its frame, and the part of it that lies in the output.
    #[inline(always)]
    fn each_tile(
        &self,
        conv: &Conv2d,
        samples: Range<usize>,
        mut each: impl FnMut(usize, Square, Square),
    ) {
        let (input, output) = (conv.input, conv.output);
        let offset = input.frame - conv.pad;
        let mut number = 0;
        for b in samples {
            for y in (0..self.tiles.0).map(|y| y * OUT) {
                for x in (0..self.tiles.1).map(|x| x * OUT) {
                    let left = |size: usize, at: usize| size + 2 * input.frame - at - offset;
                    let window = Square {
                        at: b * input.sample()
                            + (y + offset) * input.row()
                            + (x + offset) * input.pitch,
                        row: input.row(),
                        pitch: input.pitch,
                        height: left(input.shape.height, y).min(IN),
                        width: left(input.shape.width, x).min(IN),
                    };
                    let place = Square {
                        at: b * output.sample() + output.at(y, x),
                        row: output.row(),
                        pitch: output.pitch,
                        height: (output.shape.height - y).min(OUT),
                        width: (output.shape.width - x).min(OUT),
                    };
                    each(number, window, place);
                    number += 1;
                }
            }
        }
    }

    /// `B' X B` for every tile.
    #[inline(always)]
    fn transform_inputs<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: Range<usize>,
        input: &[f32],
    ) {
        let mut values = std::mem::replace(&mut self.input.values, Aligned::zeros(0));
        self.each_tile(
            conv,
            samples,
            #[inline(always)]
            |tile, window, _| {
                for lane in (0..self.input.pitch).step_by(LANES) {
                    let pixels = load::<S, IN>(s, input, window.lane(lane));
                    let points = both_ways::<S, BTransposed, IN, IN>(s, pixels);
                    store(s, &mut values, self.input.tile(tile).lane(lane), points, Start::Zero);
                }
            },
        );
        self.input.values = values;
    }

    /// `A dY A'` for every tile.
    #[inline(always)]
    fn transform_d_outputs<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: Range<usize>,
        d_output: &[f32],
    ) {
        let mut values = std::mem::replace(&mut self.output.values, Aligned::zeros(0));
        self.each_tile(
            conv,
            samples,
            #[inline(always)]
            |tile, _, place| {
                for lane in (0..self.output.pitch).step_by(LANES) {
                    let pixels = load::<S, OUT>(s, d_output, place.lane(lane));
                    let points = both_ways::<S, A, OUT, IN>(s, pixels);
                    store(s, &mut values, self.output.tile(tile).lane(lane), points, Start::Zero);
                }
            },
        );
        self.output.values = values;
    }
}

/// Point by point, the product of the first `tiles` tiles with the weights.
#[inline(always)]
fn multiply<S: Simd>(s: S, from: &Points, weights: &[f32], to: &mut Points, tiles: usize) {
    let (size, weights_size) = (to.size(), weights.len() / POINTS);
    let points = weights.chunks_exact(weights_size).zip(to.values.chunks_exact_mut(size));
    for (point, (b, c)) in points.enumerate() {
        let a = from.at(point, tiles);
        gemm(s, a, b, to.pitch, c, &to.rows[..tiles], Start::Zero);
    }
}

/// `G W G'` for every pair of channels: from `[3 x 3][...]` to `[point][...]`.
#[inline(always)]
fn transform_weights<S: Simd>(s: S, weight: &[f32], points: &mut [f32]) {
    let size = points.len() / POINTS;
    assert!(weight.len() == WINDOW * WINDOW * size);
    for at in (0..size).step_by(LANES) {
        let window = load::<S, WINDOW>(s, weight, Square::apart(WINDOW, size).lane(at));
        let all = both_ways::<S, G, WINDOW, IN>(s, window);
        store(s, points, Square::apart(IN, size).lane(at), all, Start::Zero);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};
    use crate::rng::Rng;
    use crate::shape::Shape;

    /// Forward and backward, by this method or by plain sums.
    struct Both<'a> {
        conv: Conv2d,
        winograd: bool,
        /// Samples that there is memory for, and those of the pass.
        made_for: usize,
        samples: usize,
        input: &'a [f32],
        weight: &'a [f32],
        bias: &'a [f32],
        d_output: &'a [f32],
    }

    impl Task for Both<'_> {
        type Output = [Vec<f32>; 3];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            let Self { conv, samples, input, weight, .. } = self;
            let mut places = conv.places(self.made_for);
            if !self.winograd {
                places.winograd = None;
            }
            assert_eq!(places.winograd.is_some(), self.winograd);
            let mut output = vec![0.0; samples * conv.output.sample()];
            let mut d_input = vec![7.0; samples * conv.input.sample()];
            let (mut d_weight, mut d_bias) = (vec![0.5; weight.len()], vec![0.5; self.bias.len()]);
            let mut transposed = vec![0.0; conv.transposed_len()];
            conv.transpose(weight, &mut transposed);
            conv.prepare(s, weight, &mut places);
            conv.forward(s, (weight, self.bias), &mut places, samples, input, &mut output);
            let d_params = (&mut d_weight[..], &mut d_bias[..]);
            conv.backward_params(s, &mut places, samples, input, self.d_output, d_params);
            let d = self.d_output;
            conv.backward_input(s, &transposed, &mut places, samples, d, &mut d_input);
            [output, [d_weight, d_bias].concat(), d_input]
        }
    }

    #[test]
    fn a_few_small_samples_are_left_to_plain_sums() {
        let conv = |side| {
            let grid = |channels| Grid::of(Shape { height: side, width: side, channels }, 1);
            Conv2d { input: grid(64), output: grid(96), kernel: (3, 3), stride: 1, pad: 1 }
        };
        let mut places = conv(7).places(9);
        assert!(places.winograd_for(9).is_some() && places.winograd_for(3).is_some());
        assert!(places.winograd_for(2).is_none());
        assert!(conv(7).places(2).winograd.is_none());
        assert!(conv(SIDE).places(9).winograd.is_some());
        assert!(conv(SIDE - 1).places(9).winograd.is_none());
    }

    #[test]
    fn it_does_what_plain_sums_do() {
        let mut rng = Rng::new(9, &[]);
        for kernel in Kernel::available() {
            for ((height, width), (from, to), pad, samples, made_for) in [
                ((10, 10), (32, 32), 0, 3, 3),
                ((9, 14), (40, 33), 1, 3, 3),
                ((8, 8), (32, 70), 1, 14, 14),
                ((26, 26), (32, 64), 0, 2, 2),
                ((7, 7), (64, 35), 2, 9, 9),
                ((7, 7), (32, 48), 1, 3, 5),
                // Too few for it, but there would be memory for more.
                ((7, 7), (32, 48), 1, 2, 9),
                ((8, 15), (40, 33), 0, 7, 7),
            ] {
                let input = Grid::of(Shape { height, width, channels: from }, pad);
                let (h, w) = Conv2d::output_size(input.shape, (3, 3), 1, pad).unwrap();
                let output = Grid::of(Shape { height: h, width: w, channels: to }, 1);
                let conv = Conv2d { input, output, kernel: (3, 3), stride: 1, pad };
                // Padding is 0 everywhere; what lies in the frame of derivatives is not used.
                let mut fill = |grid: Grid, garbage: f32| {
                    let mut values = vec![garbage; samples * grid.sample()];
                    for at in grid.pixels(samples) {
                        let pixel = &mut values[at as usize..][..grid.pitch];
                        pixel.fill(0.0);
                        pixel[..grid.shape.channels].fill_with(|| rng.normal());
                    }
                    values
                };
                let (x, d_output) = (fill(input, 0.0), fill(output, 99.0));
                let mut weight = vec![0.0; 9 * from * output.pitch];
                let mut bias = vec![0.0; output.pitch];
                for row in weight.chunks_exact_mut(output.pitch).chain([&mut bias[..]]) {
                    row[..to].fill_with(|| rng.normal() / (9.0 * from as f32).sqrt());
                }
                let run = |winograd| {
                    let (input, weight, bias, d_output) =
                        (&x[..], &weight[..], &bias[..], &d_output[..]);
                    let both =
                        Both { conv, winograd, made_for, samples, input, weight, bias, d_output };
                    kernel.run(both)
                };
                let [mut got, mut want] = [run(true), run(false)];
                // Of the input's derivatives those in the frame do not matter.
                for all in [&mut got, &mut want] {
                    let pixel = |at: u32| all[2][at as usize..][..input.pitch].to_vec();
                    all[2] = input.pixels(samples).into_iter().flat_map(pixel).collect();
                }
                for (what, (got, want)) in
                    ["output", "d_params", "d_input"].iter().zip(got.iter().zip(&want))
                {
                    let largest = want.iter().fold(0.0f32, |most, v| most.max(v.abs()));
                    for (i, (a, b)) in got.iter().zip(want).enumerate() {
                        assert!(
                            (a - b).abs() <= 1e-5 * largest,
                            "{what}[{i}] = {a}, not {b}: {conv:?}, {}",
                            kernel.name()
                        );
                    }
                }
            }
        }
    }
}

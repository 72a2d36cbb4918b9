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

// Points and rows are indexed by number throughout, as in the formulas.
#![allow(clippy::needless_range_loop)]

use super::conv2d::Conv2d;
use crate::aligned::Aligned;
use crate::gemm::{Gathered, Start, gemm, gemm_transposed};
use crate::kernel::{LANES, Simd, lanes, lanes_mut};
use crate::shape::Grid;

/// Side of a tile of the output, and of the input it depends on.
const OUT: usize = 4;
const IN: usize = 6;
const POINTS: usize = IN * IN;
/// Rows that make a matrix product worth its while: that many tiles are done together.
const ROWS: usize = 48;

/// From how many channels and pixels a side on it pays, measured.
const CHANNELS: usize = 32;
const SIDE: usize = 8;

/// The memory that convolutions by this method need.
#[derive(Clone)]
pub(crate) struct Winograd {
    /// Tiles of a sample, from top to bottom and from left to right.
    tiles: (usize, usize),
    /// Samples that are done together.
    group: usize,
    /// Where the tiles of a group begin, with the channels of the input and of the output.
    input_rows: Vec<u32>,
    output_rows: Vec<u32>,
    input_channels: Vec<u32>,
    output_channels: Vec<u32>,
    zeros: Aligned,
    /// `[point][input channels][pitch of the output]`, and for the backward pass transposed.
    weights: Aligned,
    transposed: Aligned,
    d_weights: Aligned,
    /// `[point][tile][pitch]`.
    inputs: Aligned,
    outputs: Aligned,
}

impl Winograd {
    /// Memory for up to `samples` samples at a time, or `None` where plain sums are as good.
    pub fn new(conv: &Conv2d, samples: usize) -> Option<Self> {
        let (input, output) = (conv.input, conv.output);
        let (height, width) = (output.shape.height, output.shape.width);
        let fits = conv.kernel == (3, 3)
            && conv.stride == 1
            && input.pitch.is_multiple_of(LANES)
            && input.shape.channels.min(output.shape.channels) >= CHANNELS
            && height.min(width) >= SIDE;
        if !fits {
            return None;
        }
        let tiles = (height.div_ceil(OUT), width.div_ceil(OUT));
        let group = (ROWS / (tiles.0 * tiles.1)).clamp(1, samples);
        let rows = group * tiles.0 * tiles.1;
        let places = |pitch: usize| (0..rows).map(|row| (row * pitch) as u32).collect();
        let channels = |grid: Grid| (0..grid.shape.channels as u32).collect();
        Some(Self {
            tiles,
            group,
            input_rows: places(input.pitch),
            output_rows: places(output.pitch),
            input_channels: channels(input),
            output_channels: channels(output),
            zeros: Aligned::zeros(input.pitch.max(output.pitch)),
            weights: Aligned::zeros(POINTS * input.shape.channels * output.pitch),
            transposed: Aligned::zeros(0),
            d_weights: Aligned::zeros(0),
            inputs: Aligned::zeros(POINTS * rows * input.pitch),
            outputs: Aligned::zeros(POINTS * rows * output.pitch),
        })
    }

    /// As [`Conv2d::forward`].
    #[inline(always)]
    pub fn forward<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        (weight, bias): (&[f32], &[f32]),
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let (from, to) = (conv.input.pitch, conv.output.pitch);
        transform_weights(s, weight, &mut self.weights);
        for first in (0..samples).step_by(self.group) {
            let samples = first..samples.min(first + self.group);
            let rows = samples.len() * self.tiles.0 * self.tiles.1;
            self.transform_inputs(s, conv, samples.clone(), input);
            for point in 0..POINTS {
                let values = &self.inputs[point * self.input_rows.len() * from..];
                let (rows, c_rows) = (&self.input_rows[..rows], &self.output_rows[..rows]);
                let a = Gathered { values, rows, columns: &self.input_channels };
                let b = &self.weights[point * self.input_channels.len() * to..];
                let c = &mut self.outputs[point * self.output_rows.len() * to..];
                gemm(s, a, b, to, c, c_rows, Start::Row(&self.zeros));
            }
            self.transform_outputs_back(s, conv, samples, bias, output);
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
        let (from, to) = (conv.input.pitch, conv.output.pitch);
        if self.d_weights.is_empty() {
            self.d_weights = Aligned::zeros(self.weights.len());
        }
        self.d_weights.fill(0.0);
        for first in (0..samples).step_by(self.group) {
            let samples = first..samples.min(first + self.group);
            let rows = samples.len() * self.tiles.0 * self.tiles.1;
            self.transform_inputs(s, conv, samples.clone(), input);
            self.transform_d_outputs(s, conv, samples, d_output);
            for point in 0..POINTS {
                let values = &self.inputs[point * self.input_rows.len() * from..];
                let (rows, d_rows) = (&self.input_rows[..rows], &self.output_rows[..rows]);
                let a = Gathered { values, rows, columns: &self.input_channels };
                let d = &self.outputs[point * self.output_rows.len() * to..];
                let size = self.input_channels.len() * to;
                let c = &mut self.d_weights[point * size..][..size];
                gemm_transposed(s, a, d, d_rows, to, c);
            }
        }
        let size = self.d_weights.len() / POINTS;
        for at in (0..size).step_by(LANES) {
            let mut points = [[s.splat(0.0); IN]; IN];
            for y in 0..IN {
                for x in 0..IN {
                    points[y][x] = s.get(lanes(&self.d_weights, (y * IN + x) * size + at));
                }
            }
            let mut rows = [[s.splat(0.0); IN]; 3];
            for x in 0..IN {
                let column = g_transposed(s, column_of(&points, x));
                for y in 0..3 {
                    rows[y][x] = column[y];
                }
            }
            for y in 0..3 {
                let row = g_transposed(s, rows[y]);
                for x in 0..3 {
                    let d = lanes_mut(d_weight, (y * 3 + x) * size + at);
                    s.put(d, s.add(s.get(d), row[x]));
                }
            }
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
        let (from, to) = (conv.output.pitch, conv.input.pitch);
        if self.transposed.is_empty() {
            self.transposed = Aligned::zeros(POINTS * self.output_channels.len() * to);
        }
        transform_weights(s, transposed, &mut self.transposed);
        d_input[..samples * conv.input.sample()].fill(0.0);
        for first in (0..samples).step_by(self.group) {
            let samples = first..samples.min(first + self.group);
            let rows = samples.len() * self.tiles.0 * self.tiles.1;
            self.transform_d_outputs(s, conv, samples.clone(), d_output);
            for point in 0..POINTS {
                let values = &self.outputs[point * self.output_rows.len() * from..];
                let (rows, c_rows) = (&self.output_rows[..rows], &self.input_rows[..rows]);
                let a = Gathered { values, rows, columns: &self.output_channels };
                let b = &self.transposed[point * self.output_channels.len() * to..];
                let c = &mut self.inputs[point * self.input_rows.len() * to..];
                gemm(s, a, b, to, c, c_rows, Start::Row(&self.zeros));
            }
            self.transform_d_inputs_back(s, conv, samples, d_input);
        }
    }

    /// Calls `each` for every tile of the samples: its number, its first pixel's place in the
    /// input (of its window) and in the output, and how many rows and columns of pixels there are
    /// from there on, in the input with its frame and in the output.
    #[inline(always)]
    fn each_tile(
        tiles: (usize, usize),
        conv: &Conv2d,
        samples: std::ops::Range<usize>,
        mut each: impl FnMut(usize, (usize, [usize; 2]), (usize, [usize; 2])),
    ) {
        let (input, output) = (conv.input, conv.output);
        let offset = input.frame - conv.pad;
        let mut number = 0;
        for b in samples {
            for y in (0..tiles.0).map(|y| y * OUT) {
                for x in (0..tiles.1).map(|x| x * OUT) {
                    let left = |size: usize, at: usize| size + 2 * input.frame - at - offset;
                    let from = [left(input.shape.height, y), left(input.shape.width, x)];
                    let to = [output.shape.height - y, output.shape.width - x];
                    let window = (y + offset) * input.row() + (x + offset) * input.pitch;
                    let window = (b * input.sample() + window, from.map(|n| n.min(IN)));
                    let place = (b * output.sample() + output.at(y, x), to.map(|n| n.min(OUT)));
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
        samples: std::ops::Range<usize>,
        input: &[f32],
    ) {
        let (row, pitch) = (conv.input.row(), conv.input.pitch);
        let points = self.input_rows.len() * pitch;
        let inputs = &mut self.inputs;
        Self::each_tile(
            self.tiles,
            conv,
            samples,
            #[inline(always)]
            |tile, (window, [height, width]), _| {
                for lane in (0..pitch).step_by(LANES) {
                    let mut values = [[s.splat(0.0); IN]; IN];
                    for y in 0..height {
                        for x in 0..width {
                            let at = window + y * row + x * pitch + lane;
                            values[y][x] = s.get(lanes(input, at));
                        }
                    }
                    for x in 0..IN {
                        let column = b_transposed(s, column_of(&values, x));
                        for y in 0..IN {
                            values[y][x] = column[y];
                        }
                    }
                    for y in 0..IN {
                        let row = b_transposed(s, values[y]);
                        for x in 0..IN {
                            let at = (y * IN + x) * points + tile * pitch + lane;
                            s.put(lanes_mut(inputs, at), row[x]);
                        }
                    }
                }
            },
        );
    }

    /// `A' M A` for every tile, and the bias.
    #[inline(always)]
    fn transform_outputs_back<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: std::ops::Range<usize>,
        bias: &[f32],
        output: &mut [f32],
    ) {
        let (row, pitch) = (conv.output.row(), conv.output.pitch);
        let points = self.output_rows.len() * pitch;
        let outputs = &self.outputs;
        Self::each_tile(
            self.tiles,
            conv,
            samples,
            #[inline(always)]
            |tile, _, (place, [height, width])| {
                for lane in (0..pitch).step_by(LANES) {
                    let mut rows = [[s.splat(0.0); IN]; OUT];
                    for x in 0..IN {
                        let mut column = [s.splat(0.0); IN];
                        for y in 0..IN {
                            let at = (y * IN + x) * points + tile * pitch + lane;
                            column[y] = s.get(lanes(outputs, at));
                        }
                        let column = a_transposed(s, column);
                        for y in 0..OUT {
                            rows[y][x] = column[y];
                        }
                    }
                    let bias = s.get(lanes(bias, lane));
                    for y in 0..height {
                        let values = a_transposed(s, rows[y]);
                        for x in 0..width {
                            let at = place + y * row + x * pitch + lane;
                            s.put(lanes_mut(output, at), s.add(values[x], bias));
                        }
                    }
                }
            },
        );
    }

    /// `A dY A'` for every tile.
    #[inline(always)]
    fn transform_d_outputs<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: std::ops::Range<usize>,
        d_output: &[f32],
    ) {
        let (row, pitch) = (conv.output.row(), conv.output.pitch);
        let points = self.output_rows.len() * pitch;
        let outputs = &mut self.outputs;
        Self::each_tile(
            self.tiles,
            conv,
            samples,
            #[inline(always)]
            |tile, _, (place, [height, width])| {
                for lane in (0..pitch).step_by(LANES) {
                    let mut columns = [[s.splat(0.0); OUT]; IN];
                    for x in 0..width {
                        let mut column = [s.splat(0.0); OUT];
                        for y in 0..height {
                            let at = place + y * row + x * pitch + lane;
                            column[y] = s.get(lanes(d_output, at));
                        }
                        let column = a(s, column);
                        for y in 0..IN {
                            columns[y][x] = column[y];
                        }
                    }
                    for y in 0..IN {
                        let values = a(s, columns[y]);
                        for x in 0..IN {
                            let at = (y * IN + x) * points + tile * pitch + lane;
                            s.put(lanes_mut(outputs, at), values[x]);
                        }
                    }
                }
            },
        );
    }

    /// Adds `B dV B'` of every tile to the input's derivatives.
    #[inline(always)]
    fn transform_d_inputs_back<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: std::ops::Range<usize>,
        d_input: &mut [f32],
    ) {
        let (row, pitch) = (conv.input.row(), conv.input.pitch);
        let points = self.input_rows.len() * pitch;
        let inputs = &self.inputs;
        Self::each_tile(
            self.tiles,
            conv,
            samples,
            #[inline(always)]
            |tile, (window, [height, width]), _| {
                for lane in (0..pitch).step_by(LANES) {
                    let mut values = [[s.splat(0.0); IN]; IN];
                    for x in 0..IN {
                        let mut column = [s.splat(0.0); IN];
                        for y in 0..IN {
                            let at = (y * IN + x) * points + tile * pitch + lane;
                            column[y] = s.get(lanes(inputs, at));
                        }
                        let column = b(s, column);
                        for y in 0..IN {
                            values[y][x] = column[y];
                        }
                    }
                    for y in 0..height {
                        let values = b(s, values[y]);
                        for x in 0..width {
                            let d = lanes_mut(d_input, window + y * row + x * pitch + lane);
                            s.put(d, s.add(s.get(d), values[x]));
                        }
                    }
                }
            },
        );
    }
}

/// `G W G'` for every pair of channels: from `[3 x 3][...]` to `[point][...]`.
#[inline(always)]
fn transform_weights<S: Simd>(s: S, weight: &[f32], points: &mut [f32]) {
    let size = points.len() / POINTS;
    assert!(weight.len() == 9 * size);
    for at in (0..size).step_by(LANES) {
        let mut columns = [[s.splat(0.0); 3]; IN];
        for x in 0..3 {
            let mut column = [s.splat(0.0); 3];
            for y in 0..3 {
                column[y] = s.get(lanes(weight, (y * 3 + x) * size + at));
            }
            let column = g(s, column);
            for y in 0..IN {
                columns[y][x] = column[y];
            }
        }
        for y in 0..IN {
            let row = g(s, columns[y]);
            for x in 0..IN {
                s.put(lanes_mut(points, (y * IN + x) * size + at), row[x]);
            }
        }
    }
}

#[inline(always)]
fn column_of<V: Copy>(values: &[[V; IN]; IN], x: usize) -> [V; IN] {
    [values[0][x], values[1][x], values[2][x], values[3][x], values[4][x], values[5][x]]
}

/// `B' x`, the rows of `B'` being (4 0 -5 0 1 0), (0 -4 -4 1 1 0), (0 4 -4 -1 1 0),
/// (0 -2 -1 2 1 0), (0 2 -1 -2 1 0) and (0 4 0 -5 0 1).
#[inline(always)]
fn b_transposed<S: Simd>(s: S, x: [S::V; IN]) -> [S::V; IN] {
    let (two, four, five) = (s.splat(2.0), s.splat(4.0), s.splat(-5.0));
    let even = s.mul_add(s.splat(-4.0), x[2], x[4]);
    let odd = s.mul_add(s.splat(-4.0), x[1], x[3]);
    let (even_2, odd_2) = (s.sub(x[4], x[2]), s.mul(two, s.sub(x[3], x[1])));
    [
        s.mul_add(four, x[0], s.mul_add(five, x[2], x[4])),
        s.add(even, odd),
        s.sub(even, odd),
        s.add(even_2, odd_2),
        s.sub(even_2, odd_2),
        s.mul_add(four, x[1], s.mul_add(five, x[3], x[5])),
    ]
}

/// `B y`.
#[inline(always)]
fn b<S: Simd>(s: S, y: [S::V; IN]) -> [S::V; IN] {
    let (two, four, five) = (s.splat(2.0), s.splat(4.0), s.splat(-5.0));
    let (sum, difference) = (s.add(y[1], y[2]), s.sub(y[1], y[2]));
    let (sum_2, difference_2) = (s.add(y[3], y[4]), s.sub(y[3], y[4]));
    let odd = s.sub(y[5], difference);
    [
        s.mul(four, y[0]),
        s.mul_add(four, odd, s.mul(s.splat(-2.0), difference_2)),
        s.mul_add(five, y[0], s.sub(s.mul(s.splat(-4.0), sum), sum_2)),
        s.mul_add(five, y[5], s.mul_add(two, difference_2, difference)),
        s.add(y[0], s.add(sum, sum_2)),
        y[5],
    ]
}

/// `A' m`, the rows of `A'` being (1 1 1 1 1 0), (0 1 -1 2 -2 0), (0 1 1 4 4 0) and
/// (0 1 -1 8 -8 1).
#[inline(always)]
fn a_transposed<S: Simd>(s: S, m: [S::V; IN]) -> [S::V; OUT] {
    let (sum, difference) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (sum_2, difference_2) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
    [
        s.add(m[0], s.add(sum, sum_2)),
        s.mul_add(s.splat(2.0), difference_2, difference),
        s.mul_add(s.splat(4.0), sum_2, sum),
        s.mul_add(s.splat(8.0), difference_2, s.add(difference, m[5])),
    ]
}

/// `A z`.
#[inline(always)]
fn a<S: Simd>(s: S, z: [S::V; OUT]) -> [S::V; IN] {
    let (even, odd) = (s.add(z[0], z[2]), s.add(z[1], z[3]));
    let even_2 = s.mul_add(s.splat(4.0), z[2], z[0]);
    let odd_2 = s.mul_add(s.splat(8.0), z[3], s.mul(s.splat(2.0), z[1]));
    let all = [s.add(even, odd), s.sub(even, odd), s.add(even_2, odd_2), s.sub(even_2, odd_2)];
    [z[0], all[0], all[1], all[2], all[3], z[3]]
}

/// `G w`, the rows of `G` being (1/4 0 0), (-1/6 -1/6 -1/6), (-1/6 1/6 -1/6), (1/24 1/12 1/6),
/// (1/24 -1/12 1/6) and (0 0 1).
#[inline(always)]
fn g<S: Simd>(s: S, w: [S::V; 3]) -> [S::V; IN] {
    let sixth = s.splat(-1.0 / 6.0);
    let (even, odd) = (s.mul(sixth, s.add(w[0], w[2])), s.mul(sixth, w[1]));
    let even_2 = s.mul_add(s.splat(1.0 / 24.0), w[0], s.mul(s.splat(1.0 / 6.0), w[2]));
    let odd_2 = s.mul(s.splat(1.0 / 12.0), w[1]);
    [
        s.mul(s.splat(0.25), w[0]),
        s.add(even, odd),
        s.sub(even, odd),
        s.add(even_2, odd_2),
        s.sub(even_2, odd_2),
        w[2],
    ]
}

/// `G' u`.
#[inline(always)]
fn g_transposed<S: Simd>(s: S, u: [S::V; IN]) -> [S::V; 3] {
    let (sum, difference) = (s.add(u[1], u[2]), s.sub(u[1], u[2]));
    let (sum_2, difference_2) = (s.add(u[3], u[4]), s.sub(u[3], u[4]));
    let (sixth, minus) = (s.splat(1.0 / 6.0), s.splat(-1.0 / 6.0));
    [
        s.mul_add(s.splat(0.25), u[0], s.mul_add(minus, sum, s.mul(s.splat(1.0 / 24.0), sum_2))),
        s.mul_add(minus, difference, s.mul(s.splat(1.0 / 12.0), difference_2)),
        s.mul_add(sixth, s.sub(sum_2, sum), u[5]),
    ]
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
            let mut places = conv.places(samples);
            if !self.winograd {
                places.winograd = None;
            }
            assert_eq!(places.winograd.is_some(), self.winograd);
            let mut output = vec![0.0; samples * conv.output.sample()];
            let mut d_input = vec![7.0; samples * conv.input.sample()];
            let (mut d_weight, mut d_bias) = (vec![0.5; weight.len()], vec![0.5; self.bias.len()]);
            let mut transposed = vec![0.0; conv.transposed_len()];
            conv.transpose(weight, &mut transposed);
            conv.forward(s, (weight, self.bias), &mut places, samples, input, &mut output);
            let d_params = (&mut d_weight[..], &mut d_bias[..]);
            conv.backward_params(s, &mut places, samples, input, self.d_output, d_params);
            let d = self.d_output;
            conv.backward_input(s, &transposed, &mut places, samples, d, &mut d_input);
            [output, [d_weight, d_bias].concat(), d_input]
        }
    }

    #[test]
    fn it_does_what_plain_sums_do() {
        let mut rng = Rng::new(9, &[]);
        for kernel in Kernel::available() {
            for ((height, width), (from, to), pad, samples) in [
                ((10, 10), (32, 32), 0, 1),
                ((9, 14), (40, 33), 1, 3),
                ((8, 8), (32, 70), 1, 14),
                ((26, 26), (32, 64), 0, 2),
                ((7, 7), (64, 35), 2, 9),
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
                    let both = Both { conv, winograd, samples, input, weight, bias, d_output };
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

//! Convolution: every output is a weighted sum of a window of the input, plus a bias.
//!
//! A dense layer is a convolution whose only window is the whole input. `W` is stored a row per
//! input of a window, `[kernel height][kernel width][channels][padded(outputs)]`.

use crate::gemm::{Gathered, Start, gemm, gemm_transposed};
use crate::kernel::{LANES, Simd, vectors, vectors_mut};
use crate::shape::{Grid, Shape};

/// The geometry of one convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conv2d {
    pub input: Grid,
    pub output: Grid,
    /// Height and width of the window.
    pub kernel: (usize, usize),
    pub stride: usize,
    /// Pixels that windows reach beyond the border; the input's frame is at least as wide.
    pub pad: usize,
}

/// The lists of places that the matrix products go by, for a number of samples.
#[derive(Clone)]
pub(crate) struct Places {
    /// Where each output's window begins in the input.
    windows: Vec<u32>,
    /// Where each output pixel begins.
    outputs: Vec<u32>,
    /// Pieces of contiguous memory in a window, from its beginning, and their length.
    pieces: Vec<u32>,
    len: usize,
    /// Every pixel of a window, from its beginning.
    taps: Vec<u32>,
}

impl Conv2d {
    /// The size of the output, or `None` where no window fits.
    pub fn output_size(
        input: Shape,
        kernel: (usize, usize),
        stride: usize,
        pad: usize,
    ) -> Option<(usize, usize)> {
        let along =
            |size: usize, kernel: usize| Some((size + 2 * pad).checked_sub(kernel)? / stride + 1);
        Some((along(input.height, kernel.0)?, along(input.width, kernel.1)?))
    }

    /// Inputs of a window: rows of the weight matrix.
    pub fn inputs(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.input.shape.channels
    }

    /// Floats of the transposed weights.
    pub fn transposed_len(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.output.shape.channels * self.input.pitch
    }

    /// Where everything is, for `samples` samples.
    pub fn places(&self, samples: usize) -> Places {
        let Self { input, output, kernel, stride, pad } = *self;
        let Shape { height, width, channels } = output.shape;
        debug_assert!(input.frame >= pad && channels <= output.pitch);
        let window = |i: usize| {
            let (y, x) = (i / width * stride, i % width * stride);
            (y + input.frame - pad) * input.row() + (x + input.frame - pad) * input.pitch
        };
        let windows =
            |b: usize| (0..height * width).map(move |i| (b * input.sample() + window(i)) as u32);
        let tap = |i: usize| (i / kernel.1 * input.row() + i % kernel.1 * input.pitch) as u32;
        let taps: Vec<u32> = (0..kernel.0 * kernel.1).map(tap).collect();
        // Pixels without padding between them are one piece; so are rows without a gap.
        let (mut every, mut len) = (1, input.shape.channels);
        if input.pitch == len {
            (every, len) = (kernel.1, kernel.1 * len);
            if input.row() == len {
                (every, len) = (taps.len(), kernel.0 * len);
            }
        }
        Places {
            windows: (0..samples).flat_map(windows).collect(),
            outputs: output.pixels(samples),
            pieces: taps.iter().copied().step_by(every).collect(),
            len,
            taps,
        }
    }

    fn windows<'a>(&self, places: &'a Places, samples: usize, values: &'a [f32]) -> Gathered<'a> {
        let rows = &places.windows[..samples * self.output.shape.height * self.output.shape.width];
        Gathered { values, rows, pieces: &places.pieces, len: places.len }
    }

    /// `output = input * weight + bias`, for each window of each sample.
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        s: S,
        (weight, bias): (&[f32], &[f32]),
        places: &Places,
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let a = self.windows(places, samples, input);
        let outputs = &places.outputs[..a.rows.len()];
        gemm(s, a, weight, self.output.pitch, output, outputs, Start::Row(bias));
    }

    /// Adds the gradients of the parameters: `d_weight += input^T * d_output` and
    /// `d_bias += sum of d_output`.
    #[inline(always)]
    pub fn backward_params<S: Simd>(
        &self,
        s: S,
        places: &Places,
        samples: usize,
        input: &[f32],
        d_output: &[f32],
        (d_weight, d_bias): (&mut [f32], &mut [f32]),
    ) {
        let a = self.windows(places, samples, input);
        let outputs = &places.outputs[..a.rows.len()];
        gemm_transposed(s, a, d_output, outputs, self.output.pitch, d_weight);
        add_rows(s, d_output, outputs, d_bias);
    }

    /// `d_input = d_output * weight^T`, from the transposed weights: each pixel of the window is a
    /// matrix product of its own, added where that pixel lies in the input.
    #[inline(always)]
    pub fn backward_input<S: Simd>(
        &self,
        s: S,
        transposed: &[f32],
        places: &Places,
        samples: usize,
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        d_input[..samples * self.input.sample()].fill(0.0);
        let rows = samples * self.output.shape.height * self.output.shape.width;
        let (rows, windows) = (&places.outputs[..rows], &places.windows[..rows]);
        let a = Gathered { values: d_output, rows, pieces: &[0], len: self.output.shape.channels };
        let size = a.len * self.input.pitch;
        for (&tap, weight) in places.taps.iter().zip(transposed.chunks_exact(size)) {
            let d_input = &mut d_input[tap as usize..];
            gemm(s, a, weight, self.input.pitch, d_input, windows, Start::Add);
        }
    }

    /// `transposed[pixel of the window][outputs][pitch of the input]` from `weight`.
    pub fn transpose(&self, weight: &[f32], transposed: &mut [f32]) {
        let (channels, outputs) = (self.input.shape.channels, self.output.shape.channels);
        let (from, to) = (self.output.pitch, self.input.pitch);
        let taps = weight.chunks_exact(channels * from);
        for (weight, transposed) in taps.zip(transposed.chunks_exact_mut(outputs * to)) {
            // In squares of a vector's side, so that both sides of the copy stay in cache.
            for first in (0..channels).step_by(LANES) {
                for first_output in (0..outputs).step_by(LANES) {
                    for i in first..channels.min(first + LANES) {
                        for j in first_output..outputs.min(first_output + LANES) {
                            transposed[j * to + i] = weight[i * from + j];
                        }
                    }
                }
            }
        }
    }
}

/// `sums += ` each of the `rows` of `values`, of as many whole vectors as `sums`.
#[inline(always)]
pub(crate) fn add_rows<S: Simd>(s: S, values: &[f32], rows: &[u32], sums: &mut [f32]) {
    let width = sums.len();
    for &row in rows {
        let row = vectors(&values[row as usize..][..width]);
        for (sum, v) in vectors_mut(sums).iter_mut().zip(row) {
            s.put(sum, s.add(s.get(sum), s.get(v)));
        }
    }
}

//! Convolution: every output is a weighted sum of a window of the input, plus a bias.
//!
//! A dense layer is a convolution whose only window is the whole input. `W` is stored a row per
//! input of a window, `[kernel height][kernel width][channels][padded(outputs)]`.

use super::pairs::Pairs;
use super::winograd::Winograd;
use crate::aligned::padded;
use crate::gemm::{Gathered, Start, gemm, gemm_transposed};
use crate::kernel::{LANES, Simd, lanes, lanes_mut, vectors_mut};
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
    /// Every value of a window, from its beginning.
    inputs: Vec<u32>,
    /// Every pixel of a window, from its beginning.
    taps: Vec<u32>,
    /// Every value of an output pixel, from its beginning.
    channels: Vec<u32>,
    /// Where two pixels of the output are a vector.
    pairs: Option<Pairs>,
    /// Where that is faster, and its memory.
    pub winograd: Option<Winograd>,
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
        let Shape { height, width, .. } = output.shape;
        debug_assert!(input.frame >= pad);
        let window = |i: usize| {
            let (y, x) = (i / width * stride, i % width * stride);
            (y + input.frame - pad) * input.row() + (x + input.frame - pad) * input.pitch
        };
        let windows =
            |b: usize| (0..height * width).map(move |i| (b * input.sample() + window(i)) as u32);
        let tap = |i: usize| (i / kernel.1 * input.row() + i % kernel.1 * input.pitch) as u32;
        let taps: Vec<u32> = (0..kernel.0 * kernel.1).map(tap).collect();
        let channels = |len: usize| 0..len as u32;
        let windows: Vec<u32> = (0..samples).flat_map(windows).collect();
        let outputs = output.pixels(samples);
        Places {
            pairs: output.in_pairs().then(|| Pairs::new(self, &windows, &outputs)),
            windows,
            outputs,
            inputs: taps
                .iter()
                .flat_map(|tap| channels(input.shape.channels).map(move |c| tap + c))
                .collect(),
            channels: channels(output.shape.channels).collect(),
            taps,
            winograd: Winograd::new(self, samples),
        }
    }

    fn windows<'a>(&self, places: &'a Places, samples: usize, values: &'a [f32]) -> Gathered<'a> {
        let rows = &places.windows[..samples * self.output.shape.height * self.output.shape.width];
        Gathered { values, rows, columns: &places.inputs }
    }

    /// To be called before [`Conv2d::forward`] if the weights may be others than at its last call.
    #[inline(always)]
    pub fn prepare<S: Simd>(&self, s: S, weight: &[f32], places: &mut Places) {
        if let Some(pairs) = &mut places.pairs {
            pairs.prepare(self, weight);
        }
        if let Some(winograd) = &mut places.winograd {
            winograd.prepare(s, weight);
        }
    }

    /// `output = input * weight + bias`, for each window of each sample; [`Conv2d::prepare`] has had the
    /// weights.
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        s: S,
        (weight, bias): (&[f32], &[f32]),
        places: &mut Places,
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        if let Some(pairs) = &places.pairs {
            return pairs.forward(s, bias, samples, input, output);
        }
        if let Some(winograd) = &mut places.winograd {
            return winograd.forward(s, self, bias, samples, input, output);
        }
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
        places: &mut Places,
        samples: usize,
        input: &[f32],
        d_output: &[f32],
        (d_weight, d_bias): (&mut [f32], &mut [f32]),
    ) {
        if let Some(pairs) = &mut places.pairs {
            return pairs.backward_params(s, self, samples, (input, d_output), d_weight, d_bias);
        }
        let count = samples * self.output.shape.height * self.output.shape.width;
        add_rows(s, d_output, &places.outputs[..count], d_bias);
        if let Some(winograd) = &mut places.winograd {
            return winograd.backward_weights(s, self, samples, input, d_output, d_weight);
        }
        let a = self.windows(places, samples, input);
        gemm_transposed(s, a, d_output, &places.outputs[..count], self.output.pitch, d_weight);
    }

    /// `d_input = d_output * weight^T`, from the transposed weights: each pixel of the window is a
    /// matrix product of its own, added where that pixel lies in the input.
    #[inline(always)]
    pub fn backward_input<S: Simd>(
        &self,
        s: S,
        transposed: &[f32],
        places: &mut Places,
        samples: usize,
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        if let Some(winograd) = &mut places.winograd {
            return winograd.backward_input(s, self, transposed, samples, d_output, d_input);
        }
        d_input[..samples * self.input.sample()].fill(0.0);
        let rows = samples * self.output.shape.height * self.output.shape.width;
        let (rows, windows) = (&places.outputs[..rows], &places.windows[..rows]);
        let a = Gathered { values: d_output, rows, columns: &places.channels };
        let size = a.columns.len() * self.input.pitch;
        for (&tap, weight) in places.taps.iter().zip(transposed.chunks_exact(size)) {
            let d_input = &mut d_input[tap as usize..];
            gemm(s, a, weight, self.input.pitch, d_input, windows, Start::Add);
        }
    }

    /// `transposed[pixel of the window][outputs][pitch of the input]` from `weight`.
    pub fn transpose(&self, weight: &[f32], transposed: &mut [f32]) {
        let (channels, outputs) = (self.input.shape.channels, self.output.shape.channels);
        let (from, to) = (padded(outputs), self.input.pitch);
        let taps = weight.chunks_exact(channels * from);
        for (weight, transposed) in taps.zip(transposed.chunks_exact_mut(outputs * to)) {
            for first in (0..channels).step_by(LANES) {
                for first_output in (0..outputs).step_by(LANES) {
                    let (rows, columns) =
                        (LANES.min(channels - first), LANES.min(outputs - first_output));
                    // Through a square that stays in the first cache: rows of both matrices may
                    // lie as far apart as the cache is large.
                    let mut square = [[0.0; LANES]; LANES];
                    for i in 0..rows {
                        let from = lanes(weight, (first + i) * from + first_output);
                        for (row, &value) in square.iter_mut().zip(from) {
                            row[i] = value;
                        }
                    }
                    for (j, row) in square.iter().enumerate().take(columns) {
                        *lanes_mut(transposed, (first_output + j) * to + first) = *row;
                    }
                }
            }
        }
    }
}

/// `sums += ` each of the `rows` of `values`, of as many whole vectors as `sums`.
#[inline(always)]
pub(crate) fn add_rows<S: Simd>(s: S, values: &[f32], rows: &[u32], sums: &mut [f32]) {
    for (n, sum) in vectors_mut(sums).iter_mut().enumerate() {
        // Four sums, since an addition waits for the one before it.
        let mut parts = [s.splat(0.0); 4];
        let (fours, rest) = rows.as_chunks::<4>();
        for four in fours {
            for (part, &row) in parts.iter_mut().zip(four) {
                *part = s.add(*part, s.get(lanes(values, row as usize + n * LANES)));
            }
        }
        for (part, &row) in parts.iter_mut().zip(rest) {
            *part = s.add(*part, s.get(lanes(values, row as usize + n * LANES)));
        }
        s.put(sum, s.add(s.get(sum), s.total(parts)));
    }
}

//! Convolution: every output is a weighted sum of a window of the input, plus a bias.
//!
//! A dense layer is a convolution whose only window is the whole input. `W` is stored a row per
//! input of a window, `[kernel height][kernel width][channels][padded(outputs)]`.

use std::cmp::Reverse;
use std::ops::Range;

use rayon::prelude::*;

use super::pairs::{Pairs, twice};
use super::windows::{Inked, Windows};
use super::winograd::Winograd;
use crate::aligned::padded;
use crate::gemm::{Gathered, Start, gemm, gemm_transposed};
use crate::kernel::{LANES, Simd, lanes, lanes_mut, vectors, vectors_mut};
use crate::shape::{Grid, Shape};

/// Weights from which on threads share their transposing, which all of them wait for.
const MANY: usize = 1 << 17;

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
    /// Of every output pixel, or pair of these.
    windows: Windows,
    /// Those in which anything is not 0, where these are looked for.
    inked: Option<Inked>,
    /// Every value of a window, from its beginning.
    inputs: Vec<u32>,
    /// Every value of a column of output pixels, from its beginning.
    outputs: Vec<u32>,
    /// Every stretch of a window's row, from its beginning.
    stretches: Vec<u32>,
    /// All rows of the input; none before its first gradient.
    bands: Vec<Band>,
    /// Where two pixels of the output are a vector.
    pairs: Option<Pairs>,
    /// The memory of Winograd's method, where it may be faster.
    pub winograd: Option<Winograd>,
}

/// Rows of the input that lie in the same rows of windows: in one, or in several windows one below the other.
#[derive(Clone)]
struct Band {
    /// Those rows of windows, by their places among the transposed weights.
    rows: Range<usize>,
    /// The topmost windows, in groups in which stretches reach into each other only with what pads them.
    windows: Vec<Windows>,
}

impl Places {
    /// Winograd's method, if it is faster for so many samples.
    #[inline(always)]
    pub fn winograd_for(&mut self, samples: usize) -> Option<&mut Winograd> {
        self.winograd.as_mut().filter(|winograd| winograd.pays(samples))
    }
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

    /// Pixels that lie side by side in a window's row and are taken together in [`Conv2d::backward_input`]:
    /// one of whole vectors, or a row of others.
    fn stretch(&self) -> usize {
        if self.input.pitch.is_multiple_of(LANES) { 1 } else { self.kernel.1 }
    }

    /// Floats of a stretch, whole vectors.
    fn stretch_len(&self) -> usize {
        padded(self.stretch() * self.input.pitch)
    }

    /// Floats of the transposed weights.
    pub fn transposed_len(&self) -> usize {
        let stretches = self.kernel.0 * self.kernel.1 / self.stretch();
        stretches * self.output.shape.channels * self.stretch_len()
    }

    /// Where everything is, for `samples` samples.
    pub fn places(&self, samples: usize) -> Places {
        let Self { input, output, kernel, .. } = *self;
        debug_assert!(input.frame >= self.pad);
        let tap = |i: usize| (i / kernel.1 * input.row() + i % kernel.1 * input.pitch) as u32;
        let taps: Vec<u32> = (0..kernel.0 * kernel.1).map(tap).collect();
        let channels = |shape: Shape| 0..shape.channels as u32;
        let row = |y: usize| (y * output.row()) as u32;
        let windows = Windows::new(self, samples);
        let pairs = output.in_pairs().then(|| Pairs::new(self));
        Places {
            inked: None,
            inputs: taps
                .iter()
                .flat_map(|tap| channels(input.shape).map(move |c| tap + c))
                .collect(),
            outputs: (0..kernel.0)
                .flat_map(|y| channels(output.shape).map(move |c| row(y) + c))
                .collect(),
            stretches: taps[..kernel.1].iter().copied().step_by(self.stretch()).collect(),
            bands: Vec::new(),
            winograd: Winograd::new(self, samples),
            windows: if pairs.is_some() { windows.every(2, 0) } else { windows },
            pairs,
        }
    }

    /// Whether a stretch is a whole row of a window, and products add up what comes of several windows.
    fn takes_rows(&self) -> bool {
        self.stretch() == self.kernel.1
    }

    /// The rows of a window, as they follow each other in the transposed weights. Where they are taken as a
    /// whole, those do that a row of the input is in, in windows one below the other: the lower the window, the
    /// higher the row.
    fn rows(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.kernel.0).collect();
        if self.takes_rows() {
            rows.sort_by_key(|&row| (row % self.stride, Reverse(row)));
        }
        rows
    }

    /// The rows of the input, as in [`Places`].
    fn bands(&self, samples: usize) -> Vec<Band> {
        let Self { input, output, kernel, stride, pad } = *self;
        let groups = self.stretch().div_ceil(stride).min(output.shape.width);
        let in_order = self.rows();
        // For the same rows of windows, the rows of the input, its frame included, and the topmost window of each.
        let mut all: Vec<(Range<usize>, Vec<[usize; 2]>)> = Vec::new();
        let mut add = |y: usize, tops: Range<usize>| {
            let row = y + pad - tops.start * stride;
            let first = in_order.iter().position(|&one| one == row).expect("it is in the window");
            let rows = first..first + tops.len();
            match all.iter_mut().find(|(same, _)| *same == rows) {
                Some((_, starts)) => starts.push([input.frame + y, tops.start]),
                None => all.push((rows, vec![[input.frame + y, tops.start]])),
            }
        };
        for y in 0..input.shape.height {
            let top = (y + pad + 1).saturating_sub(kernel.0).div_ceil(stride);
            let tops = top..((y + pad) / stride + 1).min(output.shape.height);
            if !self.takes_rows() {
                tops.for_each(|top| add(y, top..top + 1));
            } else if !tops.is_empty() {
                add(y, tops);
            }
        }
        let band = |(rows, starts): (Range<usize>, Vec<[usize; 2]>)| {
            let windows = Windows::of_rows(self, &starts, samples);
            Band { rows, windows: (0..groups).map(|first| windows.every(groups, first)).collect() }
        };
        // By rows of the window; they were found by rows of the input.
        all.sort_by_key(|(rows, _)| (rows.start, rows.end));
        all.into_iter().map(band).collect()
    }

    /// Lets [`Conv2d::look`] look for blank windows, as is worth its while in a network's first layer.
    pub fn look_for_blanks(&self, places: &mut Places) {
        let span = self.kernel.1 + if places.pairs.is_some() { self.stride } else { 0 };
        places.inked = Inked::new(self, &places.windows, span);
    }

    /// Finds the windows of `input` that are blank, if they are [looked for](Conv2d::look_for_blanks), to leave
    /// them out in the next [`Conv2d::forward`] and [`Conv2d::backward_params`].
    #[inline(always)]
    pub fn look<S: Simd>(&self, s: S, places: &mut Places, samples: usize, input: &[f32]) {
        if let Some(inked) = &mut places.inked {
            inked.find(s, self, &places.windows, samples, input);
        }
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
        if let Some(winograd) = places.winograd_for(samples) {
            return winograd.forward(s, self, bias, samples, input, output);
        }
        let of_two;
        let (columns, weight, bias) = match &places.pairs {
            Some(pairs) => {
                of_two = twice(bias);
                (&pairs.inputs, &pairs.weights[..], &of_two[..])
            }
            None => (&places.inputs, weight, bias),
        };
        if places.inked.is_some() {
            let [_, all] = places.windows.of(samples);
            for (n, bias) in vectors(bias).iter().enumerate() {
                let bias = s.get(bias);
                for &at in all {
                    s.put(lanes_mut(output, at as usize + n * LANES), bias);
                }
            }
        }
        let [rows, outputs] = not_blank(&places.inked, &places.windows, samples);
        let a = Gathered { values: input, rows, columns };
        gemm(s, a, weight, bias.len(), output, outputs, Start::Row(bias));
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
        let [_, all] = places.windows.of(samples);
        if let Some(pairs) = &mut places.pairs {
            let windows = not_blank(&places.inked, &places.windows, samples);
            let values = (input, d_output);
            return pairs.backward_params(s, self, (all, windows), values, (d_weight, d_bias));
        }
        add_rows(s, d_output, all, d_bias);
        if let Some(winograd) = places.winograd_for(samples) {
            return winograd.backward_weights(s, self, samples, input, d_output, d_weight);
        }
        let [rows, outputs] = not_blank(&places.inked, &places.windows, samples);
        let a = Gathered { values: input, rows, columns: &places.inputs };
        gemm_transposed(s, a, d_output, outputs, self.output.pitch, d_weight);
    }

    /// `d_input = d_output * weight^T`, from the transposed weights: each stretch of a window's row is a
    /// matrix product of its own for every [`Band`], or a few where windows overlap, added where that stretch
    /// lies in the input. Where a stretch is a whole row, the product adds up what comes of windows one below
    /// the other.
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
        if let Some(winograd) = places.winograd_for(samples) {
            return winograd.backward_input(s, self, transposed, samples, d_output, d_input);
        }
        if places.bands.is_empty() {
            places.bands = self.bands(places.windows.samples());
        }
        d_input[..samples * self.input.sample()].fill(0.0);
        let outputs = self.output.shape.channels;
        let size = outputs * self.stretch_len();
        let of_row = places.stretches.len();
        for Band { rows, windows } in &places.bands {
            let columns = &places.outputs[..rows.len() * outputs];
            let weights = transposed[rows.start * of_row * size..].chunks_exact(rows.len() * size);
            for (&stretch, weight) in places.stretches.iter().zip(weights) {
                let d_input = &mut d_input[stretch as usize..];
                for windows in windows {
                    let [starts, tops] = windows.of(samples);
                    let a = Gathered { values: d_output, rows: tops, columns };
                    gemm(s, a, weight, self.stretch_len(), d_input, starts, Start::Add);
                }
            }
        }
    }

    /// `transposed[row of the window][stretch of it][outputs][pixel of the stretch][pitch of the input]`, padded
    /// to whole vectors, from `weight`; rows of the window stand as [`Conv2d::rows`] says.
    pub fn transpose(&self, weight: &[f32], transposed: &mut [f32]) {
        let (rows, of_row) = (self.rows(), self.kernel.1 / self.stretch());
        let block = LANES * self.stretch_len();
        let size = self.output.shape.channels * self.stretch_len();
        let fill = |i: usize, n: usize, to: &mut [f32]| {
            self.transpose_block(weight, (rows[i / of_row], i % of_row), n * LANES, to);
        };
        if transposed.len() < MANY || rayon::current_num_threads() == 1 {
            for (i, stretch) in transposed.chunks_exact_mut(size).enumerate() {
                stretch.chunks_mut(block).enumerate().for_each(|(n, to)| fill(i, n, to));
            }
        } else {
            transposed.par_chunks_exact_mut(size).enumerate().for_each(|(i, stretch)| {
                stretch.par_chunks_mut(block).enumerate().for_each(|(n, to)| fill(i, n, to));
            });
        }
    }

    /// [`Conv2d::transpose`] for up to 16 outputs from `first` on, and a stretch of a row of the window.
    fn transpose_block(
        &self,
        weight: &[f32],
        (row, stretch): (usize, usize),
        first: usize,
        transposed: &mut [f32],
    ) {
        let (channels, pitch) = (self.input.shape.channels, self.input.pitch);
        let (from, to) = (padded(self.output.shape.channels), self.stretch_len());
        let pixels = row * self.kernel.1 + stretch * self.stretch();
        for pixel in 0..self.stretch() {
            let weight = &weight[(pixels + pixel) * channels * from..][..channels * from];
            for channel in (0..channels).step_by(LANES) {
                let rows = LANES.min(channels - channel);
                // Through a square that stays in the first cache: rows of both matrices may
                // lie as far apart as the cache is large.
                let mut square = [[0.0; LANES]; LANES];
                for i in 0..rows {
                    let from = lanes(weight, (channel + i) * from + first);
                    for (row, &value) in square.iter_mut().zip(from) {
                        row[i] = value;
                    }
                }
                for (to, row) in transposed.chunks_exact_mut(to).zip(&square) {
                    let to = &mut to[pixel * pitch + channel..];
                    match to.first_chunk_mut() {
                        Some(to) if pitch.is_multiple_of(LANES) => *to = *row,
                        _ => to[..rows].copy_from_slice(&row[..rows]),
                    }
                }
            }
        }
    }
}

/// Those windows of the first `samples` samples that are not known to be blank; all, where it is a single
/// one, which [`gemm`] would sum up in another order.
fn not_blank<'a>(inked: &'a Option<Inked>, all: &'a Windows, samples: usize) -> [&'a [u32]; 2] {
    let inked = inked.as_ref().map(Inked::windows).filter(|[starts, _]| starts.len() != 1);
    inked.unwrap_or_else(|| all.of(samples))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};
    use crate::rng::Rng;

    struct BackwardInput<'a>(Conv2d, [usize; 2], &'a [f32], &'a [f32]);

    impl Task for BackwardInput<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Vec<f32> {
            let Self(conv, [made_for, samples], weight, d_output) = self;
            let mut places = conv.places(made_for);
            let mut transposed = vec![0.0; conv.transposed_len()];
            conv.transpose(weight, &mut transposed);
            let mut d_input = vec![7.0; samples * conv.input.sample()];
            conv.backward_input(s, &transposed, &mut places, samples, d_output, &mut d_input);
            conv.input.values(samples, &d_input)
        }
    }

    /// By the definition of a convolution, from every output to every input of its window.
    fn plain(conv: &Conv2d, samples: usize, weight: &[f32], d_output: &[f32]) -> Vec<f64> {
        let (from, to) = (conv.output.shape, conv.input.shape);
        let mut d_input = vec![0.0; samples * to.values()];
        for (i, &d) in d_output.iter().enumerate() {
            let (b, i) = (i / from.values(), i % from.values());
            let (pixel, output) = (i / from.channels, i % from.channels);
            let top = (pixel / from.width * conv.stride).wrapping_sub(conv.pad);
            let left = (pixel % from.width * conv.stride).wrapping_sub(conv.pad);
            for tap in 0..conv.kernel.0 * conv.kernel.1 {
                let y = top.wrapping_add(tap / conv.kernel.1);
                let x = left.wrapping_add(tap % conv.kernel.1);
                if y >= to.height || x >= to.width {
                    continue;
                }
                for channel in 0..to.channels {
                    let row = (tap * to.channels + channel) * padded(from.channels);
                    let at = ((b * to.height + y) * to.width + x) * to.channels + channel;
                    d_input[at] += f64::from(d) * f64::from(weight[row + output]);
                }
            }
        }
        d_input
    }

    #[test]
    fn the_gradient_of_the_input_is_that_of_the_definition() {
        let mut rng = Rng::new(8, &[]);
        for round in 0..150 {
            let mut below = |n: u32| rng.below(n) as usize;
            let kernel = (1 + below(7), 1 + below(7));
            let (stride, pad) = (1 + below(3), below(kernel.0.min(kernel.1) as u32));
            let channels = 1 + below(if round % 2 == 0 { 8 } else { 40 });
            let input = Shape { height: 1 + below(10), width: 1 + below(10), channels };
            let Some((height, width)) = Conv2d::output_size(input, kernel, stride, pad) else {
                continue;
            };
            let output = Shape { height, width, channels: 1 + below(20) };
            let (samples, more, frame) = (1 + below(4), below(3), below(3));
            let mut noise = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.normal()).collect() };
            let weight = noise(kernel.0 * kernel.1 * channels * padded(output.channels));
            let d_values = noise(samples * output.values());
            let output = Grid::of(output, frame);
            let d_output = output.filled(samples, &d_values);
            let halves = Grid::of_halves(input, pad);
            for input in [Some(Grid::of(input, pad)), halves].into_iter().flatten() {
                let conv = Conv2d { input, output, kernel, stride, pad };
                let expected = plain(&conv, samples, &weight, &d_values);
                for kernels in Kernel::available() {
                    let of = [samples + more, samples];
                    let d_input = kernels.run(BackwardInput(conv, of, &weight, &d_output));
                    for (&got, want) in d_input.iter().zip(&expected) {
                        let error = (f64::from(got) - want).abs();
                        assert!(error < 1e-4 * (1.0 + want.abs()), "{conv:?}: {got}, not {want}");
                    }
                }
            }
        }
    }
}

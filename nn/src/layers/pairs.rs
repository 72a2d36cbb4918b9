//! A convolution with few outputs, two pixels of a row at a time.
//!
//! A pixel of up to 8 channels is half a vector. Two side by side are one pixel of 16 channels, whose
//! window is wider by the stride, with zeros in either half for what is only in the window of the
//! other: where windows are 5 x 5, 30 products for two pixels in the place of 50.

use super::conv2d::{Conv2d, add_rows};
use crate::aligned::Aligned;
use crate::gemm::{Gathered, Start, gemm, gemm_transposed};
use crate::kernel::{LANES, Simd};
use crate::shape::HALF;

/// What [`Conv2d`] has places for, by pairs of pixels.
#[derive(Clone)]
pub(crate) struct Pairs {
    /// Pairs of a sample.
    pairs: usize,
    /// Where each pair's window begins in the input.
    windows: Vec<u32>,
    /// Where each pair begins in the output.
    outputs: Vec<u32>,
    /// Every value of a window, from its beginning.
    inputs: Vec<u32>,
    /// A row for each of `inputs`, the weights of either pixel side by side.
    weights: Aligned,
    /// Their gradient.
    d_weights: Aligned,
}

impl Pairs {
    /// From where the window of every pixel begins, and the pixel.
    pub fn new(conv: &Conv2d, windows: &[u32], outputs: &[u32]) -> Self {
        let (input, channels) = (conv.input, conv.input.shape.channels);
        let pixel = |x: usize| (0..channels).map(move |channel| x * input.pitch + channel);
        let line: Vec<usize> = (0..conv.kernel.1 + conv.stride).flat_map(pixel).collect();
        let inputs: Vec<u32> = (0..conv.kernel.0)
            .flat_map(|y| line.iter().map(move |at| (y * input.row() + at) as u32))
            .collect();
        let left = |places: &[u32]| places.iter().copied().step_by(2).collect();
        Self {
            pairs: conv.output.shape.height * conv.output.shape.width / 2,
            windows: left(windows),
            outputs: left(outputs),
            weights: Aligned::zeros(inputs.len() * LANES),
            d_weights: Aligned::zeros(0),
            inputs,
        }
    }

    fn windows<'a>(&'a self, samples: usize, values: &'a [f32]) -> Gathered<'a> {
        let rows = &self.windows[..samples * self.pairs];
        Gathered { values, rows, columns: &self.inputs }
    }

    /// As [`Conv2d::prepare`].
    pub fn prepare(&mut self, conv: &Conv2d, weight: &[f32]) {
        for (weight, halves) in weight.chunks_exact(LANES).zip(halves(conv)) {
            for at in halves {
                self.weights[at..][..HALF].copy_from_slice(&weight[..HALF]);
            }
        }
    }

    /// As [`Conv2d::forward`].
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        s: S,
        bias: &[f32],
        samples: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let a = self.windows(samples, input);
        let both: [f32; LANES] = std::array::from_fn(|i| bias[i % HALF]);
        let outputs = &self.outputs[..a.rows.len()];
        gemm(s, a, &self.weights, LANES, output, outputs, Start::Row(&both));
    }

    /// As [`Conv2d::backward_params`].
    #[inline(always)]
    pub fn backward_params<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        samples: usize,
        (input, d_output): (&[f32], &[f32]),
        d_weight: &mut [f32],
        d_bias: &mut [f32],
    ) {
        let outputs = &self.outputs[..samples * self.pairs];
        let mut sums = [0.0; LANES];
        add_rows(s, d_output, outputs, &mut sums);
        let (left, right) = sums.split_at(HALF);
        add_both(d_bias, left, right);
        let mut d_weights = std::mem::replace(&mut self.d_weights, Aligned::zeros(0));
        if d_weights.is_empty() {
            d_weights = Aligned::zeros(self.weights.len());
        }
        d_weights.fill(0.0);
        gemm_transposed(s, self.windows(samples, input), d_output, outputs, LANES, &mut d_weights);
        for (sum, [left, right]) in d_weight.chunks_exact_mut(LANES).zip(halves(conv)) {
            add_both(sum, &d_weights[left..][..HALF], &d_weights[right..][..HALF]);
        }
        self.d_weights = d_weights;
    }
}

/// Where the weights of each input of a window stand among those of pairs: for the left pixel and for the
/// right one.
fn halves(conv: &Conv2d) -> impl Iterator<Item = [usize; 2]> {
    let channels = conv.input.shape.channels;
    let (line, step) = (conv.kernel.1 * channels, conv.stride * channels);
    (0..conv.inputs()).map(move |i| {
        let left = i / line * (line + step) + i % line;
        [left * LANES, (left + step) * LANES + HALF]
    })
}

fn add_both(sums: &mut [f32], left: &[f32], right: &[f32]) {
    sums.iter_mut().zip(left).zip(right).for_each(|((sum, a), b)| *sum += a + b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};
    use crate::rng::Rng;
    use crate::shape::{Grid, Shape};

    const SAMPLES: usize = 3;

    /// The output and all gradients of a convolution of `values`.
    struct All<'a>(Conv2d, [&'a [f32]; 4]);

    impl Task for All<'_> {
        type Output = [Vec<f32>; 4];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [Vec<f32>; 4] {
            let Self(conv, [values, weight, bias, d_values]) = self;
            let outputs = conv.output.shape.channels;
            let rows = |from: &[f32]| {
                let mut to = vec![0.0; from.len() / outputs * LANES];
                let rows = to.chunks_exact_mut(LANES).zip(from.chunks_exact(outputs));
                rows.for_each(|(to, from)| to[..outputs].copy_from_slice(from));
                to
            };
            let input = conv.input.filled(SAMPLES, values);
            let d_output = conv.output.filled(SAMPLES, d_values);
            let (weight, bias) = (rows(weight), rows(bias));
            let [mut output, mut d_input] =
                [conv.output, conv.input].map(|grid| vec![7.0; SAMPLES * grid.sample()]);
            let (mut d_weight, mut d_bias) = (vec![0.5; weight.len()], vec![0.0; LANES]);
            let mut transposed = vec![0.0; conv.transposed_len()];
            let mut places = conv.places(SAMPLES);
            conv.prepare(s, &weight, &mut places);
            conv.forward(s, (&weight, &bias), &mut places, SAMPLES, &input, &mut output);
            let params = (&mut d_weight[..], &mut d_bias[..]);
            conv.backward_params(s, &mut places, SAMPLES, &input, &d_output, params);
            // A network's first layer has no use for it.
            if conv.input.pitch.is_multiple_of(LANES) {
                conv.transpose(&weight, &mut transposed);
                conv.backward_input(s, &transposed, &mut places, SAMPLES, &d_output, &mut d_input);
            }
            let output = conv.output.values(SAMPLES, &output);
            [output, conv.input.values(SAMPLES, &d_input), d_weight, d_bias]
        }
    }

    #[test]
    fn pairs_of_pixels_are_what_pixels_are_alone() {
        let mut rng = Rng::new(2, &[]);
        for round in 0..60 {
            let mut below = |n: u32| rng.below(n) as usize;
            // The first is that of LeNet-5.
            let (kernel, stride, pad, [inputs, outputs]) = match round {
                0 => ((5, 5), 1, 2, [1, 6]),
                _ => {
                    let kernel = (1 + below(5), 1 + below(5));
                    let pad = below(kernel.0.min(kernel.1) as u32);
                    (kernel, 1 + below(3), pad, [1 + below(20), 1 + below(8)])
                }
            };
            let (height, width) = (1 + below(6), 2 + 2 * below(4));
            let input = Shape {
                height: ((height - 1) * stride + kernel.0).saturating_sub(2 * pad).max(1),
                width: ((width - 1) * stride + kernel.1).saturating_sub(2 * pad).max(1),
                channels: inputs,
            };
            let Some((height, width)) = Conv2d::output_size(input, kernel, stride, pad) else {
                continue;
            };
            let output = Shape { height, width, channels: outputs };
            let Some(halves) = Grid::of_pairs(output) else { continue };
            let mut noise = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.normal()).collect() };
            let (values, d_values) =
                (noise(SAMPLES * input.values()), noise(SAMPLES * output.values()));
            let (weight, bias) = (noise(kernel.0 * kernel.1 * inputs * outputs), noise(outputs));
            for kernels in Kernel::available() {
                let [pairs, alone] = [halves, Grid::of(output, 0)].map(|output| {
                    // As the first layer of a network, or a later one.
                    let input = match inputs {
                        1 => Grid::of_input(input, pad),
                        _ => Grid::of(input, pad),
                    };
                    let conv = Conv2d { input, output, kernel, stride, pad };
                    kernels.run(All(conv, [&values, &weight, &bias, &d_values]))
                });
                assert!(pairs[0] == alone[0], "{} changes bits", kernels.name());
                for (pairs, alone) in pairs.iter().zip(&alone) {
                    assert_eq!(pairs.len(), alone.len());
                    for (a, b) in pairs.iter().zip(alone) {
                        let name = kernels.name();
                        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a}, not {b}: {name}");
                    }
                }
            }
        }
    }
}

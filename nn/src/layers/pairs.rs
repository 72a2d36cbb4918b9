//! A convolution with few outputs, two pixels of a row at a time.
//!
//! A pixel of up to 8 channels is half a vector. Two side by side are one pixel of 16 channels, whose
//! window is wider by the stride, with zeros in either half for what is only in the window of the
//! other: where windows are 5 x 5, 30 products for two pixels in the place of 50.

use super::conv2d::{Conv2d, add_rows};
use crate::aligned::Aligned;
use crate::gemm::{Gathered, gemm_transposed};
use crate::kernel::{LANES, Simd};
use crate::shape::HALF;

/// What [`Conv2d`] has places for, by pairs of pixels.
#[derive(Clone)]
pub(crate) struct Pairs {
    /// Every value of a window, from its beginning.
    pub inputs: Vec<u32>,
    /// A row for each of `inputs`, the weights of either pixel side by side.
    pub weights: Aligned,
    /// Their gradient.
    d_weights: Aligned,
}

impl Pairs {
    pub fn new(conv: &Conv2d) -> Self {
        let (input, channels) = (conv.input, conv.input.shape.channels);
        let pixel = |x: usize| (0..channels).map(move |channel| x * input.pitch + channel);
        let line: Vec<usize> = (0..conv.kernel.1 + conv.stride).flat_map(pixel).collect();
        let inputs: Vec<u32> = (0..conv.kernel.0)
            .flat_map(|y| line.iter().map(move |at| (y * input.row() + at) as u32))
            .collect();
        Self { weights: Aligned::zeros(inputs.len() * LANES), d_weights: Aligned::zeros(0), inputs }
    }

    /// As [`Conv2d::prepare`].
    pub fn prepare(&mut self, conv: &Conv2d, weight: &[f32]) {
        for (weight, halves) in weight.chunks_exact(LANES).zip(halves(conv)) {
            for at in halves {
                self.weights[at..][..HALF].copy_from_slice(&weight[..HALF]);
            }
        }
    }

    /// As [`Conv2d::backward_params`]: the biases take part in `all` pairs, the weights in those whose
    /// windows are given with what comes of them.
    #[inline(always)]
    pub fn backward_params<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        (all, [rows, outputs]): (&[u32], [&[u32]; 2]),
        (input, d_output): (&[f32], &[f32]),
        (d_weight, d_bias): (&mut [f32], &mut [f32]),
    ) {
        let mut sums = [0.0; LANES];
        add_rows(s, d_output, all, &mut sums);
        let (left, right) = sums.split_at(HALF);
        add_both(d_bias, left, right);
        let Self { inputs, d_weights, weights } = self;
        if d_weights.is_empty() {
            *d_weights = Aligned::zeros(weights.len());
        }
        d_weights.fill(0.0);
        let a = Gathered { values: input, rows, columns: inputs };
        gemm_transposed(s, a, d_output, outputs, LANES, d_weights);
        for (sum, [left, right]) in d_weight.chunks_exact_mut(LANES).zip(halves(conv)) {
            add_both(sum, &d_weights[left..][..HALF], &d_weights[right..][..HALF]);
        }
    }
}

/// The biases of two pixels.
pub(crate) fn twice(bias: &[f32]) -> [f32; LANES] {
    std::array::from_fn(|i| bias[i % HALF])
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

    /// The output and all gradients of a convolution of `values`; whether it looks for blank windows.
    struct All<'a>(Conv2d, bool, [&'a [f32]; 4]);

    impl Task for All<'_> {
        type Output = [Vec<f32>; 4];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [Vec<f32>; 4] {
            let Self(conv, looks, [values, weight, bias, d_values]) = self;
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
            if looks {
                conv.look_for_blanks(&mut places);
                conv.look(s, &mut places, SAMPLES, &input);
            }
            conv.forward(s, (&weight, &bias), &mut places, SAMPLES, &input, &mut output);
            let params = (&mut d_weight[..], &mut d_bias[..]);
            conv.backward_params(s, &mut places, SAMPLES, &input, &d_output, params);
            // A network's first layer has no use for it.
            if conv.input.pitch.is_multiple_of(HALF) {
                conv.transpose(&weight, &mut transposed);
                conv.backward_input(s, &transposed, &mut places, SAMPLES, &d_output, &mut d_input);
            }
            let output = conv.output.values(SAMPLES, &output);
            [output, conv.input.values(SAMPLES, &d_input), d_weight, d_bias]
        }
    }

    #[test]
    fn pairs_and_halves_are_what_whole_vectors_are() {
        let mut rng = Rng::new(2, &[]);
        for round in 0..60 {
            let mut below = |n: u32| rng.below(n) as usize;
            // The first is that of LeNet-5; in the second a single window is not blank.
            let (kernel, stride, pad, [inputs, outputs]) = match round {
                0 => ((5, 5), 1, 2, [1, 6]),
                1 => ((1, 1), 1, 0, [1, 6]),
                _ => {
                    let kernel = (1 + below(5), 1 + below(5));
                    let pad = below(kernel.0.min(kernel.1) as u32);
                    let inputs = if round % 3 == 0 { 1 } else { 1 + below(20) };
                    (kernel, 1 + below(3), pad, [inputs, 1 + below(8)])
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
            let (mut values, d_values) =
                (noise(SAMPLES * input.values()), noise(SAMPLES * output.values()));
            let (weight, bias) = (noise(kernel.0 * kernel.1 * inputs * outputs), noise(outputs));
            if inputs == 1 {
                // Mostly blank, as pictures are.
                values.iter_mut().filter(|_| rng.below(16) > 0).for_each(|value| *value = 0.0);
            }
            if round == 1 {
                values.fill(0.0);
                values[0] = 0.3;
            }
            for kernels in Kernel::available() {
                let looked = |looks, input, output| {
                    let conv = Conv2d { input, output, kernel, stride, pad };
                    kernels.run(All(conv, looks, [&values, &weight, &bias, &d_values]))
                };
                let all = |input, output| looked(false, input, output);
                // As the first layer of a network, or a later one.
                let whole = match inputs {
                    1 => Grid::of_input(input, pad),
                    _ => Grid::of(input, pad),
                };
                let alone = all(whole, Grid::of(output, 0));
                if inputs == 1 {
                    for output in [halves, Grid::of(output, 0)] {
                        let same = looked(true, whole, output) == all(whole, output);
                        assert!(same, "{}: blank windows change bits", kernels.name());
                    }
                }
                let mut others = vec![all(whole, halves)];
                if let (Some(input), 2..) = (Grid::of_halves(input, pad), inputs) {
                    others.push(all(input, Grid::of(output, 0)));
                }
                for other in others {
                    assert!(other[0] == alone[0], "{} changes bits", kernels.name());
                    for (other, alone) in other.iter().zip(&alone) {
                        assert_eq!(other.len(), alone.len());
                        for (a, b) in other.iter().zip(alone) {
                            let name = kernels.name();
                            assert!(
                                (a - b).abs() <= 1e-4 * (1.0 + b.abs()),
                                "{a}, not {b}: {name}"
                            );
                        }
                    }
                }
            }
        }
    }
}

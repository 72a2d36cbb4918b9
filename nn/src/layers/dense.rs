//! Every output is a weighted sum of every input, plus a bias: `y = x W + b`.
//!
//! `W` is stored a row per input, `[inputs][padded(outputs)]`, so that a sparse input is a sum of
//! rows. Padding is 0 and stays 0: no gradient ever reaches it.

use crate::aligned::padded;
use crate::gemm::{Strided, gemm};
use crate::kernel::{LANES, Simd, vectors_mut};
use crate::rows;
use crate::sparse::{SparseMatrix, SparseRow};

/// Where a layer's input comes from: all samples of a batch, dense, or some rows of a sparse matrix.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// Sample `b` starts at `b * stride`.
    Dense { values: &'a [f32], stride: usize },
    /// Sample `b` is row `rows[b]`.
    Sparse { matrix: &'a SparseMatrix, rows: &'a [u32] },
}

/// The shape of one dense layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dense {
    pub inputs: usize,
    pub outputs: usize,
}

impl Dense {
    pub fn stride(&self) -> usize {
        padded(self.outputs)
    }

    fn check(&self, weight: &[f32], bias: &[f32], input: &Source, samples: usize) {
        let stride = self.stride();
        assert!(weight.len() == self.inputs * stride && bias.len() == stride, "dense: parameters");
        match input {
            Source::Dense { values, stride } => {
                assert!(*stride >= self.inputs && values.len() >= samples * stride, "dense: input");
            }
            Source::Sparse { matrix, rows } => {
                assert!(matrix.columns() == self.inputs && rows.len() == samples, "dense: input");
            }
        }
    }

    /// `output[samples][stride] = input * weight + bias`.
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        s: S,
        weight: &[f32],
        bias: &[f32],
        input: Source,
        samples: usize,
        output: &mut [f32],
    ) {
        self.check(weight, bias, &input, samples);
        let stride = self.stride();
        let output = &mut output[..samples * stride];
        match input {
            Source::Sparse { matrix, rows } => {
                for (out, &r) in output.chunks_exact_mut(stride).zip(rows) {
                    // SAFETY: indices are below `columns`, which is `inputs` (checked), and
                    // `weight`, `bias` and `out` have rows of `stride`.
                    unsafe {
                        rows::sum_rows(
                            s,
                            weight.as_ptr(),
                            stride,
                            matrix.row(r as usize),
                            bias.as_ptr(),
                            1.0,
                            out.as_mut_ptr(),
                        );
                    }
                }
            }
            Source::Dense { values, stride: row } => {
                for out in output.chunks_exact_mut(stride) {
                    out.copy_from_slice(bias);
                }
                let x = Strided { values, row, column: 1 };
                gemm(s, (samples, stride, self.inputs), x, weight, output, true);
            }
        }
    }

    /// Adds the gradients of the parameters: `d_weight += input^T * d_output` and
    /// `d_bias += sum of d_output`.
    #[inline(always)]
    pub fn backward_params<S: Simd>(
        &self,
        s: S,
        input: Source,
        samples: usize,
        d_output: &[f32],
        d_weight: &mut [f32],
        d_bias: &mut [f32],
    ) {
        self.check(d_weight, d_bias, &input, samples);
        let stride = self.stride();
        let d_output = &d_output[..samples * stride];
        for d in d_output.chunks_exact(stride) {
            d_bias.iter_mut().zip(d).for_each(|(sum, d)| *sum += d);
        }
        match input {
            Source::Sparse { matrix, rows } => {
                for (d, &r) in d_output.chunks_exact(stride).zip(rows) {
                    // SAFETY: as in `forward`.
                    unsafe {
                        let row = matrix.row(r as usize);
                        rows::add_to_rows(s, d_weight.as_mut_ptr(), stride, row, d.as_ptr());
                    }
                }
            }
            Source::Dense { values, stride: row } => {
                let x = Strided { values, row: 1, column: row };
                gemm(s, (self.inputs, stride, samples), x, d_output, d_weight, true);
            }
        }
    }

    /// `d_input[samples][padded(inputs)] = d_output * weight^T`, from the transposed weights.
    #[inline(always)]
    pub fn backward_input<S: Simd>(
        &self,
        s: S,
        transposed: &[f32],
        samples: usize,
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        let d = Strided { values: d_output, row: self.stride(), column: 1 };
        gemm(s, (samples, padded(self.inputs), self.outputs), d, transposed, d_input, false);
    }

    /// `transposed[outputs][padded(inputs)]` from `weight[inputs][padded(outputs)]`.
    pub fn transpose(&self, weight: &[f32], transposed: &mut [f32]) {
        let (from, to) = (self.stride(), padded(self.inputs));
        // In squares of a vector's side, so that both sides of the copy stay in cache.
        for first in (0..self.inputs).step_by(LANES) {
            for first_output in (0..self.outputs).step_by(LANES) {
                for i in first..self.inputs.min(first + LANES) {
                    for j in first_output..self.outputs.min(first_output + LANES) {
                        transposed[j * to + i] = weight[i * from + j];
                    }
                }
            }
        }
    }

    /// Forward for one sample whose weights are `scale * weight`.
    #[inline(always)]
    pub fn forward_row<S: Simd>(
        &self,
        s: S,
        weight: &[f32],
        bias: &[f32],
        scale: f32,
        input: SparseRow,
        output: &mut [f32],
    ) {
        let stride = self.stride();
        assert!(weight.len() == self.inputs * stride && output.len() >= stride);
        // SAFETY: the caller's `input` has indices below `inputs`; lengths as asserted, which
        // `Network` guarantees by construction.
        unsafe {
            let (weight, bias) = (weight.as_ptr(), bias.as_ptr());
            rows::sum_rows(s, weight, stride, input, bias, scale, output.as_mut_ptr());
        }
    }

    /// `d_input = scale * weight * d_output` for one sample, then one step of SGD. The weights
    /// are `scale * weight` before it and `decayed * weight` after it. `d_output` is used up.
    #[inline(always)]
    pub fn backward_row<S: Simd>(
        &self,
        s: S,
        (weight, bias): (&mut [f32], &mut [f32]),
        (scale, decayed, rate): (f32, f32, f32),
        input: SparseRow,
        d_output: &mut [f32],
        d_input: Option<&mut [f32]>,
    ) {
        let stride = self.stride();
        assert!(weight.len() == self.inputs * stride && d_output.len() >= stride);
        // SAFETY: as in `forward_row`.
        unsafe {
            if let Some(d_input) = d_input {
                let (w, d) = (weight.as_ptr(), d_output.as_ptr());
                rows::rows_times(s, w, stride, self.inputs, scale, d, d_input.as_mut_ptr());
            }
            // Vectors throughout: a vector load of what was just stored in smaller pieces would
            // have to wait until all earlier stores are done.
            let (rate, step) = (s.splat(-rate), s.splat(-rate / decayed));
            for (b, d) in vectors_mut(bias).iter_mut().zip(vectors_mut(d_output)) {
                let v = s.get(d);
                s.put(b, s.mul_add(rate, v, s.get(b)));
                s.put(d, s.mul(step, v));
            }
            rows::add_to_rows(s, weight.as_mut_ptr(), stride, input, d_output.as_ptr());
        }
    }
}

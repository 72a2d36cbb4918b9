//! Every output is a weighted sum of every input, plus a bias: `y = x W + b`.
//!
//! Here for inputs that are mostly zero, where the product is a sum of rows, and for one sample at
//! a time; batches of dense inputs are the work of [`Conv2d`](super::conv2d::Conv2d).
//!
//! `W` is stored a row per input, `[inputs][padded(outputs)]`. Padding is 0 and stays 0: no
//! gradient ever reaches it.

use super::conv2d::add_rows;
use crate::aligned::padded;
use crate::kernel::{Simd, vectors_mut};
use crate::rows;
use crate::sparse::{SparseMatrix, SparseRow};

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

    /// `output[samples][stride] = input * weight + bias`; sample `b` is row `rows[b]` of the matrix.
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        s: S,
        (weight, bias): (&[f32], &[f32]),
        (matrix, rows): (&SparseMatrix, &[u32]),
        output: &mut [f32],
    ) {
        for (out, &row) in output.chunks_exact_mut(self.stride()).zip(rows) {
            self.forward_row(s, weight, bias, 1.0, matrix.row(row as usize), out);
        }
    }

    /// Adds the gradients of the parameters: `d_weight += input^T * d_output` and
    /// `d_bias += sum of d_output`.
    #[inline(always)]
    pub fn backward_params<S: Simd>(
        &self,
        s: S,
        (matrix, rows): (&SparseMatrix, &[u32]),
        d_output: &[f32],
        (d_weight, d_bias): (&mut [f32], &mut [f32]),
    ) {
        let stride = self.stride();
        assert!(d_weight.len() == self.inputs * stride && matrix.columns() == self.inputs);
        for (d, &row) in d_output.chunks_exact(stride).zip(rows) {
            // SAFETY: indices are below `columns`, which is `inputs`, and rows are of `stride`.
            unsafe {
                let row = matrix.row(row as usize);
                rows::add_to_rows(s, d_weight.as_mut_ptr(), stride, row, d.as_ptr());
            }
            add_rows(s, d, &[0], d_bias);
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

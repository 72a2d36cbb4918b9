//! Products with the rows of a weight matrix: what a dense layer does with one sample.
//!
//! A weight matrix has a row per input, padded with zeros to whole vectors. For an input with few
//! values the product is a sum of a few rows, and the update of the weights an addition to them.

use crate::kernel::{LANES, Simd};
use crate::sparse::SparseRow;

/// Rows done at a time where they do not depend on each other.
const UNROLL: usize = 4;
/// The same where each row is also stored: longer runs of stores fill the store queue.
const STEP: usize = 4;

/// `out = start + sum of value[i] * rows[index[i]]`; even and odd entries are summed apart.
///
/// # Safety
/// `rows` holds `stride` floats for every index; `start` and `out` hold `stride`, a multiple of
/// [`LANES`].
#[inline(always)]
pub(crate) unsafe fn sum_rows<S: Simd>(
    s: S,
    rows: *const f32,
    stride: usize,
    row: SparseRow,
    start: *const f32,
    scale: f32,
    out: *mut f32,
) {
    let mut column = 0;
    // SAFETY: `column + N * LANES <= stride` throughout, and the caller vouches for the rest.
    unsafe {
        while column < stride {
            let (rows, start, out) = (rows.add(column), start.add(column), out.add(column));
            column += match ((stride - column) / LANES, row.values.is_empty()) {
                (1, true) => sum_block::<S, 1, true>(s, rows, stride, row, start, scale, out),
                (1, false) => sum_block::<S, 1, false>(s, rows, stride, row, start, scale, out),
                (2 | 3, true) => sum_block::<S, 2, true>(s, rows, stride, row, start, scale, out),
                (2 | 3, false) => sum_block::<S, 2, false>(s, rows, stride, row, start, scale, out),
                (_, true) => sum_block::<S, 4, true>(s, rows, stride, row, start, scale, out),
                (_, false) => sum_block::<S, 4, false>(s, rows, stride, row, start, scale, out),
            } * LANES;
        }
    }
}

/// The first `N` vectors of [`sum_rows`]; they stay in registers. `ONES`: there are no values.
///
/// # Safety
/// As [`sum_rows`].
#[inline(always)]
unsafe fn sum_block<S: Simd, const N: usize, const ONES: bool>(
    s: S,
    rows: *const f32,
    stride: usize,
    SparseRow { indices, values }: SparseRow,
    start: *const f32,
    scale: f32,
    out: *mut f32,
) -> usize {
    // SAFETY: the caller vouches for `indices`, for as many `values` unless there are none, and
    // for N vectors in each row.
    unsafe {
        let mut sums = [[s.splat(0.0); N]; 2];
        let plus_row = |sum: &mut [S::V; N], i: usize| {
            let row = rows.add(usize::from(*indices.get_unchecked(i)) * stride);
            if ONES {
                *sum = std::array::from_fn(|n| s.add(sum[n], s.load(row.add(n * LANES))));
            } else {
                let value = s.splat(*values.get_unchecked(i));
                *sum =
                    std::array::from_fn(|n| s.mul_add(value, s.load(row.add(n * LANES)), sum[n]));
            }
        };
        let mut i = 0;
        while i + UNROLL <= indices.len() {
            for k in 0..UNROLL {
                plus_row(&mut sums[k % 2], i + k);
            }
            i += UNROLL;
        }
        // What is left, without a computed index into `sums`, which would put it into memory.
        if i + 2 <= indices.len() {
            plus_row(&mut sums[0], i);
            plus_row(&mut sums[1], i + 1);
            i += 2;
        }
        if i < indices.len() {
            plus_row(&mut sums[0], i);
        }
        let scale = s.splat(scale);
        let [even, odd] = sums;
        for (n, (even, odd)) in even.into_iter().zip(odd).enumerate() {
            let sum = s.add(even, odd);
            s.store(out.add(n * LANES), s.mul_add(scale, sum, s.load(start.add(n * LANES))));
        }
    }
    N
}

/// `rows[index[i]] += value[i] * delta` for each entry.
///
/// # Safety
/// `rows` holds `stride` floats for every index and may be written; `delta` holds `stride`, a
/// multiple of [`LANES`].
#[inline(always)]
pub(crate) unsafe fn add_to_rows<S: Simd>(
    s: S,
    rows: *mut f32,
    stride: usize,
    row: SparseRow,
    delta: *const f32,
) {
    let mut column = 0;
    // SAFETY: `column + N * LANES <= stride` throughout, and the caller vouches for the rest.
    unsafe {
        while column < stride {
            let (rows, delta) = (rows.add(column), delta.add(column));
            column += match ((stride - column) / LANES, row.values.is_empty()) {
                (1, true) => add_block::<S, 1, true>(s, rows, stride, row, delta),
                (1, false) => add_block::<S, 1, false>(s, rows, stride, row, delta),
                (2 | 3, true) => add_block::<S, 2, true>(s, rows, stride, row, delta),
                (2 | 3, false) => add_block::<S, 2, false>(s, rows, stride, row, delta),
                (_, true) => add_block::<S, 4, true>(s, rows, stride, row, delta),
                (_, false) => add_block::<S, 4, false>(s, rows, stride, row, delta),
            } * LANES;
        }
    }
}

/// The first `N` vectors of [`add_to_rows`]. `ONES`: there are no values.
///
/// # Safety
/// As [`add_to_rows`].
#[inline(always)]
unsafe fn add_block<S: Simd, const N: usize, const ONES: bool>(
    s: S,
    rows: *mut f32,
    stride: usize,
    SparseRow { indices, values }: SparseRow,
    delta: *const f32,
) -> usize {
    // SAFETY: the caller vouches for `indices`, for as many `values` unless there are none, and
    // for N vectors in each row.
    unsafe {
        let delta: [S::V; N] = std::array::from_fn(|n| s.load(delta.add(n * LANES)));
        let at = |i: usize| rows.add(usize::from(*indices.get_unchecked(i)) * stride);
        let summed = |i: usize, row: *mut f32| -> [S::V; N] {
            if ONES {
                std::array::from_fn(|n| s.add(s.load(row.add(n * LANES)), delta[n]))
            } else {
                let value = s.splat(*values.get_unchecked(i));
                std::array::from_fn(|n| s.mul_add(value, delta[n], s.load(row.add(n * LANES))))
            }
        };
        let store = |row: *mut f32, sums: [S::V; N]| {
            for (n, sum) in sums.into_iter().enumerate() {
                s.store(row.add(n * LANES), sum);
            }
        };
        let mut i = 0;
        // Loads before stores: a row occurs only once in `indices`.
        while i + STEP <= indices.len() {
            let rows: [*mut f32; STEP] = std::array::from_fn(|k| at(i + k));
            let sums: [_; STEP] = std::array::from_fn(|k| summed(i + k, rows[k]));
            for (row, sums) in rows.into_iter().zip(sums) {
                store(row, sums);
            }
            i += STEP;
        }
        for i in i..indices.len() {
            store(at(i), summed(i, at(i)));
        }
    }
    N
}

/// `out[i]` = `scale` times the product of row `i` with `delta`, for `count` rows; `out` holds `count` rounded
/// up to whole vectors, and what is beyond `count` becomes 0.
///
/// # Safety
/// `rows` holds `count * stride` floats, `delta` holds `stride`, a multiple of [`LANES`].
#[inline(always)]
pub(crate) unsafe fn rows_times<S: Simd>(
    s: S,
    rows: *const f32,
    stride: usize,
    count: usize,
    scale: f32,
    delta: *const f32,
    out: *mut f32,
) {
    // SAFETY: rows up to `count` and columns up to `stride` only.
    unsafe {
        for first in (0..count).step_by(LANES) {
            let mut sums = [s.splat(0.0); LANES];
            for (i, sum) in sums.iter_mut().enumerate().take(count - first) {
                let row = rows.add((first + i) * stride);
                *sum = s.mul(s.load(row), s.load(delta));
                for column in (LANES..stride).step_by(LANES) {
                    *sum = s.mul_add(s.load(row.add(column)), s.load(delta.add(column)), *sum);
                }
            }
            s.store(out.add(first), s.mul(s.splat(scale), s.sum_each(sums)));
        }
    }
}

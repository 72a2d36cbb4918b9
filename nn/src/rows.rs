//! Products with the rows of a weight matrix: what a dense layer does with one sample.
//!
//! A weight matrix has a row per input, padded with zeros to whole vectors. For an input with few
//! values the product is a sum of a few rows, and the update of the weights an addition to them.

// Vectors are indexed by number throughout.
#![allow(clippy::needless_range_loop)]

use crate::kernel::{LANES, Simd};
use crate::sparse::SparseRow;

/// Rows done at a time where they do not depend on each other.
const UNROLL: usize = 4;

/// `out = start + sum of value[i] * rows[index[i]]`; every fourth entry goes to the same sum, since
/// an addition waits for the one before it.
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
        // Loops, not closures: a closure that is not inlined has not the caller's instructions.
        let mut sums = [[s.splat(0.0); N]; 4];
        let mut i = 0;
        while i + 4 <= indices.len() {
            for (k, sums) in sums.iter_mut().enumerate() {
                plus_row::<S, N, ONES>(s, sums, rows, stride, indices, values, i + k);
            }
            i += 4;
        }
        for (k, sums) in sums.iter_mut().enumerate().take(indices.len() - i) {
            plus_row::<S, N, ONES>(s, sums, rows, stride, indices, values, i + k);
        }
        let scale = s.splat(scale);
        for n in 0..N {
            let sum = s.total([sums[0][n], sums[1][n], sums[2][n], sums[3][n]]);
            s.store(out.add(n * LANES), s.mul_add(scale, sum, s.load(start.add(n * LANES))));
        }
    }
    N
}

/// `sums += value[i] * rows[index[i]]`.
///
/// # Safety
/// As [`sum_rows`], and there is an entry `i`.
#[inline(always)]
unsafe fn plus_row<S: Simd, const N: usize, const ONES: bool>(
    s: S,
    sums: &mut [S::V; N],
    rows: *const f32,
    stride: usize,
    indices: &[u16],
    values: &[f32],
    i: usize,
) {
    // SAFETY: the caller vouches for the entry and for N vectors in its row.
    unsafe {
        let row = rows.add(usize::from(*indices.get_unchecked(i)) * stride);
        let value = s.splat(if ONES { 1.0 } else { *values.get_unchecked(i) });
        for (n, sum) in sums.iter_mut().enumerate() {
            let weight = s.load(row.add(n * LANES));
            *sum = if ONES { s.add(*sum, weight) } else { s.mul_add(value, weight, *sum) };
        }
    }
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
        let mut step = [s.splat(0.0); N];
        for n in 0..N {
            step[n] = s.load(delta.add(n * LANES));
        }
        let mut i = 0;
        while i + UNROLL <= indices.len() {
            add_some::<S, N, UNROLL, ONES>(s, rows, stride, indices, values, i, step);
            i += UNROLL;
        }
        for i in i..indices.len() {
            add_some::<S, N, 1, ONES>(s, rows, stride, indices, values, i, step);
        }
    }
    N
}

/// [`add_block`] for the `K` entries from `i` on.
///
/// # Safety
/// As [`add_block`], and there are the entries.
#[inline(always)]
unsafe fn add_some<S: Simd, const N: usize, const K: usize, const ONES: bool>(
    s: S,
    rows: *mut f32,
    stride: usize,
    indices: &[u16],
    values: &[f32],
    i: usize,
    step: [S::V; N],
) {
    // SAFETY: the caller vouches for the entries and for N vectors in their rows.
    unsafe {
        // All loads before all stores: a row occurs only once in `indices`.
        let (mut at, mut sums) = ([rows; K], [[s.splat(0.0); N]; K]);
        for k in 0..K {
            at[k] = rows.add(usize::from(*indices.get_unchecked(i + k)) * stride);
            let value = s.splat(if ONES { 1.0 } else { *values.get_unchecked(i + k) });
            for n in 0..N {
                let weight = s.load(at[k].add(n * LANES));
                sums[k][n] =
                    if ONES { s.add(weight, step[n]) } else { s.mul_add(value, step[n], weight) };
            }
        }
        for k in 0..K {
            for n in 0..N {
                s.store(at[k].add(n * LANES), sums[k][n]);
            }
        }
    }
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

//! Products with the rows of a weight matrix: what a dense layer does with one sample.
//!
//! A weight matrix has a row per input, padded with zeros to whole vectors. For an input with few
//! values the product is a sum of a few rows, and the update of the weights an addition to them.

use crate::kernel::{LANES, Simd};
use crate::sparse::SparseRow;

/// Columns of a matrix are done in blocks of at most this many vectors, which stay in registers.
const BLOCK: usize = 4;
/// Rows done at a time where they do not depend on each other.
const UNROLL: usize = 4;

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
            column += match (stride - column) / LANES {
                1 => sum_block::<S, 1>(s, rows, stride, row, start, scale, out),
                2 | 3 => sum_block::<S, 2>(s, rows, stride, row, start, scale, out),
                _ => sum_block::<S, BLOCK>(s, rows, stride, row, start, scale, out),
            } * LANES;
        }
    }
}

/// # Safety
/// As [`sum_rows`], with `N` vectors from the given column on.
#[inline(always)]
unsafe fn sum_block<S: Simd, const N: usize>(
    s: S,
    rows: *const f32,
    stride: usize,
    SparseRow { indices, values }: SparseRow,
    start: *const f32,
    scale: f32,
    out: *mut f32,
) -> usize {
    // SAFETY: the caller vouches for `indices` and for N vectors in each row.
    unsafe {
        let mut sums = [[s.splat(0.0); N]; 2];
        let at = |i: usize, n: usize| {
            rows.add(usize::from(*indices.get_unchecked(i)) * stride + n * LANES)
        };
        if values.is_empty() {
            let mut i = 0;
            while i + 4 <= indices.len() {
                for (k, part) in [0, 1, 0, 1].into_iter().enumerate() {
                    for n in 0..N {
                        sums[part][n] = s.add(sums[part][n], s.load(at(i + k, n)));
                    }
                }
                i += 4;
            }
            while i < indices.len() {
                for n in 0..N {
                    sums[i % 2][n] = s.add(sums[i % 2][n], s.load(at(i, n)));
                }
                i += 1;
            }
        } else {
            let mut i = 0;
            while i + 2 <= indices.len() {
                for part in 0..2 {
                    let value = s.splat(*values.get_unchecked(i + part));
                    for n in 0..N {
                        sums[part][n] = s.mul_add(value, s.load(at(i + part, n)), sums[part][n]);
                    }
                }
                i += 2;
            }
            if i < indices.len() {
                let value = s.splat(*values.get_unchecked(i));
                for n in 0..N {
                    sums[0][n] = s.mul_add(value, s.load(at(i, n)), sums[0][n]);
                }
            }
        }
        let scale = s.splat(scale);
        for n in 0..N {
            let sum = s.add(sums[0][n], sums[1][n]);
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
            column += match (stride - column) / LANES {
                1 => add_block::<S, 1>(s, rows, stride, row, delta),
                2 | 3 => add_block::<S, 2>(s, rows, stride, row, delta),
                _ => add_block::<S, BLOCK>(s, rows, stride, row, delta),
            } * LANES;
        }
    }
}

/// # Safety
/// As [`add_to_rows`], with `N` vectors from the given column on.
#[inline(always)]
unsafe fn add_block<S: Simd, const N: usize>(
    s: S,
    rows: *mut f32,
    stride: usize,
    SparseRow { indices, values }: SparseRow,
    delta: *const f32,
) -> usize {
    // SAFETY: the caller vouches for `indices` and for N vectors in each row.
    unsafe {
        let delta: [S::V; N] = std::array::from_fn(|n| s.load(delta.add(n * LANES)));
        let at = |i: usize| rows.add(usize::from(*indices.get_unchecked(i)) * stride);
        let mut i = 0;
        // Four rows at a time, all loads before all stores: a row occurs only once in `indices`.
        while i + UNROLL <= indices.len() {
            let rows: [*mut f32; UNROLL] = std::array::from_fn(|k| at(i + k));
            let sums = rows.map(|row| std::array::from_fn::<_, N, _>(|n| s.load(row.add(n * LANES))));
            for (k, (row, sum)) in rows.into_iter().zip(sums).enumerate() {
                for n in 0..N {
                    let sum = match values.get(i + k) {
                        None => s.add(sum[n], delta[n]),
                        Some(&value) => s.mul_add(s.splat(value), delta[n], sum[n]),
                    };
                    s.store(row.add(n * LANES), sum);
                }
            }
            i += UNROLL;
        }
        while i < indices.len() {
            let row = at(i);
            for n in 0..N {
                let sum = s.load(row.add(n * LANES));
                let sum = match values.get(i) {
                    None => s.add(sum, delta[n]),
                    Some(&value) => s.mul_add(s.splat(value), delta[n], sum),
                };
                s.store(row.add(n * LANES), sum);
            }
            i += 1;
        }
    }
    N
}

/// `out[i]` = the product of row `i` with `delta`, for `count` rows; `out` holds `count` rounded
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
            s.store(out.add(first), s.sum_each(sums));
        }
    }
}

//! The matrix products of convolutions and dense layers.
//!
//! The rows of a matrix need not be evenly spaced: they are given as a list of places. So a
//! convolution is a product without a copy of its windows ("implicit im2col"): with channels last a
//! window is a few pieces of memory, at the same distances in every window.
//!
//! Every element of the result is one chain of multiply-adds in the order of `k`, whatever the
//! tile it falls into: no size and no instruction set with FMA changes a bit of it. Single-threaded.

// Tiles are indexed by number throughout, as in the formula.
#![allow(clippy::needless_range_loop)]

use crate::kernel::{LANES, Simd};

/// Terms of a sum after which the tile moves on, so that its part of `b` stays in the first cache.
const BLOCK: usize = 256;
/// Rows that are summed up at a time in [`gemm_transposed`], likewise.
const ROW_BLOCK: usize = 128;

/// The left-hand matrix. Row `m` consists of the `len` floats from `rows[m] + pieces[0]` on, then
/// the `len` floats from `rows[m] + pieces[1]` on, and so forth. Both lists ascend.
#[derive(Clone, Copy)]
pub(crate) struct Gathered<'a> {
    pub values: &'a [f32],
    pub rows: &'a [u32],
    pub pieces: &'a [u32],
    pub len: usize,
}

/// What a sum begins with.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// The same row for all: the bias.
    Row(&'a [f32]),
    /// What is there.
    Add,
}

impl Gathered<'_> {
    fn columns(&self) -> usize {
        self.pieces.len() * self.len
    }

    /// The end of what is read.
    fn end(&self) -> usize {
        let last = |list: &[u32]| list.last().map_or(0, |&at| at as usize);
        last(self.rows) + last(self.pieces) + self.len
    }

    fn check(&self, n: usize, right: &[f32], result: &[f32], result_rows: &[u32]) {
        let ascend = |list: &[u32]| list.is_sorted();
        debug_assert!(ascend(self.rows) && ascend(self.pieces) && ascend(result_rows));
        let end = result_rows.last().map_or(0, |&at| at as usize + n);
        assert!(
            n.is_multiple_of(LANES)
                && self.rows.len() == result_rows.len()
                && self.values.len() >= self.end()
                && right.len() >= self.columns() * n
                && result.len() >= end,
            "product of {} x {} with {n} columns: slices of {}, {} and {} are too short",
            self.rows.len(),
            self.columns(),
            self.values.len(),
            right.len(),
            result.len()
        );
    }
}

/// `c = start + a * b`: `b` is row-major with `n` columns, row `m` of `c` is the `n` floats from
/// `c_rows[m]` on, and `n` is a multiple of [`LANES`].
///
/// # Panics
/// If a slice is too short for its shape, or `n` is not whole vectors.
#[inline(always)]
pub(crate) fn gemm<S: Simd>(
    s: S,
    a: Gathered,
    b: &[f32],
    n: usize,
    c: &mut [f32],
    c_rows: &[u32],
    start: Start,
) {
    if a.rows.is_empty() {
        return;
    }
    a.check(n, b, c, c_rows);
    if let Start::Row(row) = start {
        assert!(row.len() >= n, "a bias of {} for {n} columns", row.len());
    }
    let mut k = 0;
    let pieces_at_once = (BLOCK / a.len.max(1)).max(1);
    for pieces in a.pieces.chunks(pieces_at_once) {
        for first in (0..a.len).step_by(BLOCK) {
            let len = BLOCK.min(a.len - first);
            let start = if k == 0 { start } else { Start::Add };
            let mut column = 0;
            while column < n {
                let wide = (n - column) / LANES >= 2;
                // SAFETY: `check`; rows, columns and terms stay within the shapes.
                unsafe {
                    let a = (a.values.as_ptr().add(first), a.rows, pieces, len);
                    let b = (b.as_ptr().add(k * n + column), n);
                    let c = (c.as_mut_ptr().add(column), c_rows);
                    let start = match start {
                        Start::Row(row) => row.as_ptr().add(column),
                        Start::Add => std::ptr::null(),
                    };
                    match (S::WIDE, wide) {
                        (true, true) => rows_of_tiles::<S, 12, 2>(s, a, b, c, start),
                        (true, false) => rows_of_tiles::<S, 12, 1>(s, a, b, c, start),
                        (false, true) => rows_of_tiles::<S, 3, 2>(s, a, b, c, start),
                        (false, false) => rows_of_tiles::<S, 6, 1>(s, a, b, c, start),
                    }
                }
                column += if wide { 2 * LANES } else { LANES };
            }
            k += pieces.len() * len;
        }
    }
}

type Left<'a> = (*const f32, &'a [u32], &'a [u32], usize);
type Right = (*const f32, usize);
type Result<'a> = (*mut f32, &'a [u32]);

/// All rows, `N` vectors wide, in tiles of `M` rows, then of 4, then of 1.
///
/// # Safety
/// As [`gemm`] checks; `start` is null or holds `N` vectors.
#[inline(always)]
unsafe fn rows_of_tiles<S: Simd, const M: usize, const N: usize>(
    s: S,
    (values, rows, pieces, len): Left,
    b: Right,
    (c, c_rows): Result,
    start: *const f32,
) {
    // SAFETY: the caller vouches for everything; `row` stays below the number of rows.
    unsafe {
        let mut row = 0;
        while row < rows.len() {
            let left = rows.len() - row;
            let (a, c) = ((values, &rows[row..], pieces, len), (c, &c_rows[row..]));
            row += if left >= M {
                tile::<S, M, N>(s, a, b, c, start)
            } else if left >= 4 {
                tile::<S, 4, N>(s, a, b, c, start)
            } else {
                tile::<S, 1, N>(s, a, b, c, start)
            };
        }
    }
}

/// # Safety
/// As [`gemm`] checks, for the first `M` rows and `N` vectors.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(
    s: S,
    (values, rows, pieces, len): Left,
    (mut b, n): Right,
    (c, c_rows): Result,
    start: *const f32,
) -> usize {
    // SAFETY: the caller vouches for the shapes.
    unsafe {
        // Loops, not closures: a closure that is not inlined has not the caller's instructions.
        let (mut a, mut to) = ([values; M], [c; M]);
        let mut sums = [[s.splat(0.0); N]; M];
        for i in 0..M {
            a[i] = values.add(*rows.get_unchecked(i) as usize);
            to[i] = c.add(*c_rows.get_unchecked(i) as usize);
            let start = if start.is_null() { to[i].cast_const() } else { start };
            for j in 0..N {
                sums[i][j] = s.load(start.add(j * LANES));
            }
        }
        for &piece in pieces {
            for p in piece as usize..piece as usize + len {
                let mut row = [s.splat(0.0); N];
                for j in 0..N {
                    row[j] = s.load(b.add(j * LANES));
                }
                for i in 0..M {
                    let x = s.splat(*a[i].add(p));
                    for j in 0..N {
                        sums[i][j] = s.mul_add(x, row[j], sums[i][j]);
                    }
                }
                b = b.wrapping_add(n);
            }
        }
        for i in 0..M {
            for j in 0..N {
                s.store(to[i].add(j * LANES), sums[i][j]);
            }
        }
    }
    M
}

/// `c += a^T * d`: row `m` of `d` is the `n` floats from `d_rows[m]` on; `c` is row-major, a row
/// for each column of `a`. The gradient of weights.
///
/// # Panics
/// As [`gemm`].
#[inline(always)]
pub(crate) fn gemm_transposed<S: Simd>(
    s: S,
    a: Gathered,
    d: &[f32],
    d_rows: &[u32],
    n: usize,
    c: &mut [f32],
) {
    if a.rows.is_empty() {
        return;
    }
    a.check(n, c, d, d_rows);
    for (rows, d_rows) in a.rows.chunks(ROW_BLOCK).zip(d_rows.chunks(ROW_BLOCK)) {
        let mut column = 0;
        while column < n {
            let wide = (n - column) / LANES >= 2;
            for (i, &piece) in a.pieces.iter().enumerate() {
                // SAFETY: `check`; rows, columns and terms stay within the shapes.
                unsafe {
                    let a = (a.values.as_ptr().add(piece as usize), rows, a.len);
                    let d = (d.as_ptr().add(column), d_rows);
                    let c = (c.as_mut_ptr().add(i * a.2 * n + column), n);
                    match (S::WIDE, wide) {
                        (true, true) => columns_of_tiles::<S, 12, 2>(s, a, d, c),
                        (true, false) => columns_of_tiles::<S, 12, 1>(s, a, d, c),
                        (false, true) => columns_of_tiles::<S, 3, 2>(s, a, d, c),
                        (false, false) => columns_of_tiles::<S, 6, 1>(s, a, d, c),
                    }
                }
            }
            column += if wide { 2 * LANES } else { LANES };
        }
    }
}

type Piece<'a> = (*const f32, &'a [u32], usize);
type Rows<'a> = (*const f32, &'a [u32]);

/// All columns of a piece of `a`, `N` vectors wide, `M` columns at a time, then 4, then 1.
///
/// # Safety
/// As [`gemm_transposed`] checks.
#[inline(always)]
unsafe fn columns_of_tiles<S: Simd, const M: usize, const N: usize>(
    s: S,
    (a, rows, len): Piece,
    d: Rows,
    (c, n): (*mut f32, usize),
) {
    // SAFETY: the caller vouches for everything; `k` stays below `len`.
    unsafe {
        let mut k = 0;
        while k < len {
            let (a, c) = ((a.add(k), rows), (c.add(k * n), n));
            k += if len - k >= M {
                tile_transposed::<S, M, N>(s, a, d, c)
            } else if len - k >= 4 {
                tile_transposed::<S, 4, N>(s, a, d, c)
            } else {
                tile_transposed::<S, 1, N>(s, a, d, c)
            };
        }
    }
}

/// # Safety
/// As [`gemm_transposed`] checks, for the first `M` columns of `a` and `N` vectors of `d`.
#[inline(always)]
unsafe fn tile_transposed<S: Simd, const M: usize, const N: usize>(
    s: S,
    (a, rows): Rows,
    (d, d_rows): Rows,
    (c, n): (*mut f32, usize),
) -> usize {
    // SAFETY: the caller vouches for the shapes; both lists are of one length.
    unsafe {
        let mut sums = [[s.splat(0.0); N]; M];
        for i in 0..M {
            for j in 0..N {
                sums[i][j] = s.load(c.add(i * n + j * LANES));
            }
        }
        for (&row, &d_row) in rows.iter().zip(d_rows) {
            let (a, d) = (a.add(row as usize), d.add(d_row as usize));
            let mut right = [s.splat(0.0); N];
            for j in 0..N {
                right[j] = s.load(d.add(j * LANES));
            }
            for i in 0..M {
                let x = s.splat(*a.add(i));
                for j in 0..N {
                    sums[i][j] = s.mul_add(x, right[j], sums[i][j]);
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                s.store(c.add(i * n + j * LANES), sums[i][j]);
            }
        }
    }
    M
}

#[cfg(test)]
mod tests;

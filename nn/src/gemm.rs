//! The matrix products of convolutions and dense layers.
//!
//! Neither rows nor columns of the left-hand matrix need be evenly spaced: both are lists of places.
//! So a convolution is a product without a copy of its windows ("implicit im2col").
//!
//! Every element of the result is one chain of multiply-adds in the order of `k`, whatever the
//! tile it falls into: no size and no instruction set with FMA changes a bit of it. Only a product
//! with a single row, which would spend its time waiting for that chain, has four of them for every
//! [`BLOCK`] terms, and leaves out what is multiplied by 0.
//! Single-threaded.

// Tiles are indexed by number throughout, as in the formula.
#![allow(clippy::needless_range_loop)]

use crate::kernel::{LANES, Simd};

/// Terms of a sum after which the tile moves on, so that its part of `b` stays in the first cache.
const BLOCK: usize = 256;
/// Rows that are summed up at a time in [`gemm_transposed`], likewise.
const ROW_BLOCK: usize = 128;
/// The start of sums that begin with 0, for the widest tile.
static ZEROS: [f32; 4 * LANES] = [0.0; 4 * LANES];

/// The left-hand matrix: its element in row `m` and column `k` is `values[rows[m] + columns[k]]`.
/// Both lists ascend.
#[derive(Clone, Copy)]
pub(crate) struct Gathered<'a> {
    pub values: &'a [f32],
    pub rows: &'a [u32],
    pub columns: &'a [u32],
}

/// What a sum begins with.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// 0.
    Zero,
    /// The same row for all: the bias.
    Row(&'a [f32]),
    /// What is there.
    Add,
}

impl Gathered<'_> {
    fn check(&self, n: usize, right: &[f32], result: &[f32], result_rows: &[u32]) {
        let Self { values, rows, columns } = *self;
        let ascend = |list: &[u32]| list.is_sorted();
        debug_assert!(ascend(rows) && ascend(columns) && ascend(result_rows));
        // How many floats are reached by a list, if each place stands for `width` of them.
        let end = |list: &[u32], width: usize| list.last().map_or(0, |&at| at as usize + width);
        assert!(
            n.is_multiple_of(LANES)
                && rows.len() == result_rows.len()
                && (columns.is_empty() || values.len() >= end(rows, end(columns, 1)))
                && right.len() >= columns.len() * n
                && result.len() >= end(result_rows, n),
            "product of {} x {} with {n} columns: slices of {}, {} and {} are too short",
            rows.len(),
            columns.len(),
            values.len(),
            right.len(),
            result.len()
        );
    }
}

/// `c = start + a * b`: `b` is row-major with `n` columns, row `m` of `c` is the `n` floats from
/// `c_rows[m]` on, and `n` is a multiple of [`LANES`]. With [`Start::Add`], and where
/// the last columns of `b` are 0, a row of `c` may begin before the one before it has ended.
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
    if a.rows.len() == 1 {
        // SAFETY: `check`.
        unsafe { single_row(s, a, b.as_ptr(), n, c.as_mut_ptr().add(c_rows[0] as usize), start) };
        return;
    }
    for (block, columns) in a.columns.chunks(BLOCK).enumerate() {
        let start = if block == 0 { start } else { Start::Add };
        let mut column = 0;
        while column < n {
            let left = (n - column) / LANES;
            // SAFETY: `check`; rows, columns and terms stay within the shapes.
            column += LANES
                * unsafe {
                    let a = (a.values.as_ptr(), a.rows, columns);
                    let b = (b.as_ptr().add(block * BLOCK * n + column), n);
                    let c = (c.as_mut_ptr().add(column), c_rows);
                    let start = match start {
                        Start::Zero => ZEROS.as_ptr(),
                        Start::Row(row) => row.as_ptr().add(column),
                        Start::Add => std::ptr::null(),
                    };
                    match (S::WIDE, left) {
                        (true, 4..) => rows_of_tiles::<S, 6, 4>(s, a, b, c, start),
                        (true, 2..) => rows_of_tiles::<S, 8, 2>(s, a, b, c, start),
                        (true, _) => rows_of_tiles::<S, 12, 1>(s, a, b, c, start),
                        (false, _) => rows_of_tiles::<S, 6, 1>(s, a, b, c, start),
                    }
                };
        }
    }
}

/// [`gemm`] for one row. Rows of `b` that are multiplied by 0, after a ReLU half of them, are not
/// read: one row has to wait for the memory.
///
/// # Safety
/// As [`gemm`] checks; `c` holds `n` floats.
#[inline(always)]
unsafe fn single_row<S: Simd>(
    s: S,
    a: Gathered,
    b: *const f32,
    n: usize,
    c: *mut f32,
    start: Start,
) {
    for (block, columns) in a.columns.chunks(BLOCK).enumerate() {
        let start = if block == 0 { start } else { Start::Add };
        let (mut terms, mut count) = ([(0u32, 0.0); BLOCK], 0);
        for (k, &column) in (0..).zip(columns) {
            // SAFETY: `gemm` has checked all places.
            let x = unsafe { *a.values.as_ptr().add((a.rows[0] + column) as usize) };
            terms[count] = (k, x);
            count += usize::from(x != 0.0);
        }
        let mut column = 0;
        while column < n {
            // SAFETY: columns stay below `n`; the caller vouches for the rest.
            column += LANES
                * unsafe {
                    let (b, c) = (b.add(block * BLOCK * n + column), c.add(column));
                    let start = match start {
                        Start::Zero => ZEROS.as_ptr(),
                        Start::Row(row) => row.as_ptr().add(column),
                        Start::Add => c.cast_const(),
                    };
                    let terms = &terms[..count];
                    match (n - column) / LANES {
                        4.. => single_row_tile::<S, 4>(s, terms, (b, n), c, start),
                        2.. => single_row_tile::<S, 2>(s, terms, (b, n), c, start),
                        _ => single_row_tile::<S, 1>(s, terms, (b, n), c, start),
                    }
                };
        }
    }
}

/// `N` vectors of [`single_row`]: each of the `terms` is a row of `b` and what it is multiplied by.
/// Returns `N`.
///
/// # Safety
/// `b` holds `N` vectors from each row on that `terms` name, rows being `n` apart; `c` and `start` hold `N`
/// vectors.
#[inline(always)]
unsafe fn single_row_tile<S: Simd, const N: usize>(
    s: S,
    terms: &[(u32, f32)],
    (b, n): Right,
    c: *mut f32,
    start: *const f32,
) -> usize {
    let mut sums = [[s.splat(0.0); N]; 4];
    let (fours, rest) = terms.as_chunks::<4>();
    // SAFETY: the caller vouches for the rows of `b`.
    unsafe {
        for four in fours {
            for i in 0..4 {
                add_term(s, &mut sums[i], four[i], (b, n));
            }
        }
        for i in 0..rest.len() {
            add_term(s, &mut sums[i], rest[i], (b, n));
        }
    }
    for j in 0..N {
        let sum = s.total([sums[0][j], sums[1][j], sums[2][j], sums[3][j]]);
        // SAFETY: the caller vouches for `start` and `c`.
        unsafe { s.store(c.add(j * LANES), s.add(s.load(start.add(j * LANES)), sum)) };
    }
    N
}

/// # Safety
/// `b` holds `N` vectors from its row `k` on, rows being `n` apart.
#[inline(always)]
unsafe fn add_term<S: Simd, const N: usize>(
    s: S,
    sums: &mut [S::V; N],
    (k, x): (u32, f32),
    (b, n): Right,
) {
    // SAFETY: the caller vouches for the row of `b`.
    unsafe {
        let (x, row) = (s.splat(x), b.add(k as usize * n));
        for j in 0..N {
            sums[j] = s.mul_add(x, s.load(row.add(j * LANES)), sums[j]);
        }
    }
}

type Left<'a> = (*const f32, &'a [u32], &'a [u32]);
type Right = (*const f32, usize);
type Result<'a> = (*mut f32, &'a [u32]);

/// All rows, `N` vectors wide, in tiles of `M` rows, then of 4, 2, 1. Returns `N`.
///
/// # Safety
/// As [`gemm`] checks; `start` is null or holds `N` vectors.
#[inline(always)]
unsafe fn rows_of_tiles<S: Simd, const M: usize, const N: usize>(
    s: S,
    (values, rows, columns): Left,
    b: Right,
    (c, c_rows): Result,
    start: *const f32,
) -> usize {
    // SAFETY: the caller vouches for everything; `row` stays below the number of rows.
    unsafe {
        let mut row = 0;
        while row < rows.len() {
            let left = rows.len() - row;
            let (a, c) = ((values, &rows[row..], columns), (c, &c_rows[row..]));
            row += if left >= M {
                tile::<S, M, N>(s, a, b, c, start)
            } else if left >= 4 {
                tile::<S, 4, N>(s, a, b, c, start)
            } else if left >= 2 {
                tile::<S, 2, N>(s, a, b, c, start)
            } else {
                tile::<S, 1, N>(s, a, b, c, start)
            };
        }
    }
    N
}

/// # Safety
/// As [`gemm`] checks, for the first `M` rows and `N` vectors.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(
    s: S,
    (values, rows, columns): Left,
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
        for &column in columns {
            let mut row = [s.splat(0.0); N];
            for j in 0..N {
                row[j] = s.load(b.add(j * LANES));
            }
            for i in 0..M {
                let x = s.splat(*a[i].add(column as usize));
                for j in 0..N {
                    sums[i][j] = s.mul_add(x, row[j], sums[i][j]);
                }
            }
            b = b.wrapping_add(n);
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
            let left = (n - column) / LANES;
            // SAFETY: `check`; rows, columns and terms stay within the shapes.
            column += LANES
                * unsafe {
                    let a = (a.values.as_ptr(), rows, a.columns);
                    let d = (d.as_ptr().add(column), d_rows);
                    let c = (c.as_mut_ptr().add(column), n);
                    match (S::WIDE, left) {
                        (true, 4..) => columns_of_tiles::<S, 6, 3, 4>(s, a, d, c),
                        (true, 2..) => columns_of_tiles::<S, 12, 9, 2>(s, a, d, c),
                        // A window of 5 x 5 grey pixels at once, of 3 x 3, or of 5 x 6 for pairs of pixels, whose
                        // runs are also those of five pixels of 6 channels.
                        (true, _) if a.2.len().is_multiple_of(30) => {
                            columns_of_tiles::<S, 30, 9, 1>(s, a, d, c)
                        }
                        (true, _) => columns_of_tiles::<S, 25, 9, 1>(s, a, d, c),
                        (false, _) => columns_of_tiles::<S, 6, 3, 1>(s, a, d, c),
                    }
                };
        }
    }
}

type Rows<'a> = (*const f32, &'a [u32]);

/// All columns of `a`, `N` vectors wide, `M` columns at a time, then `L`, 4, 1. Returns `N`.
///
/// # Safety
/// As [`gemm_transposed`] checks.
#[inline(always)]
unsafe fn columns_of_tiles<S: Simd, const M: usize, const L: usize, const N: usize>(
    s: S,
    (a, rows, columns): Left,
    d: Rows,
    (c, n): (*mut f32, usize),
) -> usize {
    // SAFETY: the caller vouches for everything; `k` stays below the number of columns.
    unsafe {
        let mut k = 0;
        while k < columns.len() {
            let left = &columns[k..];
            let (a, c) = ((a, rows, left), (c.add(k * n), n));
            k += match left.len() {
                len if len >= M => tile_transposed::<S, M, N>(s, a, d, c),
                len if len >= L => tile_transposed::<S, L, N>(s, a, d, c),
                4.. => tile_transposed::<S, 4, N>(s, a, d, c),
                _ => tile_transposed::<S, 1, N>(s, a, d, c),
            };
        }
    }
    N
}

/// # Safety
/// As [`gemm_transposed`] checks, for the first `M` columns of `a` and `N` vectors of `d`.
#[inline(always)]
unsafe fn tile_transposed<S: Simd, const M: usize, const N: usize>(
    s: S,
    a: Left,
    d: Rows,
    c: (*mut f32, usize),
) -> usize {
    // Side by side, or in runs as the rows of a window are, they need no list of places; that
    // spares the processor's loads.
    let in_runs = |len: usize| (0..M).all(|i| a.2[i] == a.2[i / len * len] + (i % len) as u32);
    // SAFETY: as for this function.
    unsafe {
        if in_runs(M) {
            sum_columns::<S, M, N, M>(s, a, d, c);
        } else if M == 25 && in_runs(5) {
            sum_columns::<S, M, N, 5>(s, a, d, c);
        } else if M == 30 && in_runs(6) {
            sum_columns::<S, M, N, 6>(s, a, d, c);
        } else if M == 9 && in_runs(3) {
            sum_columns::<S, M, N, 3>(s, a, d, c);
        } else {
            sum_columns::<S, M, N, 1>(s, a, d, c);
        }
    }
    M
}

/// [`tile_transposed`] for columns in runs of `RUN`.
///
/// # Safety
/// As [`tile_transposed`].
#[inline(always)]
unsafe fn sum_columns<S: Simd, const M: usize, const N: usize, const RUN: usize>(
    s: S,
    (a, rows, columns): Left,
    (d, d_rows): Rows,
    (c, n): (*mut f32, usize),
) {
    // SAFETY: the caller vouches for the shapes; both lists of rows are of one length.
    unsafe {
        let mut places = [0; M];
        let mut sums = [[s.splat(0.0); N]; M];
        for i in 0..M {
            places[i] = *columns.get_unchecked(i) as usize;
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
            for run in (0..M).step_by(RUN) {
                let a = a.add(places[run]);
                for i in 0..RUN {
                    let x = s.splat(*a.add(i));
                    for j in 0..N {
                        sums[run + i][j] = s.mul_add(x, right[j], sums[run + i][j]);
                    }
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                s.store(c.add(i * n + j * LANES), sums[i][j]);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The matrix product of a batch with a layer's weights.
//!
//! Every element of the result is one chain of multiply-adds in the order of `k`, whatever the
//! tile it falls into: no size and no instruction set with FMA changes a bit of it. Single-threaded;
//! the right-hand matrix has its rows in order and padded to whole vectors, so nothing is packed.

use crate::kernel::{LANES, Simd};

/// Rows of a tile.
const MR: usize = 6;
/// Vectors across a tile.
const NR: usize = 2;

/// The left-hand matrix: element (i, k) is at `i * row + k * column`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub values: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// `c = a * b` or, with `add`, `c += a * b`: `a` is `m` x `k`, `b` is `k` x `n` and `c` is `m` x
/// `n`, both row-major; `n` is a multiple of [`LANES`].
///
/// # Panics
/// If a slice is too short for its shape, or `n` is not whole vectors.
#[inline(always)]
pub(crate) fn gemm<S: Simd>(
    s: S,
    (m, n, k): (usize, usize, usize),
    a: Strided,
    b: &[f32],
    c: &mut [f32],
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let last_a = (m - 1) * a.row + k.saturating_sub(1) * a.column;
    assert!(
        n % LANES == 0
            && b.len() >= k * n
            && c.len() >= m * n
            && (k == 0 || a.values.len() > last_a),
        "gemm {m} x {n} x {k}: slices of {}, {} and {} are too short",
        a.values.len(),
        b.len(),
        c.len()
    );
    let mut column = 0;
    while column < n {
        let wide = (n - column) / LANES >= NR;
        let mut row = 0;
        while row < m {
            let full = m - row >= MR;
            // SAFETY: the assertion above; the tile ends at or before `m` and `n`.
            unsafe {
                let a_tile = a.values.as_ptr().add(row * a.row);
                let (b, c) = (b.as_ptr().add(column), c.as_mut_ptr().add(row * n + column));
                let shape = (k, a.row, a.column, n);
                match (full, wide) {
                    (true, true) => tile::<S, MR, NR>(s, shape, a_tile, b, c, add),
                    (true, false) => tile::<S, MR, 1>(s, shape, a_tile, b, c, add),
                    (false, true) => tile::<S, 1, NR>(s, shape, a_tile, b, c, add),
                    (false, false) => tile::<S, 1, 1>(s, shape, a_tile, b, c, add),
                }
            }
            row += if full { MR } else { 1 };
        }
        column += if wide { NR * LANES } else { LANES };
    }
}

/// # Safety
/// `M` rows of `a`, `k` rows of `b` and `M` rows of `c` are there, the latter two with `N` vectors.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(
    s: S,
    (k, a_row, a_column, n): (usize, usize, usize, usize),
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    add: bool,
) {
    // SAFETY: the caller vouches for the shapes.
    unsafe {
        let mut sums = [[s.splat(0.0); N]; M];
        if add {
            for (i, row) in sums.iter_mut().enumerate() {
                *row = std::array::from_fn(|j| s.load(c.add(i * n + j * LANES)));
            }
        }
        for p in 0..k {
            let b: [S::V; N] = std::array::from_fn(|j| s.load(b.add(p * n + j * LANES)));
            for (i, row) in sums.iter_mut().enumerate() {
                let a = s.splat(*a.add(i * a_row + p * a_column));
                for j in 0..N {
                    row[j] = s.mul_add(a, b[j], row[j]);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                s.store(c.add(i * n + j * LANES), sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};
    use crate::rng::Rng;

    struct Gemm<'a>((usize, usize, usize), Strided<'a>, &'a [f32], &'a mut [f32], bool);

    impl Task for Gemm<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            gemm(s, self.0, self.1, self.2, self.3, self.4);
        }
    }

    #[test]
    fn every_kernel_equals_the_plain_loop_on_all_sizes_around_the_tile() {
        let mut rng = Rng::new(5, &[]);
        let mut random = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.normal()).collect() };
        for kernel in Kernel::available() {
            let fma = kernel.name() != "scalar" || cfg!(target_arch = "aarch64");
            for m in 0..=13 {
                for n in [16, 32, 48, 64] {
                    for k in [0, 1, 2, 7, 33] {
                        let (a, b, start) = (random(m * k + 1), random(k * n), random(m * n));
                        for (row, column) in [(k, 1), (1, m)] {
                            for add in [false, true] {
                                let mut c = if add { start.clone() } else { vec![f32::NAN; m * n] };
                                let a = Strided { values: &a, row, column };
                                kernel.run(Gemm((m, n, k), a, &b, &mut c, add));
                                for (at, &got) in c.iter().enumerate() {
                                    let (i, j) = (at / n, at % n);
                                    let first = if add { start[at] } else { 0.0 };
                                    let want = (0..k).fold(first, |sum, p| {
                                        let (x, y) = (a.values[i * row + p * column], b[p * n + j]);
                                        if fma { x.mul_add(y, sum) } else { x * y + sum }
                                    });
                                    assert_eq!(
                                        got, want,
                                        "{m} x {n} x {k} at {i}, {j}: {kernel:?}"
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

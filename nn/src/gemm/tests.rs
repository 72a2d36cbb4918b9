//! Every kernel against plain loops, on all sizes around the tiles.

use super::*;
use crate::kernel::{Kernel, Task};
use crate::rng::Rng;

struct Both<'a> {
    a: Gathered<'a>,
    b: &'a [f32],
    n: usize,
    c: &'a mut [f32],
    rows: &'a [u32],
    start: Start<'a>,
    transposed: Option<&'a mut [f32]>,
}

impl Task for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        gemm(s, self.a, self.b, self.n, self.c, self.rows, self.start);
        if let Some(t) = self.transposed {
            gemm_transposed(s, self.a, self.c, self.rows, self.n, t);
        }
    }
}

#[test]
fn every_kernel_equals_the_plain_loops_on_all_sizes_around_the_tiles() {
    let mut rng = Rng::new(5, &[]);
    let mut random = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.normal()).collect() };
    for kernel in Kernel::available() {
        let fma = kernel.name() != "scalar" || cfg!(target_arch = "aarch64");
        let mul_add = |x: f32, y: f32, sum: f32| if fma { x.mul_add(y, sum) } else { x * y + sum };
        for m in (0..=26).chain([130]) {
            for n in [16, 32, 48, 80] {
                for (count, len) in
                    [(1, 1), (3, 5), (5, 5), (5, 6), (10, 6), (2, 13), (1, 300), (20, 17)]
                {
                    let (k, step) = (count * len, len + 3);
                    // Rows overlap as windows do; those of the result are apart.
                    let rows: Vec<u32> = (0..m).map(|i| i as u32 * 2).collect();
                    let column = |p: usize| p / len * step + p % len;
                    let columns: Vec<u32> = (0..k).map(|p| column(p) as u32).collect();
                    let c_rows: Vec<u32> = (0..m).map(|i| (i * (n + 16) + 16) as u32).collect();
                    let mut values = random(2 * m + count * step + len);
                    values.iter_mut().step_by(3).for_each(|v| *v = 0.0);
                    let (b, bias, before) = (random(k * n), random(n), random(m * (n + 16) + 16));
                    let a = Gathered { values: &values, rows: &rows, columns: &columns };
                    let a_at = |i: usize, p: usize| values[2 * i + column(p)];
                    for start in [Start::Zero, Start::Row(&bias), Start::Add] {
                        let mut c = match start {
                            Start::Zero | Start::Row(_) => vec![f32::NAN; before.len()],
                            Start::Add => before.clone(),
                        };
                        let mut sums = random(k * n);
                        let sums_before = sums.clone();
                        let transposed = Some(&mut sums[..]);
                        let (c_in, rows) = (&mut c[..], &c_rows[..]);
                        kernel.run(Both { a, b: &b, n, c: c_in, rows, start, transposed });
                        let what = format!("{m} x {n} x {k}, {kernel:?}");
                        for i in 0..m {
                            for j in 0..n {
                                let first = match start {
                                    Start::Zero => 0.0,
                                    Start::Row(bias) => bias[j],
                                    Start::Add => before[c_rows[i] as usize + j],
                                };
                                let chain = |first, terms: &[usize]| {
                                    terms.iter().fold(first, |sum, &p| {
                                        mul_add(a_at(i, p), b[p * n + j], sum)
                                    })
                                };
                                let all: Vec<usize> = (0..k).collect();
                                // A single row leaves zeros out and sums up in four chains.
                                let in_chains = |sum, block: &[usize]| {
                                    let terms = block.iter().copied();
                                    let terms: Vec<_> =
                                        terms.filter(|&p| a_at(i, p) != 0.0).collect();
                                    let [a, b, c, d] = [0, 1, 2, 3].map(|first| {
                                        let terms = terms.iter().copied().skip(first).step_by(4);
                                        chain(0.0, &terms.collect::<Vec<_>>())
                                    });
                                    sum + ((a + b) + (c + d))
                                };
                                let want = match m {
                                    1 => all.chunks(BLOCK).fold(first, in_chains),
                                    _ => chain(first, &all),
                                };
                                assert_eq!(c[c_rows[i] as usize + j], want, "{what}: {i}, {j}");
                            }
                        }
                        if m > 14 && m < 130 {
                            continue;
                        }
                        for p in 0..k {
                            for j in 0..n {
                                let want = (0..m).fold(sums_before[p * n + j], |sum, i| {
                                    mul_add(a_at(i, p), c[c_rows[i] as usize + j], sum)
                                });
                                assert_eq!(sums[p * n + j], want, "{what}: transposed {p}, {j}");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn rows_of_a_sum_may_reach_into_each_other_with_zeros() {
    let mut rng = Rng::new(6, &[]);
    let k = 7;
    for kernel in Kernel::available() {
        for (m, n) in (1..=26).flat_map(|m| [16, 48, 64, 80].map(|n| (m, n))) {
            // The last columns of `b` are 0, so many that rows may be as close as this.
            let apart = n - 1 - rng.below(15) as usize;
            let mut random = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.normal()).collect() };
            let (values, mut b, before) = (random(m + k), random(k * n), random(m * apart + n));
            b.chunks_exact_mut(n).for_each(|row| row[apart..].fill(0.0));
            let rows: Vec<u32> = (0..m as u32).collect();
            let columns: Vec<u32> = (0..k as u32).collect();
            let c_rows: Vec<u32> = (0..m).map(|i| (i * apart) as u32).collect();
            let a = Gathered { values: &values, rows: &rows, columns: &columns };
            let (mut c, start) = (before.clone(), Start::Add);
            kernel.run(Both { a, b: &b, n, c: &mut c, rows: &c_rows, start, transposed: None });
            for (at, &value) in c.iter().enumerate() {
                let (i, j) = (at / apart, at % apart);
                let sum: f32 =
                    (0..k).map(|p| if i < m { values[i + p] * b[p * n + j] } else { 0.0 }).sum();
                let want = before[at] + sum;
                assert!((value - want).abs() < 1e-4, "{m} x {n}, {kernel:?}: {value}, not {want}");
            }
        }
    }
}

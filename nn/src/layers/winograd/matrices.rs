//! The matrices of F(4 x 4, 3 x 3) (Lavin and Gray 2016).

// Points and rows are indexed by number throughout, as in the formulas.
#![allow(clippy::needless_range_loop)]

use super::{IN, OUT, WINDOW};
use crate::kernel::Simd;

/// A matrix by which `I` values become `O`.
pub trait Matrix<const I: usize, const O: usize> {
    fn times<S: Simd>(s: S, x: [S::V; I]) -> [S::V; O];
}

/// `M X M'`: the columns of `X`, then the rows of what they became, times `M`.
#[inline(always)]
pub fn both_ways<S: Simd, M: Matrix<I, O>, const I: usize, const O: usize>(
    s: S,
    x: [[S::V; I]; I],
) -> [[S::V; O]; O] {
    let mut half = [[s.splat(0.0); I]; O];
    for i in 0..I {
        let mut column = [s.splat(0.0); I];
        for y in 0..I {
            column[y] = x[y][i];
        }
        let column = M::times(s, column);
        for y in 0..O {
            half[y][i] = column[y];
        }
    }
    let mut whole = [[s.splat(0.0); O]; O];
    for y in 0..O {
        whole[y] = M::times(s, half[y]);
    }
    whole
}

/// `B'`, its rows being (4 0 -5 0 1 0), (0 -4 -4 1 1 0), (0 4 -4 -1 1 0),
/// (0 -2 -1 2 1 0), (0 2 -1 -2 1 0) and (0 4 0 -5 0 1).
pub struct BTransposed;

impl Matrix<IN, IN> for BTransposed {
    #[inline(always)]
    fn times<S: Simd>(s: S, x: [S::V; IN]) -> [S::V; IN] {
        let (two, four, five) = (s.splat(2.0), s.splat(4.0), s.splat(-5.0));
        let even = s.mul_add(s.splat(-4.0), x[2], x[4]);
        let odd = s.mul_add(s.splat(-4.0), x[1], x[3]);
        let (even_2, odd_2) = (s.sub(x[4], x[2]), s.mul(two, s.sub(x[3], x[1])));
        [
            s.mul_add(four, x[0], s.mul_add(five, x[2], x[4])),
            s.add(even, odd),
            s.sub(even, odd),
            s.add(even_2, odd_2),
            s.sub(even_2, odd_2),
            s.mul_add(four, x[1], s.mul_add(five, x[3], x[5])),
        ]
    }
}

/// `B`.
pub struct B;

impl Matrix<IN, IN> for B {
    #[inline(always)]
    fn times<S: Simd>(s: S, y: [S::V; IN]) -> [S::V; IN] {
        let (two, four, five) = (s.splat(2.0), s.splat(4.0), s.splat(-5.0));
        let (sum, difference) = (s.add(y[1], y[2]), s.sub(y[1], y[2]));
        let (sum_2, difference_2) = (s.add(y[3], y[4]), s.sub(y[3], y[4]));
        let odd = s.sub(y[5], difference);
        [
            s.mul(four, y[0]),
            s.mul_add(four, odd, s.mul(s.splat(-2.0), difference_2)),
            s.mul_add(five, y[0], s.sub(s.mul(s.splat(-4.0), sum), sum_2)),
            s.mul_add(five, y[5], s.mul_add(two, difference_2, difference)),
            s.add(y[0], s.add(sum, sum_2)),
            y[5],
        ]
    }
}

/// `A'`, its rows being (1 1 1 1 1 0), (0 1 -1 2 -2 0), (0 1 1 4 4 0) and
/// (0 1 -1 8 -8 1).
pub struct ATransposed;

impl Matrix<IN, OUT> for ATransposed {
    #[inline(always)]
    fn times<S: Simd>(s: S, m: [S::V; IN]) -> [S::V; OUT] {
        let (sum, difference) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
        let (sum_2, difference_2) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
        [
            s.add(m[0], s.add(sum, sum_2)),
            s.mul_add(s.splat(2.0), difference_2, difference),
            s.mul_add(s.splat(4.0), sum_2, sum),
            s.mul_add(s.splat(8.0), difference_2, s.add(difference, m[5])),
        ]
    }
}

/// `A`.
pub struct A;

impl Matrix<OUT, IN> for A {
    #[inline(always)]
    fn times<S: Simd>(s: S, z: [S::V; OUT]) -> [S::V; IN] {
        let (even, odd) = (s.add(z[0], z[2]), s.add(z[1], z[3]));
        let even_2 = s.mul_add(s.splat(4.0), z[2], z[0]);
        let odd_2 = s.mul_add(s.splat(8.0), z[3], s.mul(s.splat(2.0), z[1]));
        let all = [s.add(even, odd), s.sub(even, odd), s.add(even_2, odd_2), s.sub(even_2, odd_2)];
        [z[0], all[0], all[1], all[2], all[3], z[3]]
    }
}

/// `G`, its rows being (1/4 0 0), (-1/6 -1/6 -1/6), (-1/6 1/6 -1/6), (1/24 1/12 1/6),
/// (1/24 -1/12 1/6) and (0 0 1).
pub struct G;

impl Matrix<WINDOW, IN> for G {
    #[inline(always)]
    fn times<S: Simd>(s: S, w: [S::V; WINDOW]) -> [S::V; IN] {
        let sixth = s.splat(-1.0 / 6.0);
        let (even, odd) = (s.mul(sixth, s.add(w[0], w[2])), s.mul(sixth, w[1]));
        let even_2 = s.mul_add(s.splat(1.0 / 24.0), w[0], s.mul(s.splat(1.0 / 6.0), w[2]));
        let odd_2 = s.mul(s.splat(1.0 / 12.0), w[1]);
        [
            s.mul(s.splat(0.25), w[0]),
            s.add(even, odd),
            s.sub(even, odd),
            s.add(even_2, odd_2),
            s.sub(even_2, odd_2),
            w[2],
        ]
    }
}

/// `G'`.
pub struct GTransposed;

impl Matrix<IN, WINDOW> for GTransposed {
    #[inline(always)]
    fn times<S: Simd>(s: S, u: [S::V; IN]) -> [S::V; WINDOW] {
        let (sum, difference) = (s.add(u[1], u[2]), s.sub(u[1], u[2]));
        let (sum_2, difference_2) = (s.add(u[3], u[4]), s.sub(u[3], u[4]));
        let (sixth, minus) = (s.splat(1.0 / 6.0), s.splat(-1.0 / 6.0));
        [
            s.mul_add(
                s.splat(0.25),
                u[0],
                s.mul_add(minus, sum, s.mul(s.splat(1.0 / 24.0), sum_2)),
            ),
            s.mul_add(minus, difference, s.mul(s.splat(1.0 / 12.0), difference_2)),
            s.mul_add(sixth, s.sub(sum_2, sum), u[5]),
        ]
    }
}

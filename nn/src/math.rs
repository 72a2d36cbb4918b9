//! Elementary functions of our own, for the platforms' differ in their last bits.

use crate::kernel::{ROUND, Simd};

/// e^x, within 2 units in the last place; x is first limited to [-87, 88], so the result is
/// neither subnormal nor infinite. (Range reduction after Cody and Waite, polynomial of degree 6.)
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.max(x, s.splat(-87.0)), s.splat(88.0));
    let shifted = s.mul_add(x, s.splat(std::f32::consts::LOG2_E), s.splat(ROUND));
    let n = s.sub(shifted, s.splat(ROUND));
    let r = s.mul_add(n, s.splat(-0.693_359_4), x);
    let r = s.mul_add(n, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.0 / 720.0);
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = s.mul_add(p, r, s.splat(c));
    }
    s.mul(p, s.power_of_two(shifted))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    s.div(one, s.add(one, exp(s, s.sub(s.splat(0.0), x))))
}

/// Hyperbolic tangent, with an absolute error below 2e-7.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let e = exp(s, s.add(x, x));
    s.sub(one, s.div(s.splat(2.0), s.add(e, one)))
}

/// [`flush`] of each lane.
#[inline(always)]
pub(crate) fn flush_each<S: Simd>(s: S, x: S::V) -> S::V {
    let zero = s.splat(0.0);
    let size = s.max(x, s.sub(zero, x));
    s.where_positive(s.sub(size, s.splat(SMALLEST)), x, zero)
}

/// What is smaller becomes 0.
const SMALLEST: f32 = 1e-30;

/// `x`, or 0 where `x` is so small that arithmetic with it would soon be subnormal. Decaying
/// weights and fading gradients pass through here: a subnormal operand costs some hundred cycles
/// where x86 assists in microcode. Setting the processor's flush-to-zero mode would be undefined
/// behaviour in Rust and does not exist in WASM.
#[inline(always)]
pub(crate) fn flush(x: f32) -> f32 {
    if x.abs() <= SMALLEST { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};

    struct All(f32);

    impl Task for All {
        type Output = [f32; 3];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f32; 3] {
            let x = s.splat(self.0);
            [exp(s, x), sigmoid(s, x), tanh(s, x)].map(|v| s.largest(v))
        }
    }

    #[test]
    fn agree_with_f64() {
        for kernel in Kernel::available() {
            for i in -8700..=8800 {
                let x = i as f32 / 100.0;
                let [exp, sigmoid, tanh] = kernel.run(All(x)).map(f64::from);
                let e = f64::from(x).exp();
                let what = format!("x = {x}, {}", kernel.name());
                assert!((exp / e - 1.0).abs() < 4e-7, "exp: {exp} for {e}, {what}");
                assert!(
                    (sigmoid - 1.0 / (1.0 + 1.0 / e)).abs() < 2e-7,
                    "sigmoid {sigmoid}, {what}"
                );
                assert!((tanh - f64::from(x).tanh()).abs() < 2e-7, "tanh {tanh}, {what}");
            }
        }
    }

    #[test]
    fn extremes_stay_finite_and_normal() {
        for x in [-1e30, -1000.0, -88.0, 88.0, 1000.0, 1e30] {
            let all = Kernel::chosen().run(All(x));
            assert!(all.iter().all(|y| y.is_finite()), "{x}: {all:?}");
            assert!(all[0].is_normal(), "{x}: {all:?}");
        }
    }
}

//! Plain loops over sixteen floats, which the compiler turns into what the target has (NEON,
//! WASM SIMD, SSE2).

use super::{LANES, ROUND, Simd, tree_sum};

/// Runs everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable;

impl Simd for Portable {
    type V = [f32; LANES];
    // Without the instruction `f32::mul_add` is a slow call, so there the product is rounded.
    const FMA: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller vouches for sixteen floats; any alignment will do.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: Self::V) {
        // SAFETY: the caller vouches for sixteen floats; any alignment will do.
        unsafe { to.cast::<Self::V>().write_unaligned(v) }
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| self.mul_add_1(a[i], b[i], c[i]))
    }

    #[inline(always)]
    fn where_positive(self, x: Self::V, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if x[i] > 0.0 { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn power_of_two(self, shifted: Self::V) -> Self::V {
        shifted.map(|x| {
            let exponent = x.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
            f32::from_bits(exponent << 23)
        })
    }

    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        tree_sum(v)
    }

    #[inline(always)]
    fn not_zero(self, v: Self::V) -> u16 {
        v.iter().rev().fold(0, |bits, &x| bits << 1 | u16::from(x != 0.0))
    }

    #[inline(always)]
    fn largest(self, v: Self::V) -> f32 {
        v.into_iter().fold(f32::NEG_INFINITY, |max, x| if x > max { x } else { max })
    }

    #[inline(always)]
    fn sum_each(self, v: [Self::V; LANES]) -> Self::V {
        std::array::from_fn(|i| tree_sum(v[i]))
    }
}

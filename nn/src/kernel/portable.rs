//! Plain loops over sixteen floats, which the compiler turns into what the target has (NEON,
//! WASM SIMD, SSE2).

use super::{LANES, Simd, tree_sum};

/// Runs everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable;

impl Simd for Portable {
    type V = [f32; LANES];
    // Without the instruction `f32::mul_add` is a slow call, so there the product is rounded.
    const FMA: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

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
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| self.mul_add_1(a[i], b[i], c[i]))
    }

    #[inline(always)]
    fn sum_each(self, v: [Self::V; LANES]) -> Self::V {
        std::array::from_fn(|i| tree_sum(v[i]))
    }
}

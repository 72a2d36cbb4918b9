//! AVX2 with FMA: sixteen floats in two registers.

use std::arch::x86_64::*;

use super::{LANES, ROUND, Simd, Task};

/// Proof that this machine has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// `None` where the machine lacks the instructions.
    pub fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

pub(super) fn run<T: Task>(simd: Avx2, task: T) -> T::Output {
    #[target_feature(enable = "avx2,fma")]
    // A task is a function of its own, so that one that is part of another has all registers.
    #[inline(never)]
    fn with_features<T: Task>(simd: Avx2, task: T) -> T::Output {
        task.run(simd)
    }
    // SAFETY: an `Avx2` exists only where the features do.
    unsafe { with_features(simd, task) }
}

impl Simd for Avx2 {
    type V = [__m256; 2];
    const FMA: bool = true;
    const WIDE: bool = false;

    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        // SAFETY: a prefetch of any address does no harm.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: `self` proves the feature; the caller vouches for the pointer.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: Self::V) {
        // SAFETY: `self` proves the feature; the caller vouches for the pointer.
        unsafe {
            _mm256_storeu_ps(to, v[0]);
            _mm256_storeu_ps(to.add(8), v[1]);
        }
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        a.map(|a| unsafe { _mm256_sqrt_ps(a) })
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn where_positive(self, x: Self::V, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        std::array::from_fn(|i| unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(x[i], _mm256_setzero_ps());
            _mm256_blendv_ps(b[i], a[i], positive)
        })
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn power_of_two(self, shifted: Self::V) -> Self::V {
        // SAFETY: `self` proves the feature.
        shifted.map(|v| unsafe {
            let bias = _mm256_set1_epi32(127 - ROUND.to_bits() as i32);
            let exponent = _mm256_add_epi32(_mm256_castps_si256(v), bias);
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        })
    }

    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        // SAFETY: `self` proves the feature.
        unsafe {
            let [low, high] = v.map(|v| {
                let v = _mm256_add_ps(v, _mm256_permute_ps::<0b01_00_11_10>(v));
                let v = _mm256_add_ps(v, _mm256_permute_ps::<0b10_11_00_01>(v));
                _mm256_add_ps(v, _mm256_permute2f128_ps::<1>(v, v))
            });
            _mm256_cvtss_f32(_mm256_add_ps(low, high))
        }
    }

    #[inline(always)]
    fn not_zero(self, [low, high]: Self::V) -> u16 {
        // SAFETY: `self` proves the feature.
        unsafe {
            let zero = _mm256_setzero_ps();
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(low, zero));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(high, zero));
            (low | high << 8) as u16
        }
    }

    #[inline(always)]
    fn largest(self, v: Self::V) -> f32 {
        // SAFETY: `self` proves the feature.
        unsafe {
            let v = _mm256_max_ps(v[0], v[1]);
            let v = _mm256_max_ps(v, _mm256_permute_ps::<0b01_00_11_10>(v));
            let v = _mm256_max_ps(v, _mm256_permute_ps::<0b10_11_00_01>(v));
            _mm256_cvtss_f32(_mm256_max_ps(v, _mm256_permute2f128_ps::<1>(v, v)))
        }
    }

    /// Per half register the transposition of `avx512.rs`, then the halves across.
    #[inline(always)]
    fn sum_each(self, v: [Self::V; LANES]) -> Self::V {
        // SAFETY: `self` proves the feature.
        unsafe {
            let quarters = |i: usize, half: usize| {
                let halves = |a: __m256, b: __m256| {
                    _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b))
                };
                let ab = _mm256_castps_pd(halves(v[i][half], v[i + 1][half]));
                let cd = _mm256_castps_pd(halves(v[i + 2][half], v[i + 3][half]));
                _mm256_add_ps(
                    _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)),
                    _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)),
                )
            };
            // Eight vectors' sums, of the lower or the upper half of each.
            let eight = |i: usize, half: usize| {
                let (a, b) = (quarters(i, half), quarters(i + 4, half));
                _mm256_add_ps(
                    _mm256_permute2f128_ps::<0x20>(a, b),
                    _mm256_permute2f128_ps::<0x31>(a, b),
                )
            };
            [_mm256_add_ps(eight(0, 0), eight(0, 1)), _mm256_add_ps(eight(8, 0), eight(8, 1))]
        }
    }
}

//! Dropout (Srivastava et al. 2014): in training each value is set to 0 with a probability, and
//! the others are enlarged so that the mean stays. In use nothing happens.
//!
//! Which values are dropped follows from a key and their number alone, so nothing is kept between
//! forward and backward.

use crate::kernel::Simd;

/// Multiplies each of `values` by 0, with the probability `rate`, or by 1 / (1 - rate). Both the
/// forward and the backward pass.
#[inline(always)]
pub(crate) fn drop_some<S: Simd>(_: S, rate: f32, key: u64, values: &mut [f32]) {
    let (limit, keep) = ((f64::from(rate) * f64::from(1 << 24)) as u32, 1.0 / (1.0 - rate));
    let (low, high) = (key as u32, (key >> 32) as u32);
    // Of 32 bits throughout, so that the compiler makes vectors of it.
    for (i, value) in values.iter_mut().enumerate() {
        let random = mix(mix(i as u32 ^ low) ^ high) >> 8;
        *value *= if random < limit { 0.0 } else { keep };
    }
}

/// Every bit of the result depends on every bit of `x` (the end of MurmurHash3, Appleby).
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};

    struct Drop<'a>(f32, u64, &'a mut [f32]);

    impl Task for Drop<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            drop_some(s, self.0, self.1, self.2);
        }
    }

    #[test]
    fn as_many_are_dropped_as_asked_and_others_for_another_key() {
        for rate in [0.1, 0.5] {
            let dropped = |key: u64| {
                let mut values = vec![1.0f32; 100_000];
                Kernel::chosen().run(Drop(rate, key, &mut values));
                assert!(values.iter().all(|&v| v == 0.0 || v == 1.0 / (1.0 - rate)));
                values.iter().map(|&v| v == 0.0).collect::<Vec<_>>()
            };
            let keys = [1, 2, 1 << 32, u64::MAX];
            let all: Vec<_> = keys.iter().map(|&key| dropped(key)).collect();
            for (i, a) in all.iter().enumerate() {
                let share = a.iter().filter(|&&d| d).count() as f32 / a.len() as f32;
                assert!((share - rate).abs() < 0.005, "{share} for {rate}");
                // Of independent ones, rate * rate fall together.
                for b in &all[..i] {
                    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count();
                    let share = both as f32 / a.len() as f32;
                    assert!((share - rate * rate).abs() < 0.005, "{share} for {rate}");
                }
                // Nor do neighbours: of pairs, too.
                let pairs = a.windows(2).filter(|p| p[0] && p[1]).count();
                let share = pairs as f32 / a.len() as f32;
                assert!((share - rate * rate).abs() < 0.005, "{share} for {rate}");
            }
        }
    }
}

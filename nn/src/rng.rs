//! Random numbers by key, not by stream: the same (seed, key) gives the same numbers whoever
//! draws them and whenever, so threads and resumed runs need no generator state.

/// SplitMix64 (Steele, Lea and Flood 2014), started from a hash of a seed and a key.
#[derive(Clone, Debug)]
pub struct Rng(u64);

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// 64 bits that follow from `key` and `i` alone.
pub(crate) fn hash(key: u64, i: u64) -> u64 {
    mix(key ^ mix(i.wrapping_add(STEP)))
}

impl Rng {
    /// A generator for one purpose, e.g. `Rng::new(seed, &[SHUFFLE, epoch])`.
    pub fn new(seed: u64, key: &[u64]) -> Self {
        let hash = key
            .iter()
            .fold(mix(seed.wrapping_add(STEP)), |h, &k| mix(h.wrapping_add(STEP) ^ mix(k)));
        Self(hash)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Uniform in [0, 1), in steps of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in `0..n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "below(0): there is no number below 0");
        // Lemire 2019; the bias of n / 2^64 is left in.
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u32
    }

    /// Normal with mean 0 and standard deviation 1 (Marsaglia's polar method).
    pub fn normal(&mut self) -> f32 {
        loop {
            let unit = |bits: u64| (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            let (u, v) = (unit(self.bits()), unit(self.bits()));
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return (u * (-2.0 * s.ln() / s).sqrt()) as f32;
            }
        }
    }

    /// Brings `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_seeds_separate_the_streams() {
        let first = |seed, key: &[u64]| Rng::new(seed, key).bits();
        let all = [first(1, &[]), first(2, &[]), first(1, &[0]), first(1, &[1]), first(1, &[0, 0])];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
        assert_eq!(first(3, &[4, 5]), first(3, &[4, 5]));
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let mut rng = Rng::new(1, &[]);
        let n = 100_000;
        let normal: Vec<f64> = (0..n).map(|_| rng.normal().into()).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(n);
        let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let uniform = (0..n).map(|_| f64::from(rng.uniform())).sum::<f64>() / f64::from(n);
        assert!((uniform - 0.5).abs() < 0.005, "{uniform}");
    }

    #[test]
    fn a_shuffle_keeps_every_item_once() {
        let mut items: Vec<u32> = (0..1000).collect();
        Rng::new(1, &[]).shuffle(&mut items);
        assert_ne!(items[..20], (0..20).collect::<Vec<_>>()[..]);
        items.sort_unstable();
        assert!(items.into_iter().eq(0..1000));
    }
}

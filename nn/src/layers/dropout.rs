//! Dropout (Srivastava et al. 2014): in training each value is set to 0 with a probability, and
//! the others are enlarged so that the mean stays. In use nothing happens.
//!
//! Which values are dropped follows from a key and their number alone, so nothing is kept between
//! forward and backward.

use crate::rng::hash;

/// Multiplies each of `values` by 0, with the probability `rate`, or by 1 / (1 - rate). Both the
/// forward and the backward pass.
pub(crate) fn drop_some(rate: f32, key: u64, values: &mut [f32]) {
    let (limit, keep) = ((f64::from(rate) * 65536.0) as u64, 1.0 / (1.0 - rate));
    // Each hash decides on four values.
    for (i, four) in values.chunks_mut(4).enumerate() {
        let bits = hash(key, i as u64);
        for (j, value) in four.iter_mut().enumerate() {
            *value = if bits >> (16 * j) & 0xffff < limit { 0.0 } else { *value * keep };
        }
    }
}

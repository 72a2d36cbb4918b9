//! Memory for vectors: floats that start on a cache line.

use std::ops::{Deref, DerefMut};

use crate::kernel::LANES;

/// `n` rounded up to whole vectors of 16 floats.
pub const fn padded(n: usize) -> usize {
    n.div_ceil(LANES) * LANES
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Block([f32; LANES]);

/// A fixed number of floats whose first lies on a 64-byte boundary, so that no vector load of a
/// row straddles two cache lines. The length is rounded up to whole vectors; all start as 0.
#[derive(Clone)]
pub struct Aligned(Vec<Block>);

impl Aligned {
    /// `padded(len)` zeros.
    pub fn zeros(len: usize) -> Self {
        Self(vec![Block([0.0; LANES]); padded(len) / LANES])
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a `Block` is exactly LANES floats (size 64 = its alignment), so `len * LANES`
        // initialised floats lie behind the pointer for as long as `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LANES) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `self` is borrowed uniquely.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LANES) }
    }
}

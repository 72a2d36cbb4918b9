//! The numbers of a network.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::aligned::Aligned;

/// All parameters of a network in one flat slice, rows padded; gradients and the optimiser's
/// state have the same shape.
#[derive(Clone)]
pub struct Params {
    values: Aligned,
    /// No others have the same, unless their values are the same, too.
    version: u64,
}

/// Drawn anew whenever parameters may change.
fn new_version() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Params {
    pub(crate) fn zeros(len: usize) -> Self {
        Self { values: Aligned::zeros(len), version: new_version() }
    }

    /// All values, padding (always 0) included.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, to be changed; the padding must stay 0.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.version = new_version();
        &mut self.values
    }

    /// What was made of parameters holds for as long as this is the same, 1 or more.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

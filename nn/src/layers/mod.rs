//! One file per layer: forward and backward side by side.

pub(crate) mod activation;
pub(crate) mod dense;

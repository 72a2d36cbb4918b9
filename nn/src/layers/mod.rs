//! One file per layer: forward and backward side by side.

pub(crate) mod activation;
pub(crate) mod batch_norm;
pub(crate) mod conv2d;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod pairs;
pub(crate) mod pool;
pub(crate) mod windows;
pub(crate) mod winograd;

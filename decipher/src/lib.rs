//! Handwritten digits: data, training, and from a picture to digits.
#![forbid(unsafe_code)]

pub mod data;
pub mod image;
pub mod vision;

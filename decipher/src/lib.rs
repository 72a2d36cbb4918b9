//! Handwritten digits: data, training, and from a picture to digits.
//!
//! [`recognizer::Recognizer`] reads pictures. [`train::train`] makes a [`model::Model`] from a
//! [`recipe::Recipe`] and [`data`]; [`metrics`] says how good it is. [`vision`] finds the digits
//! in a picture, stage by stage.
#![forbid(unsafe_code)]

pub mod augment;
pub mod calibrate;
pub mod data;
pub mod distort;
pub mod draw;
pub mod file;
mod half;
pub mod image;
pub mod inside;
pub mod metrics;
pub mod model;
pub mod plane;
pub mod recipe;
pub mod recognizer;
pub mod report;
pub mod scene;
pub mod svg;
pub mod teach;
pub mod train;
pub mod vision;

pub use decipher_nn as nn;

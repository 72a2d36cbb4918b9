//! Labelled digits: where they come from and how they are held.
//!
//! [`sample`] is always at hand; [`find_mnist`] looks for the full MNIST and [`load_mnist`] reads
//! it; `fetch_mnist`, with the feature `download`, brings it.

mod dataset;
#[cfg(feature = "download")]
mod download;
mod error;
mod idx;
mod labelled;
mod mnist;
mod sample;

pub use dataset::Dataset;
#[cfg(feature = "download")]
pub use download::{FetchError, MNIST_MIRRORS, Progress, fetch_mnist};
pub use error::DataError;
pub use idx::read_idx;
pub use labelled::{LabelledDigit, LabelledDigits};
pub use mnist::{Mnist, cache_dir, find_mnist, load_mnist, load_mnist_test};
pub use sample::sample;

//! What MNIST is, and where it can be had.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

use crate::data::mnist::{TEST, TRAIN};

/// Public mirrors of MNIST, folders of the four files packed with gzip; the first is asked first.
pub const MNIST_MIRRORS: &[&str] = &[
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://azureopendatastorage.blob.core.windows.net/mnist/",
];

/// A file as it must be in the end.
pub(super) struct Wanted {
    pub name: &'static str,
    /// Bytes, unpacked.
    pub size: u64,
    /// Of the unpacked bytes, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// More packed bytes than this are not taken: half as much again as the authors' own packing.
    pub packed_limit: u64,
}

/// The four files of MNIST.
pub(super) const MNIST: [Wanted; 4] = [
    Wanted {
        name: TRAIN[0],
        size: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        packed_limit: 14_868_633,
    },
    Wanted {
        name: TRAIN[1],
        size: 60_008,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        packed_limit: 43_321,
    },
    Wanted {
        name: TEST[0],
        size: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        packed_limit: 2_473_315,
    },
    Wanted {
        name: TEST[1],
        size: 10_008,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        packed_limit: 6_813,
    },
];

impl Wanted {
    /// Whether these are the bytes of the unpacked file.
    pub fn is(&self, bytes: &[u8]) -> bool {
        format!("{:x}", Sha256::digest(bytes)) == self.sha256
    }

    /// Whether the file is at `path`, whole and unchanged.
    pub fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| found.len() == self.size)
            && fs::read(path).is_ok_and(|bytes| self.is(&bytes))
    }
}

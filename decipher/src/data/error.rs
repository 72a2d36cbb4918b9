//! What can be wrong with data, sorted by whose fault it is.

use std::{io, path::PathBuf};

/// Why data could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The machine's fault: the file is there but cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The caller's fault: the folder does not hold what it should.
    #[error(
        "{} is missing (plain or .gz); point --data or DECIPHER_DATA at the folder with the four \
         MNIST files",
        path.display()
    )]
    Missing {
        /// The file looked for, under the first of its usual names.
        path: PathBuf,
    },
    /// The file's fault: these bytes are not what they claim to be.
    #[error("{what}, byte {at}: {problem}; {advice}")]
    Format {
        /// A path, or what the bytes were handed over as: "images", "labels".
        what: String,
        /// Where, in bytes from the start; of the packed bytes if the packing is what is wrong.
        at: u64,
        /// What is wrong there.
        problem: String,
        /// What to do about it.
        advice: &'static str,
    },
}

impl DataError {
    /// A [`DataError::Format`] whose remedy is a whole copy of the file.
    pub(super) fn broken(what: &str, at: usize, problem: impl Into<String>) -> Self {
        let advice = "get the file again, it is damaged or no MNIST file";
        Self::Format { what: what.into(), at: at as u64, problem: problem.into(), advice }
    }
}

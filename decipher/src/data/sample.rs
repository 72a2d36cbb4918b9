//! The digits that are always at hand.

use super::{Dataset, read_idx};

/// The first 5,000 digits of MNIST's *training* set, kept inside the program.
///
/// Enough to try things without a download. Takes some milliseconds: they are unpacked anew.
/// MNIST is by Y. LeCun and C. Cortes (CC BY-SA 3.0).
pub fn sample() -> Dataset {
    read_idx(
        include_bytes!("../../data/sample-images.idx3-ubyte.gz").to_vec(),
        include_bytes!("../../data/sample-labels.idx1-ubyte.gz").to_vec(),
    )
    .expect("the embedded digits are read by a test")
}

#[cfg(test)]
mod tests {
    use std::{env, path::Path};

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::data::load_mnist;

    #[test]
    fn sample_is_what_it_was_when_made() {
        let sample = sample();
        assert_eq!(sample.len(), 5000);
        let mut counts = [0; 10];
        sample.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
        assert_eq!(counts, [479, 563, 488, 493, 535, 434, 501, 550, 462, 495]);
        assert_eq!(sample.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
        let digest = |bytes: &[u8]| format!("{:x}", Sha256::digest(bytes));
        assert_eq!(
            digest(sample.images()),
            "a853ca5da5c224d531837eaa3fe56ac036778bb2fdfad445143b5b7d4ec1c739"
        );
        assert_eq!(
            digest(sample.labels()),
            "4263f048ea43702387ef1c8494b59e785853c0410e9770600d50f541a6fee264"
        );
    }

    #[test]
    fn sample_is_the_beginning_of_mnist() {
        let Some(dir) = env::var_os("DECIPHER_DATA").filter(|dir| !dir.is_empty()) else {
            return eprintln!("not compared with MNIST: DECIPHER_DATA is not set");
        };
        let mnist = load_mnist(Path::new(&dir)).unwrap();
        assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
        assert!(mnist.train.range(0..5000) == sample());
    }
}

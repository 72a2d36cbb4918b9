//! Labelled pictures of single digits, all of one size, in two flat buffers.

use std::ops::Range;

use super::DataError;

/// Labelled pictures of digits, [`Dataset::SIDE`] by [`Dataset::SIDE`] pixels each.
///
/// Pixels are bytes, row by row from the top left; 0 is paper and 255 is ink, as in MNIST. Labels
/// are 0..=9. There may be none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Dataset {
    /// Width and height of every picture, in pixels.
    pub const SIDE: usize = 28;
    /// Bytes of one picture.
    pub const PIXELS: usize = Self::SIDE * Self::SIDE;

    /// Takes n pictures (`n * PIXELS` bytes, 0 = paper, 255 = ink) and their n labels (0..=9).
    ///
    /// # Errors
    /// [`DataError::Format`] if the two do not belong together, or a label is above 9.
    pub fn new(images: Vec<u8>, labels: Vec<u8>) -> Result<Self, DataError> {
        if !images.len().is_multiple_of(Self::PIXELS) {
            let problem =
                format!("{} bytes are not whole pictures of {} bytes", images.len(), Self::PIXELS);
            return Err(invalid("images", images.len(), problem));
        }
        let count = images.len() / Self::PIXELS;
        if labels.len() != count {
            let problem = format!("{} labels for {count} images", labels.len());
            return Err(invalid("labels", labels.len(), problem));
        }
        if let Some(at) = labels.iter().position(|&label| label > 9) {
            return Err(invalid("labels", at, format!("{} is no digit", labels[at])));
        }
        Ok(Self { images, labels })
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The `PIXELS` bytes of picture `i`.
    ///
    /// # Panics
    /// If `i >= len()`.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * Self::PIXELS..][..Self::PIXELS]
    }

    /// All pictures, one after the other: `len() * PIXELS` bytes.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The digit in picture `i`, 0..=9.
    ///
    /// # Panics
    /// If `i >= len()`.
    pub fn label(&self, i: usize) -> u8 {
        self.labels[i]
    }

    /// All labels, 0..=9, in the order of the pictures.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// A copy of the pictures `range`, in order.
    ///
    /// # Panics
    /// If `range` reaches beyond `len()`.
    pub fn range(&self, range: Range<usize>) -> Dataset {
        let bytes = range.start * Self::PIXELS..range.end * Self::PIXELS;
        Self { images: self.images[bytes].to_vec(), labels: self.labels[range].to_vec() }
    }

    /// A copy of the pictures `indices`, in that order; an index may come twice.
    ///
    /// # Panics
    /// If an index is not below `len()`.
    pub fn select(&self, indices: &[usize]) -> Dataset {
        Self {
            images: indices.iter().flat_map(|&i| self.image(i)).copied().collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
        }
    }
}

fn invalid(what: &str, at: usize, problem: String) -> DataError {
    let advice = "a Dataset is n pictures of 28 x 28 bytes with n labels from 0 to 9";
    DataError::Format { what: what.into(), at: at as u64, problem, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Dataset {
        let images = [10, 20, 30].iter().flat_map(|&v| [v; Dataset::PIXELS]).collect();
        Dataset::new(images, vec![1, 2, 3]).unwrap()
    }

    #[test]
    fn parts_keep_pictures_with_their_labels() {
        let all = three();
        assert_eq!((all.len(), all.is_empty()), (3, false));
        assert_eq!((all.image(1)[783], all.label(1)), (20, 2));
        assert_eq!(all.range(0..3), all);
        assert!(all.range(2..2).is_empty());
        let tail = all.range(1..3);
        assert_eq!((tail.image(0)[0], tail.labels()), (20, &[2, 3][..]));
        let picked = all.select(&[2, 0, 2]);
        assert_eq!(picked.labels(), [3, 1, 3]);
        assert_eq!([0, 1, 2].map(|i| picked.image(i)[400]), [30, 10, 30]);
        assert_eq!(picked.images().len(), 3 * Dataset::PIXELS);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let message = |images: usize, labels: &[u8]| {
            Dataset::new(vec![0; images], labels.to_vec()).unwrap_err().to_string()
        };
        assert!(message(785, &[1]).contains("785 bytes are not whole pictures"));
        assert!(message(784, &[1, 2]).contains("2 labels for 1 images"));
        assert!(message(784, &[10]).contains("labels, byte 0: 10 is no digit"));
        assert!(Dataset::new(vec![], vec![]).unwrap().is_empty());
    }
}

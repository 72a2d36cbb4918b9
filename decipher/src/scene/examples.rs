//! Glyphs cut out of real pictures, to learn from or to be measured on.

use std::path::{Path, PathBuf};

use decipher_nn::Rng;
use rayon::prelude::*;

use super::NONE;
use crate::data::Dataset;
use crate::vision::{self, DecodeError, Limits, decode};

/// Labelled glyphs of 28 x 28 pixels: digits, and what is none.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    images: Vec<u8>,
    classes: Vec<u8>,
    /// Where those of each class are.
    by_class: [Vec<u32>; 11],
}

impl Examples {
    /// Adds a glyph (0 = paper, 255 = ink) of a class, 0 to 9 or [`NONE`].
    ///
    /// # Panics
    /// If the class is above [`NONE`].
    pub fn push(&mut self, image: &[u8; Dataset::PIXELS], class: u8) {
        self.by_class[usize::from(class)].push(self.classes.len() as u32);
        self.images.extend(image);
        self.classes.push(class);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The pixels of all, one after the other.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The pixels of glyph `i`.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * Dataset::PIXELS..][..Dataset::PIXELS]
    }

    /// The class of glyph `i`.
    pub fn class(&self, i: usize) -> u8 {
        self.classes[i]
    }

    pub(super) fn any(&self, class: u8, rng: &mut Rng) -> Option<&[u8]> {
        let all = &self.by_class[usize::from(class)];
        let one = rng.below(all.len().max(1) as u32) as usize;
        all.get(one).map(|&i| self.image(i as usize))
    }

    /// Takes every picture of a data set as what is no digit.
    pub fn of_things(things: &Dataset) -> Self {
        let mut examples = Self::default();
        for image in things.images().chunks_exact(Dataset::PIXELS) {
            examples.push(image.try_into().expect("whole pictures"), NONE);
        }
        examples
    }

    /// Cuts the glyphs out of `part` of the pictures in a folder. It holds a `labels.csv`: a line
    /// `file,label` a picture, after a first line with these words; a label that is no single digit
    /// makes the picture one of [`NONE`]. Pictures without ink are left out.
    ///
    /// # Errors
    /// If the list or a picture cannot be read.
    pub fn from_folder(folder: &Path, part: Part) -> Result<Self, PicturesError> {
        let list = folder.join("labels.csv");
        let text = std::fs::read_to_string(&list)
            .map_err(|source| PicturesError::Io { path: list.clone(), source })?;
        let class = |label: &str| label.parse().ok().filter(|d| *d < NONE).unwrap_or(NONE);
        let rows = part.rows(&text);
        let glyphs: Result<Vec<_>, PicturesError> = rows
            .par_iter()
            .map(|&(file, label)| {
                let path = folder.join(file);
                let bytes = std::fs::read(&path)
                    .map_err(|source| PicturesError::Io { path: path.clone(), source })?;
                let picture = decode(&bytes, &Limits::default())
                    .map_err(|source| PicturesError::Decode { path, source })?;
                let lines = vision::single(&picture).lines;
                Ok(lines.first().map(|line| (line.glyphs[0].pixels, class(label))))
            })
            .collect();
        let mut examples = Self::default();
        glyphs?.into_iter().flatten().for_each(|(glyph, class)| examples.push(&glyph, class));
        Ok(examples)
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (image, &class) in other.images.chunks_exact(Dataset::PIXELS).zip(&other.classes) {
            self.push(image.try_into().expect("whole pictures"), class);
        }
    }
}

/// Which rows of a list of pictures are taken. What was learned from says nothing as a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    All,
    /// The first, third, ... group: to learn from.
    Learned,
    /// The second, fourth, ... group: held back to be measured on.
    HeldBack,
}

/// Alone, a slash is a one as much.
const LOOK_ALIKE: &str = "slash";
/// Rows that stay together: neighbours in a list are often by one hand, or one character.
const BLOCK: usize = 20;

impl Part {
    /// File and label of the rows of a `labels.csv` that belong to it, 20 neighbouring rows to one
    /// part. Slashes are left out.
    pub fn rows(self, list: &str) -> Vec<(&str, &str)> {
        let rows = list.lines().skip(1).filter_map(|row| row.split_once(','));
        let has = |row: usize| match self {
            Part::All => true,
            Part::Learned => (row / BLOCK).is_multiple_of(2),
            Part::HeldBack => !(row / BLOCK).is_multiple_of(2),
        };
        let rows = rows.enumerate().filter(|&(row, (_, label))| has(row) && label != LOOK_ALIKE);
        rows.map(|(_, row)| row).collect()
    }
}

/// Why a folder of labelled pictures was not read.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// The file system said no.
    #[error("{}: {source}; a folder of labelled pictures has a labels.csv with lines FILE,LABEL", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no picture.
    #[error("{}: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_from_is_not_scored_and_groups_stay_whole() {
        let rows: String = (0..100).map(|i| format!("{i}.png,{}\n", i % 10)).collect();
        let list = format!("file,label\n{rows}s.png,slash\n");
        let [all, learned, held_back] =
            [Part::All, Part::Learned, Part::HeldBack].map(|part| part.rows(&list));
        assert_eq!((all.len(), learned.len(), held_back.len()), (100, 60, 40));
        assert!(learned.iter().all(|row| all.contains(row) && !held_back.contains(row)));
        assert_eq!((held_back[0], held_back[20]), (("20.png", "0"), ("60.png", "0")));
    }
}

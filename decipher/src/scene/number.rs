//! Numbers on paper, with what stands there: to measure how whole numbers are read.

use decipher_nn::Rng;

use super::paper::Paper;
use super::pen::{Ink, Place, Waves};
use crate::data::Dataset;
use crate::image::GrayImage;

/// A photograph of a number.
#[derive(Clone, Debug)]
pub struct Number {
    /// What the camera saw.
    pub picture: GrayImage,
    /// The digits.
    pub text: String,
    /// Whether the paper is ruled or squared.
    pub ruled: bool,
}

/// Photographs a number. Its digits are taken from `digits`, written by one hand
/// with a pen of one width; with `touching`, each reaches the one before.
pub fn number(digits: &Dataset, length: usize, touching: bool, rng: &mut Rng) -> Number {
    let size = 28.0 + 36.0 * rng.uniform();
    let chosen: Vec<usize> = (0..length).map(|_| rng.below(digits.len() as u32) as usize).collect();
    let row = Row::new(digits, &chosen, size, touching.then_some(1.0), rng);
    let mut paper = Paper::any(size, rng);
    paper.contrast = paper.contrast.max(0.35);
    let text = chosen.iter().map(|&i| char::from(b'0' + digits.label(i))).collect();
    Number { picture: paper.photograph(row.ink(), rng), text, ruled: paper.rules.0 > 0.0 }
}

/// Digits side by side, written by one hand.
pub(super) struct Row<'a> {
    images: Vec<&'a [u8]>,
    places: Vec<Place>,
    edge: f32,
    width: usize,
    height: usize,
}

impl<'a> Row<'a> {
    /// The `chosen` of `digits`, `size` pixels high. With `overlap`, each reaches so many pixels
    /// into the one before; else there are gaps.
    pub fn new(
        digits: &'a Dataset,
        chosen: &[usize],
        size: f32,
        overlap: Option<f32>,
        rng: &mut Rng,
    ) -> Self {
        let (slant, edge) = (0.1 * rng.normal(), 0.3 + 0.2 * rng.uniform());
        let gap = size * (0.12 + 0.2 * rng.uniform());
        let mut ends = vec![0.0f32; (2.2 * size) as usize];
        let images: Vec<&[u8]> = chosen.iter().map(|&i| digits.image(i)).collect();
        let mut places = Vec::new();
        let base = 1.1 * size;
        let mut right_end = 0.0f32;
        for image in &images {
            let size = size * (1.0 + 0.06 * rng.normal()).clamp(0.85, 1.15);
            let rise = 0.05 * size * rng.normal();
            let place = |x: f32| Place {
                middle: [x, base + rise],
                right: [size, 0.0],
                down: [-slant * size, size],
            };
            // The digit on its own, to see where its ink is in each row.
            let mut alone = Ink::none((2.0 * size) as usize, ends.len());
            alone.stamp(image, &place(size), edge, &Waves::NONE);
            let rows: Vec<(f32, f32)> = alone.amount.chunks(alone.width).map(extent).collect();
            let touch = |rows: &[(f32, f32)]| {
                let reach =
                    |(row, end): (&(f32, f32), &f32)| (row.0 < f32::MAX).then(|| end - row.0);
                rows.iter().zip(&ends).filter_map(reach).fold(f32::MIN, f32::max)
            };
            let (left, right) = (
                rows.iter().map(|r| r.0).fold(f32::MAX, f32::min),
                rows.iter().map(|r| r.1).fold(0.0, f32::max),
            );
            let shift = match overlap {
                // The nearest rows overlap; within the strokes, not beyond.
                Some(overlap) if !places.is_empty() => {
                    touch(&rows).max(right_end - left - 0.35 * size) - overlap
                }
                _ => {
                    let before =
                        if places.is_empty() { size } else { gap * (0.7 + 0.6 * rng.uniform()) };
                    right_end + before - left
                }
            };
            places.push(place(size + shift));
            for (end, row) in ends.iter_mut().zip(&rows).filter(|(_, row)| row.0 < f32::MAX) {
                *end = row.1 + shift;
            }
            right_end = right + shift;
        }
        let (width, height) = ((right_end + size) as usize, ends.len());
        Self { images, places, edge, width, height }
    }

    /// All digits.
    pub fn ink(&self) -> Ink {
        let mut ink = Ink::none(self.width, self.height);
        (0..self.images.len()).for_each(|i| self.stamp(i, &mut ink));
        ink
    }

    /// Digit `i` on its own, where it stands.
    pub fn alone(&self, i: usize) -> Ink {
        let mut ink = Ink::none(self.width, self.height);
        self.stamp(i, &mut ink);
        ink
    }

    fn stamp(&self, i: usize, ink: &mut Ink) {
        ink.stamp(self.images[i], &self.places[i], self.edge, &Waves::NONE);
    }
}

/// First and last column with ink of a row; no ink is `(f32::MAX, 0)`.
fn extent(row: &[f32]) -> (f32, f32) {
    let first = row.iter().position(|&a| a > 0.5).map_or(f32::MAX, |x| x as f32);
    (first, row.iter().rposition(|&a| a > 0.5).map_or(0.0, |x| x as f32 + 1.0))
}

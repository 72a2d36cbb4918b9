//! Numbers on paper, with what stands there: to measure how whole numbers are read.

use decipher_nn::Rng;

use super::paper::Paper;
use super::pen::{Ink, Place, Waves};
use crate::data::Dataset;
use crate::image::GrayImage;

/// A photograph of a number, and its digits. They are taken from `digits`, written by one hand
/// with a pen of one width; with `touching`, each reaches the one before.
pub fn number(
    digits: &Dataset,
    length: usize,
    touching: bool,
    rng: &mut Rng,
) -> (GrayImage, String) {
    let size = 28.0 + 36.0 * rng.uniform();
    let chosen: Vec<usize> = (0..length).map(|_| rng.below(digits.len() as u32) as usize).collect();
    let (slant, edge) = (0.1 * rng.normal(), 0.3 + 0.2 * rng.uniform());
    let gap = size * (0.12 + 0.2 * rng.uniform());
    let mut ends = vec![0.0f32; (2.2 * size) as usize];
    let mut places = Vec::new();
    let base = 1.1 * size;
    let mut right_end = 0.0f32;
    for &i in &chosen {
        let image = digits.image(i);
        let size = size * (1.0 + 0.06 * rng.normal()).clamp(0.85, 1.15);
        let rise = 0.05 * size * rng.normal();
        let place = |x: f32| Place {
            middle: [x, base + rise],
            right: [size, 0.0],
            down: [-slant * size, size],
        };
        // The digit on its own, to see where its ink is in each row.
        let mut alone = Ink::none((2.0 * size) as usize, ends.len());
        alone.stamp(image, &place(size), edge, &Waves::new(0.0, rng));
        let rows: Vec<(f32, f32)> = alone.amount.chunks(alone.width).map(extent).collect();
        let touch = |rows: &[(f32, f32)]| {
            let reach = |(row, end): (&(f32, f32), &f32)| (row.0 < f32::MAX).then(|| end - row.0);
            rows.iter().zip(&ends).filter_map(reach).fold(f32::MIN, f32::max)
        };
        let (left, right) = (
            rows.iter().map(|r| r.0).fold(f32::MAX, f32::min),
            rows.iter().map(|r| r.1).fold(0.0, f32::max),
        );
        let shift = if touching && !places.is_empty() {
            // So far that the nearest rows overlap by a pixel; within the strokes, not beyond.
            touch(&rows).max(right_end - left - 0.35 * size) - 1.0
        } else {
            right_end + if places.is_empty() { size } else { gap * (0.7 + 0.6 * rng.uniform()) }
                - left
        };
        places.push(place(size + shift));
        for (end, row) in ends.iter_mut().zip(&rows).filter(|(_, row)| row.0 < f32::MAX) {
            *end = row.1 + shift;
        }
        right_end = right + shift;
    }
    let mut ink = Ink::none((right_end + size) as usize, ends.len());
    for (&i, place) in chosen.iter().zip(&places) {
        ink.stamp(digits.image(i), place, edge, &Waves::new(0.0, rng));
    }
    let mut paper = Paper::any(size, rng);
    paper.contrast = paper.contrast.max(0.35);
    let text = chosen.iter().map(|&i| char::from(b'0' + digits.label(i))).collect();
    (paper.photograph(ink, rng), text)
}

/// First and last column with ink of a row; no ink is `(f32::MAX, 0)`.
fn extent(row: &[f32]) -> (f32, f32) {
    let first = row.iter().position(|&a| a > 0.5).map_or(f32::MAX, |x| x as f32);
    (first, row.iter().rposition(|&a| a > 0.5).map_or(0.0, |x| x as f32 + 1.0))
}

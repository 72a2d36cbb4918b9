//! Digits that touch each other, cut as the reader may cut them.

use decipher_nn::Rng;

use super::NONE;
use super::number::Row;
use super::paper::Paper;
use crate::data::Dataset;
use crate::vision::{self, Glyph};

/// A part of two or three touching digits, digit `index` among them, and what it shows: a digit
/// where it was cut rightly, else [`NONE`]. `None` if the parts are neither clearly.
pub(super) fn example(
    digits: &Dataset,
    index: usize,
    rng: &mut Rng,
) -> Option<([u8; Dataset::PIXELS], u8)> {
    let size = 13.0 + 43.0 * rng.uniform().powi(2);
    let count = if rng.uniform() < 0.8 { 2 } else { 3 };
    let mut chosen: Vec<usize> =
        (0..count).map(|_| rng.below(digits.len() as u32) as usize).collect();
    chosen[rng.below(count) as usize] = index;
    let overlap = 0.7 + 0.12 * size * rng.uniform().powi(3);
    let row = Row::new(digits, &chosen, size, Some(overlap), rng);
    let inks: Vec<_> = (0..chosen.len()).map(|i| row.alone(i)).collect();
    let picture = Paper::any(size, rng).photograph(row.ink(), rng);
    let layout = vision::segment(&picture);
    let shown = |glyph: &Glyph| {
        let shares: Vec<f32> = inks.iter().map(|ink| ink.share_in(&glyph.pieces)).collect();
        let first = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b]))?;
        let others: f32 = shares.iter().sum::<f32>() - shares[first];
        // A narrow part is a one, whatever it was cut from.
        let upright = glyph.bounds.width * 5 < glyph.bounds.height * 2;
        match shares[first] {
            share if share > 0.85 && others < 0.06 => Some(digits.label(chosen[first])),
            share if share > 0.6 && others > 0.4 => Some(NONE),
            share if share > 0.25 && share < 0.65 && others < 0.3 && !upright => Some(NONE),
            _ => None,
        }
    };
    let glyphs: Vec<&Glyph> = layout.lines.iter().flat_map(|line| &line.glyphs).collect();
    let glyph = *glyphs.get(rng.below(glyphs.len().max(1) as u32) as usize)?;
    if let (Some(NONE), true) = (shown(glyph), rng.uniform() < 0.35) {
        return Some((glyph.pixels, NONE));
    }
    let way = rng.below(vision::WAYS as u32) as usize;
    let cutting = vision::Cutter::new(&layout.stages.ink, glyph)?.cutting(way)?;
    // As many digits as what is none, though there are more wrong cuts than right ones.
    let digit = rng.below(2) == 0;
    let parts: Vec<_> = cutting
        .parts
        .iter()
        .filter_map(|part| Some((part.glyph.pixels, shown(&part.glyph)?)))
        .filter(|(_, class)| (*class != NONE) == digit)
        .collect();
    parts.get(rng.below(parts.len().max(1) as u32) as usize).copied()
}

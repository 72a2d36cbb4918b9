//! How large the writing is, and how broad its strokes are.

use super::{Component, Run, median};

/// Size of the writing: the height that a typical piece of ink has, in pixels (0 if there is none).
///
/// The median, in which each piece weighs as much as its height squared: a hundred specks then
/// weigh less than one digit.
pub fn writing_height<'a>(components: impl IntoIterator<Item = &'a Component>) -> usize {
    let mut heights: Vec<usize> = components.into_iter().map(|c| c.bounds.height).collect();
    heights.sort_unstable();
    let half = heights.iter().map(|h| h * h).sum::<usize>() / 2;
    let mut below = 0;
    heights
        .into_iter()
        .find(|h| {
            below += h * h;
            below > half
        })
        .unwrap_or(0)
}

/// The usual width of the strokes, measured across (digits are upright more than they lie), in
/// pieces that are no specks.
pub fn stroke_width(pieces: &[Component]) -> usize {
    let least = writing_height(pieces) as f32 * SPECK;
    usual_width(pieces.iter().filter(|c| c.extent() as f32 >= least))
}

/// The median length of the pieces' runs, 0 if there are none.
pub fn usual_width<'a>(pieces: impl Iterator<Item = &'a Component>) -> usize {
    usual_length(pieces.flat_map(|c| &c.runs))
}

/// The same of one piece.
pub fn width_of(piece: &Component) -> usize {
    usual_width(std::iter::once(piece))
}

/// The median length of runs, 0 if there are none.
pub fn usual_length<'a>(runs: impl Iterator<Item = &'a Run>) -> usize {
    median(runs.map(|r| r.end - r.start)).unwrap_or(0)
}

/// A speck is less than this part of the writing's height, both high and wide. The bar of a 5 that
/// the pen left on its own is about a third.
pub const SPECK: f32 = 0.2;

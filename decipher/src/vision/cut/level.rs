//! Parts by a higher threshold.

use super::{Cutting, Part};
use crate::image::{GrayImage, Rect};
use crate::vision::{Component, Glyph, Mask, Run, clean, connected_components, size};

/// More pieces than this are no number but a texture.
const MOST_PIECES: usize = 16;
/// Of a pixel that belongs to none.
const NOBODY: u8 = u8::MAX;

/// What is left of the glyph at a higher threshold, from the left: blur and the edges of shadows
/// join digits by ink that is paler than theirs. `level` is a share of the darkest ink.
/// `dark` tells how dark each of its pixels is.
pub fn above(level: f32, dark: &[f32], ink: &GrayImage, glyph: &Glyph) -> Option<Cutting> {
    let Rect { x: left, y: top, width, height } = glyph.bounds;
    let mask = Mask::new(width, height, dark.iter().map(|&d| d >= level).collect());
    let mut cores = connected_components(&mask, 1);
    clean::drop_specks(&mut cores);
    if cores.is_empty() || cores.len() > MOST_PIECES {
        return None;
    }
    cores.sort_by_key(|c| 2 * c.bounds.x + c.bounds.width);
    let mut runs = vec![Vec::new(); cores.len()];
    for (y, row) in grown(&cores, dark, width).chunks_exact(width).enumerate() {
        let mut x = 0;
        for same in row.chunk_by(|a, b| a == b) {
            if same[0] != NOBODY {
                let start = x + left;
                runs[usize::from(same[0])].push(Run { y: y + top, start, end: start + same.len() });
            }
            x += same.len();
        }
    }
    let pieces: Vec<Component> = runs.into_iter().filter_map(Component::of_runs).collect();
    let part = |(from, to): (usize, usize)| {
        let pieces = pieces.get(from..to)?.to_vec();
        let gap_before = from == 0 && glyph.gap_before;
        Some(Part { from, to, glyph: Glyph::new(ink, pieces, gap_before) })
    };
    // A digit may have come apart in two.
    let parts = (0..pieces.len()).flat_map(|i| [(i, i + 1), (i, i + 2)]).filter_map(part).collect();
    Some(Cutting { places: pieces.len() + 1, parts })
}

/// Which of the `cores` each pixel belongs to: their soft edges come back, as far as half a stroke
/// is wide.
fn grown(cores: &[Component], dark: &[f32], width: usize) -> Vec<u8> {
    let mut owners = vec![NOBODY; dark.len()];
    for (i, core) in (0..).zip(cores) {
        for run in &core.runs {
            owners[run.y * width..][run.start..run.end].fill(i);
        }
    }
    let mut edge: Vec<usize> = (0..owners.len()).filter(|&at| owners[at] != NOBODY).collect();
    for _ in 0..size::stroke_width(cores).div_ceil(2) {
        let mut next = Vec::new();
        for at in edge {
            let x = at % width;
            let near = [
                (x > 0).then(|| at - 1),
                (x + 1 < width).then_some(at + 1),
                at.checked_sub(width),
                Some(at + width).filter(|&below| below < dark.len()),
            ];
            for near in near.into_iter().flatten() {
                if owners[near] == NOBODY && dark[near] > 0.0 {
                    owners[near] = owners[at];
                    next.push(near);
                }
            }
        }
        edge = next;
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::super::{darkness, tests::glyph_of};
    use super::*;

    #[test]
    fn digits_that_pale_ink_joins_come_apart_with_their_soft_edges() {
        // Two bars of 8 columns, paler on their edges, in a haze that joins them.
        let bar = |x: usize, left: usize| match x.checked_sub(left) {
            Some(0 | 7) => 90,
            Some(1..7) => 255,
            _ => 30,
        };
        let value = |x: usize, y: usize| match (x, y) {
            (5..55, 5..45) => bar(x, 10).max(bar(x, 40)),
            _ => 0,
        };
        let (ink, pair) = glyph_of(60, 50, value);
        assert_eq!(pair.pieces.len(), 1);
        let cutting = above(0.6, &darkness(&ink, &pair), &ink, &pair).unwrap();
        let bounds = |(from, to): (usize, usize)| {
            let part = cutting.parts.iter().find(|part| (part.from, part.to) == (from, to));
            part.map(|part| (part.glyph.bounds.x, part.glyph.bounds.right()))
        };
        assert_eq!(cutting.places, 3);
        // Six columns are dark; half of them comes back on either side.
        assert_eq!([(0, 1), (1, 2), (0, 2)].map(bounds), [(8, 20), (38, 50), (8, 50)].map(Some));
        // Nothing is paler in a bar alone, and nothing is lost.
        let (ink, bar) = glyph_of(60, 50, |x, y| if value(x, y) > 30 { 255 } else { 0 });
        let cutting = above(0.6, &darkness(&ink, &bar), &ink, &bar).unwrap();
        let last = cutting.parts.iter().find(|part| part.to == 1).unwrap();
        assert_eq!((last.glyph.bounds.x, last.glyph.bounds.right()), (10, 18));
    }
}

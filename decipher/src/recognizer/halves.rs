//! Digits that lie in two halves, one above the other: a fold, a scratch or a thin line parts them.

use super::row::CERTAIN;
use super::{Found, Recognizer, SURE, lines_again};
use crate::image::GrayImage;
use crate::metrics::best;

/// Halves are at most one part in so many of their height apart.
const APART: usize = 8;
/// What is no farther apart than one part in so many all but touches.
const TOUCHING: usize = 12;
/// Both together are at most so many times as high as the tallest sure digit beside them, and so many times as
/// wide as high.
const HIGHER: f32 = 1.3;
const WIDER: f32 = 1.2;

impl Recognizer {
    /// Joins halves where they make more sense as one digit, and puts the lines in order again. `tries_left`
    /// is for how many pairs the network is asked.
    pub(super) fn join_halves(
        &self,
        lines: &mut Vec<Vec<Found>>,
        ink: &GrayImage,
        tries_left: &mut usize,
    ) {
        let mut found: Vec<Found> = lines.concat();
        let mut tallest = tallest_sure(&found);
        let mut joined = false;
        let mut i = 0;
        while i < found.len() && *tries_left > 0 {
            let below =
                (0..found.len()).find(|&j| j != i && may_be_one(&found[i], &found[j], &tallest));
            let Some(j) = below else {
                i += 1;
                continue;
            };
            *tries_left -= 1;
            let ((upper, p), (lower, q)) = (&found[i], &found[j]);
            let one = upper.with(lower, ink);
            let together = self.at_a_glance(&one.pixels)[0];
            if best(&together).1 >= SURE && best(&together).1 > best(p).1 * best(q).1 {
                found[i] = (one, together);
                found.remove(j);
                i -= usize::from(j < i);
                tallest = tallest_sure(&found);
                joined = true;
            }
            i += 1;
        }
        if joined {
            *lines = lines_again(found);
        }
    }
}

/// Heights of the two tallest sure digits, the tallest first.
fn tallest_sure(found: &[Found]) -> Vec<usize> {
    let sure = found.iter().filter(|(_, p)| best(p).1 >= CERTAIN);
    let mut heights: Vec<usize> = sure.map(|(glyph, _)| glyph.bounds.height).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.truncate(2);
    heights
}

/// Whether the second thing may be the lower half of a digit of which the first is the upper one.
fn may_be_one((upper, p): &Found, (lower, q): &Found, tallest: &[usize]) -> bool {
    let (a, b) = (upper.bounds, lower.bounds);
    let both = a.union(&b);
    let shared = a.right().min(b.right()).saturating_sub(a.x.max(b.x));
    let apart = b.y.saturating_sub(a.bottom());
    let is_above = a.y + a.height / 2 < b.y && a.bottom() < b.y + b.height / 2;
    let [p, q] = [p, q].map(|p| best(p).1);
    if !is_above
        || apart * APART > both.height
        || shared * 2 < a.width.min(b.width)
        || both.width as f32 > WIDER * both.height as f32
    {
        return false;
    }
    // Otherwise two sure digits are two, and others tell how high digits are, if they are not halves as well.
    if apart * TOUCHING <= both.height {
        return true;
    }
    if p.min(q) >= CERTAIN {
        return false;
    }
    // Of the two, one at most is sure, and not counted.
    let own = if p >= CERTAIN { a.height } else { b.height };
    let is_sure = p.max(q) >= CERTAIN;
    let own = tallest.iter().position(|height| is_sure && *height == own);
    let highest = (0..tallest.len()).find(|i| Some(*i) != own).map(|i| tallest[i]);
    highest.is_none_or(|highest| both.height as f32 <= HIGHER * highest as f32)
}

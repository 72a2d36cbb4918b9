//! Digits that lie in two halves, one above the other: a fold, a scratch or a thin line parts them.

use super::row::CERTAIN;
use super::{Found, Recognizer, SURE, lines_again};
use crate::image::GrayImage;
use crate::metrics::best;

/// Halves are at most this part of their height apart.
const APART: usize = 8;
/// Both together are at most this part higher than the sure digits beside them, and not much wider than high.
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
        let mut joined = false;
        let mut i = 0;
        while i < found.len() && *tries_left > 0 {
            let below = (0..found.len()).find(|&j| j != i && may_be_one(&found, i, j));
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
                joined = true;
            }
            i += 1;
        }
        if joined {
            *lines = lines_again(found);
        }
    }
}

/// Whether thing `j` may be the lower half of a digit of which thing `i` is the upper one.
fn may_be_one(found: &[Found], i: usize, j: usize) -> bool {
    let (a, b) = (found[i].0.bounds, found[j].0.bounds);
    let both = a.union(&b);
    let shared = a.right().min(b.right()).saturating_sub(a.x.max(b.x));
    let apart = b.y.saturating_sub(a.bottom());
    let is_above = a.y + a.height / 2 < b.y && a.bottom() < b.y + b.height / 2;
    if !is_above || apart * APART > both.height || shared * 2 < a.width.min(b.width) {
        return false;
    }
    let is_sure = |k: &usize| best(&found[*k].1).1 >= CERTAIN;
    let others = (0..found.len()).filter(|k| *k != i && *k != j && is_sure(k));
    let highest = others.map(|k| found[k].0.bounds.height).max();
    let high = highest.map_or(f32::MAX, |highest| HIGHER * highest as f32);
    both.height as f32 <= high && both.width as f32 <= WIDER * both.height as f32
}

//! Circles, frames and the boxes of a form around digits.

use crate::image::Rect;
use crate::vision::{Component, LEGIBLE};

/// Drops what was drawn around digits: circles, frames, the boxes of a form, of which a side may be missing if
/// `lines` were erased. Returns where they were.
pub fn drop_rings(components: &mut Vec<Component>, lines: bool) -> Vec<Rect> {
    if components.len() > MOST_RINGED {
        return vec![];
    }
    let least = if lines { 3 } else { 4 };
    let is_ring = |ring: &Component| {
        let size = ring.bounds.width.min(ring.bounds.height);
        let is_large = |c: &&Component| c.extent() >= LEGIBLE && c.extent() * ENCLOSED_SIZE >= size;
        let mut inside = components.iter().filter(is_large).filter(|c| sides_of(c, ring) >= least);
        // A slash in a 0 does not always touch it.
        let is_zero = |c: &Component| {
            ring.bounds.height * 4 > ring.bounds.width * 5 && c.area * 5 < c.extent() * c.extent()
        };
        inside.next().is_some_and(|c| !is_zero(c) || inside.next().is_some())
    };
    let mut rings = components.iter().map(is_ring).collect::<Vec<_>>().into_iter();
    components.extract_if(.., |_| rings.next() == Some(true)).map(|ring| ring.bounds).collect()
}

/// On how many of the four sides of another piece, seen from the middle of that, a piece in whose bounds it
/// lies has ink.
fn sides_of(inner: &Component, ring: &Component) -> usize {
    let b = inner.bounds;
    if ring.bounds.union(&b) != ring.bounds || ring.bounds == b {
        return 0;
    }
    let (x, y) = (b.x + b.width / 2, b.y + b.height / 2);
    let mut sides = [false; 4];
    for run in &ring.runs {
        if run.y == y {
            sides[0] |= run.end <= b.x;
            sides[1] |= run.start >= b.right();
        }
        if (run.start..run.end).contains(&x) {
            sides[2] |= run.y < b.y;
            sides[3] |= run.y >= b.bottom();
        }
    }
    sides.into_iter().filter(|side| *side).count()
}

/// Among more pieces there is no ring looked for: it takes time with the square of them.
const MOST_RINGED: usize = 1_000;
/// What a ring encloses is at most so many times smaller; a spot in a 0 is still smaller.
const ENCLOSED_SIZE: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::tests::{block, piece};
    use super::*;

    #[test]
    fn a_ring_goes_and_the_digit_in_it_stays() {
        // Frames of 60 x 60 pixels around something, with a side less.
        let frame = |sides: usize| {
            let bar = |y: usize| !(22..78).contains(&y);
            let upright = if sides == 4 { vec![(20, 22), (78, 80)] } else { vec![(20, 22)] };
            piece((20..80).map(|y| (y, if bar(y) { vec![(20, 80)] } else { upright.clone() })))
        };
        let left = |sides: usize, size: usize, lines: bool| {
            let mut pieces = vec![frame(sides), block(50 - size / 2, 50 - size / 2, size, size)];
            let rings = drop_rings(&mut pieces, lines);
            assert_eq!(rings.len() + pieces.len(), 2);
            pieces.len()
        };
        assert_eq!((left(4, 30, false), left(4, 30, true)), (1, 1));
        // A side may have been erased; if no line was, it is an open digit.
        assert_eq!((left(3, 30, true), left(3, 30, false)), (1, 2));
        // A spot in a 0.
        assert_eq!(left(4, 12, false), 2);
        // A slash in one.
        let tall = |y: usize| {
            if (22..118).contains(&y) { vec![(20, 22), (78, 80)] } else { vec![(20, 80)] }
        };
        let slash = piece((40..100).map(|y| (y, vec![(30 + (100 - y) / 2, 34 + (100 - y) / 2)])));
        let mut pieces = vec![piece((20..120).map(|y| (y, tall(y)))), slash];
        assert_eq!(drop_rings(&mut pieces, false), []);
    }
}

//! Circles, frames and the boxes of a form around digits.

use super::WRITTEN;
use crate::image::Rect;
use crate::vision::size::width_of;
use crate::vision::{Component, LEGIBLE};

/// Drops what was drawn around digits: circles, frames, the boxes of a form, and the edge of a sheet. Sides may
/// have been `erased`, of which one need not be known. Returns where they were.
pub fn drop_rings(components: &mut Vec<Component>, erased: &[Rect]) -> Vec<Rect> {
    if components.len() > MOST_RINGED {
        return vec![];
    }
    let least = if erased.is_empty() { 4 } else { 3 };
    let widths: Vec<usize> = components.iter().map(width_of).collect();
    let is_ring = |(ring, ring_width): (&Component, &usize)| {
        let size = ring.bounds.width.min(ring.bounds.height);
        // A spot in a 0 is smaller, or no stroke as broad as that.
        let is_written = |c: &Component, width: usize| {
            c.extent() * WRITTEN_SIZE >= size
                && c.extent() >= WRITTEN * width
                && width >= *ring_width
        };
        let is_large = |(c, width): &(&Component, &usize)| {
            c.extent() >= LEGIBLE && (c.extent() * ENCLOSED_SIZE >= size || is_written(c, **width))
        };
        let large = components.iter().zip(&widths).filter(is_large).map(|(c, _)| c);
        let mut inside = large.filter(|c| sides_of(c, ring, erased) >= least);
        // A slash in a 0 does not always touch it.
        let is_zero = |c: &Component| {
            ring.bounds.height * 4 > ring.bounds.width * 5 && c.area * 5 < c.extent() * c.extent()
        };
        inside.next().is_some_and(|c| !is_zero(c) || inside.next().is_some())
    };
    let mut rings = components.iter().zip(&widths).map(is_ring).collect::<Vec<_>>().into_iter();
    components.extract_if(.., |_| rings.next() == Some(true)).map(|ring| ring.bounds).collect()
}

/// On how many of the four sides of another piece, seen from the middle of that, a piece in whose bounds it
/// lies has ink, or had what is `erased` there. 0 if it has ink on none.
fn sides_of(inner: &Component, ring: &Component, erased: &[Rect]) -> usize {
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
    if sides == [false; 4] {
        return 0;
    }
    let margin = ring.extent() / 8;
    let is_near = |e: &&Rect| {
        e.right() + margin >= ring.bounds.x
            && e.bottom() + margin >= ring.bounds.y
            && e.x <= ring.bounds.right() + margin
            && e.y <= ring.bounds.bottom() + margin
    };
    for e in erased.iter().filter(is_near) {
        if (e.y..e.bottom()).contains(&y) {
            sides[0] |= e.right() <= b.x;
            sides[1] |= e.x >= b.right();
        }
        if (e.x..e.right()).contains(&x) {
            sides[2] |= e.bottom() <= b.y;
            sides[3] |= e.y >= b.bottom();
        }
    }
    sides.into_iter().filter(|side| *side).count()
}

/// Among more pieces there is no ring looked for: it takes time with the square of them.
const MOST_RINGED: usize = 1_000;
/// What a ring encloses is at most so many times smaller, and what is surely written at most so many times.
const ENCLOSED_SIZE: usize = 3;
const WRITTEN_SIZE: usize = 8;

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
        let left = |sides: usize, size: usize, erased: &[Rect]| {
            let mut pieces = vec![frame(sides), block(50 - size / 2, 50 - size / 2, size, size)];
            let rings = drop_rings(&mut pieces, erased);
            assert_eq!(rings.len() + pieces.len(), 2);
            pieces.len()
        };
        let elsewhere = Rect { x: 300, y: 300, width: 2, height: 90 };
        assert_eq!((left(4, 30, &[]), left(4, 30, &[elsewhere])), (1, 1));
        // A side may have been erased; if no line was, it is an open digit.
        assert_eq!((left(3, 30, &[elsewhere]), left(3, 30, &[])), (1, 2));
        // A spot in a 0.
        assert_eq!(left(4, 12, &[]), 2);
        // A slash in one.
        let tall = |y: usize| {
            if (22..118).contains(&y) { vec![(20, 22), (78, 80)] } else { vec![(20, 80)] }
        };
        let slash = piece((40..100).map(|y| (y, vec![(30 + (100 - y) / 2, 34 + (100 - y) / 2)])));
        let mut pieces = vec![piece((20..120).map(|y| (y, tall(y)))), slash];
        assert_eq!(drop_rings(&mut pieces, &[]), []);
    }

    #[test]
    fn two_edges_of_a_sheet_go_where_the_other_two_were_erased() {
        let edges = (20..300).map(|y| (y, if y < 298 { vec![(20, 22)] } else { vec![(20, 300)] }));
        let stroke = block(150, 140, 4, 40);
        let mut pieces = vec![piece(edges), stroke.clone()];
        assert_eq!(drop_rings(&mut pieces, &[]), []);
        let others = [
            Rect { x: 20, y: 18, width: 280, height: 3 },
            Rect { x: 298, y: 20, width: 2, height: 280 },
        ];
        assert_eq!(drop_rings(&mut pieces, &others).len(), 1);
        assert_eq!(pieces, [stroke]);
    }
}

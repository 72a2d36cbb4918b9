//! A crop of one cell of a table, a puzzle or a form: the lines of the cell lie along its edges.

use crate::image::{GrayImage, Rect};

/// What lies inside the lines along the edges of a crop; `None` if there are none, or if it is no
/// crop of one cell.
///
/// `ink` tells how dark the picture is where, 0 = paper. A line may lean, be broad, soft and pale,
/// and stand a little off the edge, beyond which the next cell is seen.
pub fn inside(ink: &GrayImage) -> Option<Rect> {
    let (width, height) = (ink.width(), ink.height());
    let (short, long) = (width.min(height), width.max(height));
    if short < LEAST || long > MOST || long * 2 > short * 3 {
        return None;
    }
    let [left, right] = [false, true].map(|far| {
        line_ends(height, width, |along, off| {
            ink.row(along)[if far { width - 1 - off } else { off }]
        })
    });
    let [top, bottom] = [false, true].map(|far| {
        line_ends(width, height, |along, off| {
            ink.row(if far { height - 1 - off } else { off })[along]
        })
    });
    if [left, right, top, bottom] == [0; 4] {
        return None;
    }
    let inside =
        Rect { x: left, y: top, width: width - left - right, height: height - top - bottom };
    (!is_crossed(ink, &inside)).then_some(inside)
}

/// Whether ink runs across the edges of a rectangle: what lies around it then are no lines of a
/// cell, but strokes of what is written.
fn is_crossed(ink: &GrayImage, inside: &Rect) -> bool {
    let stroke = |x: usize, y: usize| ink.row(y)[x] > STROKE;
    let beside = |at: usize, size: usize| at.saturating_sub(1)..(at + 2).min(size);
    // Just inside, and just outside.
    let rows = [(inside.y, inside.y.wrapping_sub(1)), (inside.bottom() - 1, inside.bottom())];
    let columns = [(inside.x, inside.x.wrapping_sub(1)), (inside.right() - 1, inside.right())];
    let across_row = |(y, out): (usize, usize)| {
        out < ink.height()
            && (inside.x..inside.right())
                .any(|x| stroke(x, y) && beside(x, ink.width()).any(|x| stroke(x, out)))
    };
    let across_column = |(x, out): (usize, usize)| {
        out < ink.width()
            && (inside.y..inside.bottom())
                .any(|y| stroke(x, y) && beside(y, ink.height()).any(|y| stroke(out, y)))
    };
    rows.into_iter().any(across_row) || columns.into_iter().any(across_column)
}

/// Takes all ink for paper that does not lie `inside`.
pub fn clear_around(ink: &mut GrayImage, inside: &Rect) {
    let width = ink.width();
    for (y, row) in ink.pixels_mut().chunks_exact_mut(width).enumerate() {
        if (inside.y..inside.bottom()).contains(&y) {
            row[..inside.x].fill(0);
            row[inside.right()..].fill(0);
        } else {
            row.fill(0);
        }
    }
}

/// Shortest and longest side, in pixels, of what may be a crop of one cell.
const LEAST: usize = 16;
const MOST: usize = 256;

/// How far from an edge its line ends, `0` if there is none. The edge has `length` pixels, and
/// the picture `depth` from it; `ink` is asked for a place along the edge and its distance.
fn line_ends(length: usize, depth: usize, ink: impl Fn(usize, usize) -> u8) -> usize {
    let zone = depth / 4;
    // Nothing along most of the edge is no line, and soon seen.
    let seen = |part: &usize| (0..zone).any(|off| ink(length * part / 16, off) >= PALE);
    if [1, 5, 8, 11, 15].iter().filter(|part| seen(part)).count() < 4 {
        return 0;
    }
    let lean = (length / 12) as isize;
    let mut best: (u8, usize, isize) = (0, 0, 0);
    // What nearly all of a line is at least; the line leans by so much from end to end.
    let mut values: Vec<u8> = Vec::with_capacity(length);
    let mut rank = |off: usize, lean: isize, part: usize| {
        values.clear();
        values.extend((0..length).filter_map(|along| {
            let drift = (2 * along as isize - length as isize) * lean / (2 * length as isize);
            let off = off as isize + drift;
            (0..depth as isize).contains(&off).then(|| ink(along, off as usize))
        }));
        // What leaves the picture is as good as none.
        let missing = length - values.len();
        let rank = length * part / 100;
        if rank < missing { 0 } else { *values.select_nth_unstable(rank - missing).1 }
    };
    for lean in -lean..=lean {
        for off in 0..zone {
            let dark = rank(off, lean, 20);
            if dark > best.0 || dark == best.0 && off > best.1 {
                best = (dark, off, lean);
            }
        }
    }
    let (dark, off, lean) = best;
    if dark < PALE {
        return 0;
    }
    // Its soft side may still be seen for a while.
    let end = (off..depth / 3).find(|&off| rank(off, lean, 50) <= dark / 4);
    end.map_or(0, |end| end + lean.unsigned_abs().div_ceil(2))
}

/// Ink from which on a line is one.
const PALE: u8 = 12;
/// Ink that is a stroke's.
const STROKE: u8 = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIDE: usize = 48;

    /// Ink of a cell whose lines begin 3 pixels off the edges, are 3 wide and as dark as `dark`,
    /// and lean by `lean` pixels; with an upright stroke from row `top` on.
    fn cell(dark: u8, lean: usize, top: usize) -> GrayImage {
        let value = |i: usize| {
            let (x, y) = (i % SIDE, i / SIDE);
            let near = |off: usize, along: usize| {
                let off = off + along * lean / SIDE;
                (3..6).contains(&off) || (SIDE - 6..SIDE - 3).contains(&off)
            };
            match () {
                () if (22..26).contains(&x) && (top..38).contains(&y) => 150,
                () if near(x, y) || near(y, x) => dark,
                () => (x * 7 + y * 3) as u8 % 6,
            }
        };
        GrayImage::new(SIDE, SIDE, (0..SIDE * SIDE).map(value).collect())
    }

    #[test]
    fn the_lines_of_a_cell_are_found_dark_or_pale_upright_or_leaning() {
        for (dark, lean) in [(220, 0), (220, 3), (30, 0), (30, 2)] {
            let inside = inside(&cell(dark, lean, 12)).expect("there are lines");
            assert!((6 - lean..=10).contains(&inside.x), "{inside:?}");
            assert!((6 - lean..=10).contains(&inside.y), "{inside:?}");
            assert!((SIDE - 10..=SIDE - 5).contains(&inside.right()), "{inside:?}");
            assert!((SIDE - 10..=SIDE - 5).contains(&inside.bottom()), "{inside:?}");
        }
    }

    #[test]
    fn a_bar_that_a_stroke_hangs_on_is_no_line() {
        assert!(inside(&cell(220, 0, 12)).is_some());
        assert_eq!(inside(&cell(220, 0, 4)), None);
    }

    #[test]
    fn what_is_no_crop_of_a_cell_stays_whole() {
        let framed = |width: usize, height: usize| {
            let dark = |x: usize, y: usize| x.min(y) < 2 || x + 2 >= width || y + 2 >= height;
            let value = |i: usize| if dark(i % width, i / width) { 200 } else { 0 };
            GrayImage::new(width, height, (0..width * height).map(value).collect())
        };
        assert!(inside(&framed(60, 50)).is_some());
        for (width, height) in [(8, 8), (300, 300), (100, 40)] {
            assert_eq!(inside(&framed(width, height)), None);
        }
        assert_eq!(inside(&GrayImage::filled(50, 50, 0)), None);
    }

    proptest! {
        #[test]
        fn something_is_always_left(
            (width, height, values) in (0usize..60, 0usize..60).prop_flat_map(|(w, h)| {
                (Just(w), Just(h), prop::collection::vec(0u8..=255, w * h))
            }),
        ) {
            let ink = GrayImage::new(width, height, values);
            if let Some(inside) = inside(&ink) {
                prop_assert!(inside.width > 0 && inside.right() <= width);
                prop_assert!(inside.height > 0 && inside.bottom() <= height);
            }
        }
    }

    #[test]
    fn all_around_becomes_paper_and_nothing_inside() {
        let mut ink = GrayImage::filled(9, 7, 90);
        let inside = Rect { x: 2, y: 1, width: 5, height: 4 };
        clear_around(&mut ink, &inside);
        assert_eq!(ink.pixels().iter().filter(|v| **v == 90).count(), 20);
        assert!(ink.crop(&inside).pixels().iter().all(|v| *v == 90));
    }
}

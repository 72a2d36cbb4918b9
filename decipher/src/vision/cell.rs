//! A crop of one cell of a table, a puzzle or a form: the lines of the cell lie along its edges.

use std::ops::Range;

use crate::image::{GrayImage, Rect};

/// What lies inside the lines along the edges of a crop; `None` if there are none, or if it is no
/// crop of one cell.
///
/// `ink` tells how dark the picture is where; `paper` is the usual value of bare paper. A line may
/// lean, be broad, soft and pale, and stand a little off the edge, beyond which the next cell is seen.
pub fn inside(ink: &GrayImage, paper: u8) -> Option<Rect> {
    let (width, height) = (ink.width(), ink.height());
    let (short, long) = (width.min(height), width.max(height));
    if short < LEAST || long > MOST || long * 2 > short * 3 {
        return None;
    }
    let at = |side: usize, along: usize, off: usize| match side {
        LEFT => ink.row(along)[off],
        RIGHT => ink.row(along)[width - 1 - off],
        TOP => ink.row(off)[along],
        _ => ink.row(height - 1 - off)[along],
    };
    let lines = [LEFT, RIGHT, TOP, BOTTOM].map(|side| {
        let (length, depth) = if side < TOP { (height, width) } else { (width, height) };
        find_line(length, depth, paper, |along, off| at(side, along, off))
    });
    let ends = lines.map(|line| line.map_or(0, |line| line.end));
    let [left, right, top, bottom] = [LEFT, RIGHT, TOP, BOTTOM].map(|side| {
        // Beyond these, it is other lines that run into this one.
        let between = if side < TOP {
            ends[TOP]..height - ends[BOTTOM]
        } else {
            ends[LEFT]..width - ends[RIGHT]
        };
        let stroke = |along: usize, off: usize| at(side, along, off) > paper.saturating_add(STROKE);
        match lines[side] {
            Some(line) if !hangs_on(line, between, stroke) => line.end,
            _ => 0,
        }
    });
    ([left, right, top, bottom] != [0; 4]).then(|| Rect {
        x: left,
        y: top,
        width: width - left - right,
        height: height - top - bottom,
    })
}

/// The sides of a picture.
const LEFT: usize = 0;
const RIGHT: usize = 1;
const TOP: usize = 2;
const BOTTOM: usize = 3;

/// Shortest and longest side, in pixels, of what may be a crop of one cell.
const LEAST: usize = 16;
const MOST: usize = 256;

/// A line along an edge: how far from the edge its middle is, and where it ends.
#[derive(Clone, Copy)]
struct Line {
    middle: usize,
    end: usize,
}

/// Finds the line along an edge. The edge has `length` pixels, and the picture `depth` from it;
/// `ink` is asked for a place along the edge and its distance.
fn find_line(
    length: usize,
    depth: usize,
    paper: u8,
    ink: impl Fn(usize, usize) -> u8,
) -> Option<Line> {
    let zone = depth / 4;
    // Nothing along most of the edge is no line, and soon seen.
    let pale = paper.saturating_add(PALE);
    let seen = |part: &usize| (0..zone).any(|off| ink(length * part / 16, off) >= pale);
    if [1, 5, 8, 11, 15].iter().filter(|part| seen(part)).count() < 4 {
        return None;
    }
    // What a part of a line is at most; the line leans by so many pixels from end to end.
    let mut values: Vec<u8> = Vec::with_capacity(length);
    let mut darkness = |off: usize, lean: isize, percent: usize| {
        values.clear();
        values.extend((0..length).filter_map(|along| {
            let drift = (2 * along as isize - length as isize) * lean / (2 * length as isize);
            let off = off as isize + drift;
            (0..depth as isize).contains(&off).then(|| ink(along, off as usize))
        }));
        // What leaves the picture is as good as none.
        let missing = length - values.len();
        let rank = length * percent / 100;
        if rank < missing { 0 } else { *values.select_nth_unstable(rank - missing).1 }
    };
    let most = (length / 12) as isize;
    let places = (-most..=most).flat_map(|lean| (0..zone).map(move |off| (off, lean)));
    // Most of it is inked; of places as dark, the innermost.
    let (dark, middle, lean) =
        places.map(|(off, lean)| (darkness(off, lean, 35), off, lean)).max()?;
    if dark < pale {
        return None;
    }
    // Its soft side may still be seen for a while.
    let faint = paper + (dark - paper) / 4;
    let end = (middle..depth * 2 / 5).find(|&off| darkness(off, lean, 50) <= faint)?;
    Some(Line { middle, end: end + lean.unsigned_abs().div_ceil(2) })
}

/// Ink above the paper's from which on a line is one.
const PALE: u8 = 4;
/// Ink above the paper's that is a stroke's.
const STROKE: u8 = 64;

/// Whether a stroke runs into the line: it then is no line of a cell, but the bar of what is
/// written. `stroke` is asked for a place along the edge and its distance.
fn hangs_on(line: Line, between: Range<usize>, stroke: impl Fn(usize, usize) -> bool) -> bool {
    // Followed from where the line has ended to its middle.
    let mut followed: Vec<bool> = between.clone().map(|along| stroke(along, line.end)).collect();
    for off in (line.middle..line.end).rev() {
        let near =
            |i: usize| followed[i.saturating_sub(1)..followed.len().min(i + 2)].contains(&true);
        followed = between
            .clone()
            .map(|along| near(along - between.start) && stroke(along, off))
            .collect();
    }
    followed.contains(&true)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::threshold;
    use super::*;

    const SIDE: usize = 48;

    fn inside(ink: &GrayImage) -> Option<Rect> {
        super::inside(ink, threshold::paper(&threshold::histogram(ink), 0.0).level)
    }

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
    fn a_broad_line_out_of_focus_goes_with_its_soft_side() {
        let dark = |y: usize| match y {
            8..14 => 200,
            14..18 => 120,
            _ => 3,
        };
        let ink = GrayImage::new(SIDE, SIDE, (0..SIDE * SIDE).map(|i| dark(i / SIDE)).collect());
        let inside = inside(&ink).expect("there is a line");
        assert!((18..=20).contains(&inside.y) && inside.width == SIDE, "{inside:?}");
    }

    #[test]
    fn a_bar_that_a_stroke_hangs_on_is_no_line() {
        let top = |from: usize| inside(&cell(220, 0, from)).expect("there are other lines").y;
        assert!(top(12) >= 6);
        assert_eq!(top(4), 0);
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

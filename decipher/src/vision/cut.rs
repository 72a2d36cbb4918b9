//! Ways to cut a piece of ink that may be several digits touching each other.
//!
//! Where the cuts are is not decided here: whoever knows what a digit looks like weighs the parts.

mod level;
mod seam;
mod straight;

use super::rank::ranked;
use super::{Component, Glyph, Run, size};
use crate::image::{GrayImage, Rect};
use level::above;
use seam::seams;
use straight::straight_cuts;

/// The parts of a glyph between its cuts.
#[derive(Clone, Debug)]
pub struct Cutting {
    /// Number of places: its edges are the first and the last, cuts are between.
    pub places: usize,
    /// What lies between two places, the lower first.
    pub parts: Vec<Part>,
}

/// What lies between two places of a [`Cutting`].
#[derive(Clone, Debug)]
pub struct Part {
    /// The place on its left.
    pub from: usize,
    /// The place on its right, above `from`.
    pub to: usize,
    /// The ink between the two.
    pub glyph: Glyph,
}

/// Most cuts of one kind: between two or three digits, for each height of a wider glyph (twice as
/// many as digits fit in), and in all, for every two of them make a part.
const MOST_CUTS: usize = 7;
const MOST_CUTS_A_HEIGHT: usize = 3;
const MOST_CUTS_IN_ALL: usize = 60;
/// A larger glyph, in pixels, is not cut: it takes some bytes for each.
const MOST_PIXELS: usize = 1 << 24;
/// What is more than so many times as large as its strokes are broad is an outline, not digits.
const MOST_SLENDER: usize = 100;
/// Columns to the right for each row up, which a straight cut leans.
const SLANTS: [f32; 3] = [0.0, 0.3, -0.2];
/// Shares of full darkness from which on ink counts, to part what paler ink joins: the edge of a
/// shadow is paler than the first, of blurred neighbours the gap is often not than the last.
const LEVELS: [f32; 3] = [0.3, 0.45, 0.6];

/// Ways to cut: straight with one of the slants, along seams, or by a higher threshold.
pub const WAYS: usize = SLANTS.len() + 1 + LEVELS.len();

fn most_cuts(width: usize, height: usize) -> usize {
    (MOST_CUTS_A_HEIGHT * width / height).clamp(MOST_CUTS, MOST_CUTS_IN_ALL)
}

/// A cut: for each row of the glyph, the first column on its right.
type Cut = Vec<usize>;

/// Cuts one glyph, in one of the [`WAYS`] at a time.
pub struct Cutter<'a> {
    ink: &'a GrayImage,
    glyph: &'a Glyph,
    dark: Vec<f32>,
}

impl<'a> Cutter<'a> {
    /// For `glyph`; `None` if it is too small or too large, or an outline. `ink` is the whole picture's.
    pub fn new(ink: &'a GrayImage, glyph: &'a Glyph) -> Option<Self> {
        let Rect { width, height, .. } = glyph.bounds;
        let inked = glyph.pieces.iter().any(|piece| !piece.runs.is_empty());
        if width < 6 || height < 6 || width * height > MOST_PIXELS || !inked {
            return None;
        }
        if width.max(height) > MOST_SLENDER * size::stroke_width(&glyph.pieces) {
            return None;
        }
        Some(Self { ink, glyph, dark: darkness(ink, glyph) })
    }

    /// The glyph, cut in one of the [`WAYS`]; `None` if it is too narrow for two digits or has no
    /// place to cut. A higher threshold may also leave a single part, paler ink being gone.
    ///
    /// # Panics
    /// If there is no such way.
    pub fn cutting(&self, way: usize) -> Option<Cutting> {
        let &Self { ink, glyph, ref dark } = self;
        let Rect { width, height, .. } = glyph.bounds;
        if let Some(i) = way.checked_sub(SLANTS.len() + 1) {
            return above(LEVELS[i], dark, ink, glyph);
        }
        if width * 10 < height * 6 {
            return None;
        }
        let most_ink = most_ink(glyph);
        let cuts = match SLANTS.get(way) {
            Some(&slant) => straight_cuts(dark, width, slant, most_ink),
            None => seams(dark, width, most_ink),
        };
        (!cuts.is_empty()).then(|| parts_between(ink, glyph, cuts))
    }
}

/// Digits touch at a place, not all along: most pixels of full darkness that a cut goes through. A
/// blot's strokes are as wide as it is, so its height counts, too.
fn most_ink(glyph: &Glyph) -> f32 {
    let stroke = size::stroke_width(&glyph.pieces) as f32;
    (4.0 * stroke).min(0.6 * glyph.bounds.height as f32)
}

/// How dark the glyph's ink is in each pixel of its bounds, from 0 for paper to 1: where a blurred
/// picture joins digits, what is between them is paler than they are.
fn darkness(ink: &GrayImage, glyph: &Glyph) -> Vec<f32> {
    let Rect { x: left, y: top, width, height } = glyph.bounds;
    let mut dark = vec![0.0; width * height];
    let runs = || glyph.pieces.iter().flat_map(|piece| &piece.runs);
    let values = runs().flat_map(|run| &ink.row(run.y)[run.start..run.end]).copied();
    let full = f32::from(ranked(values, 9, 10).unwrap_or(0).max(1));
    for run in runs() {
        let to = &mut dark[(run.y - top) * width..][run.start - left..run.end - left];
        let from = &ink.row(run.y)[run.start..run.end];
        to.iter_mut().zip(from).for_each(|(to, &v)| *to = (f32::from(v) / full).min(1.0));
    }
    dark
}

fn parts_between(ink: &GrayImage, glyph: &Glyph, mut cuts: Vec<Cut>) -> Cutting {
    let bounds = glyph.bounds;
    let Rect { width, height, .. } = bounds;
    cuts.insert(0, vec![0; height]);
    cuts.push(vec![width; height]);
    let mut parts = Vec::new();
    for from in 0..cuts.len() {
        for to in from + 1..cuts.len() {
            // The whole is known already.
            if (from, to) == (0, cuts.len() - 1) {
                continue;
            }
            // No digit is much wider than high.
            let across =
                cuts[to].iter().zip(&cuts[from]).map(|(to, from)| to.saturating_sub(*from));
            if across.min().is_some_and(|across| across * 2 > height * 3) {
                continue;
            }
            let piece = between(&glyph.pieces, |x, y| {
                let (x, y) = (x - bounds.x, y - bounds.y);
                (cuts[from][y]..cuts[to][y]).contains(&x)
            });
            // A piece much lower than the whole is a hook or a bar.
            let digit = |p: &Component| {
                let Rect { width: w, height: h, .. } = p.bounds;
                h * 8 >= height * 5 && w * 2 <= height * 3
            };
            if let Some(piece) = piece.filter(digit) {
                let gap_before = from == 0 && glyph.gap_before;
                parts.push(Part { from, to, glyph: Glyph::new(ink, vec![piece], gap_before) });
            }
        }
    }
    Cutting { places: cuts.len(), parts }
}

/// The pixels of `pieces` that are `inside`, as one piece; `None` if there are none.
fn between(pieces: &[Component], inside: impl Fn(usize, usize) -> bool) -> Option<Component> {
    let mut runs = Vec::new();
    for run in pieces.iter().flat_map(|piece| &piece.runs) {
        // Within a row, what is inside is one stretch.
        let start = (run.start..run.end).find(|&x| inside(x, run.y));
        let end = (run.start..run.end).rfind(|&x| inside(x, run.y));
        if let (Some(start), Some(last)) = (start, end) {
            runs.push(Run { y: run.y, start, end: last + 1 });
        }
    }
    Component::of_runs(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{Mask, connected_components};

    fn cutting(ink: &GrayImage, glyph: &Glyph, way: usize) -> Option<Cutting> {
        Cutter::new(ink, glyph)?.cutting(way)
    }

    /// What is inked, as one glyph, and its picture.
    pub(super) fn glyph_of(
        width: usize,
        height: usize,
        ink: impl Fn(usize, usize) -> u8,
    ) -> (GrayImage, Glyph) {
        let values = (0..width * height).map(|i| ink(i % width, i / width)).collect();
        let picture = GrayImage::new(width, height, values);
        let mask = picture.pixels().iter().map(|&v| v > 0).collect();
        let pieces = connected_components(&Mask::new(width, height, mask), 0);
        let glyph = Glyph::new(&picture, pieces, true);
        (picture, glyph)
    }

    /// The same of what is either ink or paper.
    pub(super) fn glyph(
        width: usize,
        height: usize,
        inked: impl Fn(f32, f32) -> bool,
    ) -> (GrayImage, Glyph) {
        glyph_of(width, height, |x, y| if inked(x as f32, y as f32) { 255 } else { 0 })
    }

    fn ring(x: f32, y: f32, middle: f32) -> bool {
        (((x - middle) / 14.0).hypot((y - 30.0) / 20.0) - 1.0).abs() < 0.16
    }

    #[test]
    fn two_rings_that_touch_come_apart_in_every_way() {
        let (ink, pair) = glyph(80, 60, |x, y| ring(x, y, 20.0) || ring(x, y, 50.0));
        assert_eq!(pair.pieces.len(), 1);
        for way in [0, SLANTS.len()] {
            let cutting = cutting(&ink, &pair, way).unwrap();
            let last = cutting.places - 1;
            let half = |part: &&Part| (26..=34).contains(&part.glyph.bounds.width);
            let left = cutting.parts.iter().filter(half).find(|part| part.from == 0).unwrap();
            let right = cutting.parts.iter().filter(half).find(|part| part.to == last).unwrap();
            assert!(left.glyph.gap_before && !right.glyph.gap_before);
            let (a, b) = (left.glyph.bounds, right.glyph.bounds);
            assert!(a.x == pair.bounds.x && b.right() == pair.bounds.right());
        }
    }

    #[test]
    fn a_broad_bridge_is_cut_where_it_is_pale() {
        // Two bars of 8 columns, and over their whole height something between them.
        let bars = |bridge: u8| {
            glyph_of(70, 60, move |x, y| match (x, y) {
                (10..18 | 46..54, 5..55) => 255,
                (18..46, 5..55) => bridge,
                _ => 0,
            })
        };
        let comes_apart = |bridge: u8, way: usize| {
            let (ink, pair) = bars(bridge);
            let bar = |part: &Part| part.to == 1 && part.glyph.bounds.width < 30;
            cutting(&ink, &pair, way).is_some_and(|cutting| cutting.parts.iter().any(bar))
        };
        assert!(comes_apart(60, 0) && comes_apart(60, SLANTS.len()) && !comes_apart(255, 0));
    }

    #[test]
    fn what_is_long_thin_or_empty_is_cut_in_good_time() {
        // A dashed line, as a table has it.
        let (ink, line) =
            glyph(6000, 20, |x, y| (8.0..12.0).contains(&y) && (x as u32 % 7) < 6 || y == 9.0);
        let places = cutting(&ink, &line, 0).map_or(0, |cutting| cutting.places);
        assert!(places <= MOST_CUTS_IN_ALL + 2);
        let empty = Glyph { pieces: vec![], ..line };
        assert!((0..WAYS).all(|way| cutting(&ink, &empty, way).is_none()));
        // A sheet on a table, two pixels of it.
        let edge = |v: f32| !(2.0..398.0).contains(&v);
        let (ink, sheet) = glyph(400, 400, |x, y| edge(x) || edge(y));
        assert!((0..WAYS).all(|way| cutting(&ink, &sheet, way).is_none()));
    }

    #[test]
    fn parts_follow_each_other_and_a_narrow_glyph_has_none() {
        let (ink, three) = glyph(110, 60, |x, y| [20.0, 50.0, 80.0].iter().any(|&m| ring(x, y, m)));
        for way in 0..WAYS {
            let Some(cutting) = cutting(&ink, &three, way) else { continue };
            assert!(cutting.parts.iter().all(|p| p.from < p.to && p.to < cutting.places));
            assert!(
                way > SLANTS.len()
                    || !cutting.parts.iter().any(|p| (p.from, p.to) == (0, cutting.places - 1))
            );
        }
        let (ink, one) = glyph(20, 60, |x, _| (8.0..12.0).contains(&x));
        assert!((0..=SLANTS.len()).all(|way| cutting(&ink, &one, way).is_none()));
    }
}

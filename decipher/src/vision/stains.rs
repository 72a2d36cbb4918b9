//! A coffee ring across digits is paler than they are, and larger.

use super::components::{affordable, components_of_runs};
use super::{Component, LEGIBLE, Run, median, size};
use crate::image::{GrayImage, Rect};

/// A piece so many times as large as most that is written may be digits with a stain across them.
const LARGE: f32 = 1.4;
/// Digits have more than this part of the usual ink of what is written, and most of a stain has less than
/// that: lines of a form may be nearly as dark.
const DARK: f32 = 0.65;
const PALE: f32 = 0.6;
/// Of such a piece, digits are at least one part in so many.
const LEAST: usize = 20;
/// A piece is written if it is at least so many times as long as its strokes are broad.
const THIN: usize = 3;

/// Takes what is pale off pieces that are larger than most and partly as dark as these. What is left of
/// one has at least `min_area` pixels. Returns where something was taken off.
pub fn erase_stains(
    components: &mut Vec<Component>,
    ink: &GrayImage,
    min_area: usize,
) -> Vec<Rect> {
    let is_written =
        |c: &&Component| c.extent() >= LEGIBLE && c.extent() >= THIN * size::width_of(c);
    let extents = components.iter().filter(is_written).map(|c| c.extent() as f32);
    let Some(least) = median(extents).map(|extent| LARGE * extent) else { return vec![] };
    let is_large = |c: &Component| c.extent() as f32 > least;
    let values = |run: &Run| ink.row(run.y)[run.start..run.end].iter().copied();
    let written = components.iter().filter(|c| is_written(c) && !is_large(c));
    let Some(usual) = median(written.flat_map(|c| &c.runs).flat_map(values)) else { return vec![] };
    let [pale, dark] = [PALE, DARK].map(|part| (part * f32::from(usual)) as u8);
    let stroke = size::stroke_width(components);
    let mut affordable = affordable();
    let mut erased = Vec::new();
    let mut parts = Vec::new();
    components.retain(|c| {
        let above = |least: u8| c.runs.iter().flat_map(values).filter(|v| *v > least).count();
        if !is_large(c)
            || above(dark) * LEAST < c.area
            || above(pale) * 2 > c.area
            || !affordable(c)
        {
            return true;
        }
        let runs = c.near(stroke / 2, |x, y| ink.row(y)[x] > dark);
        let left = components_of_runs(&runs, min_area);
        // A frame that is darker here than there.
        if left.iter().any(is_large) {
            return true;
        }
        erased.push(c.bounds);
        parts.extend(left);
        false
    });
    components.extend(parts);
    components.sort_by_key(|c| (c.runs[0].y, c.runs[0].start));
    erased
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{connected_components, threshold};

    /// Three strokes of 8 x 60 pixels, and a pale frame of 160 pixels a side across a fourth, which is as
    /// `long`.
    fn stained(long: usize) -> GrayImage {
        let ink = |i: usize| {
            let (x, y) = (i % 400, i / 400);
            let stroke = |left: usize, long: usize| {
                (left..left + 8).contains(&x) && (100..100 + long).contains(&y)
            };
            let frame = |from: usize, to: usize| {
                (200 + from..200 + to).contains(&x) && (60 + from..60 + to).contains(&y)
            };
            match () {
                () if [20, 60, 100].iter().any(|&left| stroke(left, 60)) => 220,
                () if stroke(199, long) => 200,
                () if frame(0, 160) && !frame(6, 154) => 100,
                () => 0,
            }
        };
        GrayImage::new(400, 300, (0..400 * 300).map(|i| ink(i) as u8).collect())
    }

    #[test]
    fn a_pale_ring_goes_from_the_digit_it_crosses() {
        let left = |long: usize| {
            let ink = stained(long);
            let mut pieces = connected_components(&threshold::above(&ink, 50), 8);
            assert_eq!(pieces.len(), 4);
            let erased = erase_stains(&mut pieces, &ink, 8);
            (erased, pieces.iter().map(|c| c.bounds).max_by_key(|b| b.x).unwrap())
        };
        let ring = Rect { x: 199, y: 60, width: 161, height: 160 };
        let (erased, stroke) = left(60);
        assert_eq!(erased, [ring]);
        assert!(stroke.x == 199 && stroke.width < 20 && stroke.height < 70, "{stroke:?}");
        // A frame that is darker on one side is none.
        assert_eq!(left(110), (vec![], ring));
    }
}

//! Edges of shadows are steps from light to dark, not strokes.
//!
//! The background is smooth, so along a sharp edge something of it is left as ink, and joins the
//! digits that it crosses. A stroke is darker than the paper on both of its sides; an edge is not.

use super::components::{affordable, components_of_runs};
use super::{Component, Run, Stages, median, size};
use crate::image::Rect;

/// A piece so many times as large as the writing may be digits with an edge across them.
const LARGE: f32 = 1.4;
/// It is at least so many times as long as its strokes are broad; a thumb or a table is not.
const THIN: usize = 4;
/// Part of a pixel's ink by which it is to be darker than both sides.
const DARKER: f32 = 0.5;
/// An edge is less than this part as much darker than its darker side as than its brighter one.
const ONE_SIDED: f32 = 0.5;
/// It takes less than this part of what is usual for the writing from its darker side's light.
const PALE: f32 = 0.5;
/// Both sides of what is written on one paper are about as light: the darker one at least this part.
const SAME: f32 = 0.9;
/// So many pixels of a piece tell what lies on its sides.
const MOST_PLACES: usize = 4096;

/// Takes edges off the pieces that are larger than the writing or reach the picture's border, and
/// may come apart by that (what is left of one has at least `min_area` pixels); then drops thin pieces
/// that are nothing but edges. Returns where an edge was part of something else.
pub fn erase_steps(stages: &mut Stages, min_area: usize) -> Vec<Rect> {
    let pieces = std::mem::take(&mut stages.components);
    let (width, height) = (stages.gray.width(), stages.gray.height());
    let least = LARGE * size::writing_height(&pieces) as f32;
    let stroke = size::stroke_width(&pieces);
    let mut affordable = affordable();
    let suspect = |c: &Component| {
        (c.extent() as f32 > least || c.reaches_border(width, height))
            && c.extent() >= THIN * size::width_of(c)
            && affordable(c)
    };
    let (suspects, mut pieces): (Vec<_>, Vec<_>) = pieces.into_iter().partition(suspect);
    let mut erased = Vec::new();
    for piece in suspects {
        let strokes = components_of_runs(&strokes_of(&piece, stroke, stages), min_area);
        if strokes.iter().map(|c| c.area).sum::<usize>() < piece.area {
            erased.push(piece.bounds);
        }
        pieces.extend(strokes);
    }
    drop_edges(&mut pieces, stages);
    pieces.sort_by_key(|c| (c.runs[0].y, c.runs[0].start));
    stages.components = pieces;
    erased
}

/// The light of a pixel, 0 to 255; `None` outside the picture.
fn light(stages: &Stages, x: usize, y: usize) -> Option<f32> {
    let Stages { gray, light_on_dark, .. } = stages;
    let value = *(x < gray.width() && y < gray.height()).then(|| &gray.row(y)[x])?;
    Some(f32::from(if *light_on_dark { 255 - value } else { value }))
}

/// Drops thin pieces that are nothing but an edge, such as a sheet's on a table: they are hardly darker
/// than their darker side, compared with the brighter one and with what is written on one paper.
fn drop_edges(pieces: &mut Vec<Component>, stages: &Stages) {
    let stroke = size::stroke_width(pieces);
    let lights: Vec<Option<Lights>> = pieces.iter().map(|c| lights(c, stroke, stages)).collect();
    let written = lights.iter().flatten().filter(|l| l.dark > SAME * l.bright);
    let Some(usual) = median(written.map(Lights::contrast)) else { return };
    let is_edge = |l: Lights| {
        l.dark - l.here < ONE_SIDED * (l.bright - l.here) && l.contrast() < PALE * usual
    };
    let mut lights = lights.into_iter();
    pieces.retain(|_| !lights.next().flatten().is_some_and(is_edge));
}

/// Sums of light on a thin piece, on its darker and on its brighter side.
struct Lights {
    here: f32,
    dark: f32,
    bright: f32,
}

impl Lights {
    /// Part of the darker side's light that the piece takes away.
    fn contrast(&self) -> f32 {
        1.0 - self.here / self.dark.max(1.0)
    }
}

/// `None` if the piece is not thin.
fn lights(piece: &Component, stroke: usize, stages: &Stages) -> Option<Lights> {
    let extent = piece.extent();
    if piece.area * THIN > extent * extent {
        return None;
    }
    // The lightest place within a stroke and its blur: another stroke may stand as near.
    let far = stroke * 3 / 2 + 2;
    let beside = |x: usize, y: usize, [dx, dy]: [isize; 2]| {
        let place = |n: usize| {
            let off = (n * far / 4) as isize;
            light(stages, x.wrapping_add_signed(dx * off), y.wrapping_add_signed(dy * off))
        };
        (2..=4).map(place).try_fold(0.0, |most: f32, light| Some(most.max(light?)))
    };
    let upright = piece.bounds.height >= piece.bounds.width;
    let ways = if upright { [[-1, 0], [1, 0]] } else { [[0, -1], [0, 1]] };
    let (mut here, mut sides) = (0.0, [0.0; 2]);
    let places = piece.runs.iter().flat_map(|run| (run.start..run.end).map(|x| (x, run.y)));
    for (x, y) in places.step_by(piece.area.div_ceil(MOST_PLACES)) {
        let [Some(one), Some(other)] = ways.map(|way| beside(x, y, way)) else { continue };
        here += light(stages, x, y).unwrap_or_default();
        sides = [sides[0] + one, sides[1] + other];
    }
    let [one, other] = sides;
    Some(Lights { here, dark: one.min(other), bright: one.max(other) })
}

/// The runs of a piece without the edges in it.
fn strokes_of(piece: &Component, stroke: usize, stages: &Stages) -> Vec<Run> {
    // Around the picture is paper.
    let light = |x: usize, y: usize| light(stages, x, y).unwrap_or(f32::MAX);
    // Beyond a stroke and its blur on either side.
    let far = stroke * 3 / 2 + 2;
    let is_stroke = |x: usize, y: usize| {
        let here = light(x, y);
        let least = DARKER * f32::from(stages.ink.row(y)[x]) / 255.0;
        let (x0, x1, y0, y1) = (x.wrapping_sub(far), x + far, y.wrapping_sub(far), y + far);
        let across =
            [[(x0, y), (x1, y)], [(x, y0), (x, y1)], [(x0, y0), (x1, y1)], [(x0, y1), (x1, y0)]];
        across.iter().any(|ends| {
            let side = ends.iter().map(|&(x, y)| light(x, y)).fold(f32::MAX, f32::min);
            side - here >= least * side
        })
    };
    // What lies within a stroke of such a pixel, blots and crossings too, is one as well.
    piece.near(stroke / 2, is_stroke)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::GrayImage;
    use crate::vision::{Look, segment_on};

    /// Paper in sun and shadow, parted by an edge that leans, with upright strokes; the edge crosses
    /// two of them.
    fn paper(light_on_dark: bool) -> GrayImage {
        let value = |i: usize| {
            let (x, y) = (i % 800, i / 800);
            let light = if x + y / 2 < 440 { 230 } else { 110 };
            let stroke = x % 120 < 16 && x > 80 && (160..320).contains(&y);
            let value = if stroke { light * 2 / 3 } else { light } as u8;
            if light_on_dark { 255 - value } else { value }
        };
        GrayImage::new(800, 480, (0..800 * 480).map(value).collect())
    }

    #[test]
    fn an_edge_that_crosses_strokes_goes_and_they_stay() {
        for light_on_dark in [false, true] {
            let picture = paper(light_on_dark);
            let boxes = |look: Look| {
                let stages = segment_on(&picture, look).stages;
                let boxes: Vec<Rect> = stages.components.iter().map(|c| c.bounds).collect();
                (boxes, stages.surroundings.len())
            };
            let (all, erased) = boxes(Look::AllInk);
            assert!(all.iter().any(|b| b.height > 200) && erased == 0, "no edge: {all:?}");
            let (mut strokes, erased) = boxes(Look::Usual);
            // At the border, where one side is not seen, an end of the edge may stay.
            strokes.retain(|b| b.y > 0 && b.bottom() < picture.height());
            strokes.sort_by_key(|b| b.x);
            assert!(strokes.len() == 6 && erased > 0, "{strokes:?}");
            for (i, b) in strokes.iter().enumerate() {
                let near = |a: usize, b: usize| a.abs_diff(b) <= 12;
                let same = near(b.x, 120 * (i + 1)) && near(b.y, 160);
                assert!(same && near(b.width, 16) && near(b.height, 160), "{b:?}");
            }
        }
    }

    #[test]
    fn the_edge_of_a_sheet_on_a_table_goes_and_strokes_beside_each_other_stay() {
        let (width, height) = (400, 300);
        let value = |i: usize| {
            let (x, y) = (i % width, i / width);
            // Sharpening, or a sheet that bends up, makes the edge still darker than the table.
            let over = x + y / 8;
            match over {
                340.. => 150 + (x * 7 + y * 5) % 9,
                336.. if (y / 50) % 2 == 0 => 120,
                336.. => 150,
                _ if (100..160).contains(&y)
                    && [100, 112, 180].iter().any(|l| (*l..l + 5).contains(&x)) =>
                {
                    90
                }
                _ => 200,
            }
        };
        let pixels = (0..width * height).map(|i| value(i) as u8).collect();
        let picture = GrayImage::new(width, height, pixels);
        let all = segment_on(&picture, Look::AllInk).stages.components.len();
        let strokes = segment_on(&picture, Look::Usual).stages.components;
        let lefts: Vec<usize> = strokes.iter().map(|c| c.bounds.x).collect();
        assert!(all > 3 && lefts == [100, 112, 180], "{all}, {lefts:?}");
    }

    #[test]
    fn of_what_is_no_edge_nothing_goes() {
        // A ring that fills the picture: every pixel is darker than both sides.
        let ring = |i: usize| {
            let (x, y) = ((i % 160) as f32 - 80.0, (i / 160) as f32 - 80.0);
            if (x.hypot(y) - 74.0).abs() < 6.0 { 20 } else { 230 }
        };
        let picture = GrayImage::new(160, 160, (0..160 * 160).map(ring).collect());
        let stages = segment_on(&picture, Look::Usual).stages;
        assert!(stages.components.iter().any(|c| c.reaches_border(160, 160)));
        assert!(stages.components == segment_on(&picture, Look::AllInk).stages.components);
    }
}

//! From a picture to digits cut out as MNIST would hold them.
//!
//! [`decode`] unpacks a file. [`segment`] and [`single`] then go through the same stages, each a
//! function in a file of its own, whose values are kept in [`Stages`]:
//!
//! 1. `polarity`: is the ink dark or light?
//! 2. `grain`: that of a large picture is taken off; `ink`: light and shadow are divided out, what is left is ink.
//!    `cell`: of a crop of a table's cell, what lies inside its lines.
//! 3. `threshold`: which pixels are ink, or is the paper blank?
//!    `rules`: ruled lines and squares go.
//! 4. `components`: pieces of ink.
//!    `clean`: lines of tables go; `stains`: what paler ink crosses digits; `steps`: edges of shadows.
//! 5. `clean`: specks, ruled lines, frames and rings around digits go; `rules`: so does what digits stand on.
//! 6. `join`: pieces of one digit come together.
//! 7. `lines`: reading order, also of a page that leans, and gaps between numbers.
//! 8. `normalize`: 28 x 28 pixels each.
//!
//! `filter` and `size` measure for several of them.
//! Nothing here knows what a digit looks like.

mod cell;
mod clean;
mod components;
mod cut;
mod decode;
mod filter;
mod frames;
mod grain;
mod ink;
mod join;
mod jpeg;
mod lines;
mod mask;
mod normalize;
mod polarity;
mod rank;
mod rules;
mod size;
mod stages;
mod stains;
mod steps;
mod threshold;
mod whole;

pub use components::{Component, Run, connected_components};
pub(crate) use cut::{Cutter, Cutting, WAYS};
pub use decode::{DecodeError, Limits, decode, encode_png};
pub(crate) use decode::{decode_rgb, encode_png_rgb};
pub(crate) use lines::{reading_order, word_gaps};
pub use mask::Mask;
pub(crate) use normalize::{moved_aside, with_finer_pen};
pub(crate) use rank::median;
pub use stages::Stages;
pub use threshold::{Paper, otsu_threshold};

use crate::image::{GrayImage, Rect};
pub use clean::{CROP, is_crop};

/// One digit (or what may be one), cut out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph {
    /// Where its ink is in the picture.
    pub bounds: Rect,
    /// Whether a gap stands before it that parts two numbers; never so for the first of a line.
    pub gap_before: bool,
    /// 28 x 28 pixels as in MNIST, row by row: 0 = paper, 255 = ink.
    pub pixels: [u8; 784],
    /// The pieces of ink that it is made of.
    pub pieces: Vec<Component>,
}

impl Glyph {
    /// These pieces, cut out of the whole picture's `ink`.
    ///
    /// # Panics
    /// If there are none.
    pub(crate) fn new(ink: &GrayImage, pieces: Vec<Component>, gap_before: bool) -> Self {
        let bounds = pieces.iter().map(|piece| piece.bounds).reduce(|a, b| a.union(&b));
        let pixels = normalize::normalize(ink, &pieces.iter().collect::<Vec<_>>());
        Self { bounds: bounds.expect("a glyph has pieces"), gap_before, pixels, pieces }
    }

    /// How dark it is in the whole picture's `ink`: its mean, 0 to 255.
    pub(crate) fn darkness(&self, ink: &GrayImage) -> u8 {
        let runs = self.pieces.iter().flat_map(|piece| &piece.runs);
        let pixels = runs.flat_map(|run| &ink.row(run.y)[run.start..run.end]);
        let (sum, count) = pixels.fold((0, 0), |(sum, n), &v| (sum + u64::from(v), n + 1));
        (sum / u64::max(count, 1)) as u8
    }

    /// This and another one as one. `ink` is the whole picture's.
    pub(crate) fn with(&self, other: &Self, ink: &GrayImage) -> Self {
        Self::new(ink, [&self.pieces[..], &other.pieces].concat(), self.gap_before)
    }
}

/// A line of digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The smallest rectangle around its digits.
    pub bounds: Rect,
    /// The digits from left to right; at least one.
    pub glyphs: Vec<Glyph>,
}

/// What is taken for granted when a picture is looked at. What was read tells whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Long thin straight lines, edges of shadows, stains and large things that reach into the picture are
    /// foreign to the writing, and taken off.
    Usual,
    /// All ink is writing: such lines are strokes of a digit that fills the picture.
    AllInk,
    /// The ink is light if it seemed dark, and dark if it seemed light.
    Inverted,
    /// What is pale is no ink: lines that are too broken, or lean too much, to be found as such.
    DarkInk,
    /// What is much larger than most pieces is no writing: a pen or a phone on the paper.
    Small,
    /// Shadows are hardly broader than strokes: a pen's, across the digits.
    NarrowShadows,
}

/// What is written on a picture, and how it was found.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The lines from the top down; none if the picture is blank.
    pub lines: Vec<Line>,
    /// Whether all ink was taken as one digit.
    pub single: bool,
    /// The values between the stages.
    pub stages: Stages,
}

/// Finds the digits of a number, or of a page with lines of numbers.
///
/// Dark on light or light on dark, of any size; a blank picture has no lines.
pub fn segment(picture: &GrayImage) -> Layout {
    segment_on(picture, Look::Usual)
}

/// As [`segment`], with another look.
pub fn segment_on(picture: &GrayImage, look: Look) -> Layout {
    let mut stages = find_ink(picture, look);
    let mut pieces = stages.components.clone();
    let (width, height) = (picture.width(), picture.height());
    if is_crop(width, height) {
        clean::drop_borders(&mut pieces, width, height);
    } else {
        clean::drop_frames(&mut pieces, width, height);
        clean::drop_rules(&mut pieces, width, height);
    }
    clean::keep_largest(&mut pieces, MOST_PIECES);
    let erased = [&stages.rules[..], &stages.surroundings].concat();
    stages.surroundings.extend(clean::drop_rings(&mut pieces, &erased));
    if look != Look::AllInk && !is_crop(width, height) {
        let lines = rules::erase_baselines(&mut pieces, &stages.ink, least_area(width, height));
        stages.rules.extend(lines);
    }
    if look == Look::Small {
        clean::drop_outsized(&mut pieces);
    }
    clean::drop_specks(&mut pieces);
    let groups = join::join_pieces(&pieces);
    let lines = arrange(&mut stages, &pieces, &groups);
    Layout { lines, single: false, stages }
}

/// Takes all ink of the picture as one digit: a crop. At most one line with one glyph comes back.
pub fn single(picture: &GrayImage) -> Layout {
    single_on(picture, Look::Usual)
}

/// As [`single`], with another look.
pub fn single_on(picture: &GrayImage, look: Look) -> Layout {
    let mut stages = find_ink(picture, look);
    let mut pieces = stages.components.clone();
    clean::drop_borders(&mut pieces, picture.width(), picture.height());
    clean::keep_largest(&mut pieces, MOST_PIECES);
    let erased = [&stages.rules[..], &stages.surroundings].concat();
    stages.surroundings.extend(clean::drop_rings(&mut pieces, &erased));
    clean::keep_main(&mut pieces, picture.width(), picture.height());
    let groups = if pieces.is_empty() { vec![] } else { vec![(0..pieces.len()).collect()] };
    let lines = arrange(&mut stages, &pieces, &groups);
    Layout { lines, single: true, stages }
}

/// The glyphs as the network sees them, on one picture: a row per line, dark on white.
pub fn sheet(lines: &[Line]) -> GrayImage {
    const SIDE: usize = 28;
    const STEP: usize = SIDE + 2;
    let columns = lines.iter().map(|line| line.glyphs.len()).max().unwrap_or(0);
    let mut sheet = GrayImage::filled(columns * STEP, lines.len() * STEP, 200);
    let width = sheet.width();
    for (row, line) in lines.iter().enumerate() {
        for (column, glyph) in line.glyphs.iter().enumerate() {
            for (y, from) in glyph.pixels.chunks_exact(SIDE).enumerate() {
                let start = (row * STEP + y + 1) * width + column * STEP + 1;
                let to = &mut sheet.pixels_mut()[start..][..SIDE];
                to.iter_mut().zip(from).for_each(|(to, ink)| *to = 255 - ink);
            }
        }
    }
    sheet
}

/// More pieces than this are the texture of a carpet, not writing; the largest are looked at.
const MOST_PIECES: usize = 5_000;

/// Stages 1 to 4, the same for pages and crops.
fn find_ink(picture: &GrayImage, look: Look) -> Stages {
    let (width, height) = (picture.width(), picture.height());
    let mut stages = Stages {
        gray: grain::without_grain(picture, grain::grain(picture)),
        light_on_dark: false,
        ink: GrayImage::filled(width, height, 0),
        threshold: None,
        paper: None,
        mask: Mask::new(width, height, vec![false; width * height]),
        rules: vec![],
        surroundings: vec![],
        components: vec![],
        digits: vec![],
        lines: vec![],
    };
    if width == 0 || height == 0 {
        return stages;
    }
    // Light changes slowly, so a small picture tells as much of it.
    let factor = width.max(height).div_ceil(COARSE);
    let shrunk = filter::shrink(&stages.gray, factor);
    let seen = |light_on_dark: bool, radius: usize| {
        let mut coarse = shrunk.clone();
        if light_on_dark {
            coarse.pixels_mut().iter_mut().for_each(|v| *v = 255 - *v);
        }
        let background = ink::background(&coarse, radius);
        (coarse, background)
    };
    let reach = ink::reach(&shrunk);
    let radius = if look == Look::NarrowShadows { reach / 4 } else { reach };
    let first = polarity::is_light_on_dark(&shrunk);
    let (mut coarse, mut background) = seen(first, reach);
    // Bold strokes may be as wide as what they enclose, but the paper is most of the picture.
    let usual = first != ink::is_most(&coarse, &background);
    stages.light_on_dark = usual != (look == Look::Inverted);
    if (stages.light_on_dark, radius) != (first, reach) {
        (coarse, background) = seen(stages.light_on_dark, radius);
    }
    let grain = grain::grain(&stages.gray);
    find_pieces(&mut stages, (&background, factor), grain, look);
    // Now that the strokes are known, what is much wider than they are is no ink: a shadow at the
    // edge, or the table beside the sheet.
    let strokes = if stages.surroundings.is_empty() { 2 } else { 1 };
    let narrow = (strokes * size::stroke_width(&stages.components)).div_ceil(factor) + 1;
    if !stages.components.is_empty() && narrow < radius {
        let closer = ink::background(&coarse, narrow);
        if ink::is_darker(&closer, &background) {
            find_pieces(&mut stages, (&closer, factor), grain, look);
        }
    }
    if let Some(paper) = stages.paper {
        ink::bleach(&mut stages.ink, paper.level);
    }
    stages
}

/// Stages 2 to 4, on a background averaged down by a factor, of a picture with so much `grain`.
fn find_pieces(
    stages: &mut Stages,
    (background, factor): (&GrayImage, usize),
    grain: f32,
    look: Look,
) {
    let (width, height) = (stages.gray.width(), stages.gray.height());
    stages.ink = ink::divide_out(&stages.gray, background, factor, stages.light_on_dark);
    stages.rules.clear();
    stages.surroundings.clear();
    let mut histogram = threshold::histogram(&stages.ink);
    // In the light of the sheet, on a table that is perhaps darker.
    let light = threshold::quantile(
        &threshold::histogram(background),
        background.pixels().len() as u64 * 3 / 4,
    );
    let grain = grain * 255.0 / f32::from(light.max(1));
    let mut paper = threshold::paper(&histogram, grain);
    if let Some(inside) = cell::inside(&stages.ink, paper.level) {
        histogram = threshold::histogram(&stages.ink.crop(&inside));
        paper = threshold::paper(&histogram, grain);
        cell::clear_around(&mut stages.ink, &inside);
    }
    stages.components.clear();
    stages.threshold = threshold::ink_threshold(&histogram, paper);
    if stages.threshold.is_none()
        && let Some(around) = threshold::paper_around_bold_ink(&histogram)
    {
        paper = around;
        stages.threshold = threshold::ink_threshold(&histogram, paper);
    }
    let Some(threshold) = stages.threshold else { return };
    stages.paper = Some(paper);
    let least_ink =
        if look == Look::DarkInk { threshold } else { threshold::faint(threshold, paper) };
    stages.mask = threshold::above(&stages.ink, least_ink);
    let erase = look != Look::AllInk && !is_crop(width, height);
    if erase {
        stages.rules = rules::erase_rules(&mut stages.mask, &stages.ink);
    }
    let least = least_area(width, height);
    stages.components = connected_components(&stages.mask, least);
    stages.components.retain(|c| threshold::reaches(&stages.ink, c, threshold));
    if erase {
        stages.rules.extend(clean::drop_tables(&mut stages.components));
        let stains = stains::erase_stains(&mut stages.components, &stages.ink, least);
        stages.surroundings = steps::erase_steps(stages, least);
        stages.surroundings.extend(stains);
        // What an edge leaves of a piece may be faint.
        stages.components.retain(|c| threshold::reaches(&stages.ink, c, threshold));
        stages.surroundings.extend(clean::drop_things(&mut stages.components, width, height));
    }
    if is_crop(width, height) {
        clean::join_dots(&mut stages.components, width, height);
    }
}

/// Pixels of the smallest piece that is looked at, in a picture of that size.
fn least_area(width: usize, height: usize) -> usize {
    (width.min(height) / 100).clamp(1, 8)
}

/// Longest side of the picture that light is judged on, in pixels.
const COARSE: usize = 256;

/// Smaller than this, in pixels both high and wide, nobody can read a digit.
const LEGIBLE: usize = 6;

/// Stages 7 and 8.
fn arrange(stages: &mut Stages, pieces: &[Component], groups: &[Vec<usize>]) -> Vec<Line> {
    let union = |boxes: &mut dyn Iterator<Item = Rect>| {
        boxes.reduce(|a, b| a.union(&b)).unwrap_or_else(|| unreachable!("no group is empty"))
    };
    let around = |g: &Vec<usize>| union(&mut g.iter().map(|&i| pieces[i].bounds));
    let (mut groups, mut boxes): (Vec<&Vec<usize>>, Vec<Rect>) = groups
        .iter()
        .map(|group| (group, around(group)))
        .filter(|(_, bounds)| bounds.width.max(bounds.height) >= LEGIBLE)
        .unzip();
    let rests = clean::rests_of_lines(&boxes, stages.gray.width(), stages.gray.height());
    let stays = |i: &usize| !rests.contains(i);
    (groups, boxes) = (0..boxes.len()).filter(stays).map(|i| (groups[i], boxes[i])).unzip();
    let mut order = lines::reading_order(&boxes);
    let stroke = size::stroke_width(pieces);
    order.iter_mut().for_each(|line| lines::drop_small(line, &boxes, stroke));
    let gaps = lines::word_gaps(&order, &boxes);
    let lines: Vec<Line> = order
        .iter()
        .zip(&gaps)
        .map(|(line, gaps)| {
            let glyph = |(&g, &gap_before): (&usize, &bool)| {
                let pieces = groups[g].iter().map(|&i| pieces[i].clone()).collect();
                Glyph::new(&stages.ink, pieces, gap_before)
            };
            Line {
                bounds: union(&mut line.iter().map(|&g| boxes[g])),
                glyphs: line.iter().zip(gaps).map(glyph).collect(),
            }
        })
        .collect();
    stages.digits = lines.iter().flat_map(|l| &l.glyphs).map(|g| g.bounds).collect();
    stages.lines = lines.iter().map(|l| l.bounds).collect();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_a_one_is_a_line_on_a_page_and_a_stroke_in_a_crop() {
        let one = |side: usize| {
            let ink = |i: usize| {
                let (x, y) = (i % side, i / side);
                (30..32).contains(&x) && (12..44).contains(&y)
                    || (10..54).contains(&x) && (48..50).contains(&y)
            };
            GrayImage::new(
                side,
                side,
                (0..side * side).map(|i| if ink(i) { 30 } else { 240 }).collect(),
            )
        };
        let found = |side: usize| segment(&one(side)).stages.digits.len();
        assert_eq!((found(64), found(100)), (2, 1));
    }

    #[test]
    fn a_digit_out_of_focus_cut_out_to_its_edges_is_ink() {
        // More than half of the picture is not quite white.
        let (width, height) = (60, 80);
        let zero = |i: usize| {
            let (x, y) = ((i % width) as f32 + 0.5 - 30.0, (i / width) as f32 + 0.5 - 40.0);
            let off = ((x / 24.0).hypot(y / 34.0) - 1.0).abs() * 30.0;
            (255.0 * (off / 6.0 - 0.55).clamp(0.0, 1.0)) as u8
        };
        let pixels: Vec<u8> = (0..width * height).map(zero).collect();
        assert!(pixels.iter().filter(|v| **v < 255).count() * 2 > pixels.len());
        let stages = segment(&GrayImage::new(width, height, pixels)).stages;
        assert!(stages.threshold.is_some() && stages.digits.len() == 1, "{:?}", stages.digits);
    }

    #[test]
    fn bold_strokes_that_fill_the_picture_are_ink() {
        // A zero, cut out tightly.
        let (width, height) = (100, 140);
        let zero = |i: usize| {
            let (x, y) = ((i % width) as f32 + 0.5 - 50.0, (i / width) as f32 + 0.5 - 70.0);
            let inside = |a: f32, b: f32| (x / a).hypot(y / b) < 1.0;
            if inside(48.0, 68.0) && !inside(30.0, 50.0) { 0 } else { 255 }
        };
        let mut picture = GrayImage::new(width, height, (0..width * height).map(zero).collect());
        for light_on_dark in [false, true] {
            let stages = segment(&picture).stages;
            assert_eq!(stages.light_on_dark, light_on_dark);
            let other = segment_on(&picture, Look::Inverted).stages;
            assert_eq!(other.light_on_dark, !light_on_dark);
            assert_eq!(stages.digits, [Rect { x: 2, y: 2, width: 96, height: 136 }]);
            picture.pixels_mut().iter_mut().for_each(|v| *v = 255 - *v);
        }
    }

    #[test]
    fn a_few_pixels_are_no_digit_and_a_few_more_may_be_one() {
        let stroke = |height: usize| {
            let ink =
                |i: usize| (40..42).contains(&(i % 85)) && (30..30 + height).contains(&(i / 85));
            GrayImage::new(85, 85, (0..85 * 85).map(|i| if ink(i) { 30 } else { 240 }).collect())
        };
        for find in [segment, single] {
            assert!(find(&stroke(5)).lines.is_empty());
            assert_eq!(find(&stroke(8)).lines.len(), 1);
        }
    }

    #[test]
    fn a_shadow_at_the_edge_is_no_ink() {
        let (width, height) = (240, 90);
        let digit = |x: usize, y: usize| {
            x % 40 > 15 && x % 40 < 22 && (30..60).contains(&y) && (40..200).contains(&x)
        };
        let value = |i: usize| {
            let (x, y) = (i % width, i / width);
            let light = if y > 72 - x / 20 { 110 } else { 220 };
            if digit(x, y) { light / 3 } else { light }
        };
        let picture = GrayImage::new(width, height, (0..width * height).map(value).collect());
        let layout = segment(&picture);
        let found: Vec<usize> = layout.lines.iter().map(|line| line.glyphs.len()).collect();
        assert_eq!(found, [4], "{:?}", layout.stages.digits);
    }
}

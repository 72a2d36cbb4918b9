//! What looks like a digit and is none: strokes of pictures of something else, edges of a sheet, tears, dirt, the
//! ring of a cup, and the hook of a 1.

use super::row::CERTAIN;
use super::{Found, NO_DIGIT};
use crate::image::{GrayImage, Rect};
use crate::metrics::best;
use crate::vision::{self, Glyph};

/// How sure one can be of what is perhaps a stroke of something else, or dirt.
const STROKE: f32 = 0.2;
/// So many sure digits tell how dark digits are here.
const TELL: usize = 3;
/// So many bars are a code; they stand and end at one height but for this part of it.
const BARS: usize = 4;
const EVEN: usize = 25;
/// What is written has at least this part of the digits' darkness.
const PALE: f32 = 0.5;
/// A ring is more than so many times as high as digits.
const RING: usize = 2;
/// It is more than so many times as high as its stroke is broad.
const THIN: usize = 8;
/// Its width and height differ by at most one part in so many.
const ROUND: usize = 8;
/// The foot of a hook is at least this part of the height aside of its top, and of the foot of its 1: fewer of two
/// touching ones lean so.
const LEAN: f32 = 0.35;
/// The tops of both are at most this part of the height aside of each other, and one above the other.
const ASIDE: f32 = 0.25;

/// Whether these are the probabilities of a sure digit that is more than a stroke.
fn is_more(p: &[f32; 10]) -> bool {
    best(p).0 != 1 && best(p).1 >= CERTAIN
}

/// The probabilities of what is perhaps a stroke of something else, or dirt.
pub(super) fn doubted(p: &[f32; 10]) -> [f32; 10] {
    p.map(|p| STROKE * p)
}

/// Strokes are everywhere in a picture of something else: among more that is no digit, and without a
/// sure digit that is more than a stroke, a 1 is hardly one.
pub(super) fn doubt_in_pictures_of_something_else(lines: &mut [Vec<Found>]) {
    let is_one = |p: &[f32; 10]| best(p).0 == 1 && best(p).1 >= NO_DIGIT;
    let all = || lines.iter().flatten().map(|(_, p)| p);
    let no_digit = all().filter(|p| best(p).1 < NO_DIGIT).count();
    let ones = all().filter(|p| is_one(p)).count();
    if no_digit > ones && !all().any(is_more) {
        let strokes = lines.iter_mut().flatten().filter(|(_, p)| is_one(p));
        strokes.for_each(|(_, p)| *p = doubted(p));
    }
}

/// Bars of a code are no ones: more than a few in a row that are full rectangles and stand and end at one height.
/// Ones are written less evenly, and printed with a flag.
pub(super) fn doubt_bars(lines: &mut [Vec<Found>]) {
    let is_bar = |(glyph, p): &Found| {
        let area: usize = glyph.pieces.iter().map(|piece| piece.area).sum();
        best(p).0 == 1 && area * 5 >= glyph.bounds.width * glyph.bounds.height * 4
    };
    let are_even = |(a, _): &Found, (b, _): &Found| {
        let (a, b) = (a.bounds, b.bounds);
        let off = a.y.abs_diff(b.y).max(a.bottom().abs_diff(b.bottom()));
        off * EVEN <= a.height
    };
    for line in lines {
        for bars in line.chunk_by_mut(|a, b| is_bar(a) && is_bar(b) && are_even(a, b)) {
            if bars.len() >= BARS {
                bars.iter_mut().for_each(|(_, p)| *p = doubted(p));
            }
        }
    }
}

/// The ring of a cup is no 0: one much higher than the usual digit, which is as high as that; round and thin.
fn is_ring((glyph, p): &Found, usual: usize) -> bool {
    let Rect { width, height, .. } = glyph.bounds;
    let area: usize = glyph.pieces.iter().map(|piece| piece.area).sum();
    // The way around is about 1.6 times its width and height together.
    best(p).0 == 0
        && height > RING * usual
        && width.abs_diff(height) * ROUND <= height
        && area * THIN < 8 * height * (width + height) / 5
}

/// What the sure digits of a picture are like but for ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual {
    /// Their mean ink.
    pub darkness: u8,
    /// In pixels.
    pub height: usize,
}

impl Usual {
    /// `None` where too few tell.
    pub fn of(lines: &[Vec<Found>], ink: &GrayImage) -> Option<Self> {
        let sure = || lines.iter().flatten().filter(|(_, p)| is_more(p));
        if sure().count() < TELL {
            return None;
        }
        let darkness = vision::median(sure().map(|(glyph, _)| glyph.darkness(ink)))?;
        let height = vision::median(sure().map(|(glyph, _)| glyph.bounds.height))?;
        Some(Self { darkness, height })
    }
}

/// Whether thing `i` of a line is none of the digits, which are as usual.
pub(super) fn is_foreign(line: &[Found], i: usize, ink: &GrayImage, usual: Usual) -> bool {
    is_apart(line, i, ink, usual.darkness) || is_ring(&line[i], usual.height)
}

/// Edges of a sheet, tears, hairs and dirt are no digits: whether thing `i` of a line stands alone, is
/// much paler than the digits usually are, and is a 1 or something of which the network is not sure.
fn is_apart(line: &[Found], i: usize, ink: &GrayImage, usual: u8) -> bool {
    let (glyph, p) = &line[i];
    let begins = i == 0 || glyph.gap_before;
    let ends = line.get(i + 1).is_none_or(|(next, _)| next.gap_before);
    let is_pale = || f32::from(glyph.darkness(ink)) < PALE * f32::from(usual);
    begins && ends && (best(p).0 == 1 || best(p).1 < CERTAIN) && is_pale()
}

/// Whether what was cut into two ones is a single one with a hook nearly to its foot: their tops are close together,
/// the first leans towards the second, and their feet are far apart.
pub(super) fn is_hook(hook: &Glyph, one: &Glyph) -> bool {
    let middle = |glyph: &Glyph, y: usize| {
        let runs = glyph.pieces.iter().flat_map(|piece| &piece.runs).filter(|run| run.y == y);
        let (sum, count) = runs.fold((0, 0), |(sum, n), run| (sum + run.start + run.end, n + 2));
        sum as f32 / count.max(1) as f32
    };
    let ends = |glyph: &Glyph| {
        (middle(glyph, glyph.bounds.y), middle(glyph, glyph.bounds.bottom().saturating_sub(1)))
    };
    let ((hook_top, hook_foot), (one_top, one_foot)) = (ends(hook), ends(one));
    let height = hook.bounds.union(&one.bounds).height as f32;
    let (lean, aside) = (LEAN * height, ASIDE * height);
    hook.bounds.y.abs_diff(one.bounds.y) as f32 <= aside
        && hook_top - hook_foot >= lean
        && one_foot - hook_foot >= lean
        && one_top - hook_top <= aside
}

#[cfg(test)]
mod tests {
    use super::super::tests::sevens;
    use super::super::{MIN_CONFIDENCE, Reading, Recognizer};
    use super::*;
    use crate::vision::{Component, Run};

    #[test]
    fn strokes_in_a_picture_of_something_else_are_no_ones() {
        let doubted = |found: &[(usize, f32)]| {
            let mut line = sevens(&vec![0.0; found.len()]);
            for ((_, p), (digit, confidence)) in line.iter_mut().zip(found) {
                p[*digit] = *confidence;
            }
            let mut lines = vec![line];
            doubt_in_pictures_of_something_else(&mut lines);
            best(&lines[0][0].1).1 < MIN_CONFIDENCE
        };
        assert!(doubted(&[(1, 0.98), (3, 0.1), (5, 0.0)]));
        assert!(doubted(&[(1, 1.0), (3, 0.1), (5, 0.0)]));
        // Beside another digit, among other ones, and if it is no 1.
        assert!(!doubted(&[(1, 0.98), (3, 0.1), (5, 0.0), (8, 0.95)]));
        assert!(!doubted(&[(1, 0.98), (1, 0.9), (1, 0.7), (3, 0.1), (5, 0.0)]));
        assert!(!doubted(&[(7, 0.8), (3, 0.1), (5, 0.0)]));
    }

    #[test]
    fn bars_of_a_code_are_no_ones() {
        let read = |bars: usize, uneven: usize, width: usize| {
            let mut line = sevens(&vec![0.0; bars]);
            for (i, (glyph, p)) in line.iter_mut().enumerate() {
                let top = uneven * (i % 2);
                let run = |y| Run { y, start: 30 * i, end: 30 * i + width };
                glyph.pieces =
                    Component::of_runs((top..100).map(run).collect()).into_iter().collect();
                glyph.bounds = Rect { x: 30 * i, y: top, width: 10, height: 100 - top };
                p[1] = 0.99;
            }
            let mut lines = vec![line];
            doubt_bars(&mut lines);
            lines[0].iter().filter(|(_, p)| best(p).1 > 0.9).count()
        };
        assert_eq!(read(6, 0, 10), 0);
        // Few; written less evenly; with flags, which do not fill their bounds.
        assert_eq!((read(3, 0, 10), read(6, 8, 10), read(6, 0, 6)), (3, 6, 6));
    }

    #[test]
    fn a_ring_much_larger_than_the_digits_is_no_nought() {
        let (mut line, _) = inked(&[200; 4], sevens(&[0.99, 0.95, 0.92, 0.0]));
        let ink = GrayImage::filled(80, 60, 200);
        let mut ring = |width: usize, height: usize, stroke: usize| {
            let row = |y: usize| match (stroke..height - stroke).contains(&y) {
                true => vec![(0, stroke), (width - stroke, width)],
                false => vec![(0, width)],
            };
            let run = |y| row(y).into_iter().map(move |(start, end)| Run { y, start, end });
            let (glyph, p) = &mut line[3];
            glyph.pieces =
                Component::of_runs((0..height).flat_map(run).collect()).into_iter().collect();
            glyph.bounds = Rect { x: 0, y: 0, width, height };
            p[0] = 0.9;
            let usual = Usual::of(&[line.clone()], &ink);
            assert_eq!(usual.map(|usual| usual.height), Some(20));
            // The digits beside it do not make it likelier.
            let mut reading = Reading::default();
            Recognizer::bundled().report(line.clone(), &ink, usual, &mut reading);
            reading.digits().count() == 3
        };
        assert!(ring(60, 60, 4));
        // Broad, tall, or as high as digits are.
        assert!(!ring(60, 60, 10) && !ring(40, 60, 4) && !ring(30, 30, 2));
    }

    #[test]
    fn two_ones_that_meet_at_their_tops_are_one_with_a_hook() {
        // A stroke of 100 rows from one column to another.
        let stroke = |top: usize, foot: usize| {
            let middle = |y: usize| (top * (99 - y) + foot * y) / 99;
            let run = |y: usize| Run { y, start: middle(y), end: middle(y) + 6 };
            let pieces = Component::of_runs((0..100).map(run).collect()).into_iter().collect();
            Glyph::new(&GrayImage::filled(200, 100, 200), pieces, false)
        };
        let is_hook = |hook: [usize; 2], one: [usize; 2]| {
            super::is_hook(&stroke(hook[0], hook[1]), &stroke(one[0], one[1]))
        };
        assert!(is_hook([60, 10], [64, 66]) && is_hook([60, 20], [66, 80]));
        // Parallel; the arch of an n; a V; crossing at their feet.
        assert!(!is_hook([60, 20], [90, 50]) && !is_hook([20, 20], [30, 70]));
        assert!(!is_hook([10, 60], [100, 66]) && !is_hook([60, 40], [70, 42]));
    }

    /// Glyphs of 20 x 20 pixels side by side, of the given darkness, and the ink they are in.
    fn inked(darkness: &[u8], mut line: Vec<Found>) -> (Vec<Found>, GrayImage) {
        let width = 20 * darkness.len();
        let ink = (0..width * 20).map(|i| darkness[i % width / 20]).collect();
        for (i, (glyph, _)) in line.iter_mut().enumerate() {
            let run = |y| Run { y, start: 20 * i, end: 20 * i + 20 };
            glyph.pieces = Component::of_runs((0..20).map(run).collect()).into_iter().collect();
        }
        (line, GrayImage::new(width, 20, ink))
    }

    #[test]
    fn what_stands_apart_and_is_paler_than_the_digits_is_none() {
        let is_digit = |darkness: u8, digit: usize, confidence: f32, gap_before: bool| {
            let (mut line, ink) =
                inked(&[200, 180, 190, darkness], sevens(&[0.99, 0.95, 0.92, 0.0]));
            (line[3].0.gap_before, line[3].1[digit]) = (gap_before, confidence);
            let usual = Usual::of(&[line.clone()], &ink);
            assert_eq!(usual, Some(Usual { darkness: 190, height: 20 }));
            let mut reading = Reading::default();
            Recognizer::bundled().report(line, &ink, usual, &mut reading);
            reading.digits().count() == 4
        };
        assert!(!is_digit(90, 1, 0.8, true) && !is_digit(90, 7, 0.4, true));
        // An edge is a sure 1 as well.
        assert!(!is_digit(90, 1, 0.99, true));
        // As dark as they are, in their number, or surely more than a stroke.
        assert!(is_digit(100, 1, 0.8, true) && is_digit(90, 1, 0.8, false));
        assert!(is_digit(90, 7, 0.95, true));
    }

    #[test]
    fn an_edge_beside_it_does_not_make_a_digit_likelier() {
        let believed = |edge: u8| {
            let (mut line, ink) = inked(&[edge, 200], sevens(&[0.0, 0.4]));
            line[0].1[1] = 0.99;
            line[1].0.gap_before = true;
            let mut reading = Reading::default();
            let usual = Some(Usual { darkness: 200, height: 20 });
            Recognizer::bundled().report(line, &ink, usual, &mut reading);
            reading.digits().last().unwrap().confidence
        };
        assert!(believed(50) == 0.4 && believed(150) > 0.4);
    }

    #[test]
    fn only_what_has_gaps_on_both_sides_is_apart() {
        let apart = |gap_after: bool| {
            let (mut line, ink) = inked(&[50, 200], sevens(&[0.5, 0.95]));
            line[1].0.gap_before = gap_after;
            is_apart(&line, 0, &ink, 200)
        };
        assert!(apart(true) && !apart(false));
        // Two sure digits do not tell, nor do ones.
        let (mut line, ink) = inked(&[200; 3], sevens(&[0.99, 0.95, 0.8]));
        assert_eq!(Usual::of(&[line.clone()], &ink), None);
        line.iter_mut().for_each(|(_, p)| p[1] = 1.0);
        assert_eq!(Usual::of(&[line], &ink), None);
    }
}

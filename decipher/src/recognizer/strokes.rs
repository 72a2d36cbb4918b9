//! Strokes that look like a 1 and are none: of pictures of something else, edges of a sheet, tears.

use super::row::CERTAIN;
use super::{Found, NO_DIGIT};
use crate::metrics::best;
use crate::vision;

/// How sure one can be of a 1 that is perhaps a stroke of something else.
const STROKE: f32 = 0.25;
/// So many sure digits tell how high digits are; a 1 is at most so many times as high, or as low.
const TELL_HEIGHT: usize = 3;
const HEIGHTS: f32 = 1.67;

/// Whether these are the probabilities of a sure digit that is more than a stroke.
fn is_more(p: &[f32; 10]) -> bool {
    best(p).0 != 1 && best(p).1 >= CERTAIN
}

/// The probabilities of a 1 that is perhaps a stroke of something else.
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

/// How high the sure digits of a picture are but for ones, in pixels; `None` where too few tell.
pub(super) fn usual_height(lines: &[Vec<Found>]) -> Option<usize> {
    let sure = lines.iter().flatten().filter(|(_, p)| is_more(p));
    let heights: Vec<usize> = sure.map(|(glyph, _)| glyph.bounds.height).collect();
    if heights.len() < TELL_HEIGHT { None } else { vision::median(heights.into_iter()) }
}

/// Edges of a sheet, tears and hairs are no ones: whether thing `i` of a line is a 1 of which the
/// network is not sure, that stands alone and is much higher or lower than the `usual` digit.
pub(super) fn is_apart(line: &[Found], i: usize, usual: usize) -> bool {
    let (glyph, p) = &line[i];
    let begins = i == 0 || glyph.gap_before;
    let ends = line.get(i + 1).is_none_or(|(next, _)| next.gap_before);
    let (height, usual) = (glyph.bounds.height as f32, usual as f32);
    let strange = height > HEIGHTS * usual || height * HEIGHTS < usual;
    begins && ends && strange && best(p).0 == 1 && best(p).1 < CERTAIN
}

#[cfg(test)]
mod tests {
    use super::super::tests::sevens;
    use super::super::{MIN_CONFIDENCE, Reading, Recognizer};
    use super::*;

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
    fn a_stroke_apart_that_is_not_as_high_as_the_digits_is_no_one() {
        let is_one = |height: usize, confidence: f32, gap_before: bool| {
            let mut line = sevens(&[0.99, 0.95, 0.9, 0.0]);
            let (glyph, p) = &mut line[3];
            (glyph.bounds.height, glyph.gap_before, p[1]) = (height, gap_before, confidence);
            let usual = usual_height(&[line.clone()]);
            let mut reading = Reading::default();
            Recognizer::bundled().report(line, usual, &mut reading);
            reading.digits().count() == 4
        };
        // The sure digits are 20 pixels high.
        assert!(!is_one(40, 0.8, true) && !is_one(10, 0.8, true) && !is_one(10, 0.4, true));
        // As high as they are, sure, or in their number.
        assert!(is_one(28, 0.8, true) && is_one(40, 0.95, true) && is_one(40, 0.8, false));
        // Two sure digits do not tell.
        assert_eq!(usual_height(&[sevens(&[0.99, 0.95, 0.8])]), None);
    }

    #[test]
    fn only_a_one_with_gaps_on_both_sides_is_apart() {
        let apart = |digit: usize, gap_after: bool| {
            let mut line = sevens(&[0.0, 0.95]);
            (line[0].0.bounds.height, line[0].1[digit]) = (40, 0.8);
            line[1].0.gap_before = gap_after;
            is_apart(&line, 0, 20)
        };
        assert!(apart(1, true) && !apart(1, false) && !apart(7, true));
        // Of sure ones, and of nothing, no height is known.
        let mut ones = sevens(&[0.0; 3]);
        ones.iter_mut().for_each(|(_, p)| p[1] = 0.99);
        assert_eq!(usual_height(&[ones]), None);
    }
}

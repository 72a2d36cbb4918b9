//! What the sure digits of a picture tell of unsure ones: one hand writes a digit in one way.

use super::Found;
use super::row::{CERTAIN, ODDS};
use crate::data::Dataset;
use crate::metrics::best;
use crate::vision::Glyph;

/// Least probability of a digit that likeness is to speak for.
const PERHAPS: f32 = 0.1;
/// Likeness from which on two glyphs are the same digit by the same hand, of at most 1. Different
/// digits of one hand are alike to 0.9.
const ALIKE: f32 = 0.94;
/// So many sure glyphs of a digit are looked at.
const MOST: usize = 16;

/// A glyph, blurred, so that strokes a pixel apart still lie on each other; of length 1.
type Blurred = Vec<f32>;

/// Where a digit is unsure between several, and looks like one that is sure in the same picture, that one
/// is as many times likelier as beside a sure digit in a row.
pub(super) fn tell_by_likeness(lines: &mut [Vec<Found>]) {
    let may_be = |p: &[f32; 10]| p.iter().filter(|p| **p >= PERHAPS).count() > 1;
    let is_unsure = |p: &[f32; 10]| best(p).1 < CERTAIN && may_be(p);
    if !lines.iter().flatten().any(|(_, p)| is_unsure(p)) {
        return;
    }
    let mut sure: [Vec<Blurred>; 10] = Default::default();
    for (glyph, p) in lines.iter().flatten() {
        let (digit, confidence) = best(p);
        let same = &mut sure[usize::from(digit)];
        if confidence >= CERTAIN && same.len() < MOST {
            same.push(blurred(glyph));
        }
    }
    for (glyph, p) in lines.iter_mut().flatten().filter(|(_, p)| is_unsure(p)) {
        let glyph = blurred(glyph);
        let sum: f32 = p.iter().sum();
        for (p, sure) in p.iter_mut().zip(&sure).filter(|(p, _)| **p >= PERHAPS) {
            if sure.iter().any(|other| likeness(&glyph, other) >= ALIKE) {
                *p *= ODDS;
            }
        }
        let scale = sum / p.iter().sum::<f32>();
        p.iter_mut().for_each(|p| *p *= scale);
    }
}

/// The cosine of two glyphs, 0 to 1.
fn likeness(a: &Blurred, b: &Blurred) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn blurred(glyph: &Glyph) -> Blurred {
    const SIDE: usize = Dataset::SIDE;
    let mut pixels: Blurred = glyph.pixels.iter().map(|&p| f32::from(p)).collect();
    // Twice the sum of 3 x 3; the rim of a glyph is paper.
    for _ in 0..2 {
        let before = pixels.clone();
        for y in 1..SIDE - 1 {
            for x in 1..SIDE - 1 {
                let row = |y: usize| before[y * SIDE + x - 1..][..3].iter().sum::<f32>();
                pixels[y * SIDE + x] = row(y - 1) + row(y) + row(y + 1);
            }
        }
    }
    let length = pixels.iter().map(|p| p * p).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    pixels.iter_mut().for_each(|p| *p /= length);
    pixels
}

#[cfg(test)]
mod tests {
    use super::super::tests::sevens;
    use super::*;

    /// A stroke that leans by that many pixels, with a bar of that length to the left of its top.
    fn drawn(found: &mut Found, bar: usize, lean: usize) {
        let pixels = &mut found.0.pixels;
        for y in 4..24 {
            pixels[y * 28 + 18 - (y - 4) * lean / 20..][..2].fill(255);
        }
        for y in 4..6 {
            pixels[y * 28 + 18 - bar..][..bar].fill(255);
        }
    }

    #[test]
    fn an_unsure_digit_is_what_the_same_hand_wrote_like_it() {
        let read = |bar: usize, seven: f32| {
            let mut line = sevens(&[0.99, seven]);
            line[1].1[1] = 0.55;
            drawn(&mut line[0], 9, 6);
            drawn(&mut line[1], bar, 6);
            let mut lines = [line];
            tell_by_likeness(&mut lines);
            let p = lines[0][1].1;
            assert!((p.iter().sum::<f32>() - 0.55 - seven).abs() < 1e-5);
            best(&p).0
        };
        assert_eq!(read(8, 0.35), 7);
        // Another shape, or a digit that it hardly is.
        assert_eq!(read(2, 0.35), 1);
        assert_eq!(read(8, 0.05), 1);
    }

    #[test]
    fn what_is_sure_and_what_stands_alone_stays() {
        for confidences in [&[0.99, 0.95][..], &[0.5], &[]] {
            let mut lines = [sevens(confidences)];
            for found in &mut lines[0] {
                drawn(found, 9, 6);
                found.1[1] = 0.3;
            }
            let before = lines.clone();
            tell_by_likeness(&mut lines);
            assert!(lines == before);
        }
    }
}

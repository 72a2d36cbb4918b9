//! What was read in a picture: lines of digits, and what is unsure.

use crate::data::Dataset;
use crate::image::Rect;

/// What was read in a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Lines of digits, in reading order; a line without sure digits is left out.
    pub lines: Vec<TextLine>,
    /// What was found but is not surely a digit, in reading order.
    pub unsure: Vec<Unsure>,
}

/// A line of digits.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLine {
    /// What the line covers, in pixels of the upright picture.
    pub bounds: Rect,
    /// From left to right; never empty.
    pub digits: Vec<Digit>,
}

/// A digit that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Digit {
    /// 0 to 9.
    pub digit: u8,
    /// The network's probability for it, 0 to 1.
    pub confidence: f32,
    /// What the digit covers, in pixels of the upright picture.
    pub bounds: Rect,
    /// Whether a new number begins here, a gap after the one before.
    pub gap_before: bool,
    /// What the network saw: 28 x 28 pixels, 0 = paper, 255 = ink.
    pub pixels: [u8; Dataset::PIXELS],
}

/// Something that is perhaps a digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsure {
    /// What it covers, in pixels of the upright picture.
    pub bounds: Rect,
    /// The two most probable digits with their probabilities, 0 to 1.
    pub candidates: [(u8, f32); 2],
    /// What the network saw: 28 x 28 pixels, 0 = paper, 255 = ink.
    pub pixels: [u8; Dataset::PIXELS],
}

impl TextLine {
    /// The digits, with a space between numbers.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for digit in &self.digits {
            if digit.gap_before {
                text.push(' ');
            }
            text.push((b'0' + digit.digit).into());
        }
        text
    }
}

impl Reading {
    /// All digits in reading order.
    pub fn digits(&self) -> impl Iterator<Item = &Digit> {
        self.lines.iter().flat_map(|line| &line.digits)
    }

    /// How many sure digits more it makes of the same picture than `other` does, less half of what is
    /// unsure more. The text around the digits of `other` does not make these nonsense: what is unsure
    /// there counts only as far as there are digits, or as much unsure here. No gain without a digit.
    pub(super) fn gain_over(&self, other: &Self) -> f32 {
        if self.lines.is_empty() {
            return 0.0;
        }
        let sure = |reading: &Self| reading.digits().map(|d| d.confidence).sum::<f32>();
        let (more, most) = (self.unsure.len(), self.unsure.len().max(other.digits().count()));
        let fewer = other.unsure.len().min(most);
        sure(self) - sure(other) - 0.5 * (more as f32 - fewer as f32)
    }

    /// The digits in reading order: a space between numbers, `\n` between lines.
    pub fn text(&self) -> String {
        self.lines.iter().map(TextLine::text).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Recognizer;
    use super::super::tests::sevens;
    use super::*;
    use crate::image::GrayImage;

    #[test]
    fn another_look_gains_by_digits_not_by_what_it_does_not_see() {
        let recognizer = Recognizer::bundled();
        let reading = |digits: usize, unsure: usize| {
            let mut reading = Reading::default();
            let ink = GrayImage::filled(1, 1, 0);
            for line in [vec![1.0; digits], vec![0.0; unsure]] {
                recognizer.report(sevens(&line), &ink, None, &mut reading);
            }
            reading
        };
        let gain = |(digits, unsure), (others, others_unsure)| {
            reading(digits, unsure).gain_over(&reading(others, others_unsure))
        };
        // More digits; one that is unsure is half a digit.
        assert_eq!(gain((3, 0), (2, 0)), 1.0);
        assert_eq!(gain((3, 0), (3, 2)), 1.0);
        // Ruled lines that pass for ones, and much else.
        assert_eq!(gain((8, 10), (5, 0)), -2.0);
        // A puzzle amid text, of which a look that sees no text has a part; text alone.
        assert!(gain((10, 0), (30, 100)) < 0.0);
        assert!(gain((10, 30), (0, 40)) > 0.0);
        // Nothing is no better than something unsure, nor are a few digits amid much else than a blank page.
        assert_eq!(gain((0, 0), (1, 9)), 0.0);
        assert!(gain((10, 21), (0, 0)) < 0.0 && gain((10, 19), (0, 0)) > 0.0);
    }
}

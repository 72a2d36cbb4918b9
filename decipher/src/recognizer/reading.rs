//! What was read in a picture: lines of digits, and what is unsure.

use super::NO_DIGIT;
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
    /// Whether a new number begins here, a gap after what stands before it in the text.
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
    /// Where it stands, if it does so in a line with digits.
    pub place: Option<Place>,
    /// What the network saw: 28 x 28 pixels, 0 = paper, 255 = ink.
    pub pixels: [u8; Dataset::PIXELS],
}

/// A place among the digits of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of [`Reading::lines`], from 0.
    pub line: usize,
    /// How many digits of the line stand before it.
    pub before: usize,
    /// As [`Digit::gap_before`]; false for what is hardly a digit and thus not in the text.
    pub gap_before: bool,
}

/// What stands in a line: a digit, or something that is perhaps one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark<'r> {
    /// A digit that was read.
    Digit(&'r Digit),
    /// Something that is perhaps a digit.
    Unsure(&'r Unsure),
}

impl Mark<'_> {
    /// A digit, `?` for what is perhaps one, nothing for what is hardly one: a comma, a letter, dirt.
    pub fn character(&self) -> Option<char> {
        match self {
            Self::Digit(digit) => Some((b'0' + digit.digit).into()),
            Self::Unsure(unsure) => (unsure.candidates[0].1 >= NO_DIGIT).then_some('?'),
        }
    }

    /// Whether a new number begins here.
    pub fn gap_before(&self) -> bool {
        match self {
            Self::Digit(digit) => digit.gap_before,
            Self::Unsure(unsure) => unsure.place.is_some_and(|place| place.gap_before),
        }
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

    /// What stands in a line, from left to right.
    ///
    /// # Panics
    /// If there are not as many lines.
    pub fn line(&self, line: usize) -> impl Iterator<Item = Mark<'_>> {
        let place = |unsure: &Unsure| unsure.place.filter(|place| place.line == line);
        let unsure = self.unsure.iter().filter_map(|u| Some((place(u)?.before, Mark::Unsure(u))));
        let digits = self.lines[line].digits.iter().map(Mark::Digit);
        let mut marks: Vec<_> = unsure.chain((0..).zip(digits)).collect();
        // Of what has as many digits before it, the digit stays the last.
        marks.sort_by_key(|(before, _)| *before);
        marks.into_iter().map(|(_, mark)| mark)
    }

    /// The digits of a line with a space between numbers; `?` holds the place of what is perhaps a
    /// digit.
    ///
    /// # Panics
    /// If there are not as many lines.
    pub fn line_text(&self, line: usize) -> String {
        let mut text = String::new();
        for mark in self.line(line) {
            text.extend(mark.gap_before().then_some(' '));
            text.extend(mark.character());
        }
        text
    }

    /// The text of all lines in reading order, `\n` between them.
    pub fn text(&self) -> String {
        let lines = 0..self.lines.len();
        lines.map(|line| self.line_text(line)).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Recognizer;
    use super::super::tests::sevens;
    use super::*;
    use crate::image::GrayImage;

    /// What is said of a row of that confidence, with a gap before each `true`.
    fn row(marks: &[(f32, bool)]) -> Reading {
        let (confidences, gaps): (Vec<f32>, Vec<bool>) = marks.iter().copied().unzip();
        let mut found = sevens(&confidences);
        found.iter_mut().zip(gaps).for_each(|((glyph, _), gap)| glyph.gap_before = gap);
        let mut recognizer = Recognizer::bundled();
        recognizer.min_confidence = 0.9;
        let mut reading = Reading::default();
        recognizer.report(found, &GrayImage::filled(1, 1, 0), None, &mut reading);
        reading
    }

    #[test]
    fn what_is_perhaps_a_digit_holds_its_place_in_the_text() {
        const SURE: f32 = 1.0;
        const PERHAPS: f32 = 0.6;
        const HARDLY: f32 = 0.0;
        for (marks, text) in [
            (&[(SURE, false), (PERHAPS, false), (SURE, false)][..], "7?7"),
            // The gap stays where it is, also at the ends of the line.
            (&[(SURE, false), (PERHAPS, true), (SURE, false), (PERHAPS, true)], "7 ?7 ?"),
            (&[(PERHAPS, false), (PERHAPS, false), (SURE, true), (PERHAPS, false)], "?? 7?"),
            // A comma or a letter holds no place; a gap before it is one before the next digit.
            (&[(HARDLY, false), (SURE, true), (HARDLY, true), (SURE, false)], "7 7"),
            (&[(PERHAPS, false), (HARDLY, false)], ""),
        ] {
            let reading = row(marks);
            assert_eq!(reading.text(), text, "{marks:?}");
            let places = reading.unsure.iter().filter(|unsure| unsure.place.is_some()).count();
            let expected = if text.is_empty() { 0 } else { reading.unsure.len() };
            assert_eq!(places, expected, "{marks:?}");
        }
    }

    #[test]
    fn what_is_unsure_knows_its_line() {
        let recognizer = Recognizer::bundled();
        let mut reading = Reading::default();
        for line in [&[1.0][..], &[0.0, 0.0], &[1.0, 0.0, 1.0]] {
            recognizer.report(sevens(line), &GrayImage::filled(1, 1, 0), None, &mut reading);
        }
        let places: Vec<_> = reading.unsure.iter().map(|unsure| unsure.place).collect();
        assert_eq!(places, [None, None, Some(Place { line: 1, before: 1, gap_before: false })]);
        let is_digit = |mark| matches!(mark, Mark::Digit(_));
        assert_eq!(reading.line(1).map(is_digit).collect::<Vec<_>>(), [true, false, true]);
    }

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

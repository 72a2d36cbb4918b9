//! A reading as JSON: what `decipher read --format json` prints and `/v1/read` answers.

use serde::Serialize;

use crate::image::{GrayImage, Rect};
use crate::recognizer::{Digit, Place, Reading, Unsure};

/// The version of this shape. Fields may be added to it; none changes its meaning.
pub const REPORT_VERSION: u32 = 1;

/// What was read in one picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The picture's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Width of the upright picture, in pixels.
    pub width: usize,
    /// Height of the upright picture, in pixels.
    pub height: usize,
    /// All digits in reading order: a space between numbers, a line break between lines, `?` in the place of
    /// what is perhaps a digit and stands in a line with digits.
    pub text: String,
    /// Lines from the top; what is unsure is not among their digits.
    pub lines: Vec<LineReport>,
    /// What is perhaps a digit.
    pub unsure: Vec<UnsureReport>,
}

/// A line of digits.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LineReport {
    /// Its digits, with a space between numbers and `?` in the place of what is perhaps a digit.
    pub text: String,
    /// What it covers.
    #[serde(rename = "box")]
    pub bounds: Area,
    /// From left to right.
    pub digits: Vec<DigitReport>,
}

/// A digit that was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DigitReport {
    /// 0 to 9.
    pub digit: u8,
    /// 0 to 1.
    pub confidence: f64,
    /// What it covers.
    #[serde(rename = "box")]
    pub bounds: Area,
}

/// Something that is perhaps a digit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnsureReport {
    /// What it covers.
    #[serde(rename = "box")]
    pub bounds: Area,
    /// The two most probable digits. Where the first has less than 0.2, it is hardly a digit, and not in the text.
    pub candidates: Vec<Candidate>,
    /// Where it stands, if it does so in a line with digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceReport>,
}

/// A place among the digits of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlaceReport {
    /// Which of `lines`, from 0.
    pub line: usize,
    /// How many digits of the line stand before it.
    pub before: usize,
}

/// What something might be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// 0 to 9.
    pub digit: u8,
    /// 0 to 1.
    pub confidence: f64,
}

/// A rectangle in pixels of the upright picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Area {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Report {
    /// The report on `picture`, called `file`, and what was read in it.
    pub fn new(file: Option<String>, picture: &GrayImage, reading: &Reading) -> Self {
        Self {
            version: REPORT_VERSION,
            file,
            width: picture.width(),
            height: picture.height(),
            text: reading.text(),
            lines: (0..reading.lines.len()).map(|line| LineReport::new(reading, line)).collect(),
            unsure: reading.unsure.iter().map(UnsureReport::from).collect(),
        }
    }
}

/// Four decimals are more than the confidence is worth.
pub fn round(confidence: f32) -> f64 {
    (f64::from(confidence) * 1e4).round() / 1e4
}

impl LineReport {
    fn new(reading: &Reading, line: usize) -> Self {
        let text = reading.line_text(line);
        let line = &reading.lines[line];
        let digits = line.digits.iter().map(DigitReport::from).collect();
        Self { text, bounds: line.bounds.into(), digits }
    }
}

impl From<&Digit> for DigitReport {
    fn from(d: &Digit) -> Self {
        Self { digit: d.digit, confidence: round(d.confidence), bounds: d.bounds.into() }
    }
}

impl From<&Unsure> for UnsureReport {
    fn from(unsure: &Unsure) -> Self {
        let candidate = |&(digit, p): &(u8, f32)| Candidate { digit, confidence: round(p) };
        let candidates = unsure.candidates.iter().map(candidate).collect();
        let place = unsure.place.map(|Place { line, before, .. }| PlaceReport { line, before });
        Self { bounds: unsure.bounds.into(), candidates, place }
    }
}

impl From<Rect> for Area {
    fn from(Rect { x, y, width, height }: Rect) -> Self {
        Self { x, y, width, height }
    }
}

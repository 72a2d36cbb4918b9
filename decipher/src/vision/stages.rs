//! What each stage made of a picture, kept to be looked at.

use super::{Component, Mask, Paper};
use crate::image::{GrayImage, Rect};

/// The values between the stages, from the grey picture to the boxes.
#[derive(Clone, Debug)]
pub struct Stages {
    /// The picture as it came, but for the grain of a large one.
    pub gray: GrayImage,
    /// Whether the ink was found to be lighter than its ground.
    pub light_on_dark: bool,
    /// Missing light: 0 = paper, 255 = ink, with uneven light divided out.
    pub ink: GrayImage,
    /// Ink above this value is in the mask; `None` if the picture is blank.
    pub threshold: Option<u8>,
    /// The paper, if it is not blank.
    pub paper: Option<Paper>,
    /// What is ink, without the lines of the paper.
    pub mask: Mask,
    /// Lines of the paper that were erased, and bounds of tables, whose ink stays in the mask.
    pub rules: Vec<Rect>,
    /// Where edges of shadows, what reaches into the picture from its border, stains, and rings and frames around
    /// digits were taken off.
    pub surroundings: Vec<Rect>,
    /// All pieces of ink but single pixels of noise.
    pub components: Vec<Component>,
    /// Boxes of the digits, in reading order.
    pub digits: Vec<Rect>,
    /// Boxes of the lines, from the top.
    pub lines: Vec<Rect>,
}

impl Stages {
    /// Each stage as a picture with a name that sorts in order, such as `"2-ink"`; all but the
    /// first are dark on white.
    pub fn pictures(&self) -> Vec<(&'static str, GrayImage)> {
        let (width, height) = (self.gray.width(), self.gray.height());
        let ink = self.ink.pixels().iter().map(|v| 255 - v).collect();
        let mask = self.mask.ink().iter().map(|&ink| if ink { 0 } else { 255 }).collect();
        let mask = GrayImage::new(width, height, mask);
        let ink = GrayImage::new(width, height, ink);
        let boxed = |on: &GrayImage, boxes: &mut dyn Iterator<Item = Rect>| {
            // Grey below the boxes, so that they stand out.
            let pale = on.pixels().iter().map(|v| v.saturating_add(170)).collect();
            let mut picture = GrayImage::new(width, height, pale);
            boxes.for_each(|b| outline(&mut picture, b));
            picture
        };
        let erased = &mut self.rules.iter().chain(&self.surroundings).copied();
        vec![
            ("1-gray", self.gray.clone()),
            ("2-ink", ink.clone()),
            ("3-mask", mask.clone()),
            ("4-components", boxed(&mask, &mut self.components.iter().map(|c| c.bounds))),
            ("5-erased", boxed(&ink, erased)),
            ("6-digits", boxed(&mask, &mut self.digits.iter().copied())),
            ("7-lines", boxed(&mask, &mut self.lines.iter().copied())),
        ]
    }
}

/// Draws the rectangle's outermost pixels in black.
fn outline(picture: &mut GrayImage, b: Rect) {
    if b.width == 0 || b.height == 0 {
        return;
    }
    let width = picture.width();
    let pixels = picture.pixels_mut();
    for y in [b.y, b.bottom() - 1] {
        pixels[y * width + b.x..][..b.width].fill(0);
    }
    for y in b.y..b.bottom() {
        pixels[y * width + b.x] = 0;
        pixels[y * width + b.right() - 1] = 0;
    }
}

//! Boxes and short texts on pictures, for people to look at.

use crate::image::{GrayImage, Rect};
use crate::recognizer::Reading;
use crate::vision::{self, DecodeError, Limits};

/// A colour: red, green, blue.
pub type Colour = [u8; 3];

/// A picture in colours, drawn on with whole pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    /// Red, green and blue of all pixels, row by row.
    bytes: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, bytes: vec![colour; width * height].into_flattened() }
    }

    /// The picture of a file, upright and in its colours.
    ///
    /// # Errors
    /// As [`vision::decode`].
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let (width, height, bytes) = vision::decode_rgb(bytes, limits)?;
        Ok(Self { width, height, bytes })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[Colour] {
        self.bytes.as_chunks().0
    }

    /// The pixels of a row.
    fn row_mut(&mut self, y: usize) -> &mut [Colour] {
        &mut self.bytes.as_chunks_mut().0[y * self.width..][..self.width]
    }

    /// Copies a grey picture to the canvas, its top left pixel at `(x, y)`; what sticks out is cut.
    pub fn paste(&mut self, picture: &GrayImage, x: usize, y: usize) {
        for row in 0..picture.height().min(self.height.saturating_sub(y)) {
            let from = picture.row(row).iter();
            let to = self.row_mut(y + row).iter_mut();
            to.skip(x).zip(from).for_each(|(to, &grey)| *to = [grey; 3]);
        }
    }

    /// Draws the outline of `bounds`, `thickness` pixels wide and outside of it; what sticks out is
    /// cut.
    pub fn outline(&mut self, bounds: &Rect, thickness: usize, colour: Colour) {
        let (left, top) = (bounds.x.saturating_sub(thickness), bounds.y.saturating_sub(thickness));
        let (right, bottom) = (bounds.right() + thickness, bounds.bottom() + thickness);
        let width = right - left;
        for (x, y, w, h) in [
            (left, top, width, bounds.y - top),
            (left, bounds.bottom(), width, thickness),
            (left, top, bounds.x - left, bottom - top),
            (bounds.right(), top, thickness, bottom - top),
        ] {
            self.fill(&Rect { x, y, width: w, height: h }, colour);
        }
    }

    /// Fills a rectangle; what sticks out is cut.
    pub fn fill(&mut self, area: &Rect, colour: Colour) {
        let columns = area.x.min(self.width)..area.right().min(self.width);
        for y in area.y.min(self.height)..area.bottom().min(self.height) {
            self.row_mut(y)[columns.clone()].fill(colour);
        }
    }

    /// Writes `text`, its top left corner at `(x, y)`, each dot `scale` pixels a side: a letter is
    /// 5 dots wide and 7 high and takes 6 across. Small letters are written as capitals, what is
    /// not in ASCII as `?`.
    pub fn text(&mut self, text: &str, x: usize, y: usize, scale: usize, colour: Colour) {
        for (i, character) in text.chars().enumerate() {
            for (column, bits) in letter(character).into_iter().enumerate() {
                for row in (0..7).filter(|row| bits >> row & 1 == 1) {
                    let (x, y) = (x + (6 * i + column) * scale, y + row * scale);
                    self.fill(&Rect { x, y, width: scale, height: scale }, colour);
                }
            }
        }
    }
}

impl Canvas {
    /// The picture as the bytes of a PNG file.
    ///
    /// # Panics
    /// If it has no pixels, or more than 2^31 - 1 a side: PNG knows neither.
    pub fn png(&self) -> Vec<u8> {
        vision::encode_png_rgb(self.width, self.height, &self.bytes)
    }
}

/// The picture with a box around every digit, the digit and its confidence above it in percent;
/// what is unsure is boxed in another colour, with both candidates.
pub fn annotated(mut picture: Canvas, reading: &Reading) -> Canvas {
    const SURE: Colour = [0, 130, 60];
    const UNSURE: Colour = [210, 90, 0];
    let digits = reading.digits().map(|digit| {
        let caption = format!("{} {:.0}", digit.digit, 100.0 * digit.confidence);
        (digit.bounds, caption, SURE)
    });
    let unsure = reading.unsure.iter().map(|unsure| {
        let [first, second] = unsure.candidates.map(|(digit, _)| digit);
        (unsure.bounds, format!("{first}/{second}?"), UNSURE)
    });
    let marks: Vec<(Rect, String, Colour)> = digits.chain(unsure).collect();
    let dot = picture.dot(marks.iter().map(|(bounds, ..)| bounds.width).collect());
    for (bounds, _, colour) in &marks {
        picture.outline(bounds, dot, *colour);
    }
    // What is written stays above the boxes of what stands close.
    for (bounds, caption, colour) in &marks {
        picture.caption(bounds, caption, dot, *colour);
    }
    picture
}

impl Canvas {
    /// Side of the dots of captions for boxes of those widths, in pixels: to be read when the picture
    /// fills a screen, but where digits stand close, not much broader than these.
    fn dot(&self, mut widths: Vec<usize>) -> usize {
        let side = self.width.max(self.height);
        widths.sort_unstable();
        let usual = widths.get(widths.len() / 2).copied().unwrap_or(side);
        (usual / 20).clamp(side / 1200, (side + 210) / 420).max(1)
    }

    /// Writes on a white ground above a box, or where the picture ends there, below it or else in it.
    fn caption(&mut self, bounds: &Rect, text: &str, dot: usize, colour: Colour) {
        let (width, height) = ((6 * text.len() + 1) * dot, 9 * dot);
        let fits = |y: &usize| y + height <= self.height;
        let above = bounds.y.checked_sub(height + dot);
        let y = above.or(Some(bounds.bottom() + dot).filter(fits)).unwrap_or(bounds.y);
        let x = bounds.x.min(self.width.saturating_sub(width));
        self.fill(&Rect { x, y, width, height }, [255; 3]);
        self.text(text, x + dot, y + dot, dot, colour);
    }
}

/// The columns of a letter from the left; the lowest bit is the top row.
fn letter(character: char) -> [u8; 5] {
    let code = (character.to_ascii_uppercase() as usize).wrapping_sub(0x20);
    *LETTERS.get(code).unwrap_or(&LETTERS['?' as usize - 0x20])
}

/// The usual 5 x 7 dots of displays, from the space to the underscore.
#[rustfmt::skip]
const LETTERS: [[u8; 5]; 64] = [
    [0x00, 0x00, 0x00, 0x00, 0x00], [0x00, 0x00, 0x5f, 0x00, 0x00], [0x00, 0x07, 0x00, 0x07, 0x00],
    [0x14, 0x7f, 0x14, 0x7f, 0x14], [0x24, 0x2a, 0x7f, 0x2a, 0x12], [0x23, 0x13, 0x08, 0x64, 0x62],
    [0x36, 0x49, 0x55, 0x22, 0x50], [0x00, 0x05, 0x03, 0x00, 0x00], [0x00, 0x1c, 0x22, 0x41, 0x00],
    [0x00, 0x41, 0x22, 0x1c, 0x00], [0x14, 0x08, 0x3e, 0x08, 0x14], [0x08, 0x08, 0x3e, 0x08, 0x08],
    [0x00, 0x50, 0x30, 0x00, 0x00], [0x08, 0x08, 0x08, 0x08, 0x08], [0x00, 0x60, 0x60, 0x00, 0x00],
    [0x20, 0x10, 0x08, 0x04, 0x02], [0x3e, 0x51, 0x49, 0x45, 0x3e], [0x00, 0x42, 0x7f, 0x40, 0x00],
    [0x42, 0x61, 0x51, 0x49, 0x46], [0x21, 0x41, 0x45, 0x4b, 0x31], [0x18, 0x14, 0x12, 0x7f, 0x10],
    [0x27, 0x45, 0x45, 0x45, 0x39], [0x3c, 0x4a, 0x49, 0x49, 0x30], [0x01, 0x71, 0x09, 0x05, 0x03],
    [0x36, 0x49, 0x49, 0x49, 0x36], [0x06, 0x49, 0x49, 0x29, 0x1e], [0x00, 0x36, 0x36, 0x00, 0x00],
    [0x00, 0x56, 0x36, 0x00, 0x00], [0x08, 0x14, 0x22, 0x41, 0x00], [0x14, 0x14, 0x14, 0x14, 0x14],
    [0x00, 0x41, 0x22, 0x14, 0x08], [0x02, 0x01, 0x51, 0x09, 0x06], [0x32, 0x49, 0x79, 0x41, 0x3e],
    [0x7e, 0x11, 0x11, 0x11, 0x7e], [0x7f, 0x49, 0x49, 0x49, 0x36], [0x3e, 0x41, 0x41, 0x41, 0x22],
    [0x7f, 0x41, 0x41, 0x22, 0x1c], [0x7f, 0x49, 0x49, 0x49, 0x41], [0x7f, 0x09, 0x09, 0x09, 0x01],
    [0x3e, 0x41, 0x49, 0x49, 0x7a], [0x7f, 0x08, 0x08, 0x08, 0x7f], [0x00, 0x41, 0x7f, 0x41, 0x00],
    [0x20, 0x40, 0x41, 0x3f, 0x01], [0x7f, 0x08, 0x14, 0x22, 0x41], [0x7f, 0x40, 0x40, 0x40, 0x40],
    [0x7f, 0x02, 0x0c, 0x02, 0x7f], [0x7f, 0x04, 0x08, 0x10, 0x7f], [0x3e, 0x41, 0x41, 0x41, 0x3e],
    [0x7f, 0x09, 0x09, 0x09, 0x06], [0x3e, 0x41, 0x51, 0x21, 0x5e], [0x7f, 0x09, 0x19, 0x29, 0x46],
    [0x46, 0x49, 0x49, 0x49, 0x31], [0x01, 0x01, 0x7f, 0x01, 0x01], [0x3f, 0x40, 0x40, 0x40, 0x3f],
    [0x1f, 0x20, 0x40, 0x20, 0x1f], [0x3f, 0x40, 0x38, 0x40, 0x3f], [0x63, 0x14, 0x08, 0x14, 0x63],
    [0x07, 0x08, 0x70, 0x08, 0x07], [0x61, 0x51, 0x49, 0x45, 0x43], [0x00, 0x7f, 0x41, 0x41, 0x00],
    [0x02, 0x04, 0x08, 0x10, 0x20], [0x00, 0x41, 0x41, 0x7f, 0x00], [0x04, 0x02, 0x01, 0x02, 0x04],
    [0x40, 0x40, 0x40, 0x40, 0x40],
];

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Colour = [9, 8, 7];

    /// The picture as text: `#` where there is ink.
    fn shown(canvas: &Canvas) -> Vec<String> {
        let rows = canvas.pixels().chunks(canvas.width);
        rows.map(|r| r.iter().map(|p| if *p == INK { '#' } else { '.' }).collect()).collect()
    }

    #[test]
    fn a_seven_looks_like_one() {
        let mut canvas = Canvas::filled(5, 7, [255; 3]);
        canvas.text("7", 0, 0, 1, INK);
        let seven = ["#####", "....#", "...#.", "..#..", ".#...", ".#...", ".#..."];
        assert_eq!(shown(&canvas), seven);
    }

    #[test]
    fn a_caption_stays_in_the_picture_and_is_read_on_black() {
        let (width, height) = (60, 50);
        for (x, y) in [(0, 0), (50, 0), (50, 40), (0, 40), (20, 20), (0, 25)] {
            let mut canvas = Canvas::filled(width, height, [0; 3]);
            canvas.caption(&Rect { x, y, width: 10, height: 10 }, "7 99", 1, INK);
            let count = |colour| canvas.pixels().iter().filter(|p| **p == colour).count();
            // As many dots as the three letters have.
            assert_eq!(count(INK), "799".chars().map(dots).sum::<usize>(), "{x} {y}");
            assert_eq!(count(INK) + count([255; 3]), 25 * 9, "{x} {y}");
        }
        // A picture that is smaller than its caption shows a part of it.
        Canvas::filled(3, 3, [0; 3]).caption(
            &Rect { x: 1, y: 1, width: 2, height: 2 },
            "7",
            1,
            INK,
        );
    }

    fn dots(character: char) -> usize {
        letter(character).iter().map(|column| column.count_ones() as usize).sum()
    }

    #[test]
    fn captions_are_as_large_as_the_picture_needs_and_the_digits_leave() {
        let photo = Canvas::filled(4000, 30, [0; 3]);
        assert_eq!(photo.dot(vec![1000]), 10);
        assert_eq!(photo.dot(vec![10, 120, 1000]), 6);
        assert_eq!(photo.dot(vec![10]), 3);
        assert_eq!(photo.dot(vec![]), 10);
        assert_eq!(Canvas::filled(28, 28, [0; 3]).dot(vec![20]), 1);
    }

    #[test]
    fn what_sticks_out_is_cut() {
        let mut canvas = Canvas::filled(4, 3, [255; 3]);
        canvas.outline(&Rect { x: 0, y: 1, width: 3, height: 5 }, 1, INK);
        assert_eq!(shown(&canvas), ["####", "...#", "...#"]);
        canvas.text("\u{e9}W", 2, 2, 9, INK);
        canvas.paste(&GrayImage::filled(9, 9, 1), 3, 2);
        assert_eq!(canvas.pixels()[11], [1; 3]);
        canvas.fill(&Rect { x: 90, y: 90, width: 1, height: 1 }, INK);
    }
}

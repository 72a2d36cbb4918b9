//! Boxes and short texts on pictures, for people to look at.

use crate::image::{GrayImage, Rect};
use crate::recognizer::Reading;

/// A colour: red, green, blue.
pub type Colour = [u8; 3];

/// A picture in colours, drawn on with whole pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
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
        &self.pixels
    }

    /// Copies a grey picture to the canvas, its top left pixel at `(x, y)`; what sticks out is cut.
    pub fn paste(&mut self, picture: &GrayImage, x: usize, y: usize) {
        for row in 0..picture.height().min(self.height.saturating_sub(y)) {
            let from = picture.row(row).iter();
            let to = &mut self.pixels[(y + row) * self.width..][..self.width];
            to.iter_mut().skip(x).zip(from).for_each(|(to, &grey)| *to = [grey; 3]);
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
            self.pixels[y * self.width..][columns.clone()].fill(colour);
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
        crate::vision::encode_png_rgb(self.width, self.height, self.pixels.as_flattened())
    }
}

/// The picture with a box around every digit, the digit and its confidence above it in percent;
/// what is unsure is boxed in another colour, with both candidates.
pub fn annotated(picture: &GrayImage, reading: &Reading) -> Canvas {
    const SURE: Colour = [0, 130, 60];
    const UNSURE: Colour = [210, 90, 0];
    let mut canvas = Canvas::filled(picture.width(), picture.height(), [255; 3]);
    canvas.paste(picture, 0, 0);
    let mut mark = |bounds: &Rect, text: &str, colour: Colour| {
        // As large as fits the box, but to be read also on a small one.
        let scale = (bounds.width / (6 * text.len())).max(1);
        canvas.outline(bounds, scale, colour);
        let y = match bounds.y.checked_sub(9 * scale) {
            Some(above) => above,
            None => bounds.bottom() + 2 * scale,
        };
        canvas.text(text, bounds.x, y, scale, colour);
    };
    for digit in reading.digits() {
        let text = format!("{} {:.0}", digit.digit, 100.0 * digit.confidence);
        mark(&digit.bounds, &text, SURE);
    }
    for unsure in &reading.unsure {
        let [first, second] = unsure.candidates.map(|(digit, _)| digit);
        mark(&unsure.bounds, &format!("{first}/{second}?"), UNSURE);
    }
    canvas
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
        let rows = canvas.pixels.chunks(canvas.width);
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
    fn what_sticks_out_is_cut() {
        let mut canvas = Canvas::filled(4, 3, [255; 3]);
        canvas.outline(&Rect { x: 0, y: 1, width: 3, height: 5 }, 1, INK);
        assert_eq!(shown(&canvas), ["####", "...#", "...#"]);
        canvas.text("\u{e9}W", 2, 2, 9, INK);
        canvas.paste(&GrayImage::filled(9, 9, 1), 3, 2);
        assert_eq!(canvas.pixels[11], [1; 3]);
        canvas.fill(&Rect { x: 90, y: 90, width: 1, height: 1 }, INK);
    }
}

//! Pictures as Decipher sees them: grey values, and rectangles on them.

/// A grey picture: `width * height` bytes, row by row from the top left, 0 = black, 255 = white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl GrayImage {
    /// Takes `pixels` (row-major, one byte each) as a `width` x `height` picture.
    ///
    /// # Panics
    /// If `pixels.len() != width * height`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(
            pixels.len(),
            width * height,
            "a {width} x {height} picture needs {} pixels, got {}",
            width * height,
            pixels.len()
        );
        Self { width, height, pixels }
    }

    /// A `width` x `height` picture of one grey value.
    pub fn filled(width: usize, height: usize, value: u8) -> Self {
        Self::new(width, height, vec![value; width * height])
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
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All pixels, to be changed in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// What lies in a rectangle.
    ///
    /// # Panics
    /// If the rectangle is not inside the picture.
    pub fn crop(&self, to: &Rect) -> Self {
        let rows = (to.y..to.bottom()).flat_map(|y| &self.row(y)[to.x..to.right()]);
        Self::new(to.width, to.height, rows.copied().collect())
    }

    /// One row of `width` pixels.
    ///
    /// # Panics
    /// If `y >= height`.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..][..self.width]
    }
}

/// A rectangle of whole pixels; `x`, `y` is its top left pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge, in pixels from the left of the picture.
    pub x: usize,
    /// Top edge, in pixels from the top of the picture.
    pub y: usize,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

impl Rect {
    /// First column right of the rectangle.
    pub fn right(&self) -> usize {
        self.x + self.width
    }

    /// First row below the rectangle.
    pub fn bottom(&self) -> usize {
        self.y + self.height
    }

    /// The smallest rectangle that holds both.
    pub fn union(&self, other: &Rect) -> Rect {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Rect {
            x,
            y,
            width: self.right().max(other.right()) - x,
            height: self.bottom().max(other.bottom()) - y,
        }
    }
}

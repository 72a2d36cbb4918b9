//! Which pixels are ink.

/// A picture of yes and no: `true` = ink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    ink: Vec<bool>,
}

impl Mask {
    /// Takes `ink` (row-major) as a `width` x `height` mask.
    ///
    /// # Panics
    /// If `ink.len() != width * height`.
    pub fn new(width: usize, height: usize, ink: Vec<bool>) -> Self {
        assert_eq!(ink.len(), width * height, "a {width} x {height} mask got {} values", ink.len());
        Self { width, height, ink }
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
    pub fn ink(&self) -> &[bool] {
        &self.ink
    }

    /// One row of `width` pixels.
    ///
    /// # Panics
    /// If `y >= height`.
    pub fn row(&self, y: usize) -> &[bool] {
        &self.ink[y * self.width..][..self.width]
    }

    /// One row of `width` pixels, to be changed in place.
    ///
    /// # Panics
    /// If `y >= height`.
    pub fn row_mut(&mut self, y: usize) -> &mut [bool] {
        &mut self.ink[y * self.width..][..self.width]
    }
}

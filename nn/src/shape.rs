//! The shape of a layer's values, and where they lie in memory.

use crate::aligned::padded;
use crate::kernel::LANES;

/// Channels of a pixel of which two are a vector.
pub(crate) const HALF: usize = LANES / 2;

/// Height, width and channels of a sample's values. They are stored row by row from the top left,
/// the channels of a pixel side by side ("channels last").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Values a pixel.
    pub channels: usize,
}

impl Shape {
    /// `n` values without a place: one pixel of `n` channels.
    pub const fn flat(n: usize) -> Self {
        Self { height: 1, width: 1, channels: n }
    }

    /// Number of values.
    pub fn values(self) -> usize {
        self.height * self.width * self.channels
    }
}

/// A [`Shape`] in memory: each pixel takes `pitch` floats, and around the picture lies a frame of
/// zeros, `frame` pixels wide, for convolutions that look beyond the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub shape: Shape,
    pub pitch: usize,
    pub frame: usize,
}

impl Grid {
    /// The grid of a layer's values: pixels of whole vectors.
    pub fn of(shape: Shape, frame: usize) -> Self {
        Self { shape, pitch: padded(shape.channels), frame }
    }

    /// The grid of a layer's values where two pixels of a row fill a vector; `None` where they are
    /// wider, or where one is left over.
    pub fn of_pairs(shape: Shape) -> Option<Self> {
        Self::of_halves(shape, 0).filter(Self::in_pairs)
    }

    /// The grid of a layer's values whose pixels are half a vector each; `None` where they are wider.
    pub fn of_halves(shape: Shape, frame: usize) -> Option<Self> {
        (shape.channels <= HALF).then_some(Self { shape, pitch: HALF, frame })
    }

    /// The grid of a network's input: pixels without padding.
    pub fn of_input(shape: Shape, frame: usize) -> Self {
        Self { shape, pitch: shape.channels, frame }
    }

    /// Whether it is one of [pairs](Grid::of_pairs).
    pub fn in_pairs(&self) -> bool {
        self.pitch == HALF && self.frame == 0 && self.shape.width.is_multiple_of(2)
    }

    /// Floats from one row of pixels to the next.
    pub fn row(&self) -> usize {
        (self.shape.width + 2 * self.frame) * self.pitch
    }

    /// Floats from one sample to the next, whole vectors. One more follows pixels that are none: what is
    /// taken by vectors from a pixel on ends in the sample.
    pub fn sample(&self) -> usize {
        let more = if self.pitch.is_multiple_of(LANES) { 0 } else { LANES };
        padded((self.shape.height + 2 * self.frame) * self.row()) + more
    }

    /// Where a pixel of the first sample begins.
    pub fn at(&self, y: usize, x: usize) -> usize {
        (y + self.frame) * self.row() + (x + self.frame) * self.pitch
    }

    /// The stretches of memory, start and length, that hold `samples` samples without their
    /// frames.
    pub fn stretches(self, samples: usize) -> impl Iterator<Item = (usize, usize)> {
        let Shape { height, width, .. } = self.shape;
        // Without a frame all is one stretch.
        let (samples, rows, len) = match self.frame {
            0 => (samples.min(1), 1, samples * self.sample()),
            _ => (samples, height, width * self.pitch),
        };
        (0..samples)
            .flat_map(move |b| (0..rows).map(move |y| (b * self.sample() + self.at(y, 0), len)))
    }

    /// Copies `samples` samples to where `other` has them; both are of one shape and pitch.
    pub fn copy(self, samples: usize, from: &[f32], other: Grid, to: &mut [f32]) {
        let (height, len) = (self.shape.height, self.shape.width * self.pitch);
        for (b, y) in (0..samples).flat_map(|b| (0..height).map(move |y| (b, y))) {
            let from = &from[b * self.sample() + self.at(y, 0)..][..len];
            to[b * other.sample() + other.at(y, 0)..][..len].copy_from_slice(from);
        }
    }

    /// Where each pixel of `samples` samples begins, in order.
    pub fn pixels(self, samples: usize) -> Vec<u32> {
        let Shape { height, width, .. } = self.shape;
        let sample =
            |b| (0..height * width).map(move |i| b * self.sample() + self.at(i / width, i % width));
        (0..samples).flat_map(sample).map(|at| at as u32).collect()
    }
}

#[cfg(test)]
impl Grid {
    /// Memory for `samples` samples whose values, without padding, are `values`.
    pub fn filled(self, samples: usize, values: &[f32]) -> Vec<f32> {
        let mut memory = vec![0.0; samples * self.sample()];
        let channels = self.shape.channels;
        for (at, pixel) in self.pixels(samples).into_iter().zip(values.chunks_exact(channels)) {
            memory[at as usize..][..channels].copy_from_slice(pixel);
        }
        memory
    }

    /// The values in such memory, without padding.
    pub fn values(self, samples: usize, memory: &[f32]) -> Vec<f32> {
        let pixel = |at: u32| &memory[at as usize..][..self.shape.channels];
        self.pixels(samples).into_iter().flat_map(pixel).copied().collect()
    }
}

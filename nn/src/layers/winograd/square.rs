//! Vectors of channels that lie in a square.

// Rows and columns are indexed by number throughout.
#![allow(clippy::needless_range_loop)]

use crate::gemm::Start;
use crate::kernel::{Simd, lanes, lanes_mut};

/// Where the vectors of a square lie: the first, how far apart rows and neighbours in a row are,
/// and how many there are of both. What is beyond counts as 0.
#[derive(Clone, Copy)]
pub struct Square {
    pub at: usize,
    pub row: usize,
    pub pitch: usize,
    pub height: usize,
    pub width: usize,
}

impl Square {
    /// `side` by `side` vectors, each `pitch` from the one before.
    pub fn apart(side: usize, pitch: usize) -> Self {
        Self { at: 0, row: side * pitch, pitch, height: side, width: side }
    }

    pub fn lane(self, lane: usize) -> Self {
        Self { at: self.at + lane, ..self }
    }
}

/// The vectors `from` there.
#[inline(always)]
pub fn load<S: Simd, const N: usize>(s: S, values: &[f32], from: Square) -> [[S::V; N]; N] {
    let mut square = [[s.splat(0.0); N]; N];
    for y in 0..from.height.min(N) {
        for x in 0..from.width.min(N) {
            square[y][x] = s.get(lanes(values, from.at + y * from.row + x * from.pitch));
        }
    }
    square
}

/// The `square`, added to what `start` says.
#[inline(always)]
pub fn store<S: Simd, const N: usize>(
    s: S,
    values: &mut [f32],
    to: Square,
    square: [[S::V; N]; N],
    start: Start,
) {
    for y in 0..to.height.min(N) {
        for x in 0..to.width.min(N) {
            let there = lanes_mut(values, to.at + y * to.row + x * to.pitch);
            let value = match start {
                Start::Zero => square[y][x],
                Start::Row(row) => s.add(square[y][x], s.get(lanes(row, 0))),
                Start::Add => s.add(s.get(there), square[y][x]),
            };
            s.put(there, value);
        }
    }
}

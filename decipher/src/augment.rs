//! Distortions: a digit, written again a little differently.

use decipher_nn::Rng;
use serde::Deserialize;

use crate::data::Dataset;

const SIDE: usize = Dataset::SIDE;

/// How far a digit may be distorted. Every amount is drawn evenly between minus and plus the
/// given one (`elastic` and `stroke` excepted) and is keyed by (seed, epoch, digit), so that it
/// does not matter which thread draws it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Pixels, sideways and up or down; at most 8.
    pub shift: f32,
    /// Degrees; at most 90.
    pub rotate: f32,
    /// Share of the size, for width and height apart; at most 0.5.
    pub scale: f32,
    /// Slant: pixels sideways per pixel of height; at most 1.
    pub shear: f32,
    /// Standard deviation, in pixels, of smooth random displacements (Simard, Steinkraus and
    /// Platt 2003); at most 8.
    pub elastic: f32,
    /// Largest change of a stroke's width: the share of a blurred edge that is gained or lost;
    /// at most 1.
    pub stroke: f32,
}

/// Displacements are drawn on a grid of this many points a side and interpolated between.
const GRID: usize = 6;

impl Augment {
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value, most) in [
            ("shift", self.shift, 8.0),
            ("rotate", self.rotate, 90.0),
            ("scale", self.scale, 0.5),
            ("shear", self.shear, 1.0),
            ("elastic", self.elastic, 8.0),
            ("stroke", self.stroke, 1.0),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(format!("augment.{name} = {value} is not in [0, {most}]"));
            }
        }
        Ok(())
    }

    /// Writes a distorted copy of `image` (28 x 28, 0 = paper, 255 = ink) to `out`.
    ///
    /// # Panics
    /// If either is not of 784 pixels.
    pub fn apply(&self, image: &[u8], rng: &mut Rng, out: &mut [u8]) {
        assert!(image.len() == SIDE * SIDE && out.len() == SIDE * SIDE, "28 x 28 pixels");
        let mut draw = |most: f32| most * (2.0 * rng.uniform() - 1.0);
        let (dx, dy) = (draw(self.shift), draw(self.shift));
        let (sin, cos) = draw(self.rotate).to_radians().sin_cos();
        let (wide, high) = (1.0 + draw(self.scale), 1.0 + draw(self.scale));
        let shear = draw(self.shear);
        let stroke = draw(self.stroke);
        // Where each pixel of the copy comes from: a turn of the scaled and sheared offset.
        let (a, b) = (cos / wide, (shear * cos - sin) / high);
        let (c, d) = (sin / wide, (shear * sin + cos) / high);
        let mut waves = [[[0.0; 2]; GRID]; GRID];
        if self.elastic > 0.0 {
            for point in waves.as_flattened_mut() {
                *point = [self.elastic * rng.normal(), self.elastic * rng.normal()];
            }
        }
        let middle = (SIDE as f32 - 1.0) / 2.0;
        let mut copy = [0.0f32; SIDE * SIDE];
        for (i, to) in copy.iter_mut().enumerate() {
            let (x, y) = ((i % SIDE) as f32 - middle - dx, (i / SIDE) as f32 - middle - dy);
            let (mut from_x, mut from_y) = (a * x + b * y + middle, c * x + d * y + middle);
            if self.elastic > 0.0 {
                let [wave_x, wave_y] = wave(&waves, i % SIDE, i / SIDE);
                (from_x, from_y) = (from_x + wave_x, from_y + wave_y);
            }
            *to = bilinear(image, from_x, from_y);
        }
        for (i, to) in out.iter_mut().enumerate() {
            *to = (copy[i] + stroke * edge(&copy, i)).clamp(0.0, 255.0).round() as u8;
        }
    }
}

/// The displacement at a pixel, interpolated between the grid's points.
fn wave(waves: &[[[f32; 2]; GRID]; GRID], x: usize, y: usize) -> [f32; 2] {
    let step = (GRID - 1) as f32 / SIDE as f32;
    let (x, y) = (x as f32 * step, y as f32 * step);
    let (i, j) = (x as usize, y as usize);
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - i as f32), smooth(y - j as f32));
    std::array::from_fn(|k| {
        let row = |j: usize| waves[j][i][k] * (1.0 - u) + waves[j][i + 1][k] * u;
        row(j) * (1.0 - v) + row(j + 1) * v
    })
}

/// The grey value between four pixels; paper outside the picture.
fn bilinear(image: &[u8], x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (u, v) = (x - left, y - top);
    let (left, top) = (left as i32, top as i32);
    let at = |x: i32, y: i32| {
        let inside = (0..SIDE as i32).contains(&x) && (0..SIDE as i32).contains(&y);
        if inside { f32::from(image[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    let row = |y: i32| at(left, y) * (1.0 - u) + at(left + 1, y) * u;
    row(top) * (1.0 - v) + row(top + 1) * v
}

/// How much a pixel's four neighbours are darker or lighter than it, where it is at an edge: what
/// added thickens a stroke, and taken away thins it.
fn edge(image: &[f32], i: usize) -> f32 {
    let (x, y) = (i % SIDE, i / SIDE);
    let neighbours = [
        (x > 0).then(|| image[i - 1]),
        (x + 1 < SIDE).then(|| image[i + 1]),
        (y > 0).then(|| image[i - SIDE]),
        (y + 1 < SIDE).then(|| image[i + SIDE]),
    ];
    let (mut most, mut least) = (0.0f32, 255.0f32);
    for value in neighbours {
        let value = value.unwrap_or(0.0);
        (most, least) = (most.max(value), least.min(value));
    }
    (most - least).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stroke() -> Vec<u8> {
        let mut image = vec![0; SIDE * SIDE];
        (6..22).for_each(|y| image[y * SIDE + 13..][..2].fill(255));
        image
    }

    fn apply(augment: Augment, seed: u64) -> Vec<u8> {
        let mut out = vec![1; SIDE * SIDE];
        augment.apply(&stroke(), &mut Rng::new(seed, &[]), &mut out);
        out
    }

    /// Ink, and its centre.
    fn moments(image: &[u8]) -> (f32, f32, f32) {
        let sum = |f: &dyn Fn(usize) -> f32| -> f32 {
            (0..SIDE * SIDE).map(|i| f32::from(image[i]) * f(i)).sum()
        };
        let ink = sum(&|_| 1.0);
        (ink, sum(&|i| (i % SIDE) as f32) / ink, sum(&|i| (i / SIDE) as f32) / ink)
    }

    #[test]
    fn nothing_asked_nothing_changed() {
        assert_eq!(apply(Augment::default(), 1), stroke());
    }

    #[test]
    fn keyed_by_the_generator() {
        let all =
            Augment { shift: 2.0, rotate: 10.0, scale: 0.1, shear: 0.1, elastic: 1.0, stroke: 0.3 };
        assert_eq!(apply(all, 1), apply(all, 1));
        assert_ne!(apply(all, 1), apply(all, 2));
    }

    #[test]
    fn each_does_what_its_name_says() {
        let (ink, x, y) = moments(&stroke());
        for seed in 0..20 {
            let (i, sx, sy) = moments(&apply(Augment { shift: 3.0, ..Augment::default() }, seed));
            assert!(
                (sx - x).abs() <= 3.01 && (sy - y).abs() <= 3.01 && (i / ink - 1.0).abs() < 0.02
            );
            let (i, rx, ry) = moments(&apply(Augment { rotate: 30.0, ..Augment::default() }, seed));
            assert!((rx - x).abs() < 0.3 && (ry - y).abs() < 0.3 && (i / ink - 1.0).abs() < 0.1);
            let (i, ..) = moments(&apply(Augment { scale: 0.2, ..Augment::default() }, seed));
            assert!((0.6..1.5).contains(&(i / ink)), "{}", i / ink);
        }
        let thickness =
            |seed| moments(&apply(Augment { stroke: 0.5, ..Augment::default() }, seed)).0;
        let all: Vec<f32> = (0..20).map(thickness).collect();
        assert!(all.iter().any(|&t| t > 1.1 * ink) && all.iter().any(|&t| t < 0.9 * ink));
    }
}

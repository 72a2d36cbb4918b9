//! Distortions: a digit, written again a little differently.

use decipher_nn::Rng;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;

const SIDE: usize = Dataset::SIDE;

/// How far a digit may be distorted. Every amount is drawn evenly between minus and plus the
/// given one (`elastic`, `stroke`, `erase` and `noise` excepted) and is keyed by (seed, epoch, digit), so that it
/// does not matter which thread draws it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Largest side, in pixels, of a square of paper that covers a part (DeVries and Taylor 2017);
    /// at most 28.
    pub erase: f32,
    /// Standard deviation of the noise that is added to every pixel, of 255; at most 128.
    pub noise: f32,
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
            ("erase", self.erase, SIDE as f32),
            ("noise", self.noise, 128.0),
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
        let waves = (self.elastic > 0.0).then(|| Waves::draw(self.elastic, rng));
        let source = framed(|i| f32::from(image[i]));
        let middle = (SIDE as f32 - 1.0) / 2.0;
        let mut copy = [0.0f32; SIDE * SIDE];
        for (y, row) in copy.chunks_exact_mut(SIDE).enumerate() {
            let (mut from_x, mut from_y) = ([0.0f32; SIDE], [0.0f32; SIDE]);
            for x in 0..SIDE {
                let (x_, y_) = (x as f32 - middle - dx, y as f32 - middle - dy);
                from_x[x] = a * x_ + b * y_ + middle;
                from_y[x] = c * x_ + d * y_ + middle;
            }
            if let Some(waves) = &waves {
                waves.add(y, &mut from_x, &mut from_y);
            }
            bilinear(&source, &from_x, &from_y, row);
        }
        if stroke != 0.0 {
            let framed = framed(|i| copy[i]);
            for (y, row) in copy.chunks_exact_mut(SIDE).enumerate() {
                for (x, value) in row.iter_mut().enumerate() {
                    *value += stroke * edge(&framed, (y + 1) * WIDTH + x + 1);
                }
            }
        }
        for (to, value) in out.iter_mut().zip(copy) {
            *to = (value.clamp(0.0, 255.0) + 0.5) as u8;
        }
        if self.erase > 0.0 {
            let side = rng.below(self.erase as u32 + 1) as usize;
            let mut place = || rng.below((SIDE - side + 1) as u32) as usize;
            let (left, top) = (place(), place());
            for row in out.chunks_exact_mut(SIDE).skip(top).take(side) {
                row[left..][..side].fill(0);
            }
        }
        if self.noise > 0.0 {
            for pixel in out {
                let value = f32::from(*pixel) + self.noise * rng.normal();
                *pixel = (value.clamp(0.0, 255.0) + 0.5) as u8;
            }
        }
    }
}

/// Smooth random displacements.
struct Waves([[[f32; GRID]; GRID]; 2]);

impl Waves {
    fn draw(deviation: f32, rng: &mut Rng) -> Self {
        let mut waves = [[[0.0; GRID]; GRID]; 2];
        for point in waves.as_flattened_mut().as_flattened_mut() {
            *point = deviation * rng.normal();
        }
        Self(waves)
    }

    /// Adds the displacements of the pixels of row `y`, interpolated between the grid's points.
    fn add(&self, y: usize, from_x: &mut [f32; SIDE], from_y: &mut [f32; SIDE]) {
        for (waves, from) in self.0.iter().zip([from_x, from_y]) {
            let mut row = [0.0; GRID];
            for (waves, weight) in waves.iter().zip(&WEIGHTS) {
                row.iter_mut().zip(waves).for_each(|(sum, wave)| *sum += wave * weight[y]);
            }
            let mut moved = [0.0; SIDE];
            for (wave, weights) in row.iter().zip(&WEIGHTS) {
                moved.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += wave * weight);
            }
            from.iter_mut().zip(moved).for_each(|(from, moved)| *from += moved);
        }
    }
}

/// How much each of the grid's points counts at each pixel of a row: the one before it and the one
/// after it alone, and together 1.
const WEIGHTS: [[f32; SIDE]; GRID] = {
    let mut weights = [[0.0; SIDE]; GRID];
    let mut x = 0;
    while x < SIDE {
        let (point, rest) = (x * (GRID - 1) / SIDE, x * (GRID - 1) % SIDE);
        let t = rest as f32 / SIDE as f32;
        weights[point + 1][x] = t * t * (3.0 - 2.0 * t);
        weights[point][x] = 1.0 - weights[point + 1][x];
        x += 1;
    }
    weights
};

/// A side of a picture with paper around it, so that no pixel lacks a neighbour: one pixel before
/// it, three after it.
const WIDTH: usize = SIDE + 4;
type Framed = [f32; WIDTH * WIDTH];

fn framed(pixel: impl Fn(usize) -> f32) -> Framed {
    let mut framed = [0.0; WIDTH * WIDTH];
    for y in 0..SIDE {
        for x in 0..SIDE {
            framed[(y + 1) * WIDTH + x + 1] = pixel(y * SIDE + x);
        }
    }
    framed
}

/// The grey values between four pixels each, from a place for each pixel of a row; paper outside
/// the picture. Places first, which takes vectors, then pixels.
fn bilinear(framed: &Framed, from_x: &[f32; SIDE], from_y: &[f32; SIDE], row: &mut [f32]) {
    // From the frame's first pixel on; beyond the frame all is as in it.
    let inside = |at: f32| (at + 1.0).clamp(0.0, SIDE as f32 + 1.0);
    let (mut at, mut u, mut v) = ([0; SIDE], [0.0; SIDE], [0.0; SIDE]);
    for i in 0..SIDE {
        let (x, y) = (inside(from_x[i]), inside(from_y[i]));
        let (left, top) = (x as i32, y as i32);
        (u[i], v[i]) = (x - left as f32, y - top as f32);
        at[i] = top * WIDTH as i32 + left;
    }
    for (i, value) in row.iter_mut().enumerate() {
        // The mask changes nothing; it shows that no index is beyond the frame.
        let pixel = |beside: usize| framed[(at[i] as usize + beside) % (WIDTH * WIDTH)];
        let between = |at: usize| pixel(at) * (1.0 - u[i]) + pixel(at + 1) * u[i];
        *value = between(0) * (1.0 - v[i]) + between(WIDTH) * v[i];
    }
}

/// How much a pixel's four neighbours differ among themselves: much at an edge. What is added
/// there thickens a stroke, and taken away thins it.
#[inline]
fn edge(framed: &Framed, at: usize) -> f32 {
    // Unlike `f32::max` and `min`, one instruction each: nothing here is no number.
    let max = |a: f32, b: f32| if a > b { a } else { b };
    let min = |a: f32, b: f32| if a < b { a } else { b };
    let [a, b, c, d] = [framed[at - 1], framed[at + 1], framed[at - WIDTH], framed[at + WIDTH]];
    max(max(a, b), max(c, d)) - min(min(a, b), min(c, d))
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
        let all = Augment {
            shift: 2.0,
            rotate: 10.0,
            scale: 0.1,
            shear: 0.1,
            elastic: 1.0,
            stroke: 0.3,
            erase: 9.0,
            noise: 20.0,
        };
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
        let mut full = vec![255; SIDE * SIDE];
        let mut sides = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let erase = Augment { erase: 4.0, ..Augment::default() };
            erase.apply(&[255; SIDE * SIDE], &mut Rng::new(seed, &[]), &mut full);
            sides.insert(full.iter().filter(|&&p| p == 0).count());
        }
        assert_eq!(sides, [0, 1, 4, 9, 16].into());
        let noisy = |seed| {
            let mut out = [0; SIDE * SIDE];
            let noise = Augment { noise: 30.0, ..Augment::default() };
            noise.apply(&[128; SIDE * SIDE], &mut Rng::new(seed, &[]), &mut out);
            out.map(|v| f32::from(v) - 128.0)
        };
        let mean = |values: [f32; SIDE * SIDE]| values.iter().sum::<f32>() / 784.0;
        assert!(mean(noisy(1)).abs() < 4.0 && noisy(1) != noisy(2));
        assert!((mean(noisy(1).map(|v| v * v)).sqrt() - 30.0).abs() < 3.0);
        let thickness =
            |seed| moments(&apply(Augment { stroke: 0.5, ..Augment::default() }, seed)).0;
        let all: Vec<f32> = (0..20).map(thickness).collect();
        assert!(all.iter().any(|&t| t > 1.1 * ink) && all.iter().any(|&t| t < 0.9 * ink));
    }
}

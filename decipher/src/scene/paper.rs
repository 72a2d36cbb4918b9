//! Paper, light and camera: ink becomes a photograph.

use decipher_nn::Rng;

use super::pen::Ink;
use crate::image::GrayImage;
use crate::vision::{Limits, decode};

/// What a photograph was taken of, and how.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// Light that comes back from bare paper, 0 to 1.
    pub white: f32,
    /// Part of it that full ink takes away, 0 to 1.
    pub contrast: f32,
    /// How much darker the far side of a slope of light is, 0 to 1.
    pub slope: f32,
    /// How much darker the shadow is (of a hand, say), 0 to 1.
    pub shadow: f32,
    /// Ruled lines: how much of the light they take (0: none), and their distance in pixels.
    pub rules: (f32, f32),
    /// Whether lines run downwards too.
    pub squared: bool,
    /// Passes of a 3 x 3 blur.
    pub blur: u32,
    /// Standard deviation of the noise of paper and sensor, in grey values of 255.
    pub grain: f32,
    /// Quality of the JPEG, if it is one.
    pub jpeg: Option<u8>,
    /// Whether dark and light are exchanged: chalk.
    pub negative: bool,
}

impl Paper {
    /// Any paper and any camera that people use; `size` is the height of a digit in pixels.
    pub fn any(size: f32, rng: &mut Rng) -> Self {
        let chance = |rng: &mut Rng, p: f32| rng.uniform() < p;
        let scanned = chance(rng, 0.3);
        let contrast = 1.0 - 0.88 * rng.uniform().powi(2);
        let noise = if scanned { 0.5 } else { 0.5 + 5.0 * rng.uniform().powi(2) };
        Self {
            white: if scanned { 1.0 } else { 0.35 + 0.65 * rng.uniform() },
            contrast,
            slope: if scanned { 0.0 } else { 0.5 * rng.uniform().powi(2) },
            shadow: if chance(rng, 0.15) { 0.5 * rng.uniform() } else { 0.0 },
            rules: if chance(rng, 0.2) {
                (contrast * (0.1 + 0.8 * rng.uniform()), size * (0.4 + 1.2 * rng.uniform()))
            } else {
                (0.0, 1.0)
            },
            squared: chance(rng, 0.5),
            blur: if chance(rng, 0.15) {
                // Out of focus, by up to a seventh of the digit.
                (2.0 * (0.14 * size * rng.uniform()).powi(2)).min(12.0) as u32
            } else {
                (rng.below(4) as f32 * rng.uniform() * (size / 24.0).min(2.5)) as u32
            },
            // Noise as strong as the ink would hide it from people too.
            grain: noise.min(40.0 * contrast),
            jpeg: chance(rng, 0.3).then(|| 40 + rng.below(56) as u8),
            negative: chance(rng, 0.12),
        }
    }

    /// Photographs the ink.
    pub fn photograph(&self, mut ink: Ink, rng: &mut Rng) -> GrayImage {
        let (width, height) = (ink.width, ink.height);
        let lines = self.lines(width, height, rng);
        ink.amount.iter_mut().for_each(|a| *a *= self.contrast);
        for (amount, line) in ink.amount.iter_mut().zip(&lines) {
            *amount = amount.max(*line);
        }
        (0..self.blur).for_each(|_| blur(&mut ink));
        let (sin, cos) = (std::f32::consts::TAU * rng.uniform()).sin_cos();
        let edge = rng.normal() * 0.3;
        let soft = 0.02 + 0.2 * rng.uniform();
        let (turn_sin, turn_cos) = (std::f32::consts::TAU * rng.uniform()).sin_cos();
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (x as f32 / width as f32 - 0.5, y as f32 / height as f32 - 0.5);
                let slope = 1.0 - self.slope * (0.5 + u * cos + v * sin).max(0.0);
                let inside = ((u * turn_cos + v * turn_sin - edge) / soft).clamp(0.0, 1.0);
                let light = self.white * slope * (1.0 - self.shadow * inside);
                let value = 255.0 * light * (1.0 - ink.amount[y * width + x]);
                // Twice the sum of two draws is nearly normal, and cheaper than it.
                let noise = self.grain * 2.4 * (rng.uniform() + rng.uniform() - 1.0);
                let value = (value + noise).clamp(0.0, 255.0) as u8;
                pixels.push(if self.negative { 255 - value } else { value });
            }
        }
        let picture = GrayImage::new(width, height, pixels);
        match self.jpeg {
            Some(quality) => through_jpeg(&picture, quality),
            None => picture,
        }
    }

    /// The light that ruled lines take, at each place.
    fn lines(&self, width: usize, height: usize, rng: &mut Rng) -> Vec<f32> {
        let (dark, distance) = self.rules;
        let mut lines = vec![0.0; width * height];
        if dark <= 0.0 {
            return lines;
        }
        let tilt = 0.04 * rng.normal();
        let thick = 0.4 + rng.uniform() * (distance / 24.0).min(1.5);
        let (start_x, start_y) = (distance * rng.uniform(), distance * rng.uniform());
        let near = |t: f32| {
            let off = (t / distance - (t / distance).round()).abs() * distance;
            (thick + 0.5 - off).clamp(0.0, 1.0)
        };
        for (i, line) in lines.iter_mut().enumerate() {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            let across = near(y + tilt * x + start_y);
            let down = if self.squared { near(x - tilt * y + start_x) } else { 0.0 };
            *line = dark * across.max(down);
        }
        lines
    }
}

/// The mean of 3 x 3 pixels, the middle ones counting twice.
fn blur(ink: &mut Ink) {
    let (width, height) = (ink.width, ink.height);
    let mut turned = vec![0.0; width * height];
    for (from, to, w, h) in [(0, 1, width, height), (1, 0, height, width)] {
        let (source, target) =
            if from < to { (&ink.amount, &mut turned) } else { (&turned, &mut ink.amount) };
        for y in 0..h {
            let row = &source[y * w..][..w];
            for x in 0..w {
                let (left, right) = (row[x.saturating_sub(1)], row[(x + 1).min(w - 1)]);
                target[x * h + y] = 0.25 * (left + right) + 0.5 * row[x];
            }
        }
    }
}

/// What a JPEG of that quality makes of the picture.
fn through_jpeg(picture: &GrayImage, quality: u8) -> GrayImage {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(picture.pixels(), width, height, image::ExtendedColorType::L8)
        .expect("a small picture is encoded");
    decode(&bytes, &Limits::default()).expect("what was just encoded is decoded")
}

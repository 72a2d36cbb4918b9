//! Digits made harder to read, by one known amount: noise, rotation, blur, thickness.

use decipher_nn::Rng;

use crate::data::Dataset;

const SIDE: usize = Dataset::SIDE;

/// A way to make digits harder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distortion {
    /// Normal noise; the amount is its standard deviation as a share of full ink.
    Noise,
    /// Turned clockwise about the middle; the amount is in degrees.
    Rotation,
    /// Gaussian blur; the amount is its standard deviation in pixels.
    Blur,
    /// Thicker strokes, or thinner with an amount below 0; in pixels on each side.
    Thickness,
}

impl Distortion {
    /// All distortions.
    pub const ALL: [Distortion; 4] = [Self::Noise, Self::Rotation, Self::Blur, Self::Thickness];

    /// Its name: `noise`, `rotation`, `blur`, `thickness`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Rotation => "rotation",
            Self::Blur => "blur",
            Self::Thickness => "thickness",
        }
    }

    /// The distortion called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }

    /// Amounts worth trying, from least to most; 0, which changes nothing, is one of them.
    pub fn amounts(self) -> &'static [f32] {
        match self {
            Self::Noise => &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8],
            Self::Rotation => &[-60., -45., -30., -20., -10., 0., 10., 20., 30., 45., 60.],
            Self::Blur => &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0],
            Self::Thickness => &[-1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0],
        }
    }

    /// A copy of `images` (784 pixels each, 0 = paper, 255 = ink), all distorted by `amount`.
    ///
    /// # Panics
    /// If `images` are not whole images.
    pub fn apply(self, images: &[u8], amount: f32) -> Vec<u8> {
        assert!(images.len().is_multiple_of(SIDE * SIDE), "images have 784 pixels each");
        if amount == 0.0 {
            return images.to_vec();
        }
        let images = images.chunks_exact(SIDE * SIDE).enumerate();
        images.flat_map(|(i, image)| self.one(i as u64, image, amount)).collect()
    }

    fn one(self, key: u64, image: &[u8], amount: f32) -> Vec<u8> {
        let from: Vec<f32> = image.iter().map(|&p| f32::from(p)).collect();
        let to = match self {
            Self::Noise => {
                let mut rng = Rng::new(key, &[]);
                from.iter().map(|v| v + 255.0 * amount * rng.normal()).collect()
            }
            Self::Rotation => rotate(&from, amount.to_radians()),
            Self::Blur => blur(&from, amount),
            Self::Thickness => thicken(from, amount),
        };
        to.into_iter().map(|v| v.clamp(0.0, 255.0).round() as u8).collect()
    }
}

/// The value at a pixel; paper outside the picture.
fn at(image: &[f32], x: i32, y: i32) -> f32 {
    let inside = 0..SIDE as i32;
    if inside.contains(&x) && inside.contains(&y) {
        image[y as usize * SIDE + x as usize]
    } else {
        0.0
    }
}

fn rotate(image: &[f32], angle: f32) -> Vec<f32> {
    let (sin, cos) = angle.sin_cos();
    let middle = (SIDE as f32 - 1.0) / 2.0;
    let pixel = |i: usize| {
        let (x, y) = ((i % SIDE) as f32 - middle, (i / SIDE) as f32 - middle);
        let (x, y) = (cos * x + sin * y + middle, cos * y - sin * x + middle);
        let (u, v) = (x - x.floor(), y - y.floor());
        let (x, y) = (x.floor() as i32, y.floor() as i32);
        let row = |y| at(image, x, y) * (1.0 - u) + at(image, x + 1, y) * u;
        row(y) * (1.0 - v) + row(y + 1) * v
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

fn blur(image: &[f32], deviation: f32) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil() as i32;
    let weights: Vec<f32> =
        (-reach..=reach).map(|d| (-0.5 * (d as f32 / deviation).powi(2)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let pass = |image: &[f32], dx: i32, dy: i32| -> Vec<f32> {
        let pixel = |i: usize| {
            let (x, y) = ((i % SIDE) as i32, (i / SIDE) as i32);
            let steps = (-reach..=reach).zip(&weights);
            steps.map(|(d, w)| w / sum * at(image, x + d * dx, y + d * dy)).sum()
        };
        (0..SIDE * SIDE).map(pixel).collect()
    };
    pass(&pass(image, 1, 0), 0, 1)
}

/// Grows (or shrinks) the strokes by whole pixels, and by the rest as a mixture.
fn thicken(mut image: Vec<f32>, amount: f32) -> Vec<f32> {
    let extreme = |a: f32, b: f32| if amount > 0.0 { a.max(b) } else { a.min(b) };
    let mut left = amount.abs();
    while left > 0.0 {
        let share = left.min(1.0);
        let pixel = |i: usize| {
            let (x, y) = ((i % SIDE) as i32, (i / SIDE) as i32);
            let around = [(1, 0), (-1, 0), (0, 1), (0, -1)].map(|(u, v)| at(&image, x + u, y + v));
            let grown = around.into_iter().fold(image[i], extreme);
            image[i] * (1.0 - share) + grown * share
        };
        image = (0..SIDE * SIDE).map(pixel).collect();
        left -= share;
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ink, and the centre of its mass.
    fn moments(image: &[u8]) -> (f32, f32, f32) {
        let sum = |f: &dyn Fn(usize) -> f32| -> f32 {
            image.iter().enumerate().map(|(i, &v)| f32::from(v) * f(i)).sum()
        };
        let ink = sum(&|_| 1.0);
        (ink, sum(&|i| (i % SIDE) as f32) / ink, sum(&|i| (i / SIDE) as f32) / ink)
    }

    #[test]
    fn each_changes_what_its_name_says() {
        // A bar right of the middle.
        let mut bar = vec![0; SIDE * SIDE];
        (12..16).for_each(|y| bar[y * SIDE + 16..][..8].fill(255));
        let (ink, x, y) = moments(&bar);
        let apply = |d: Distortion, amount| moments(&d.apply(&bar, amount));
        let (turned, tx, ty) = apply(Distortion::Rotation, 90.0);
        // Clockwise: what was on the right is now below.
        assert!((tx - y).abs() < 0.6 && (ty - x).abs() < 0.6 && (turned / ink - 1.0).abs() < 0.05);
        let (blurred, bx, by) = apply(Distortion::Blur, 1.0);
        assert!((blurred / ink - 1.0).abs() < 0.02 && (bx - x).abs() < 0.1 && (by - y).abs() < 0.1);
        assert!(apply(Distortion::Thickness, 1.0).0 > 1.5 * ink);
        assert!(apply(Distortion::Thickness, -1.0).0 < 0.6 * ink);
        let half = apply(Distortion::Thickness, 0.5).0;
        assert!(ink < half && half < apply(Distortion::Thickness, 1.0).0);
        assert!(apply(Distortion::Noise, 0.3).0 > ink);
        for distortion in Distortion::ALL {
            assert_eq!(Distortion::named(distortion.name()), Some(distortion));
            assert_eq!(distortion.apply(&bar, 0.0), bar);
            assert!(distortion.amounts().contains(&0.0) && distortion.amounts().is_sorted());
        }
    }
}

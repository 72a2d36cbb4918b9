//! Dark ink on light paper, or the other way round?

use super::clean::CROP;
use super::ink;
use crate::image::GrayImage;

/// Whether the ink is lighter than what it is written on: chalk on a blackboard, or a picture of
/// MNIST. `coarse` is the picture, possibly averaged down; a few hundred pixels a side are enough.
pub fn is_light_on_dark(coarse: &GrayImage) -> bool {
    let (width, height) = (coarse.width(), coarse.height());
    let balance = if width.max(height) <= 2 * CROP {
        by_minority(coarse)
    } else {
        by_width(&ink::shrink(coarse, width.min(height).div_ceil(FINE)))
    };
    balance > 0.0
}

/// Shorter side, in pixels, of a picture whose strokes are looked at.
const FINE: usize = 100;

/// Strokes are narrower than the paper between them, and than the borders of light and shadow. So
/// the windows that just fill the strokes tell: a closing fills dark ones, an opening light ones.
/// Above 0 if the light ones weigh more: cubed, so that paper grain does not count.
fn by_width(picture: &GrayImage) -> f64 {
    let pixels = picture.pixels();
    let short = picture.width().min(picture.height());
    let radii = [2, 4, 8, 16].into_iter().take_while(|radius| *radius == 2 || radius * 4 <= short);
    let balance = |radius: usize| {
        let closed = ink::closing(picture, radius);
        let opened = ink::opening(picture, radius);
        let pairs = pixels.iter().zip(closed.pixels().iter().zip(opened.pixels()));
        let one = |(v, (closed, opened)): (&u8, (&u8, &u8))| {
            f64::from(v - opened).powi(3) - f64::from(closed - v).powi(3)
        };
        // A larger window fills the gaps between strokes too.
        pairs.map(one).sum::<f64>() / (radius * radius) as f64
    };
    radii.map(balance).sum()
}

/// In a crop, strokes may be as wide as what they enclose, but ink is the minority. So each pixel is
/// compared with the median of its wide neighbourhood, which is the paper even where a third of it
/// is written on, and which follows light. Above 0 if the lighter pixels weigh more.
fn by_minority(coarse: &GrayImage) -> f64 {
    let (width, height) = (coarse.width(), coarse.height());
    let mut balance = 0.0f64;
    for j in 0..GRID {
        let rows = j * height / GRID..(j + 1) * height / GRID;
        for i in 0..GRID {
            let columns = i * width / GRID..(i + 1) * width / GRID;
            if rows.is_empty() || columns.is_empty() {
                continue;
            }
            let around = median(
                coarse,
                columns.start.saturating_sub(width / 4)..(columns.end + width / 4).min(width),
                rows.start.saturating_sub(height / 4)..(rows.end + height / 4).min(height),
            );
            for y in rows.clone() {
                for &value in &coarse.row(y)[columns.clone()] {
                    balance += (f64::from(value) - f64::from(around)).powi(3);
                }
            }
        }
    }
    balance
}

/// Neighbourhoods a side.
const GRID: usize = 8;

fn median(
    picture: &GrayImage,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
) -> u8 {
    let mut histogram = [0usize; 256];
    let half = columns.len() * rows.len() / 2;
    for y in rows {
        for &value in &picture.row(y)[columns.clone()] {
            histogram[value as usize] += 1;
        }
    }
    let mut below = 0;
    histogram
        .iter()
        .position(|&n| {
            below += n;
            below > half
        })
        .map_or(255, |value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strokes on paper of which a part lies in the sun, or in shadow.
    fn half_in_the_sun(ink: f32, lit: usize) -> GrayImage {
        let value = |i: usize| {
            let (x, y) = (i % 200, i / 200);
            let light = if x + y < lit { 240.0 } else { 110.0 };
            let stroke = x % 25 > 20 && (30..60).contains(&y);
            (if stroke { light * ink } else { light }) as u8
        };
        GrayImage::new(200, 90, (0..200 * 90).map(value).collect())
    }

    #[test]
    fn light_on_a_part_of_the_paper_is_no_ink() {
        for lit in [0, 60, 120, 180, 290] {
            let mut picture = half_in_the_sun(0.6, lit);
            assert!(!is_light_on_dark(&picture), "{lit}");
            picture.pixels_mut().iter_mut().for_each(|v| *v = 255 - *v);
            assert!(is_light_on_dark(&picture), "{lit}");
        }
    }
}

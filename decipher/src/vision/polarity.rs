//! Dark ink on light paper, or the other way round?

use super::clean::CROP;
use super::ink;
use crate::image::GrayImage;

/// Whether the ink is lighter than what it is written on: chalk on a blackboard, or a picture of
/// MNIST. `coarse` is the picture, possibly averaged down; a few hundred pixels a side are enough.
pub fn is_light_on_dark(coarse: &GrayImage) -> bool {
    let [dark, light] = by_minority(coarse);
    // Where both are, light and shadow meet. A crop has no room for that, and its strokes may be as
    // wide as what they enclose.
    let unsure = dark.min(light) * CLEARLY > dark.max(light);
    if unsure && coarse.width().max(coarse.height()) > CROP {
        let [dark, light] = by_width(coarse);
        return light > dark;
    }
    light > dark
}

/// The ink weighs so many times as much as what is not ink.
const CLEARLY: f64 = 100.0;

/// What is narrow and dark, and what is narrow and light: strokes are narrower than the paper between
/// them, and than the borders of light and shadow. A closing fills the dark ones, an opening the
/// light ones; the windows that just fill them count most. Cubed, so that paper grain does not count.
fn by_width(picture: &GrayImage) -> [f64; 2] {
    let short = picture.width().min(picture.height());
    let mut weights = [0.0; 2];
    for radius in [1, 2, 4, 8, 16].into_iter().take_while(|radius| radius * 4 <= short) {
        let filled = [ink::closing(picture, radius), ink::opening(picture, radius)];
        // A larger window fills the gaps between strokes too.
        let importance = 1.0 / (radius * radius) as f64;
        for (weight, filled) in weights.iter_mut().zip(&filled) {
            let pairs = picture.pixels().iter().zip(filled.pixels());
            let cubes = pairs.map(|(v, filled)| f64::from(v.abs_diff(*filled)).powi(3));
            *weight += importance * cubes.sum::<f64>();
        }
    }
    weights
}

/// What is darker, and what is lighter, than the median of the wide neighbourhood, which is the paper
/// even where a third of it is written on, and which follows light: ink is the minority. Cubed, so
/// that paper grain does not count.
fn by_minority(coarse: &GrayImage) -> [f64; 2] {
    let (width, height) = (coarse.width(), coarse.height());
    let [mut dark, mut light] = [0.0; 2];
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
                    let cube = f64::from(value.abs_diff(around)).powi(3);
                    if value < around { dark += cube } else { light += cube }
                }
            }
        }
    }
    [dark, light]
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

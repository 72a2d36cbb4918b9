//! Dark ink on light paper, or the other way round?

use super::clean::is_crop;
use super::filter;
use super::threshold::quantile;
use crate::image::GrayImage;

/// Whether the ink is lighter than what it is written on: chalk on a blackboard, or a picture of
/// MNIST. `coarse` is the picture, possibly averaged down; a few hundred pixels a side are enough.
pub fn is_light_on_dark(coarse: &GrayImage) -> bool {
    let [dark, light] = by_minority(coarse);
    // Where both are, light and shadow meet. A crop has no room for that, and its strokes may be as
    // wide as what they enclose.
    let unsure = dark.min(light) * CLEARLY > dark.max(light);
    if unsure && !is_crop(coarse.width(), coarse.height()) {
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
        let filled = [filter::closing(picture, radius), filter::opening(picture, radius)];
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
    let [mut dark, mut light] = [0i64; 2];
    for j in 0..GRID {
        let rows = j * height / GRID..(j + 1) * height / GRID;
        if rows.is_empty() {
            continue;
        }
        let near = rows.start.saturating_sub(height / 4)..(rows.end + height / 4).min(height);
        // Of the columns `counted`, which move to the right.
        let (mut histogram, mut counted) = ([0u64; 256], 0..0);
        for i in 0..GRID {
            let columns = i * width / GRID..(i + 1) * width / GRID;
            if columns.is_empty() {
                continue;
            }
            let window =
                columns.start.saturating_sub(width / 4)..(columns.end + width / 4).min(width);
            for y in near.clone() {
                let row = coarse.row(y);
                row[counted.end..window.end].iter().for_each(|&v| histogram[v as usize] += 1);
                row[counted.start..window.start].iter().for_each(|&v| histogram[v as usize] -= 1);
            }
            let around = quantile(&histogram, (window.len() * near.len() / 2) as u64);
            counted = window;
            for y in rows.clone() {
                for &value in &coarse.row(y)[columns.clone()] {
                    let distance = i32::from(value) - i32::from(around);
                    let cube = i64::from(distance * distance * distance);
                    light += cube.max(0);
                    dark += (-cube).max(0);
                }
            }
        }
    }
    [dark as f64, light as f64]
}

/// Neighbourhoods a side.
const GRID: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    /// As told, with a median that is looked up among the sorted pixels.
    fn plainly(coarse: &GrayImage) -> [f64; 2] {
        let (width, height) = (coarse.width(), coarse.height());
        let near = |from: usize, to: usize, size: usize| {
            from.saturating_sub(size / 4)..(to + size / 4).min(size)
        };
        let mut weights = [0.0; 2];
        for (i, j) in (0..GRID).flat_map(|j| (0..GRID).map(move |i| (i, j))) {
            let (top, bottom) = (j * height / GRID, (j + 1) * height / GRID);
            let (left, right) = (i * width / GRID, (i + 1) * width / GRID);
            let mut around: Vec<u8> = near(top, bottom, height)
                .flat_map(|y| &coarse.row(y)[near(left, right, width)])
                .copied()
                .collect();
            around.sort_unstable();
            let Some(&median) = around.get(around.len() / 2) else { continue };
            for &value in (top..bottom).flat_map(|y| &coarse.row(y)[left..right]) {
                weights[usize::from(value > median)] += f64::from(value.abs_diff(median)).powi(3);
            }
        }
        weights
    }

    proptest! {
        #[test]
        fn moving_windows_find_the_same_medians(
            (width, height, values) in (1usize..40, 1usize..40).prop_flat_map(|(w, h)| {
                let value = prop_oneof![Just(0u8), Just(255), 0u8..=255];
                (Just(w), Just(h), prop::collection::vec(value, w * h))
            }),
        ) {
            let picture = GrayImage::new(width, height, values);
            prop_assert_eq!(by_minority(&picture), plainly(&picture));
        }
    }
}

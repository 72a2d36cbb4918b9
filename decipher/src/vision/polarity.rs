//! Dark ink on light paper, or the other way round?

use super::threshold::quantile;
use crate::image::GrayImage;

/// Whether the ink is lighter than what it is written on: chalk on a blackboard, or a picture of
/// MNIST. `coarse` is the picture, possibly averaged down; a few hundred pixels a side are enough.
///
/// Ink is the minority. So each pixel is compared with the median of its wide neighbourhood, which
/// is the paper even where a third of it is written on, and which follows light and shadow; the
/// side on which the distances weigh more (cubed, so that paper grain does not count) is the ink.
pub fn is_light_on_dark(coarse: &GrayImage) -> bool {
    let (width, height) = (coarse.width(), coarse.height());
    let mut balance = 0i64;
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
                let distances = coarse.row(y)[columns.clone()].iter();
                let distances = distances.map(|&v| i32::from(v) - i32::from(around));
                balance += distances.map(|d| i64::from(d * d * d)).sum::<i64>();
            }
        }
    }
    balance > 0
}

/// Neighbourhoods a side.
const GRID: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As told, with a median that is looked up among the sorted pixels.
    fn plainly(coarse: &GrayImage) -> bool {
        let (width, height) = (coarse.width(), coarse.height());
        let near = |from: usize, to: usize, size: usize| {
            from.saturating_sub(size / 4)..(to + size / 4).min(size)
        };
        let mut balance = 0i64;
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
                balance += (i64::from(value) - i64::from(median)).pow(3);
            }
        }
        balance > 0
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
            prop_assert_eq!(is_light_on_dark(&picture), plainly(&picture));
        }
    }
}

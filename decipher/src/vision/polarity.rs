//! Dark ink on light paper, or the other way round?

use crate::image::GrayImage;

/// Whether the ink is lighter than what it is written on: chalk on a blackboard, or a picture of
/// MNIST. `coarse` is the picture, possibly averaged down; a few hundred pixels a side are enough.
///
/// Ink is the minority. So each pixel is compared with the median of its wide neighbourhood, which
/// is the paper even where a third of it is written on, and which follows light and shadow; the
/// side on which the distances weigh more (cubed, so that paper grain does not count) is the ink.
pub fn is_light_on_dark(coarse: &GrayImage) -> bool {
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
    balance > 0.0
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

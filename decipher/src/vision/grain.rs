//! The grain of a camera in the dark.

use super::filter::blur;
use crate::image::GrayImage;

/// The grain of a picture's bare paper, its standard deviation in grey values: from how much pixels that stand
/// [`ASIDE`] of each other differ in the smoothest quarter of its squares. 0 of a picture with a side below
/// [`SMALL`].
pub fn grain(picture: &GrayImage) -> f32 {
    let (width, height) = (picture.width(), picture.height());
    if width.min(height) < SMALL {
        return 0.0;
    }
    let starts = |side: usize| (0..=side - SQUARE).step_by(SQUARE.max(side / MOST_SQUARES));
    let sum_of = |top: usize, left: usize| -> u32 {
        let of_row = |y: usize| {
            let row = &picture.row(y)[left..left + SQUARE];
            row.iter().zip(&row[ASIDE..]).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>()
        };
        (top..top + SQUARE).map(of_row).sum()
    };
    let mut sums: Vec<u32> = starts(height)
        .flat_map(|top| starts(width).map(move |left| (top, left)))
        .map(|(top, left)| sum_of(top, left))
        .collect();
    let quarter = sums.len() / 4;
    let sum = *sums.select_nth_unstable(quarter).1;
    // Two normal values differ by twice their deviation over the square root of pi in the mean.
    sum as f32 / (SQUARE * (SQUARE - ASIDE)) as f32 / 1.128
}

/// The picture without the grain of a camera in the dark: the mean of neighbours, of as few as leave little
/// of it. A small picture, or one with hardly any `grain`, stays as it is.
pub fn without_grain(picture: &GrayImage, grain: f32) -> GrayImage {
    let short = picture.width().min(picture.height());
    let radius = GRAINS.iter().filter(|least| grain >= **least).count();
    blur(picture, radius.min(short / LARGE))
}

/// Pixels so far from each other do not share their grain, and hardly a shadow.
const ASIDE: usize = 8;
/// Side of a square that may be bare paper, in pixels, and how many are looked at across and down the picture.
const SQUARE: usize = 16;
const MOST_SQUARES: usize = 64;
/// A side, in pixels, below which much of a picture may be strokes.
const SMALL: usize = 100;
/// A picture's shorter side, in pixels, from which on strokes are broader than its grain.
const LARGE: usize = 600;
/// Grain, as a standard deviation in grey values, from which on the mean of 3 x 3 and of 5 x 5 pixels is taken.
const GRAINS: [f32; 2] = [3.0, 8.0];

#[cfg(test)]
mod tests {
    use super::*;

    /// Paper of 200 with grain that spreads evenly by as much up and down.
    fn grainy(width: usize, height: usize, most: i32) -> GrayImage {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % (2 * most + 1) - most
        };
        GrayImage::new(width, height, (0..width * height).map(|_| (200 + next()) as u8).collect())
    }

    #[test]
    fn grain_is_measured_and_taken_off_where_there_is_much() {
        for most in [3, 12, 30] {
            // The standard deviation of an even spread; the median difference of two of its values is a little
            // larger than that of normal ones.
            let sigma = most as f32 / 3f32.sqrt();
            let picture = grainy(1300, 1250, most);
            let measured = grain(&picture);
            assert!((measured - sigma).abs() < 0.3 * sigma + 0.6, "{measured}, {sigma}");
            let left = grain(&without_grain(&picture, measured));
            assert!(left < 4.5 && (left < measured) == (most > 3), "{measured}, {left}");
        }
        let small = grainy(300, 900, 30);
        assert!(grain(&small) > 10.0 && without_grain(&small, 30.0) == small);
        assert_eq!(grain(&grainy(900, 99, 30)), 0.0);
    }

    #[test]
    fn print_is_no_grain_where_a_quarter_is_bare() {
        let mut page = grainy(400, 300, 3);
        let bare = grain(&page);
        // Columns of print fill 200 of 400 pixels, a stroke in every 5.
        for (i, value) in page.pixels_mut().iter_mut().enumerate() {
            let x = i % 400;
            *value = if x % 200 < 100 && x % 5 < 2 { 40 } else { *value };
        }
        assert!((grain(&page) - bare).abs() < 0.5, "{} {bare}", grain(&page));
    }
}

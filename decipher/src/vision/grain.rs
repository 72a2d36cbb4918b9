//! The grain of a camera in the dark.

use super::filter::blur;
use super::threshold::quantile;
use crate::image::GrayImage;

/// The grain of a picture's bare paper, its standard deviation in grey values, from how much pixels that stand
/// [`ASIDE`] of each other differ: the least of what the smoothest quarter of its squares tells, which knows bare
/// paper from print, and of what half of all pairs do, which needs no bare squares. 0 of a picture with a side below
/// [`SMALL`].
pub fn grain(picture: &GrayImage) -> f32 {
    let (width, height) = (picture.width(), picture.height());
    if width.min(height) < SMALL {
        return 0.0;
    }
    let starts = |side: usize| (0..=side - SQUARE).step_by(SQUARE.max(side / MOST_SQUARES));
    let mut counts = [0u64; 256];
    let mut means = Vec::new();
    for (top, left) in starts(height).flat_map(|top| starts(width).map(move |left| (top, left))) {
        let of_row = |y: usize| {
            let row = &picture.row(y)[left..left + SQUARE];
            row.iter().zip(&row[ASIDE..]).map(|(a, b)| i32::from(*a) - i32::from(*b))
        };
        let differences = (top..top + SQUARE).flat_map(of_row);
        let slope = differences.clone().sum::<i32>() as f32 / PAIRS as f32;
        let off: f32 = differences.clone().map(|d| (d as f32 - slope).abs()).sum();
        differences.for_each(|d| counts[d.unsigned_abs() as usize] += 1);
        // What is blown out, or black, has no grain to tell of.
        if off > 0.0 {
            means.push(off / PAIRS as f32);
        }
    }
    if means.is_empty() {
        return 0.0;
    }
    let quarter = means.len() / 4;
    let mean = *means.select_nth_unstable_by(quarter, f32::total_cmp).1;
    let median = quantile(&counts, counts.iter().sum::<u64>() / 2);
    // Two normal values differ by 1.13 times their deviation in the mean, and by 0.95 times in the median.
    (mean / 1.128).min(f32::from(median) / 0.954)
}

/// The picture without the grain of a camera in the dark: the mean of neighbours, of as few as leave little
/// of it. A small picture, or one with hardly any `grain`, stays as it is.
pub fn without_grain(picture: &GrayImage, grain: f32) -> GrayImage {
    let short = picture.width().min(picture.height());
    let radius = GRAINS.iter().filter(|least| grain >= **least).count();
    blur(picture, radius.min(short / LARGE))
}

/// Pixels so far from each other do not share their grain.
const ASIDE: usize = 8;
/// Side of a square that may be bare paper, in pixels, and how many are looked at across and down the picture.
const SQUARE: usize = 16;
const MOST_SQUARES: usize = 64;
/// Pairs of pixels in a square.
const PAIRS: usize = SQUARE * (SQUARE - ASIDE);
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
            // The standard deviation of an even spread; two of its values differ by a little more than normal ones.
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
    fn print_a_slope_and_what_is_blown_out_do_not_change_it() {
        let bare = grain(&grainy(400, 300, 3));
        let of = |change: &dyn Fn(usize, usize, u8) -> u8| {
            let mut page = grainy(400, 300, 3);
            let pixels = page.pixels_mut().iter_mut().enumerate();
            pixels.for_each(|(i, v)| *v = change(i % 400, i / 400, *v));
            (grain(&page) - bare).abs()
        };
        let print = |x: usize, v: u8| if x % 5 < 2 { 40 } else { v };
        assert!(of(&|x, _, v| if x % 200 < 100 { print(x, v) } else { v }) < 0.6);
        // Everywhere, so that no square is bare, but less than half of the pairs are of paper and ink.
        assert!(of(&|x, y, v| if x % 40 < 6 && y % 20 < 14 { 40 } else { v }) < 0.6);
        assert!(of(&|x, _, v| v - (x / 4) as u8) < 0.6 && of(&|_, y, v| v - (y / 3) as u8) < 0.6);
        assert!(of(&|x, _, v| if x < 100 { 255 } else { v }) < 0.5 * bare);
    }
}

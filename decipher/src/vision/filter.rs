//! Means and extremes of the pixels around each pixel, whatever the picture shows.

use crate::image::GrayImage;

/// Averages squares of `factor` x `factor` pixels (smaller at the right and lower edge).
///
/// # Panics
/// If `factor` is 0.
pub fn shrink(picture: &GrayImage, factor: usize) -> GrayImage {
    if factor == 1 {
        return picture.clone();
    }
    let (width, height) = (picture.width(), picture.height());
    let (w, h) = (width.div_ceil(factor), height.div_ceil(factor));
    let mut pixels = Vec::with_capacity(w * h);
    let mut sums = vec![0u32; w];
    for top in (0..height).step_by(factor) {
        let bottom = (top + factor).min(height);
        sums.fill(0);
        for y in top..bottom {
            for (sum, square) in sums.iter_mut().zip(picture.row(y).chunks(factor)) {
                *sum += square.iter().map(|&v| u32::from(v)).sum::<u32>();
            }
        }
        pixels.extend(sums.iter().enumerate().map(|(i, &sum)| {
            let n = ((width - i * factor).min(factor) * (bottom - top)) as u32;
            ((sum + n / 2) / n) as u8
        }));
    }
    GrayImage::new(w, h, pixels)
}

/// The picture with all that is dark and narrower than `2 radius + 1` pixels filled.
pub fn closing(picture: &GrayImage, radius: usize) -> GrayImage {
    filled(picture, radius, u8::max, u8::min)
}

/// The picture with all that is light and narrower than `2 radius + 1` pixels filled.
pub fn opening(picture: &GrayImage, radius: usize) -> GrayImage {
    filled(picture, radius, u8::min, u8::max)
}

/// One extreme after the other. An extreme of rows and columns is the same in either order: of columns,
/// rows, rows and columns, the picture is turned but twice.
fn filled(
    picture: &GrayImage,
    radius: usize,
    first: impl Fn(u8, u8) -> u8,
    second: impl Fn(u8, u8) -> u8,
) -> GrayImage {
    let columns = extreme_of_columns(picture, radius, &first);
    let both = extreme_of_columns(&transpose(&columns), radius, &first);
    let rows = extreme_of_columns(&both, radius, &second);
    extreme_of_columns(&transpose(&rows), radius, &second)
}

/// The picture with all that is light (ink, where 255 is ink) widened by `radius` pixels to all
/// sides.
pub fn widen(picture: &GrayImage, radius: usize) -> GrayImage {
    extreme(picture, radius, u8::max)
}

/// The extreme (`pick` is min or max) of the square of `2 radius + 1` pixels around each pixel.
fn extreme(picture: &GrayImage, radius: usize, pick: impl Fn(u8, u8) -> u8) -> GrayImage {
    both_ways(picture, |picture| extreme_of_columns(picture, radius, &pick))
}

/// The extreme of `2 radius + 1` neighbours in each column, with three comparisons a pixel whatever
/// the radius (van Herk 1992): the window around a pixel is the end of one block and the beginning
/// of the next, and both are running extremes.
fn extreme_of_columns(
    picture: &GrayImage,
    radius: usize,
    pick: impl Fn(u8, u8) -> u8,
) -> GrayImage {
    let (width, height, window) = (picture.width(), picture.height(), 2 * radius + 1);
    let rows = |from: usize, to: usize| from * width..to * width;
    let take = |to: &mut [u8], from: &[u8]| {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = pick(*to, from));
    };
    let mut downwards = picture.pixels().to_vec();
    for y in (1..height).filter(|y| y % window != 0) {
        let (above, row) = downwards.split_at_mut(y * width);
        take(&mut row[..width], &above[rows(y - 1, y)]);
    }
    let mut upwards = picture.pixels().to_vec();
    for y in (1..height).rev().filter(|y| y % window != 0) {
        let (row, below) = upwards.split_at_mut(y * width);
        take(&mut row[rows(y - 1, y)], &below[..width]);
    }
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        let (first, last) = (y.saturating_sub(radius), (y + radius).min(height - 1));
        // At the edges the window is cut and may lie in one block, of which it is an end.
        if first % window == 0 && last / window == first / window {
            pixels.extend_from_slice(&downwards[rows(last, last + 1)]);
            continue;
        }
        pixels.extend_from_slice(&upwards[rows(first, first + 1)]);
        if last / window != first / window {
            take(&mut pixels[rows(y, y + 1)], &downwards[rows(last, last + 1)]);
        }
    }
    GrayImage::new(width, height, pixels)
}

/// The mean of the square of `2 radius + 1` pixels around each pixel.
pub fn blur(picture: &GrayImage, radius: usize) -> GrayImage {
    if radius == 0 {
        return picture.clone();
    }
    both_ways(picture, |picture| mean_of_columns(picture, radius))
}

/// The mean of `2 radius + 1` neighbours in each column.
fn mean_of_columns(picture: &GrayImage, radius: usize) -> GrayImage {
    let (width, height) = (picture.width(), picture.height());
    let mut pixels = Vec::with_capacity(width * height);
    let mut sums = vec![0i32; width];
    let add = |sums: &mut [i32], y: usize, sign: i32| {
        let row = picture.row(y).iter();
        sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += sign * i32::from(v));
    };
    (0..radius.min(height)).for_each(|y| add(&mut sums, y, 1));
    for y in 0..height {
        if y + radius < height {
            add(&mut sums, y + radius, 1);
        }
        if y > radius {
            add(&mut sums, y - radius - 1, -1);
        }
        let n = ((y + radius + 1).min(height) - y.saturating_sub(radius)) as i32;
        // Whole numbers this small are divided exactly enough.
        pixels.extend(sums.iter().map(|&sum| ((sum + n / 2) as f32 / n as f32) as u8));
    }
    GrayImage::new(width, height, pixels)
}

/// Does with the rows, and then with the columns, what `columns` does with columns.
fn both_ways(picture: &GrayImage, columns: impl Fn(&GrayImage) -> GrayImage) -> GrayImage {
    columns(&transpose(&columns(&transpose(picture))))
}

fn transpose(picture: &GrayImage) -> GrayImage {
    let (width, height) = (picture.width(), picture.height());
    let mut turned = vec![0; width * height];
    for (y, row) in picture.pixels().chunks_exact(width).enumerate() {
        for (column, &value) in turned.chunks_exact_mut(height).zip(row) {
            column[y] = value;
        }
    }
    GrayImage::new(height, width, turned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shrinking_averages_also_the_rest_at_the_edge() {
        let picture = GrayImage::new(3, 3, vec![0, 100, 10, 100, 200, 20, 7, 9, 50]);
        assert_eq!(shrink(&picture, 2), GrayImage::new(2, 2, vec![100, 15, 8, 50]));
    }

    proptest::proptest! {
        #[test]
        fn an_extreme_is_that_of_the_window(
            (width, height, values) in (1usize..40, 1usize..12).prop_flat_map(|(w, h)| {
                (Just(w), Just(h), prop::collection::vec(0u8..=255, w * h))
            }),
            radius in 0usize..25,
        ) {
            let picture = GrayImage::new(width, height, values);
            let found = extreme(&picture, radius, u8::max);
            prop_assert_eq!(closing(&picture, radius), extreme(&found, radius, u8::min));
            let least = extreme(&picture, radius, u8::min);
            prop_assert_eq!(opening(&picture, radius), extreme(&least, radius, u8::max));
            for y in 0..height {
                for x in 0..width {
                    let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
                    let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
                    let most = rows.flat_map(|y| &picture.row(y)[columns.clone()]).max();
                    prop_assert_eq!(Some(&found.row(y)[x]), most);
                }
            }
        }
    }

    #[test]
    fn a_mean_is_that_of_the_window() {
        let picture = GrayImage::new(40, 30, (0..1200u32).map(|i| (i * i % 251) as u8).collect());
        for radius in [1, 2, 9, 50] {
            let mean = |values: &[u32]| {
                let n = values.len() as u32;
                (values.iter().sum::<u32>() + n / 2) / n
            };
            let found = blur(&picture, radius);
            let near = |x: usize, len: usize| x.saturating_sub(radius)..(x + radius + 1).min(len);
            let of_row = |y: usize, x: usize| {
                let window = &picture.row(y)[near(x, 40)];
                mean(&window.iter().map(|&v| u32::from(v)).collect::<Vec<_>>())
            };
            for (y, x) in (0..30).flat_map(|y| (0..40).map(move |x| (y, x))) {
                let rows: Vec<u32> = near(y, 30).map(|y| of_row(y, x)).collect();
                assert_eq!(u32::from(found.row(y)[x]), mean(&rows), "{radius}: {x},{y}");
            }
        }
    }
}

//! From grey values to ink: how much of the light that the paper would send back is missing.

use crate::image::{GrayImage, Rect};

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

/// What the picture would look like without the (dark) ink: a grey closing, which fills whatever is
/// narrower than its window, then smoothed. A closing leaves slopes and steps as they are, so light
/// from one side and the edge of a shadow are followed, up to the picture's edge, beyond which it
/// takes the paper to go on as it is there.
///
/// `coarse` is the picture averaged down; its size is that of the result. The window has
/// `2 radius + 1` pixels a side.
pub fn background(coarse: &GrayImage, radius: usize) -> GrayImage {
    let short = coarse.width().min(coarse.height());
    let smooth = if short >= 64 { blur(coarse, 1) } else { coarse.clone() };
    let inside = Rect { x: radius, y: radius, width: coarse.width(), height: coarse.height() };
    let mut filled = closing(&continued(&smooth, radius), radius).crop(&inside);
    // Smoothed, the edge of a shadow would be lighter than it is.
    let soft = blur(&filled, radius / 4);
    filled.pixels_mut().iter_mut().zip(soft.pixels()).for_each(|(v, &soft)| *v = soft.min(*v));
    filled
}

/// The picture with `margin` pixels more at each side, which repeat those at its edge.
fn continued(picture: &GrayImage, margin: usize) -> GrayImage {
    let (width, height) = (picture.width() + 2 * margin, picture.height() + 2 * margin);
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = picture.row(y.saturating_sub(margin).min(picture.height() - 1));
        pixels.extend(std::iter::repeat_n(row[0], margin));
        pixels.extend_from_slice(row);
        pixels.extend(std::iter::repeat_n(row[row.len() - 1], margin));
    }
    GrayImage::new(width, height, pixels)
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

/// The radius of a window that no stroke fills, whatever the picture shows.
pub fn reach(coarse: &GrayImage) -> usize {
    let short = coarse.width().min(coarse.height());
    // A third of the picture is wider than any stroke. In a crop of one digit strokes are thick
    // compared with the picture, but light hardly changes across it: take all of it.
    (short / 6).max((short / 2).min(16))
}

/// Whether one background is somewhere clearly darker than another.
pub fn is_darker(this: &GrayImage, other: &GrayImage) -> bool {
    let pixels = this.pixels().iter().zip(other.pixels());
    pixels.filter(|(a, b)| u32::from(**a) * 10 < u32::from(**b) * 9).count() > 8
}

/// Whether more than half of the picture is ink: at most half as light as the background.
pub fn is_most(coarse: &GrayImage, background: &GrayImage) -> bool {
    let pixels = coarse.pixels().iter().zip(background.pixels());
    pixels.filter(|(v, paper)| 2 * u32::from(**v) <= u32::from(**paper)).count() * 2
        > coarse.pixels().len()
}

/// Ink from the picture and its background: 0 = paper, 255 = no light comes back.
///
/// `background` is the picture averaged down by `factor`, without ink. Both are taken inverted
/// where `light_on_dark`.
pub fn divide_out(
    gray: &GrayImage,
    background: &GrayImage,
    factor: usize,
    light_on_dark: bool,
) -> GrayImage {
    let (width, height) = (gray.width(), gray.height());
    let flip = if light_on_dark { 255 } else { 0 };
    let mut ink = vec![0; width * height];
    let mut coarse_row = vec![0f32; background.width()];
    let mut paper = vec![0f32; width];
    // From the middle of a coarse pixel to that of the next.
    let first = between(factor / 2, factor, background.width()).2;
    let ramp: Vec<f32> = (0..factor).map(|k| first + k as f32 / factor as f32).collect();
    for (y, ink) in ink.chunks_exact_mut(width).enumerate() {
        let (a, b, t) = between(y, factor, background.height());
        let rows = background.row(a).iter().zip(background.row(b));
        for (out, (&a, &b)) in coarse_row.iter_mut().zip(rows) {
            *out = f32::from(a) + t * (f32::from(b) - f32::from(a));
        }
        stretch_row(&coarse_row, &ramp, &mut paper);
        for ((ink, &value), &paper) in ink.iter_mut().zip(gray.row(y)).zip(&paper) {
            let value = f32::from(value ^ flip);
            *ink = rounded(255.0 * (1.0 - value / paper.max(1.0)));
        }
    }
    GrayImage::new(width, height, ink)
}

/// The nearest whole number of a value up to 255; of what is lighter than paper, below 0, it is 0.
fn rounded(value: f32) -> u8 {
    // Beyond 2^23, floats are whole numbers, whose last bits these are; a cast takes twice as long.
    (value.max(0.0) + 8_388_608.0).to_bits() as u8
}

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

/// Takes the usual value of bare paper off, so that paper is 0, and black stays 255.
pub fn bleach(ink: &mut GrayImage, paper: u8) {
    if paper > 0 {
        let range = 255 - u32::from(paper).min(254);
        let table: [u8; 256] = std::array::from_fn(|v| {
            ((v as u32).saturating_sub(u32::from(paper)) * 255 / range).min(255) as u8
        });
        ink.pixels_mut().iter_mut().for_each(|v| *v = table[*v as usize]);
    }
}

/// The two coarse samples around fine pixel `i`, and how far it is from the first to the second.
fn between(i: usize, factor: usize, coarse_len: usize) -> (usize, usize, f32) {
    let position = ((i as f32 + 0.5) / factor as f32 - 0.5).clamp(0.0, (coarse_len - 1) as f32);
    let a = position as usize;
    (a, (a + 1).min(coarse_len - 1), position - a as f32)
}

fn stretch_row(coarse: &[f32], ramp: &[f32], fine: &mut [f32]) {
    // Up to the middle of the first sample, between each two, and from that of the last.
    let factor = ramp.len();
    let (head, rest) = fine.split_at_mut((factor / 2).min(fine.len()));
    let ends = |i: usize| (coarse[i], coarse[(i + 1).min(coarse.len() - 1)]);
    let (from, to) = ends(0);
    for (x, out) in head.iter_mut().enumerate() {
        *out = from + between(x, factor, coarse.len()).2 * (to - from);
    }
    for (i, stretch) in rest.chunks_mut(factor).enumerate() {
        let (from, to) = ends(i);
        stretch.iter_mut().zip(ramp).for_each(|(out, t)| *out = from + t * (to - from));
    }
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
fn blur(picture: &GrayImage, radius: usize) -> GrayImage {
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

    #[test]
    fn a_slope_of_light_is_not_ink_and_a_stroke_on_it_is() {
        let mut picture = GrayImage::filled(300, 200, 0);
        for (i, value) in picture.pixels_mut().iter_mut().enumerate() {
            let paper = 150.0 + 80.0 * (i % 300) as f32 / 300.0;
            let stroke = (95..105).contains(&(i / 300));
            *value = (if stroke { 0.4 * paper } else { paper }) as u8;
        }
        let coarse = shrink(&picture, 2);
        let ink = divide_out(&picture, &background(&coarse, reach(&coarse)), 2, false);
        for x in [5, 150, 295] {
            assert!(ink.row(50)[x] < 24, "paper at {x} has ink {}", ink.row(50)[x]);
            assert!(ink.row(100)[x].abs_diff(153) < 20, "stroke at {x}: {}", ink.row(100)[x]);
        }
    }

    #[test]
    fn light_is_followed_up_to_the_edges_of_pictures_and_of_shadows() {
        let light = |x: usize, y: usize| {
            let slope = 100.0 + 100.0 * y as f32 / 120.0;
            if x + y < 60 { 0.6 * slope } else { slope }
        };
        let (width, height) = (160, 120);
        let value = |i: usize| light(i % width, i / width) as u8;
        let picture = GrayImage::new(width, height, (0..width * height).map(value).collect());
        let ink = divide_out(&picture, &background(&picture, reach(&picture)), 1, false);
        // But for one pixel on each side of the shadow's edge.
        let away = |x: usize, y: usize| (x + y).abs_diff(60) > 2;
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let found = ink.row(y)[x];
            assert!(!away(x, y) || found < 8, "{x},{y}: {found}");
        }
    }

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

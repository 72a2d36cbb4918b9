//! From grey values to ink: how much of the light that the paper would send back is missing.

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

/// What the picture would look like without the (dark) ink: a grey closing, which fills whatever is
/// narrower than its window, then smoothed. A closing leaves slopes and steps as they are, so light
/// from one side and the edge of a shadow are followed; only at the picture's edge, where it sees
/// half a window, a slope is taken for lighter than it is.
///
/// `coarse` is the picture averaged down; its size is that of the result. The window has
/// `2 radius + 1` pixels a side.
pub fn background(coarse: &GrayImage, radius: usize) -> GrayImage {
    let short = coarse.width().min(coarse.height());
    let smooth = if short >= 64 { blur(coarse, 1) } else { coarse.clone() };
    blur(&closing(&smooth, radius), radius / 4)
}

/// The picture with all that is dark and narrower than `2 radius + 1` pixels filled.
pub fn closing(picture: &GrayImage, radius: usize) -> GrayImage {
    extreme(&extreme(picture, radius, u8::max), radius, u8::min)
}

/// The picture with all that is light and narrower than `2 radius + 1` pixels filled.
pub fn opening(picture: &GrayImage, radius: usize) -> GrayImage {
    extreme(&extreme(picture, radius, u8::min), radius, u8::max)
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
    for (y, ink) in ink.chunks_exact_mut(width).enumerate() {
        let (a, b, t) = between(y, factor, background.height());
        let rows = background.row(a).iter().zip(background.row(b));
        for (out, (&a, &b)) in coarse_row.iter_mut().zip(rows) {
            *out = f32::from(a) + t * (f32::from(b) - f32::from(a));
        }
        stretch_row(&coarse_row, factor, &mut paper);
        for ((ink, &value), &paper) in ink.iter_mut().zip(gray.row(y)).zip(&paper) {
            let value = f32::from(value ^ flip);
            // `as` saturates: what is lighter than paper is paper.
            *ink = (255.0 * (1.0 - value / paper.max(1.0)) + 0.5) as u8;
        }
    }
    GrayImage::new(width, height, ink)
}

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

fn stretch_row(coarse: &[f32], factor: usize, fine: &mut [f32]) {
    // Up to the middle of the first sample, between each two, and from that of the last.
    let (head, rest) = fine.split_at_mut((factor / 2).min(fine.len()));
    let before = |x: usize| between(x, factor, coarse.len()).2;
    let level = |t: f32, i: usize| {
        let next = coarse[(i + 1).min(coarse.len() - 1)];
        coarse[i] + t * (next - coarse[i])
    };
    head.iter_mut().enumerate().for_each(|(x, out)| *out = level(before(x), 0));
    for (i, stretch) in rest.chunks_mut(factor).enumerate() {
        let (from, next) = (coarse[i], coarse[(i + 1).min(coarse.len() - 1)]);
        let first = before(factor / 2);
        let step = 1.0 / factor as f32;
        for (k, out) in stretch.iter_mut().enumerate() {
            *out = from + (first + step * k as f32) * (next - from);
        }
    }
}

/// The extreme (`pick` is min or max) of the square of `2 radius + 1` pixels around each pixel.
fn extreme(picture: &GrayImage, radius: usize, pick: impl Fn(u8, u8) -> u8 + Copy) -> GrayImage {
    let across = extreme_of_rows(picture, radius, pick);
    transpose(&extreme_of_rows(&transpose(&across), radius, pick))
}

/// The extreme of `2 radius + 1` neighbours in each row, with three comparisons a pixel whatever
/// the radius (van Herk 1992): the window around a pixel is the end of one block and the beginning
/// of the next, and both are running extremes.
fn extreme_of_rows(
    picture: &GrayImage,
    radius: usize,
    pick: impl Fn(u8, u8) -> u8 + Copy,
) -> GrayImage {
    let (width, height, window) = (picture.width(), picture.height(), 2 * radius + 1);
    let mut pixels = Vec::with_capacity(width * height);
    let mut from_left = vec![0; width];
    let mut from_right = vec![0; width];
    for y in 0..height {
        from_left.copy_from_slice(picture.row(y));
        for block in from_left.chunks_mut(window) {
            (1..block.len()).for_each(|i| block[i] = pick(block[i - 1], block[i]));
        }
        from_right.copy_from_slice(picture.row(y));
        for block in from_right.chunks_mut(window) {
            (1..block.len()).rev().for_each(|i| block[i - 1] = pick(block[i - 1], block[i]));
        }
        // At the edges the window is cut and may lie in one block, of which it is an end.
        let at_edge = |x: usize| {
            let (first, last) = (x.saturating_sub(radius), (x + radius).min(width - 1));
            if last / window == first / window {
                if first % window == 0 { from_left[last] } else { from_right[first] }
            } else {
                pick(from_right[first], from_left[last])
            }
        };
        let inner = width.saturating_sub(2 * radius);
        let left_edge = radius.min(width);
        pixels.extend((0..left_edge).map(at_edge));
        let ends = from_right[..inner].iter().zip(&from_left[width - inner..]);
        pixels.extend(ends.map(|(&a, &b)| pick(a, b)));
        pixels.extend((left_edge + inner..width).map(at_edge));
    }
    GrayImage::new(width, height, pixels)
}

/// The mean of the square of `2 radius + 1` pixels around each pixel.
fn blur(picture: &GrayImage, radius: usize) -> GrayImage {
    let mean = |row: &[u8], x: usize| {
        let window = &row[x.saturating_sub(radius)..(x + radius + 1).min(row.len())];
        let n = window.len() as u32;
        ((window.iter().map(|&v| u32::from(v)).sum::<u32>() + n / 2) / n) as u8
    };
    transpose(&along_rows(&transpose(&along_rows(picture, mean)), mean))
}

fn along_rows(picture: &GrayImage, at: impl Fn(&[u8], usize) -> u8) -> GrayImage {
    let (width, height) = (picture.width(), picture.height());
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        pixels.extend((0..width).map(|x| at(picture.row(y), x)));
    }
    GrayImage::new(width, height, pixels)
}

fn transpose(picture: &GrayImage) -> GrayImage {
    let (width, height) = (picture.width(), picture.height());
    let pixels = picture.pixels();
    let turned = (0..width).flat_map(|x| (0..height).map(move |y| pixels[y * width + x])).collect();
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
}

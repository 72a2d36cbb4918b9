//! From grey values to ink: how much of the light that the paper would send back is missing.

use super::filter::{blur, closing};
use crate::image::{GrayImage, Rect};

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

#[cfg(test)]
mod tests {
    use super::super::filter::shrink;
    use super::*;

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
}

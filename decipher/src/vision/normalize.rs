//! One digit, of any size and place, as MNIST would hold it.

use std::ops::RangeInclusive;

use super::components::runs_of;
use super::{Component, Mask, filter, size};
use crate::image::{GrayImage, Rect};

/// Side of MNIST's pictures, in pixels.
pub const SIDE: usize = 28;
/// Side of the box that MNIST's digits are fitted to, in pixels.
const BOX: usize = 20;

/// Renders the ink of `pieces` as 28 x 28 pixels the way MNIST was made (LeCun, Cortes and Burges,
/// "The MNIST database": fitted to 20 x 20 keeping the aspect ratio, with the grey levels of the
/// anti-aliasing, then placed by the centre of mass): 0 = paper, 255 = ink.
///
/// `ink` is the whole picture's ink, 0 = paper; only that of the pieces and one pixel around them
/// is taken, so neighbours do not show, but soft edges stay soft.
pub fn normalize(ink: &GrayImage, pieces: &[&Component]) -> [u8; SIDE * SIDE] {
    let mut pixels = [0; SIDE * SIDE];
    let Some(cut) = cut_out(ink, pieces) else { return pixels };
    let cut = thicken(cut, size::usual_width(pieces.iter().copied()));
    let long = cut.width().max(cut.height());
    let fit = |side: usize| ((2 * side * BOX + long) / (2 * long)).max(1);
    let mut small = resize(&cut, fit(cut.width()), fit(cut.height()));
    stretch(small.pixels_mut());

    let (x, y) = place(&small);
    for row in 0..small.height() {
        pixels[(y + row) * SIDE + x..][..small.width()].copy_from_slice(small.row(row));
    }
    pixels
}

/// A glyph of 28 x 28 pixels with strokes that are a pixel narrower on either side (digits are
/// upright more than they lie); `None` if its strokes are not broad, or it is not as wide as a 1 with
/// a flag.
pub fn with_finer_pen(glyph: &[u8; SIDE * SIDE]) -> Option<[u8; SIDE * SIDE]> {
    let rows = || glyph.chunks_exact(SIDE);
    let columns = (0..SIDE).filter(|&x| rows().any(|row| row[x] > HALF)).count();
    if !FLAGGED.contains(&columns) {
        return None;
    }
    let strokes = Mask::new(SIDE, SIDE, glyph.iter().map(|&v| v > HALF).collect());
    if size::usual_length(runs_of(&strokes).iter()) < BROAD {
        return None;
    }
    let mut finer = [0; SIDE * SIDE];
    for (to, row) in finer.chunks_exact_mut(SIDE).zip(rows()) {
        for x in 1..SIDE - 1 {
            to[x] = row[x - 1].min(row[x]).min(row[x + 1]);
        }
    }
    Some(finer)
}

/// The glyph, moved by a pixel to the right and one up, and to the left and one down.
pub fn moved_aside(glyph: &[u8; SIDE * SIDE]) -> [[u8; SIDE * SIDE]; 2] {
    let moved = |right: isize, down: isize| {
        std::array::from_fn(|i| {
            let x = (i % SIDE).checked_add_signed(-right).filter(|&x| x < SIDE);
            let y = (i / SIDE).checked_add_signed(-down).filter(|&y| y < SIDE);
            x.zip(y).map_or(0, |(x, y)| glyph[y * SIDE + x])
        })
    };
    [moved(1, -1), moved(-1, 1)]
}

/// What is darker than this is in a stroke.
const HALF: u8 = 127;
/// Widths of a 1 with a flag, and from which on a stroke is broad, in pixels.
const FLAGGED: RangeInclusive<usize> = 6..=12;
const BROAD: usize = 4;

/// The ink of the pieces and of one pixel around them, cut to where there is any.
fn cut_out(ink: &GrayImage, pieces: &[&Component]) -> Option<GrayImage> {
    let bounds = pieces.iter().map(|c| c.bounds).reduce(|a, b| a.union(&b))?;
    let left = bounds.x.saturating_sub(1);
    let top = bounds.y.saturating_sub(1);
    let width = (bounds.right() + 1).min(ink.width()) - left;
    let height = (bounds.bottom() + 1).min(ink.height()) - top;
    let mut cut = GrayImage::filled(width, height, 0);
    for run in pieces.iter().flat_map(|c| &c.runs) {
        let columns = run.start.saturating_sub(1).max(left)..(run.end + 1).min(left + width);
        for y in run.y.saturating_sub(1).max(top)..(run.y + 2).min(top + height) {
            let target = &mut cut.pixels_mut()[(y - top) * width..][..width];
            target[columns.start - left..columns.end - left]
                .copy_from_slice(&ink.row(y)[columns.clone()]);
        }
    }
    Some(cut.crop(&inked(&cut)?))
}

/// Draws hairlines with a pen as broad as MNIST's finest. Shrunk as they are, they would be pale
/// and dotted, and larger digits more so.
fn thicken(cut: GrayImage, stroke: usize) -> GrayImage {
    let long = cut.width().max(cut.height()) as f32;
    let finest = FINEST * long / BOX as f32;
    let missing = finest - stroke as f32;
    let radius = (missing / 2.0).round() as usize;
    if (stroke as f32) * 1.3 > finest || radius == 0 {
        return cut;
    }
    let (width, height) = (cut.width() + 2 * radius, cut.height() + 2 * radius);
    let mut roomy = GrayImage::filled(width, height, 0);
    for (y, row) in cut.pixels().chunks_exact(cut.width()).enumerate() {
        roomy.pixels_mut()[(y + radius) * width + radius..][..row.len()].copy_from_slice(row);
    }
    filter::widen(&roomy, radius)
}

/// The width of MNIST's finest strokes, in pixels of the 20 x 20.
const FINEST: f32 = 1.6;

/// Where there is more than a trace of ink.
fn inked(picture: &GrayImage) -> Option<Rect> {
    let trace = core(picture.pixels()) / TRACE;
    let has_ink = |y: &usize| picture.row(*y).iter().any(|&v| v > trace);
    let top = (0..picture.height()).find(has_ink)?;
    let bottom = (0..picture.height()).rfind(has_ink)? + 1;
    let (mut left, mut right) = (picture.width(), 0);
    for y in top..bottom {
        let row = picture.row(y);
        left = left.min(row.iter().position(|&v| v > trace).unwrap_or(left));
        right = right.max(row.iter().rposition(|&v| v > trace).map_or(0, |x| x + 1));
    }
    Some(Rect { x: left, y: top, width: right - left, height: bottom - top })
}

/// Ink of less than this fraction of a stroke's is a trace.
const TRACE: u8 = 25;

/// What the middle of the strokes holds: the mean of the inkiest tenth of what is not bare paper.
fn core(pixels: &[u8]) -> u8 {
    let mut histogram = [0u64; 256];
    pixels.iter().for_each(|&v| histogram[v as usize] += 1);
    let most = (histogram[1..].iter().sum::<u64>() / 10).max(1);
    let (mut n, mut sum) = (0, 0);
    for value in (1..256).rev() {
        let take = histogram[value].min(most - n);
        n += take;
        sum += take * value as u64;
    }
    (sum / most) as u8
}

/// Pale ink, and thin strokes thinned out further by shrinking, become as dark as MNIST's.
fn stretch(pixels: &mut [u8]) {
    let core = u32::from(core(pixels)).max(1);
    // MNIST's own strokes are not all 255 to the last pixel.
    if core < NEARLY_BLACK {
        pixels.iter_mut().for_each(|v| *v = (u32::from(*v) * 255 / core).min(255) as u8);
    }
}

const NEARLY_BLACK: u32 = 240;

/// Resizes with each new pixel the average of what it covers; larger by interpolation.
fn resize(picture: &GrayImage, width: usize, height: usize) -> GrayImage {
    let columns = weights(picture.width(), width);
    let rows = weights(picture.height(), height);
    let mut across = vec![0f32; width * picture.height()];
    for (y, out) in across.chunks_exact_mut(width).enumerate() {
        let row = picture.row(y);
        for (value, (first, weights)) in out.iter_mut().zip(&columns) {
            *value = row[*first..].iter().zip(weights).map(|(&v, w)| f32::from(v) * w).sum();
        }
    }
    let mut pixels = Vec::with_capacity(width * height);
    for (first, weights) in &rows {
        for x in 0..width {
            let down = across[first * width + x..].iter().step_by(width);
            let value: f32 = down.zip(weights).map(|(v, w)| v * w).sum();
            pixels.push((value + 0.5) as u8);
        }
    }
    GrayImage::new(width, height, pixels)
}

/// For each of `new` pixels in place of `old`: the first old pixel it draws from, and the weights.
fn weights(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = old as f32 / new as f32;
    (0..new)
        .map(|i| {
            let (from, to) = (i as f32 * scale, (i + 1) as f32 * scale);
            let middle = (from + to) / 2.0;
            // How much of pixel p: its share of the covered stretch, or its nearness to the middle.
            let share = |p: usize| {
                let p = p as f32;
                if scale > 1.0 {
                    (to.min(p + 1.0) - from.max(p)).max(0.0)
                } else {
                    (1.0 - (p + 0.5 - middle).abs()).max(0.0)
                }
            };
            let reach = (scale / 2.0).max(1.0);
            let first = (middle - reach).max(0.0) as usize;
            let last = ((middle + reach).ceil() as usize).min(old);
            let shares: Vec<f32> = (first..last).map(share).collect();
            let sum: f32 = shares.iter().sum();
            (first, shares.into_iter().map(|s| s / sum).collect())
        })
        .collect()
}

/// Top left corner in the 28 x 28 field that brings the centre of mass to its middle, in whole
/// pixels; a digit never leaves the field.
fn place(small: &GrayImage) -> (usize, usize) {
    let (mut mass, mut x_sum, mut y_sum) = (0f64, 0f64, 0f64);
    for y in 0..small.height() {
        for (x, &value) in small.row(y).iter().enumerate() {
            let value = f64::from(value);
            mass += value;
            x_sum += value * x as f64;
            y_sum += value * y as f64;
        }
    }
    let corner = |sum: f64, side: usize| {
        let middle = sum / mass.max(1.0);
        (MIDDLE - middle).round().clamp(0.0, (SIDE - side) as f64) as usize
    };
    (corner(x_sum, small.width()), corner(y_sum, small.height()))
}

/// Where MNIST has the centre of mass, counted in pixels from the middle of the first: the corner
/// between the four middle pixels would be 13.5.
const MIDDLE: f64 = 14.0;

#[cfg(test)]
mod tests {
    use super::super::connected_components;
    use super::*;

    #[test]
    fn broad_strokes_become_two_pixels_finer_and_narrow_ones_are_left() {
        let bar = |width: usize| {
            std::array::from_fn(|i| if (10..10 + width).contains(&(i % SIDE)) { 200 } else { 0 })
        };
        assert_eq!(with_finer_pen(&bar(3)), None);
        assert_eq!(with_finer_pen(&[0; SIDE * SIDE]), None);
        let finer = with_finer_pen(&bar(6)).unwrap();
        let expected: [u8; SIDE * SIDE] =
            std::array::from_fn(|i| if (11..15).contains(&(i % SIDE)) { 200 } else { 0 });
        assert_eq!(finer, expected);
    }

    #[test]
    fn what_is_moved_aside_does_not_come_in_again() {
        let at =
            |x: usize, y: usize| std::array::from_fn(|i| if i == y * SIDE + x { 9 } else { 0 });
        let nothing = [0; SIDE * SIDE];
        assert_eq!(moved_aside(&at(5, 7)), [at(6, 6), at(4, 8)]);
        assert_eq!(moved_aside(&at(0, 5)), [at(1, 4), nothing]);
        assert_eq!(moved_aside(&at(27, 5)), [nothing, at(26, 6)]);
        assert_eq!(moved_aside(&at(5, 0)), [nothing, at(4, 1)]);
    }

    /// A ring of `side` pixels, drawn `stroke` pixels wide.
    fn ring(side: usize, stroke: usize) -> [u8; SIDE * SIDE] {
        let (size, middle) = (side + 20, (side + 20) as f32 / 2.0);
        let ink = |i: usize| {
            let (x, y) = ((i % size) as f32 + 0.5 - middle, (i / size) as f32 + 0.5 - middle);
            let off = (side as f32 / 2.0 - x.hypot(y)) * 2.0;
            (0.0..2.0 * stroke as f32).contains(&off)
        };
        let mask = Mask::new(size, size, (0..size * size).map(ink).collect());
        let grey = mask.ink().iter().map(|&ink| if ink { 220 } else { 0 }).collect();
        let pieces = connected_components(&mask, 0);
        normalize(&GrayImage::new(size, size, grey), &pieces.iter().collect::<Vec<_>>())
    }

    #[test]
    fn hairlines_are_as_dark_and_whole_as_strokes() {
        let share = |glyph: [u8; SIDE * SIDE]| {
            let dark = glyph.iter().filter(|&&v| v > 160).count();
            dark as f32 / glyph.iter().filter(|&&v| v > 40).count() as f32
        };
        let pen = ring(60, 5);
        for (side, stroke) in [(60, 2), (120, 3), (300, 6)] {
            let hair = ring(side, stroke);
            assert!(share(hair) > 0.8 * share(pen), "{side}: {} {}", share(hair), share(pen));
            let ink = |glyph: [u8; SIDE * SIDE]| glyph.iter().map(|&v| f32::from(v)).sum::<f32>();
            assert!((0.6..1.2).contains(&(ink(hair) / ink(pen))), "{side}");
        }
    }

    #[test]
    fn what_is_broad_enough_is_not_widened() {
        let picture = GrayImage::filled(40, 60, 100);
        assert_eq!(thicken(picture.clone(), 6), picture);
        assert_eq!(thicken(picture, 1).width(), 44);
    }
}

//! Where paper ends and ink begins.

use super::{Component, Mask, Run};
use crate::image::GrayImage;

/// The value that parts a histogram best: values up to it are one class, values above it the
/// other, and the variance between the classes is largest (N. Otsu, "A Threshold Selection Method
/// from Gray-Level Histograms", 1979). Between equals it is the middle one.
///
/// `None` if fewer than two values occur.
pub fn otsu_threshold(histogram: &[u64; 256]) -> Option<u8> {
    let total: u64 = histogram.iter().sum();
    let sum: u64 = histogram.iter().enumerate().map(|(v, &n)| v as u64 * n).sum();
    let (mut below, mut sum_below) = (0u64, 0u64);
    let mut best: Option<(f64, usize, usize)> = None;
    for (value, &n) in histogram.iter().enumerate() {
        below += n;
        sum_below += value as u64 * n;
        let above = total - below;
        if below == 0 || above == 0 {
            continue;
        }
        let distance = sum_below as f64 / below as f64 - (sum - sum_below) as f64 / above as f64;
        let between = below as f64 * above as f64 * distance * distance;
        match &mut best {
            Some((most, _, last)) if between == *most => *last = value,
            Some((most, ..)) if between < *most => {}
            _ => best = Some((between, value, value)),
        }
    }
    best.map(|(_, first, last)| first.midpoint(last) as u8)
}

/// The grain of a paper, from a histogram of ink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paper {
    /// The usual value of bare paper: 0 if it were spotless.
    pub level: u8,
    /// Ink below this value is not told from paper.
    pub floor: u8,
}

/// Measures the paper. It is most of the picture, so its middle is the median of all pixels and
/// its grain is what the lower half (where there is no ink) spreads, or `grain` if that is more: a standard
/// deviation in the values of the histogram, where what is lighter than the paper's light is 0.
pub fn paper(histogram: &[u64; 256], grain: f32) -> Paper {
    let [tenth, half] = [10, 2].map(|part| part_of(histogram, part));
    // The tenth percentile of a normal distribution is 1.28 standard deviations off the middle.
    let sigma = f32::from(half - tenth) / 1.28;
    Paper::of_grain(half, sigma.max(grain))
}

/// The paper around a bold digit that is cut out tightly, where the median of all pixels is ink: of the
/// grain that the lower quarter tells. `None` where the lower half spreads no more than that.
pub fn paper_around_bold_ink(histogram: &[u64; 256]) -> Option<Paper> {
    let [tenth, quarter, half] = [10, 4, 2].map(|part| part_of(histogram, part));
    // The quarter is 0.67 standard deviations off the middle.
    let sigma = f32::from(quarter - tenth) / (1.28 - 0.67);
    let is_ink = f32::from(half - tenth) > 2.0 * 1.28 * sigma + 2.0 * LEAST_CONTRAST;
    is_ink.then(|| Paper::of_grain(quarter, sigma))
}

/// The value that one of so many pixels is below.
fn part_of(histogram: &[u64; 256], part: u64) -> u8 {
    quantile(histogram, histogram.iter().sum::<u64>() / part)
}

impl Paper {
    fn of_grain(level: u8, sigma: f32) -> Self {
        let floor = f32::from(level) + (5.0 * sigma).max(LEAST_CONTRAST);
        Self { level, floor: floor.min(255.0) as u8 }
    }
}

/// Less than a thirtieth of the light missing is not told from the coding of a JPEG.
const LEAST_CONTRAST: f32 = 8.0;

/// Ink above the returned value is ink; `None` if the picture is blank.
///
/// Otsu's threshold of a page with a few digits would part the paper's grain in two, because the
/// paper is nearly all of it. So the paper counts only [`PAPER_PER_INK`] times what may be ink.
pub fn ink_threshold(histogram: &[u64; 256], paper: Paper) -> Option<u8> {
    let (level, floor) = (paper.level as usize, paper.floor as usize);
    let ink: u64 = histogram[floor + 1..].iter().sum();
    // Of millions of pixels some few are far out by chance; they make no stroke.
    if ink <= histogram.iter().sum::<u64>() / 50_000 {
        return None;
    }
    let mut balanced = *histogram;
    balanced[..floor].fill(0);
    balanced[level] = histogram[..floor].iter().sum::<u64>().min(PAPER_PER_INK * ink);
    otsu_threshold(&balanced).map(|t| t.max(paper.floor))
}

const PAPER_PER_INK: u64 = 4;

/// Ink above this value belongs to a stroke that reaches `threshold` somewhere (Canny's hysteresis):
/// a pencil presses here more and there less, and what is thin is pale.
pub fn faint(threshold: u8, paper: Paper) -> u8 {
    ((f32::from(threshold) * FAINT) as u8).max(paper.floor).min(threshold)
}

const FAINT: f32 = 0.4;

/// Whether the piece has ink above `threshold`.
pub fn reaches(ink: &GrayImage, piece: &Component, threshold: u8) -> bool {
    let dark = |run: &Run| ink.row(run.y)[run.start..run.end].iter().any(|&v| v > threshold);
    piece.runs.iter().any(dark)
}

/// How often each value occurs.
pub fn histogram(picture: &GrayImage) -> [u64; 256] {
    let mut counts = [[0u64; 256]; 4];
    // Four tables: runs of equal values would otherwise wait for their own counter.
    for values in picture.pixels().chunks(4) {
        for (table, &value) in counts.iter_mut().zip(values) {
            table[value as usize] += 1;
        }
    }
    std::array::from_fn(|v| counts.iter().map(|table| table[v]).sum())
}

/// The pixels above `threshold`.
pub fn above(picture: &GrayImage, threshold: u8) -> Mask {
    let ink = picture.pixels().iter().map(|&value| value > threshold).collect();
    Mask::new(picture.width(), picture.height(), ink)
}

/// The value that `rank` of all values in the histogram come before in order; 255 if there are not
/// as many.
pub fn quantile(histogram: &[u64; 256], rank: u64) -> u8 {
    let mut below = 0;
    for (first, counts) in (0u8..=255).step_by(16).zip(histogram.as_chunks::<16>().0) {
        let sixteen: u64 = counts.iter().sum();
        if below + sixteen > rank {
            let is_it = |n: &u64| {
                below += n;
                below > rank
            };
            return first + counts.iter().position(is_it).map_or(0, |i| i as u8);
        }
        below += sixteen;
    }
    255
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(usize, u64)]) -> [u64; 256] {
        let mut histogram = [0; 256];
        for &(value, n) in of {
            histogram[value] = n;
        }
        histogram
    }

    #[test]
    fn a_quantile_is_that_of_the_sorted_values() {
        let counts = counts(&[(3, 2), (16, 1), (255, 4)]);
        let sorted = [3, 3, 16, 255, 255, 255, 255, 255];
        for (rank, value) in sorted.into_iter().enumerate() {
            assert_eq!(quantile(&counts, rank as u64), value, "{rank}");
        }
    }

    #[test]
    fn otsu_parts_two_peaks_in_the_middle() {
        assert_eq!(otsu_threshold(&counts(&[(20, 100), (220, 30)])), Some(119));
    }

    #[test]
    fn otsu_of_a_known_histogram() {
        // Six levels 0..=5 of a 6 x 6 picture: the worked example found in many lecture notes.
        let levels = counts(&[(0, 8), (1, 7), (2, 2), (3, 6), (4, 9), (5, 4)]);
        assert_eq!(otsu_threshold(&levels), Some(2));
    }

    #[test]
    fn otsu_has_nothing_to_part_in_one_value() {
        assert_eq!(otsu_threshold(&counts(&[(77, 10)])), None);
        assert_eq!(otsu_threshold(&[0; 256]), None);
    }

    #[test]
    fn grain_is_no_ink_but_a_rare_stroke_is() {
        let mut grain = [0u64; 256];
        for (value, n) in grain.iter_mut().enumerate() {
            let z = (value as f64 - 30.0) / 5.0;
            *n = (1e6 * (-z * z / 2.0).exp()) as u64;
        }
        assert_eq!(ink_threshold(&grain, paper(&grain, 0.0)), None);
        grain[160] = 2_000;
        let t = ink_threshold(&grain, paper(&grain, 0.0)).unwrap();
        assert!((60..160).contains(&t), "{t}");
    }
}

//! Ways to cut a piece of ink that may be several digits touching each other.
//!
//! Where the cuts are is not decided here: whoever knows what a digit looks like weighs the parts.

use super::{Component, Glyph, Run, clean, normalize};
use crate::image::{GrayImage, Rect};

/// The parts of a glyph between its cuts.
#[derive(Clone, Debug)]
pub struct Cutting {
    /// Number of places: its edges are the first and the last, cuts are between.
    pub places: usize,
    /// What lies between two places, the lower first.
    pub parts: Vec<Part>,
}

/// What lies between two places of a [`Cutting`].
#[derive(Clone, Debug)]
pub struct Part {
    /// The place on its left.
    pub from: usize,
    /// The place on its right, above `from`.
    pub to: usize,
    /// The ink between the two.
    pub glyph: Glyph,
}

/// Most cuts of one kind.
const MOST_CUTS: usize = 7;
/// Columns to the right for each row up, which a straight cut leans.
const SLANTS: [f32; 3] = [0.0, 0.3, -0.2];
/// Places a glyph's height apart that seams start from.
const STARTS: usize = 8;
/// What a step aside costs a seam; a pixel of ink costs 1.
const ASIDE: f32 = 0.3;

/// A cut: for each row of the glyph, the first column on its right.
type Cut = Vec<usize>;

/// Ways to cut: straight with one of the slants, or along seams.
pub const WAYS: usize = SLANTS.len() + 1;

/// `glyph`, cut in one of the [`WAYS`]; `None` if it is too narrow for two digits or has no place to
/// cut. `ink` is the whole picture's.
pub fn cutting(ink: &GrayImage, glyph: &Glyph, way: usize) -> Option<Cutting> {
    let Rect { width, height, .. } = glyph.bounds;
    if width < 6 || height < 6 || width * 10 < height * 6 {
        return None;
    }
    // Digits touch at a place, not all along.
    let most_ink = 4 * clean::stroke_width(&glyph.pieces);
    let cuts = match SLANTS.get(way) {
        Some(&slant) => straight_cuts(glyph, slant, most_ink),
        None => seams(glyph, most_ink),
    };
    (!cuts.is_empty()).then(|| parts_between(ink, glyph, cuts))
}

fn parts_between(ink: &GrayImage, glyph: &Glyph, mut cuts: Vec<Cut>) -> Cutting {
    let bounds = glyph.bounds;
    let Rect { width, height, .. } = bounds;
    cuts.insert(0, vec![0; height]);
    cuts.push(vec![width; height]);
    let mut parts = Vec::new();
    for from in 0..cuts.len() {
        for to in from + 1..cuts.len() {
            // The whole is known already.
            if (from, to) == (0, cuts.len() - 1) {
                continue;
            }
            let piece = between(&glyph.pieces, |x, y| {
                let (x, y) = (x - bounds.x, y - bounds.y);
                (cuts[from][y]..cuts[to][y]).contains(&x)
            });
            // A piece much lower than the whole is a hook or a bar, and no digit is much wider
            // than high.
            let digit = |p: &Component| {
                let Rect { width: w, height: h, .. } = p.bounds;
                h * 8 >= height * 5 && w * 2 <= height * 3
            };
            if let Some(piece) = piece.filter(digit) {
                let pixels = normalize::normalize(ink, &[&piece]);
                let (bounds, gap_before) = (piece.bounds, from == 0 && glyph.gap_before);
                let pieces = vec![piece];
                parts.push(Part { from, to, glyph: Glyph { bounds, gap_before, pixels, pieces } });
            }
        }
    }
    Cutting { places: cuts.len(), parts }
}

/// Straight cuts of one slant, from the left, where there is little ink along them, at most
/// `most_ink` pixels.
fn straight_cuts(glyph: &Glyph, slant: f32, most_ink: usize) -> Vec<Cut> {
    let Rect { x: left, y: top, width, height } = glyph.bounds;
    // How far the ink of a row is moved so that columns that lean stand upright.
    let most = (slant.abs() * height as f32) as usize;
    let shift = |y: usize| {
        let shift = (slant.abs() * y as f32) as usize;
        if slant >= 0.0 { shift } else { most - shift }
    };
    let mut profile = vec![0usize; width + most + 1];
    for run in glyph.pieces.iter().flat_map(|piece| &piece.runs) {
        let first = run.start - left + shift(run.y - top);
        profile[first..first + run.end - run.start].iter_mut().for_each(|n| *n += 1);
    }
    let Some(first) = profile.iter().position(|&n| n > 0) else { return vec![] };
    let last = profile.iter().rposition(|&n| n > 0).map_or(first, |x| x + 1);
    let cut = |x: usize| (0..height).map(|y| (first + x).saturating_sub(shift(y))).collect();
    valleys(&profile[first..last], height, most_ink).into_iter().map(cut).collect()
}

/// Columns with little ink, compared with those around them, and at most `most`. The thinnest
/// [`MOST_CUTS`], from the left.
fn valleys(profile: &[usize], height: usize, most: usize) -> Vec<usize> {
    let least = (height / 6).max(2);
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut x = least;
    while x + least < profile.len() {
        // A flat bottom counts once, in its middle.
        let flat = profile[x..].iter().take_while(|&&n| n == profile[x]).count();
        let end = (x + flat).min(profile.len() - 1);
        if profile[x - 1] > profile[x] && profile[end] >= profile[x] || profile[x] == 0 {
            found.push((profile[x], x + flat / 2));
        }
        x += flat;
    }
    // Also where a stroke comes down: the ink jumps from little to much.
    for x in least..profile.len().saturating_sub(least) {
        let jump = profile[x - 1].abs_diff(profile[x]) * 3 >= height;
        if jump {
            found.push((profile[x - 1].min(profile[x]), x));
        }
    }
    found.retain(|&(n, _)| n <= most);
    found.sort_unstable();
    let mut cuts: Vec<usize> = Vec::new();
    for (_, x) in found {
        if cuts.len() < MOST_CUTS && cuts.iter().all(|&cut| cut.abs_diff(x) * 8 >= height) {
            cuts.push(x);
        }
    }
    cuts.sort_unstable();
    cuts
}

/// Cuts that bend around ink, from the left: a straight one through the place where digits touch
/// may also go through what hangs over it, a seam (Avidan and Shamir 2007) does not. Each goes
/// through at most `most_ink` pixels of ink.
fn seams(glyph: &Glyph, most_ink: usize) -> Vec<Cut> {
    let Rect { x: left, y: top, width, height } = glyph.bounds;
    let mut inked = vec![false; width * height];
    for run in glyph.pieces.iter().flat_map(|piece| &piece.runs) {
        inked[(run.y - top) * width..][run.start - left..run.end - left].fill(true);
    }
    let all = inked.iter().filter(|ink| **ink).count();
    let step = (height / STARTS).max(2);
    let mut found: Vec<(usize, Cut)> = Vec::new();
    for start in (step..width.saturating_sub(1)).step_by(step) {
        let seam = seam(&inked, width, start, step);
        let rows = || inked.chunks_exact(width).zip(&seam);
        let crossed = rows().filter(|(row, x)| row[**x]).count();
        let ink = |row: &[bool]| row.iter().filter(|ink| **ink).count();
        let before: usize = rows().map(|(row, x)| ink(&row[..*x])).sum();
        // One that goes along an edge cuts hardly anything off.
        if crossed <= most_ink && before * 8 >= all && before * 8 <= 7 * all {
            found.push((crossed, seam));
        }
    }
    found.sort_by_key(|(crossed, _)| *crossed);
    let mut seams: Vec<Cut> = Vec::new();
    for (_, seam) in found {
        let apart = |other: &Cut| {
            let off: usize = seam.iter().zip(other).map(|(a, b)| a.abs_diff(*b)).sum();
            off * 2 >= step * height
        };
        if seams.len() < MOST_CUTS && seams.iter().all(apart) {
            seams.push(seam);
        }
    }
    seams.sort_by_key(|seam| seam.iter().sum::<usize>());
    seams
}

/// The cheapest way down that begins within `step` of column `start`, by dynamic programming.
fn seam(inked: &[bool], width: usize, start: usize, step: usize) -> Cut {
    let reach = 2 * step;
    let (low, high) = (start.saturating_sub(reach), (start + reach + 1).min(width));
    let mut cost: Vec<f32> = (low..high)
        .map(|x| {
            if x.abs_diff(start) * 2 <= step {
                f32::from(u8::from(inked[x]))
            } else {
                f32::INFINITY
            }
        })
        .collect();
    let height = inked.len() / width;
    // For each place, where the way came from: -1, 0 or 1 columns aside.
    let mut came: Vec<i8> = vec![0; cost.len() * height];
    let mut next = cost.clone();
    for y in 1..height {
        for i in 0..cost.len() {
            let (mut least, mut from) = (cost[i], 0);
            if i > 0 && cost[i - 1] + ASIDE < least {
                (least, from) = (cost[i - 1] + ASIDE, -1);
            }
            if i + 1 < cost.len() && cost[i + 1] + ASIDE < least {
                (least, from) = (cost[i + 1] + ASIDE, 1);
            }
            next[i] = least + f32::from(u8::from(inked[y * width + low + i]));
            came[y * cost.len() + i] = from;
        }
        std::mem::swap(&mut cost, &mut next);
    }
    let mut i = (0..cost.len()).min_by(|&a, &b| cost[a].total_cmp(&cost[b])).unwrap_or(0);
    let mut seam = vec![0; height];
    for y in (0..height).rev() {
        seam[y] = low + i;
        i = (i as isize + isize::from(came[y * cost.len() + i])) as usize;
    }
    seam
}

/// The pixels of `pieces` that are `inside`, as one piece; `None` if there are none.
fn between(pieces: &[Component], inside: impl Fn(usize, usize) -> bool) -> Option<Component> {
    let mut runs = Vec::new();
    for run in pieces.iter().flat_map(|piece| &piece.runs) {
        // Within a row, what is inside is one stretch.
        let start = (run.start..run.end).find(|&x| inside(x, run.y));
        let end = (run.start..run.end).rfind(|&x| inside(x, run.y));
        if let (Some(start), Some(last)) = (start, end) {
            runs.push(Run { y: run.y, start, end: last + 1 });
        }
    }
    let bounds = runs
        .iter()
        .map(|r| Rect { x: r.start, y: r.y, width: r.end - r.start, height: 1 })
        .reduce(|a, b| a.union(&b))?;
    let area = runs.iter().map(|r| r.end - r.start).sum();
    Some(Component { bounds, area, runs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{Mask, connected_components};

    /// What is inked, as one glyph, and its picture.
    fn glyph(width: usize, height: usize, inked: impl Fn(f32, f32) -> bool) -> (GrayImage, Glyph) {
        let at = |i: usize| ((i % width) as f32, (i / width) as f32);
        let ink: Vec<bool> = (0..width * height).map(|i| inked(at(i).0, at(i).1)).collect();
        let picture = ink.iter().map(|&ink| if ink { 255 } else { 0 }).collect();
        let picture = GrayImage::new(width, height, picture);
        let pieces = connected_components(&Mask::new(width, height, ink), 0);
        let bounds = pieces.iter().map(|p| p.bounds).reduce(|a, b| a.union(&b)).unwrap();
        let pixels = normalize::normalize(&picture, &pieces.iter().collect::<Vec<_>>());
        (picture, Glyph { bounds, gap_before: true, pixels, pieces })
    }

    fn ring(x: f32, y: f32, middle: f32) -> bool {
        (((x - middle) / 14.0).hypot((y - 30.0) / 20.0) - 1.0).abs() < 0.16
    }

    #[test]
    fn two_rings_that_touch_come_apart_in_every_way() {
        let (ink, pair) = glyph(80, 60, |x, y| ring(x, y, 20.0) || ring(x, y, 50.0));
        assert_eq!(pair.pieces.len(), 1);
        for way in [0, SLANTS.len()] {
            let cutting = cutting(&ink, &pair, way).unwrap();
            let last = cutting.places - 1;
            let half = |part: &&Part| (26..=34).contains(&part.glyph.bounds.width);
            let left = cutting.parts.iter().filter(half).find(|part| part.from == 0).unwrap();
            let right = cutting.parts.iter().filter(half).find(|part| part.to == last).unwrap();
            assert!(left.glyph.gap_before && !right.glyph.gap_before);
            let (a, b) = (left.glyph.bounds, right.glyph.bounds);
            assert!(a.x == pair.bounds.x && b.right() == pair.bounds.right());
        }
    }

    #[test]
    fn a_seam_goes_around_what_a_straight_cut_goes_through() {
        // Two slanted strokes, one hanging over the other, joined by a bridge.
        let stroke = |x: f32, y: f32, at: f32| (x - at + 0.2 * y).abs() < 4.0;
        let bridge = |x: f32, y: f32| (29.0..31.0).contains(&y) && (29.0..49.0).contains(&x);
        let (_, pair) = glyph(100, 60, |x, y| {
            (5.0..55.0).contains(&y) && (stroke(x, y, 35.0) || stroke(x, y, 55.0) || bridge(x, y))
        });
        let inked = |x: usize, y: usize| {
            let (x, y) = (x + pair.bounds.x, y + pair.bounds.y);
            let on = |r: &Run| r.y == y && (r.start..r.end).contains(&x);
            pair.pieces.iter().flat_map(|p| &p.runs).any(on)
        };
        let crossed = |cut: &Cut| (0..cut.len()).filter(|&y| inked(cut[y], y)).count();
        let most_ink = 4 * clean::stroke_width(&pair.pieces);
        assert!(seams(&pair, most_ink).iter().any(|cut| crossed(cut) <= 3));
    }

    #[test]
    fn parts_follow_each_other_and_a_narrow_glyph_has_none() {
        let (ink, three) = glyph(110, 60, |x, y| [20.0, 50.0, 80.0].iter().any(|&m| ring(x, y, m)));
        for way in 0..WAYS {
            let Some(cutting) = cutting(&ink, &three, way) else { continue };
            assert!(cutting.parts.iter().all(|p| p.from < p.to && p.to < cutting.places));
            assert!(!cutting.parts.iter().any(|p| (p.from, p.to) == (0, cutting.places - 1)));
        }
        let (ink, one) = glyph(20, 60, |x, _| (8.0..12.0).contains(&x));
        assert!((0..WAYS).all(|way| cutting(&ink, &one, way).is_none()));
    }
}

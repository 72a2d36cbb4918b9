//! Cuts along seams.

use super::{Cut, most_cuts};

/// Places a glyph's height apart that seams start from.
const STARTS: usize = 8;
/// What a step aside costs a seam; a pixel of ink costs 1.
const ASIDE: f32 = 0.3;

/// Cuts that bend around ink, from the left: a straight one through the place where digits touch
/// may also go through what hangs over it, a seam (Avidan and Shamir 2007) does not. Each goes
/// through at most `most_ink` pixels of ink of full darkness.
pub fn seams(dark: &[f32], width: usize, most_ink: f32) -> Vec<Cut> {
    let height = dark.len() / width;
    let ink = |row: &[f32]| row.iter().sum::<f32>();
    let all = ink(dark);
    let step = (height / STARTS).max(2);
    let mut found: Vec<(f32, Cut)> = Vec::new();
    for start in (step..width.saturating_sub(1)).step_by(step) {
        let seam = seam(dark, width, start, step);
        let rows = || dark.chunks_exact(width).zip(&seam);
        let crossed: f32 = rows().map(|(row, x)| row[*x]).sum();
        let before: f32 = rows().map(|(row, x)| ink(&row[..*x])).sum();
        // One that goes along an edge cuts hardly anything off.
        if crossed <= most_ink && before * 8.0 >= all && before * 8.0 <= 7.0 * all {
            found.push((crossed, seam));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut seams: Vec<Cut> = Vec::new();
    for (_, seam) in found {
        let apart = |other: &Cut| {
            let off: usize = seam.iter().zip(other).map(|(a, b)| a.abs_diff(*b)).sum();
            off * 2 >= step * height
        };
        if seams.len() < most_cuts(width, height) && seams.iter().all(apart) {
            seams.push(seam);
        }
    }
    seams.sort_by_key(|seam| seam.iter().sum::<usize>());
    seams
}

/// The cheapest way down that begins within `step` of column `start`, by dynamic programming.
fn seam(dark: &[f32], width: usize, start: usize, step: usize) -> Cut {
    let reach = 2 * step;
    let (low, high) = (start.saturating_sub(reach), (start + reach + 1).min(width));
    let mut cost: Vec<f32> = (low..high)
        .map(|x| if x.abs_diff(start) * 2 <= step { dark[x] } else { f32::INFINITY })
        .collect();
    let height = dark.len() / width;
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
            next[i] = least + dark[y * width + low + i];
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

#[cfg(test)]
mod tests {
    use super::super::{darkness, most_ink, tests::glyph};
    use super::*;
    use crate::vision::Run;

    #[test]
    fn a_seam_goes_around_what_a_straight_cut_goes_through() {
        // Two slanted strokes, one hanging over the other, joined by a bridge.
        let stroke = |x: f32, y: f32, at: f32| (x - at + 0.2 * y).abs() < 4.0;
        let bridge = |x: f32, y: f32| (29.0..31.0).contains(&y) && (29.0..49.0).contains(&x);
        let (picture, pair) = glyph(100, 60, |x, y| {
            (5.0..55.0).contains(&y) && (stroke(x, y, 35.0) || stroke(x, y, 55.0) || bridge(x, y))
        });
        let inked = |x: usize, y: usize| {
            let (x, y) = (x + pair.bounds.x, y + pair.bounds.y);
            let on = |r: &Run| r.y == y && (r.start..r.end).contains(&x);
            pair.pieces.iter().flat_map(|p| &p.runs).any(on)
        };
        let crossed = |cut: &Cut| (0..cut.len()).filter(|&y| inked(cut[y], y)).count();
        let most_ink = most_ink(&pair);
        let dark = darkness(&picture, &pair);
        assert!(seams(&dark, pair.bounds.width, most_ink).iter().any(|cut| crossed(cut) <= 3));
    }
}

//! Straight cuts.

use super::{Cut, most_cuts};

/// Straight cuts of one slant, from the left, where there is little ink along them, at most
/// `most_ink` pixels of full darkness.
pub fn straight_cuts(dark: &[f32], width: usize, slant: f32, most_ink: f32) -> Vec<Cut> {
    let height = dark.len() / width;
    // How far the ink of a row is moved so that columns that lean stand upright.
    let most = (slant.abs() * height as f32) as usize;
    let shift = |y: usize| {
        let shift = (slant.abs() * y as f32) as usize;
        if slant >= 0.0 { shift } else { most - shift }
    };
    let mut profile = vec![0.0f32; width + most + 1];
    for (y, row) in dark.chunks_exact(width).enumerate() {
        profile[shift(y)..].iter_mut().zip(row).for_each(|(sum, ink)| *sum += ink);
    }
    let Some(first) = profile.iter().position(|&n| n > 0.0) else { return vec![] };
    let last = profile.iter().rposition(|&n| n > 0.0).map_or(first, |x| x + 1);
    let cut = |x: usize| (0..height).map(|y| (first + x).saturating_sub(shift(y))).collect();
    valleys(&profile[first..last], height, most_ink).into_iter().map(cut).collect()
}

/// Columns with little ink, compared with those around them, and at most `most`. The thinnest
/// [`most_cuts`], from the left.
fn valleys(profile: &[f32], height: usize, most: f32) -> Vec<usize> {
    let least = (height / 6).max(2);
    let mut found: Vec<(f32, usize)> = Vec::new();
    let mut x = least;
    while x + least < profile.len() {
        // A flat bottom counts once, in its middle.
        let flat = profile[x..].iter().take_while(|&&n| n == profile[x]).count();
        let end = (x + flat).min(profile.len() - 1);
        if profile[x - 1] > profile[x] && profile[end] >= profile[x] || profile[x] == 0.0 {
            found.push((profile[x], x + flat / 2));
        }
        x += flat;
    }
    // Also where a stroke comes down: the ink jumps from little to much.
    for x in least..profile.len().saturating_sub(least) {
        let jump = (profile[x - 1] - profile[x]).abs() * 3.0 >= height as f32;
        if jump {
            found.push((profile[x - 1].min(profile[x]), x));
        }
    }
    found.retain(|&(n, _)| n <= most);
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let most_cuts = most_cuts(profile.len(), height);
    let mut cuts: Vec<usize> = Vec::new();
    for (_, x) in found {
        if cuts.len() < most_cuts && cuts.iter().all(|&cut| cut.abs_diff(x) * 8 >= height) {
            cuts.push(x);
        }
    }
    cuts.sort_unstable();
    cuts
}

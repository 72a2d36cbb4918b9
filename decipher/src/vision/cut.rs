//! Ways to cut a piece of ink that may be several digits touching each other.
//!
//! Where the cuts are is not decided here: whoever knows what a digit looks like weighs the parts.

use super::{Component, Glyph, Run, clean, normalize};
use crate::image::{GrayImage, Rect};

/// Parts of a glyph between cuts of one slant.
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

/// Most cuts of one slant.
const MOST_CUTS: usize = 7;
/// Columns to the right for each row up, which a cut leans.
const SLANTS: [f32; 3] = [0.0, 0.3, -0.2];

/// Ways to cut `glyph`, none if it is too narrow for two digits. `ink` is the whole picture's.
pub fn cuttings(ink: &GrayImage, glyph: &Glyph) -> Vec<Cutting> {
    let Rect { width, height, .. } = glyph.bounds;
    if width < 6 || height < 6 || width * 10 < height * 7 {
        return vec![];
    }
    SLANTS.iter().filter_map(|&slant| cutting(ink, glyph, slant)).collect()
}

fn cutting(ink: &GrayImage, glyph: &Glyph, slant: f32) -> Option<Cutting> {
    let bounds = glyph.bounds;
    // Columns that lean: how far the ink of a row is moved so that they stand upright.
    let most = (slant.abs() * bounds.height as f32) as usize;
    let column = |x: usize, y: usize| {
        let shift = (slant.abs() * (y - bounds.y) as f32) as usize;
        x - bounds.x + if slant >= 0.0 { shift } else { most - shift }
    };
    let mut profile = vec![0usize; bounds.width + most + 1];
    for run in glyph.pieces.iter().flat_map(|piece| &piece.runs) {
        let first = column(run.start, run.y);
        profile[first..first + run.end - run.start].iter_mut().for_each(|n| *n += 1);
    }
    let first = profile.iter().position(|&n| n > 0)?;
    let last = profile.iter().rposition(|&n| n > 0)? + 1;
    let cuts = valleys(&profile[first..last], bounds.height, 4 * clean::stroke_width(&glyph.pieces));
    if cuts.is_empty() {
        return None;
    }
    let places: Vec<usize> =
        std::iter::once(first).chain(cuts.iter().map(|cut| first + cut)).chain([last]).collect();
    let mut parts = Vec::new();
    for from in 0..places.len() {
        for to in from + 1..places.len() {
            let wide = places[to] - places[from];
            // The whole is known already, and no digit is much wider than high.
            if (from, to) == (0, places.len() - 1) || wide * 2 > bounds.height * 3 {
                continue;
            }
            let piece =
                between(&glyph.pieces, |x, y| (places[from]..places[to]).contains(&column(x, y)));
            // A piece much lower than the whole is a hook or a bar.
            if let Some(piece) = piece.filter(|p| p.bounds.height * 8 >= bounds.height * 5) {
                let pixels = normalize::normalize(ink, &[&piece]);
                let (bounds, gap_before) = (piece.bounds, from == 0 && glyph.gap_before);
                let pieces = vec![piece];
                parts.push(Part { from, to, glyph: Glyph { bounds, gap_before, pixels, pieces } });
            }
        }
    }
    Some(Cutting { places: places.len(), parts })
}

/// Columns with little ink, compared with those around them, and at most `most`: digits touch at
/// a place, not all along. The thinnest [`MOST_CUTS`], from the left.
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

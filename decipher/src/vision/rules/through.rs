//! Straight lines from edge to edge, found by votes (Hough 1962): what is written on them does not
//! part them.

use std::ops::Range;

use super::{Axis, Mask, Stretch, erase_paler, ranked};
use crate::image::{GrayImage, Rect};

/// Longest side, in cells, of the grid that votes.
const COARSE: usize = 512;
/// Steepest line: rise by length.
const STEEP: f32 = 0.12;
/// Most lines of one axis.
const MOST_LINES: usize = 100;

/// Erases the lines of `axis` that cross the whole picture, but not the strokes that cross them.
pub fn erase(mask: &mut Mask, ink: &GrayImage, axis: Axis, erased: &mut Vec<Rect>) {
    let (along, across) = axis.sizes(mask);
    if along == 0 || across == 0 {
        return;
    }
    let mut votes = Votes::new(mask, axis);
    for _ in 0..MOST_LINES {
        let Some(line) = votes.most() else { return };
        let runs = runs_along(mask, axis, &line, votes.factor);
        let lengths = || runs.iter().flatten().map(|run| run.len());
        // Where strokes cross, the ink is thicker than the line.
        let thick = ranked(lengths(), 1, 4).unwrap_or(1);
        let most = thick + thick / 2 + 1;
        let thin = lengths().filter(|&length| length <= most).count();
        // From edge to edge: what ends before may be a bar.
        let inside: Vec<usize> = (0..along)
            .filter(|&p| (0.0..across as f32).contains(&line.place(p, along, votes.factor)))
            .collect();
        let end = (inside.len() / 20).max(1).min(inside.len());
        let reaches = |at: &[usize]| at.iter().any(|&p| runs[p].is_some());
        let to_edges = reaches(&inside[..end]) && reaches(&inside[inside.len() - end..]);
        if to_edges && thick * 12 <= across && thin * 5 >= along * 2 {
            let stretches: Vec<Stretch> = runs
                .into_iter()
                .enumerate()
                .filter_map(|(position, run)| Some((position, run.filter(|r| r.len() <= most)?)))
                .collect();
            erase_paler(mask, ink, axis, &stretches);
            let mut covered: Option<Rect> = None;
            for &(position, ref run) in &stretches {
                let pixel = |across: usize| {
                    let (x, y) = axis.at(position, across);
                    Rect { x, y, width: 1, height: 1 }
                };
                let run = pixel(run.start).union(&pixel(run.end - 1));
                covered = Some(covered.map_or(run, |c| c.union(&run)));
            }
            erased.extend(covered);
        }
        votes.take_back(&line, thick.min(across / 12));
    }
}

/// A line through cells: its place across at the first, and how far it rises to the last.
struct Line {
    start: isize,
    rise: isize,
}

impl Line {
    /// Where it is, in pixels across, at a place of a picture of `along` pixels, on cells of
    /// `factor`.
    fn place(&self, position: usize, along: usize, factor: usize) -> f32 {
        let rise = self.rise as f32 / along.max(1) as f32;
        (self.start as f32 + 0.5 + rise * position as f32) * factor as f32
    }
}

/// For each cell with ink, one vote for each line through it.
struct Votes {
    /// Pixels a side of a cell.
    factor: usize,
    along: usize,
    across: usize,
    /// Lines rise by `-steepest..=steepest` cells.
    steepest: isize,
    ink: Vec<bool>,
    /// For each rise, the votes for each start.
    counts: Vec<u16>,
}

impl Votes {
    fn new(mask: &Mask, axis: Axis) -> Self {
        let (along, across) = axis.sizes(mask);
        let factor = along.max(across).div_ceil(COARSE);
        let (along, across) = (along.div_ceil(factor), across.div_ceil(factor));
        let mut ink = vec![false; along * across];
        for y in 0..mask.height() {
            for x in mask.row(y).iter().enumerate().filter_map(|(x, ink)| ink.then_some(x)) {
                let (a, c) = axis.at(x, y);
                ink[c / factor * along + a / factor] = true;
            }
        }
        let steepest = (STEEP * along as f32) as isize;
        let counts = vec![0; (2 * steepest as usize + 1) * (across + 2 * steepest as usize)];
        let mut votes = Self { factor, along, across, steepest, ink, counts };
        let cells: Vec<usize> = (0..votes.ink.len()).filter(|&i| votes.ink[i]).collect();
        cells.into_iter().for_each(|cell| votes.count(cell, 1));
        votes
    }

    /// Where a line that rises by `rise` is at a place, compared with its start.
    fn shift(&self, rise: isize, along: usize) -> isize {
        let last = (self.along - 1).max(1) as isize;
        // Rounded, whatever the sign.
        (2 * rise * along as isize + last).div_euclid(2 * last)
    }

    fn starts(&self) -> usize {
        self.across + 2 * self.steepest as usize
    }

    fn count(&mut self, cell: usize, votes: i16) {
        let (along, across) = (cell % self.along, cell / self.along);
        for rise in -self.steepest..=self.steepest {
            let start = across as isize - self.shift(rise, along) + self.steepest;
            let row = (rise + self.steepest) as usize * self.starts();
            let count = &mut self.counts[row + start as usize];
            *count = count.wrapping_add_signed(votes);
        }
    }

    /// Cells of the picture that a line goes through.
    fn length(&self, line: &Line) -> usize {
        if line.rise == 0 {
            return if (0..self.across as isize).contains(&line.start) { self.along } else { 0 };
        }
        let place = |across: isize| (across - line.start) as f32 / line.rise as f32;
        let (a, b) = (place(0), place(self.across as isize));
        let span = |t: f32| t.clamp(0.0, 1.0) * self.along as f32;
        (span(a) - span(b)).abs() as usize
    }

    /// The line with the most votes of those that are nearly all ink.
    fn most(&self) -> Option<Line> {
        let mut most: Option<(u16, Line)> = None;
        for (i, &votes) in self.counts.iter().enumerate() {
            // Half as long as the picture at least, and not much shorter than its other side.
            let enough = usize::from(votes) * 5 >= 2 * self.along;
            if !enough || most.as_ref().is_some_and(|(m, _)| *m >= votes) {
                continue;
            }
            let line = Line {
                start: (i % self.starts()) as isize - self.steepest,
                rise: (i / self.starts()) as isize - self.steepest,
            };
            let length = self.length(&line);
            if length * 2 >= self.along && usize::from(votes) * 5 >= 4 * length {
                most = Some((votes, line));
            }
        }
        most.map(|(_, line)| line)
    }

    /// What lies on a line has voted.
    fn take_back(&mut self, line: &Line, thick: usize) {
        let reach = (thick / self.factor) as isize + 1;
        for along in 0..self.along {
            let middle = line.start + self.shift(line.rise, along);
            for across in middle - reach..=middle + reach {
                if !(0..self.across as isize).contains(&across) {
                    continue;
                }
                let cell = across as usize * self.along + along;
                if std::mem::take(&mut self.ink[cell]) {
                    self.count(cell, -1);
                }
            }
        }
    }
}

/// At each place along the line, the stretch of ink across it that the line goes through.
fn runs_along(mask: &Mask, axis: Axis, line: &Line, factor: usize) -> Vec<Option<Range<usize>>> {
    let (along, across) = axis.sizes(mask);
    // Paper is never quite flat: the line is followed where it bends.
    let mut drift = 0.0;
    let reach = (factor + 1) as isize;
    let find = |position: usize| {
        let straight = line.place(position, along, factor);
        let middle = (straight + drift) as isize;
        let near = (0..=reach).flat_map(|d| [middle - d, middle + d]);
        let mut near = near.filter(|i| (0..across as isize).contains(i)).map(|i| i as usize);
        let hit = near.find(|&i| axis.ink(mask, position, i))?;
        let stretch = axis.stretch(mask, position, hit);
        if stretch.len() <= 2 * reach as usize + 4 {
            let off = (stretch.start + stretch.end) as f32 / 2.0 - straight;
            drift += 0.1 * (off - drift).clamp(-1.0, 1.0);
        }
        Some(stretch)
    };
    (0..along).map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(width: usize, height: usize, ink: impl Fn(usize, usize) -> bool) -> Mask {
        Mask::new(width, height, (0..width * height).map(|i| ink(i % width, i / width)).collect())
    }

    /// Erases lines that are as dark as what is written; returns where they were.
    fn erased(mask: &mut Mask, axis: Axis) -> Vec<Rect> {
        let ink = GrayImage::filled(mask.width(), mask.height(), 200);
        let mut erased = Vec::new();
        erase(mask, &ink, axis, &mut erased);
        erased
    }

    /// Rows of upright strokes, half of the paper's width.
    fn writing(x: usize, y: usize) -> bool {
        x % 20 >= 10 && (30..70).contains(&y)
    }

    #[test]
    fn a_line_as_thick_as_the_pen_goes_from_under_the_writing() {
        let line = |x: usize, y: usize| (44 + x / 30..50 + x / 30).contains(&y);
        let mut paper = mask(300, 100, |x, y| writing(x, y) || line(x, y));
        assert_eq!(erased(&mut paper, Axis::Across).len(), 1);
        assert!(paper == mask(300, 100, writing));
    }

    #[test]
    fn a_line_that_bends_is_followed_across_a_large_page() {
        let wave = |x: usize| 600 + (8.0 * (x as f32 / 300.0).sin()) as usize;
        let mut paper = mask(1500, 1200, |x, y| (wave(x)..wave(x) + 5).contains(&y));
        erased(&mut paper, Axis::Across);
        let left = paper.ink().iter().filter(|ink| **ink).count();
        assert!(left < 75, "{left} of 7500 pixels are left");
    }

    #[test]
    fn bars_and_dark_areas_are_no_lines() {
        let bar = |x: usize, y: usize| (30..270).contains(&x) && (48..52).contains(&y);
        let dark = |_: usize, y: usize| y >= 60;
        for ink in [bar as fn(usize, usize) -> bool, dark, writing] {
            let mut paper = mask(300, 100, ink);
            assert!(erased(&mut paper, Axis::Across).is_empty() && paper == mask(300, 100, ink));
        }
    }

    #[test]
    fn small_and_empty_paper_has_no_lines() {
        for (width, height) in [(0, 0), (1, 1), (1, 50), (50, 1)] {
            let mut paper = mask(width, height, |_, _| true);
            for axis in [Axis::Across, Axis::Down] {
                erased(&mut paper, axis);
            }
        }
    }
}

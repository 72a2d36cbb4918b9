//! Pieces of ink that hang together.

use super::{Mask, filter};
use crate::image::{GrayImage, Rect};

/// A stretch of ink in one row: the columns `start..end` of row `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Row.
    pub y: usize,
    /// First column.
    pub start: usize,
    /// First column behind the run.
    pub end: usize,
}

/// A piece of ink: pixels joined by sides or corners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The smallest rectangle around it.
    pub bounds: Rect,
    /// Its pixels.
    pub area: usize,
    /// Its pixels as runs, from top to bottom and from left to right.
    pub runs: Vec<Run>,
}

impl Component {
    /// A piece of these runs, from top to bottom and from left to right; `None` without any.
    pub(crate) fn of_runs(runs: Vec<Run>) -> Option<Self> {
        let bounds = runs
            .iter()
            .map(|r| Rect { x: r.start, y: r.y, width: r.end - r.start, height: 1 })
            .reduce(|a, b| a.union(&b))?;
        let area = runs.iter().map(|r| r.end - r.start).sum();
        Some(Self { bounds, area, runs })
    }

    /// Whether it reaches the border of a picture of that size.
    pub(crate) fn reaches_border(&self, width: usize, height: usize) -> bool {
        let b = &self.bounds;
        b.x == 0 || b.y == 0 || b.right() == width || b.bottom() == height
    }

    /// Its runs within `radius` pixels of those of its pixels that are `marked`, told by column and row.
    pub(super) fn near(&self, radius: usize, marked: impl Fn(usize, usize) -> bool) -> Vec<Run> {
        let Rect { x: left, y: top, width, height } = self.bounds;
        let mut near = GrayImage::filled(width, height, 0);
        for run in &self.runs {
            let row = &mut near.pixels_mut()[(run.y - top) * width..][..width];
            for x in (run.start..run.end).filter(|&x| marked(x, run.y)) {
                row[x - left] = 255;
            }
        }
        let near = filter::widen(&near, radius);
        let mut runs = Vec::new();
        for run in &self.runs {
            let mut start = run.start;
            let row = &near.row(run.y - top)[run.start - left..run.end - left];
            for same in row.chunk_by(|a, b| a == b) {
                let end = start + same.len();
                if same[0] > 0 {
                    runs.push(Run { y: run.y, start, end });
                }
                start = end;
            }
        }
        runs
    }

    /// The larger of width and height, in pixels.
    pub fn extent(&self) -> usize {
        self.bounds.width.max(self.bounds.height)
    }
}

/// Tells of one piece after the other whether the pixels of its bounds, which take some bytes each, may be
/// looked at: not of a huge one, nor when those before it were many.
pub(super) fn affordable() -> impl FnMut(&Component) -> bool {
    const MOST: usize = 1 << 24;
    let mut left = 4 * MOST;
    move |c: &Component| {
        let pixels = c.bounds.width * c.bounds.height;
        let is = pixels <= left.min(MOST);
        left -= if is { pixels } else { 0 };
        is
    }
}

/// The 8-connected pieces of `mask` with at least `min_area` pixels, in the order of their topmost
/// (and there leftmost) pixels.
///
/// Runs are joined instead of pixels, with union-find over the runs of neighbouring rows (as in
/// He, Chao and Suzuki, "A Run-Based Two-Scan Labeling Algorithm", 2008), so there is no picture
/// of labels to hold: memory goes with the ink, not with the paper.
pub fn connected_components(mask: &Mask, min_area: usize) -> Vec<Component> {
    components_of_runs(&runs_of(mask), min_area)
}

/// All ink as runs, row by row from the left.
pub(super) fn runs_of(mask: &Mask) -> Vec<Run> {
    let mut runs = Vec::new();
    (0..mask.height()).for_each(|y| find_runs(mask.row(y), y, &mut runs));
    runs
}

/// As [`connected_components`], of ink as runs, row by row from the left.
pub(super) fn components_of_runs(runs: &[Run], min_area: usize) -> Vec<Component> {
    let mut parent: Vec<u32> = (0..runs.len() as u32).collect();
    let mut above = 0..0;
    for row in runs.chunk_by(|a, b| a.y == b.y) {
        let here = above.end..above.end + row.len();
        if !above.is_empty() && runs[above.start].y + 1 == row[0].y {
            join_rows(runs, above, here.clone(), &mut parent);
        }
        above = here;
    }

    let mut area = vec![0; runs.len()];
    for (i, run) in runs.iter().enumerate() {
        let root = find(&mut parent, i as u32);
        area[root as usize] += run.end - run.start;
    }
    // A root is the first run of its piece, so pieces come out in reading order of first pixels.
    let mut components: Vec<Component> = Vec::new();
    let mut index = vec![usize::MAX; runs.len()];
    for (i, &run) in runs.iter().enumerate() {
        let root = find(&mut parent, i as u32) as usize;
        if area[root] < min_area {
            continue;
        }
        let bounds = Rect { x: run.start, y: run.y, width: run.end - run.start, height: 1 };
        if root == i {
            index[root] = components.len();
            components.push(Component { bounds, area: area[root], runs: vec![run] });
        } else {
            let component = &mut components[index[root]];
            component.bounds = component.bounds.union(&bounds);
            component.runs.push(run);
        }
    }
    components
}

fn find_runs(row: &[bool], y: usize, runs: &mut Vec<Run>) {
    /// Most of a page is paper, which is looked at in stretches.
    const STRETCH: usize = 32;
    let mut x = 0;
    while x < row.len() {
        let stretch = &row[x..(x + STRETCH).min(row.len())];
        if !stretch.iter().fold(false, |any, &ink| any | ink) {
            x += stretch.len();
            continue;
        }
        let start = x + stretch.iter().position(|&ink| ink).unwrap_or(0);
        let end = row[start..].iter().position(|&ink| !ink).map_or(row.len(), |n| start + n);
        runs.push(Run { y, start, end });
        x = end;
    }
}

/// Joins the runs of a row with those of the row above that touch them.
fn join_rows(
    runs: &[Run],
    above: std::ops::Range<usize>,
    here: std::ops::Range<usize>,
    parent: &mut [u32],
) {
    let mut first = above.start;
    for i in here {
        while first < above.end && runs[first].end < runs[i].start {
            first += 1;
        }
        // Corners touch when the end of one is the start of the other.
        for j in first..above.end {
            if runs[j].start > runs[i].end {
                break;
            }
            let (a, b) = (find(parent, i as u32), find(parent, j as u32));
            parent[a.max(b) as usize] = a.min(b);
        }
    }
}

fn find(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow reference: flood fill from each pixel in reading order.
    fn flood(mask: &Mask) -> Vec<Vec<(usize, usize)>> {
        let (width, height) = (mask.width(), mask.height());
        let mut seen = vec![false; width * height];
        let mut pieces = Vec::new();
        for start in 0..width * height {
            if !mask.ink()[start] || seen[start] {
                continue;
            }
            let (mut piece, mut stack) = (Vec::new(), vec![start]);
            seen[start] = true;
            while let Some(i) = stack.pop() {
                let (y, x) = (i / width, i % width);
                piece.push((y, x));
                for v in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                    for u in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                        let j = v * width + u;
                        if mask.ink()[j] && !seen[j] {
                            seen[j] = true;
                            stack.push(j);
                        }
                    }
                }
            }
            piece.sort_unstable();
            pieces.push(piece);
        }
        pieces
    }

    fn masks() -> impl Strategy<Value = Mask> {
        (0usize..24, 0usize..24, 1u32..4).prop_flat_map(|(w, h, odds)| {
            prop::collection::vec(prop::bool::weighted(f64::from(odds) / 5.0), w * h)
                .prop_map(move |ink| Mask::new(w, h, ink))
        })
    }

    proptest! {
        #[test]
        fn components_are_those_of_a_flood_fill(mask in masks()) {
            let found = connected_components(&mask, 0);
            let pixels: Vec<Vec<(usize, usize)>> = found
                .iter()
                .map(|c| c.runs.iter().flat_map(|r| (r.start..r.end).map(|x| (r.y, x))).collect())
                .collect();
            prop_assert_eq!(&pixels, &flood(&mask));
            for (component, pixels) in found.iter().zip(&pixels) {
                prop_assert_eq!(component.area, pixels.len());
                let x = pixels.iter().map(|p| p.1).min().unwrap();
                let right = pixels.iter().map(|p| p.1).max().unwrap() + 1;
                let (y, bottom) = (pixels[0].0, pixels[pixels.len() - 1].0 + 1);
                let bounds = Rect { x, y, width: right - x, height: bottom - y };
                prop_assert_eq!(component.bounds, bounds);
            }
        }

        #[test]
        fn small_pieces_are_left_out(mask in masks(), min_area in 0usize..12) {
            let mut all = connected_components(&mask, 0);
            all.retain(|c| c.area >= min_area);
            prop_assert_eq!(connected_components(&mask, min_area), all);
        }
    }
}

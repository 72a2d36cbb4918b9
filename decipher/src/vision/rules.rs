//! Takes ruled lines, squares and table lines off the paper, without breaking the strokes on them.

mod through;

use std::ops::Range;

use super::components::{affordable, components_of_runs, runs_of};
use super::rank::ranked;
use super::{Component, Mask, Run};
use crate::image::{GrayImage, Rect};

/// Erases straight thin lines that run across the picture, or along its edge, or beside others of
/// their kind. Returns what they covered.
///
/// A line is where the ink is thin across it; where a stroke crosses the line, the ink is thick,
/// and stays. So does what is clearly darker than the line: a stroke that runs along it. `ink` tells
/// how dark the picture is where.
pub fn erase_rules(mask: &mut Mask, ink: &GrayImage) -> Vec<Rect> {
    let short = mask.width().min(mask.height());
    let mut erased = Vec::new();
    for axis in [Axis::Across, Axis::Down] {
        through::erase(mask, ink, axis, &mut erased);
    }
    // The thinnest first: seen with a coarse eye, a thin line goes into the strokes it touches.
    let mut thickness = Thickness::new(mask);
    for thick in THICKNESSES.into_iter().take_while(|&thick| thick == 2 || thick * 16 <= short) {
        for axis in [Axis::Across, Axis::Down] {
            let before = erased.len();
            let thin = thickness.thin(axis, thick);
            // A line that strokes are written on is parted by their width, or by a base that lies on it.
            let reach = (12 * thick).min(short / 3).max(8);
            erase_axis(mask, ink, &thin, axis, (thick, reach), &mut erased);
            if erased.len() > before {
                thickness = Thickness::new(mask);
            }
        }
    }
    erased
}

/// Erases the line that a row of digits stands on, from pieces that are much wider than high: it need not
/// reach the picture's edges. What is left of one has at least `min_area` pixels. Returns what lines covered.
pub fn erase_baselines(
    components: &mut Vec<Component>,
    ink: &GrayImage,
    min_area: usize,
) -> Vec<Rect> {
    let is_wide = |c: &mut Component| c.bounds.width >= WIDE * c.bounds.height;
    let wide: Vec<Component> = components.extract_if(.., is_wide).collect();
    let mut affordable = affordable();
    let mut erased = Vec::new();
    for piece in wide {
        if !affordable(&piece) {
            components.push(piece);
            continue;
        }
        let Rect { x, y, width, height } = piece.bounds;
        let mut mask = Mask::new(width, height, vec![false; width * height]);
        for run in &piece.runs {
            mask.row_mut(run.y - y)[run.start - x..run.end - x].fill(true);
        }
        let mut lines = Vec::new();
        let (thickness, ink) = (Thickness::new(&mask), ink.crop(&piece.bounds));
        for thick in THICKNESSES.into_iter().take_while(|thick| thick * 4 <= height) {
            if lines.is_empty() {
                let thin = thickness.thin(Axis::Across, thick);
                // Digits part it that are as wide as high.
                erase_axis(&mut mask, &ink, &thin, Axis::Across, (thick, height), &mut lines);
            }
        }
        let mut runs = runs_of(&mask);
        for run in &mut runs {
            *run = Run { y: run.y + y, start: run.start + x, end: run.end + x };
        }
        let left = components_of_runs(&runs, min_area);
        // Nothing but the line: a dash.
        if lines.is_empty() || left.iter().all(|c| c.bounds.height * 2 < height) {
            components.push(piece);
            continue;
        }
        let moved = |line: Rect| Rect { x: line.x + x, y: line.y + y, ..line };
        erased.extend(lines.into_iter().map(moved));
        components.extend(left);
    }
    components.sort_by_key(|c| (c.runs[0].y, c.runs[0].start));
    erased
}

/// A piece with a line is at least so many times as wide as high.
const WIDE: usize = 3;

/// Widths of lines that are looked for, in pixels.
const THICKNESSES: [usize; 5] = [2, 3, 5, 8, 12];

/// Erases the lines among `thin`, the ink of at most `thick` pixels across `axis`; pieces of one are at most
/// `reach` pixels apart.
fn erase_axis(
    mask: &mut Mask,
    ink: &GrayImage,
    thin: &[Run],
    axis: Axis,
    (thick, reach): (usize, usize),
    erased: &mut Vec<Rect>,
) {
    let (width, height) = (mask.width(), mask.height());
    let mut segments = components_of_runs(thin, thick);
    segments.retain(|s| {
        let length = axis.length(&s.bounds);
        length >= thick && s.area <= thick * length
    });
    for line in choose(chain(&segments, axis, thick, reach), axis, width, height) {
        let pieces: Vec<&Component> = line.segments.iter().map(|&i| &segments[i]).collect();
        let stretches = stretches_along(mask, axis, &pieces, thick);
        erase_paler(mask, ink, axis, &stretches);
        erased.push(line.bounds);
    }
}

/// What is to be erased at a place along a line: the ink across it.
type Stretch = (usize, Range<usize>);

/// A line along its whole way, also where it is a little thicker than elsewhere, but not where a
/// stroke crosses it.
fn stretches_along(mask: &Mask, axis: Axis, pieces: &[&Component], thick: usize) -> Vec<Stretch> {
    let (along, across) = axis.sizes(mask);
    // Where the middle of the line is known: at the ends of each piece.
    let mut known: Vec<(usize, f32)> = pieces.iter().flat_map(|p| axis.ends(p)).collect();
    known.sort_unstable_by_key(|&(at, _)| at);
    let mut next = 0;
    let mut stretches = Vec::new();
    for position in 0..along {
        while next < known.len() && known[next].0 < position {
            next += 1;
        }
        let (before, after) = (known[next.saturating_sub(1)], known[next.min(known.len() - 1)]);
        let t = if after.0 > before.0 {
            (position as f32 - before.0 as f32) / (after.0 - before.0) as f32
        } else {
            0.0
        };
        // Beyond its ends a line goes on level; what lies there is perhaps the line still.
        let middle = before.1 + (after.1 - before.1) * t.clamp(0.0, 1.0);
        let low = (middle as usize).saturating_sub(thick / 2 + 1);
        let high = (middle as usize + thick / 2 + 2).min(across);
        let Some(hit) = (low..high).find(|&i| axis.ink(mask, position, i)) else { continue };
        let stretch = axis.stretch(mask, position, hit);
        if stretch.len() <= thick + 2 {
            stretches.push((position, stretch));
        }
    }
    stretches
}

/// Erases a line but for what is clearly darker than most of it.
fn erase_paler(mask: &mut Mask, ink: &GrayImage, axis: Axis, line: &[Stretch]) {
    let value = |along: usize, across: usize| {
        let (x, y) = axis.at(along, across);
        ink.row(y)[x]
    };
    let darkest = |(at, stretch): &Stretch| stretch.clone().map(|i| value(*at, i)).max();
    let darkness: Vec<u8> = line.iter().filter_map(darkest).collect();
    let at = |part: usize| ranked(darkness.iter().copied(), 1, part).map(f32::from);
    let (Some(usual), Some(pale)) = (at(2), at(8)) else { return };
    let most = usual + (DARKER * usual).max(3.0 * (usual - pale));
    for (at, stretch) in line {
        for across in stretch.clone().filter(|&i| f32::from(value(*at, i)) <= most) {
            axis.erase(mask, *at, across);
        }
    }
}

/// What is so much darker than a line, as a share of the line's darkness, is no part of it.
const DARKER: f32 = 0.3;

/// The way a line runs.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Across,
    Down,
}

impl Axis {
    /// The picture's size along the lines, and across them.
    fn sizes(self, mask: &Mask) -> (usize, usize) {
        match self {
            Axis::Across => (mask.width(), mask.height()),
            Axis::Down => (mask.height(), mask.width()),
        }
    }

    /// Column and row of a place.
    fn at(self, along: usize, across: usize) -> (usize, usize) {
        if self == Axis::Across { (along, across) } else { (across, along) }
    }

    fn ink(self, mask: &Mask, along: usize, across: usize) -> bool {
        let (x, y) = self.at(along, across);
        mask.row(y)[x]
    }

    /// The ink across the lines, without a gap, that holds the ink at `hit`.
    fn stretch(self, mask: &Mask, along: usize, hit: usize) -> Range<usize> {
        let across = self.sizes(mask).1;
        let ink = |&i: &usize| self.ink(mask, along, i);
        let start = (0..=hit).rev().take_while(ink).last().unwrap_or(hit);
        start..(hit..across).find(|i| !ink(i)).unwrap_or(across)
    }

    fn erase(self, mask: &mut Mask, along: usize, across: usize) {
        let (x, y) = self.at(along, across);
        mask.row_mut(y)[x] = false;
    }

    fn length(self, b: &Rect) -> usize {
        if self == Axis::Across { b.width } else { b.height }
    }

    /// First and last place of a piece: along the line, and the middle of the ink across it.
    fn ends(self, piece: &Component) -> [(usize, f32); 2] {
        let b = piece.bounds;
        let ends = match self {
            Axis::Across => [b.x, b.right() - 1],
            Axis::Down => [b.y, b.bottom() - 1],
        };
        ends.map(|end| {
            let (mut sum, mut count) = (0.0, 0.0);
            for run in &piece.runs {
                match self {
                    Axis::Across if (run.start..run.end).contains(&end) => {
                        (sum, count) = (sum + run.y as f32, count + 1.0);
                    }
                    Axis::Down if run.y == end => {
                        let middle = (run.start + run.end - 1) as f32 / 2.0;
                        (sum, count) = (sum + middle, count + 1.0);
                    }
                    _ => {}
                }
            }
            (end, sum / f32::max(count, 1.0))
        })
    }
}

/// All ink, and how thick it is at each pixel.
struct Thickness {
    runs: Vec<Run>,
    /// Measured downwards: of each pixel of each run, in their order.
    down: Vec<u32>,
}

impl Thickness {
    fn new(mask: &Mask) -> Self {
        let runs = runs_of(mask);
        let pixels = runs.iter().map(|run| run.end - run.start).sum();
        let mut down = vec![0; pixels];
        // Of each column: where its last ink began, in which row it ended, and where it stands in
        // `down`.
        let mut columns = vec![(0u32, u32::MAX - 1, 0u32); mask.width()];
        let mut at = 0;
        // On the way down the ink above counts, on the way up all of it is known.
        let mut above = vec![u32::MAX; pixels];
        for run in &runs {
            let y = run.y as u32;
            for (begin, end, last) in &mut columns[run.start..run.end] {
                if *end + 1 == y {
                    above[at] = *last;
                } else {
                    *begin = y;
                }
                (*end, *last) = (y, at as u32);
                down[at] = y + 1 - *begin;
                at += 1;
            }
        }
        for i in (0..pixels).rev() {
            if above[i] != u32::MAX {
                down[above[i] as usize] = down[i];
            }
        }
        Self { runs, down }
    }

    /// Ink of at most `thick` pixels across a line that runs along `axis`.
    fn thin(&self, axis: Axis, thick: usize) -> Vec<Run> {
        let length = |run: &Run| run.end - run.start;
        if axis == Axis::Down {
            return self.runs.iter().filter(|run| length(run) <= thick).copied().collect();
        }
        let mut thin = Vec::new();
        let mut rest = &self.down[..];
        for run in &self.runs {
            let (depths, after) = rest.split_at(length(run));
            rest = after;
            let mut start = run.start;
            for part in depths.chunk_by(|a, b| (*a <= thick as u32) == (*b <= thick as u32)) {
                if part[0] <= thick as u32 {
                    thin.push(Run { y: run.y, start, end: start + part.len() });
                }
                start += part.len();
            }
        }
        thin
    }
}

/// Pieces of one line.
struct Line {
    segments: Vec<usize>,
    bounds: Rect,
    /// The length of its pieces.
    covered: usize,
}

/// Links pieces that go on where another ended: strokes and crossing lines part them.
fn chain(segments: &[Component], axis: Axis, thick: usize, reach: usize) -> Vec<Line> {
    let ends: Vec<_> = segments.iter().map(|s| axis.ends(s)).collect();
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.sort_by_key(|&i| ends[i][0].0);
    let mut lines: Vec<Line> = Vec::new();
    // Those that the next piece may go on with, the last one begun last.
    let mut open: Vec<usize> = Vec::new();
    for i in order {
        let [(start, at), _] = ends[i];
        let end_of = |line: &Line| ends[*line.segments.last().expect("a line has pieces")][1];
        // Pieces come in the order of their starts, so what is too far behind once stays so.
        open.retain(|&line| start <= end_of(&lines[line]).0 + reach);
        let goes_on = |line: &&usize| {
            let (end, level) = end_of(&lines[**line]);
            let gap = start.saturating_sub(end);
            start + thick > end && (at - level).abs() <= thick as f32 / 2.0 + 1.0 + 0.1 * gap as f32
        };
        let length = axis.length(&segments[i].bounds);
        match open.iter().rev().find(goes_on) {
            Some(&line) => {
                let line = &mut lines[line];
                line.segments.push(i);
                line.bounds = line.bounds.union(&segments[i].bounds);
                line.covered += length;
            }
            None => {
                open.push(lines.len());
                lines.push(Line { segments: vec![i], bounds: segments[i].bounds, covered: length });
            }
        }
    }
    lines
}

/// Of all that is straight and thin, what is no writing.
fn choose(mut lines: Vec<Line>, axis: Axis, width: usize, height: usize) -> Vec<Line> {
    // Along the line, and across it.
    let (along, across) = match axis {
        Axis::Across => (width, height),
        Axis::Down => (height, width),
    };
    let place = |b: &Rect| match axis {
        Axis::Across => (b.x, b.right(), b.y, b.bottom()),
        Axis::Down => (b.y, b.bottom(), b.x, b.right()),
    };
    lines.retain(|line| {
        let (start, end, low, high) = place(&line.bounds);
        let length = end - start;
        // Straight: it may slope, but is long compared with what it rises.
        length * 2 >= along && line.covered * 2 >= length && (high - low) * 8 <= length
    });
    let solid =
        |line: &Line| line.covered * 4 >= 3 * (place(&line.bounds).1 - place(&line.bounds).0);
    let many = lines.iter().filter(|line| solid(line)).count() >= 3 && along.max(across) >= 200;
    lines.retain(|line| {
        let (start, end, low, high) = place(&line.bounds);
        let through = start * 20 <= along && (along - end) * 20 <= along;
        let beside_edge = high * 8 <= across || low * 8 >= across * 7;
        through || solid(line) && (beside_edge || many)
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::super::connected_components;
    use super::*;

    fn mask(width: usize, height: usize, ink: impl Fn(usize, usize) -> bool) -> Mask {
        Mask::new(width, height, (0..width * height).map(|i| ink(i % width, i / width)).collect())
    }

    /// Of ink that is as dark everywhere.
    fn erased(mask: &mut Mask) -> Vec<Rect> {
        let ink = GrayImage::filled(mask.width(), mask.height(), 200);
        erase_rules(mask, &ink)
    }

    #[test]
    fn a_ruled_line_goes_and_the_stroke_on_it_stays_whole() {
        let stroke = |x: usize, y: usize| (48..54).contains(&x) && (20..80).contains(&y);
        let slope = |x: usize, y: usize| (50 + x / 25..52 + x / 25).contains(&y);
        let mut paper = mask(100, 100, |x, y| stroke(x, y) || slope(x, y));
        assert_eq!(erased(&mut paper).len(), 1);
        assert_eq!(paper, mask(100, 100, stroke));
    }

    #[test]
    fn a_stroke_along_a_paler_line_stays() {
        let line = |y: usize| (50..53).contains(&y);
        let bar = |x: usize, y: usize| (30..60).contains(&x) && line(y);
        let leg = |x: usize, y: usize| (56..60).contains(&x) && (20..53).contains(&y);
        let stroke = |x: usize, y: usize| bar(x, y) || leg(x, y);
        let mut paper = mask(120, 100, |x, y| line(y) || stroke(x, y));
        let darkness = |i: usize| if stroke(i % 120, i / 120) { 180 } else { 100 };
        let ink = GrayImage::new(120, 100, (0..120 * 100).map(darkness).collect());
        assert_eq!(erase_rules(&mut paper, &ink).len(), 1);
        assert_eq!(paper, mask(120, 100, stroke));
    }

    #[test]
    fn squares_go_and_leave_only_where_they_cross() {
        let square = |x: usize, y: usize| x % 40 == 9 || y % 40 == 9;
        let digit = |x: usize, y: usize| (100..106).contains(&x) && (60..150).contains(&y);
        let mut paper = mask(240, 240, |x, y| square(x, y) || digit(x, y));
        assert_eq!(erased(&mut paper).len(), 12);
        let left: Vec<usize> =
            connected_components(&paper, 0).iter().map(|c| c.area).filter(|&a| a > 4).collect();
        assert_eq!(left, [6 * 90]);
    }

    #[test]
    fn bars_of_digits_are_no_rules() {
        let seven = |x: usize, y: usize| {
            let x = x % 30;
            (5..25).contains(&x) && ((20..22).contains(&y) || (x >= 22 && (20..60).contains(&y)))
        };
        let mut row = mask(180, 80, |x, y| (30..150).contains(&x) && seven(x, y));
        let before = row.clone();
        assert!(erased(&mut row).is_empty());
        assert_eq!(row, before);
    }

    #[test]
    fn the_line_that_digits_stand_on_goes_and_a_dash_stays() {
        let left = |high: usize| {
            let ink = |x: usize, y: usize| {
                let line = (60..62).contains(&y) && (40..240).contains(&x);
                let stroke = x % 50 < 8 && (80..220).contains(&x) && (61 - high..61).contains(&y);
                line || stroke
            };
            let mask = mask(400, 100, ink);
            let ink = GrayImage::filled(400, 100, 200);
            let mut pieces = connected_components(&mask, 8);
            assert_eq!(pieces.len(), 1);
            let erased = erase_baselines(&mut pieces, &ink, 8);
            (erased, pieces.into_iter().map(|c| c.bounds).collect::<Vec<_>>())
        };
        let (erased, strokes) = left(40);
        assert_eq!(erased, [Rect { x: 40, y: 60, width: 200, height: 2 }]);
        assert_eq!(strokes.len(), 3);
        assert!(strokes.iter().all(|b| b.width == 8 && b.height >= 38), "{strokes:?}");
        let (erased, dash) = left(0);
        assert_eq!((erased, dash), (vec![], vec![Rect { x: 40, y: 60, width: 200, height: 2 }]));
    }
}

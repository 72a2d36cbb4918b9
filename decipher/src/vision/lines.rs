//! Puts digits in reading order: lines from the top, in them digits from the left, with the gaps
//! that part numbers.

use super::rank::{median, ranked};
use crate::image::Rect;

/// Lines of indices into `boxes`, from the top line down and from left to right.
///
/// Boxes are taken from the left, and each goes to the line whose end it stands beside. Only the
/// nearest digit to the left decides, so a line may climb or fall across the page. Lines that then
/// run at one height are one. Where all lean alike, boxes are first put level.
pub fn reading_order(boxes: &[Rect]) -> Vec<Vec<usize>> {
    let boxes = &level(boxes)[..];
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by_key(|&i| (boxes[i].x, boxes[i].y));
    let mut lines: Vec<Vec<usize>> = Vec::new();
    for i in order {
        let best = lines
            .iter_mut()
            .map(|line| (beside(&boxes[i], end_of(line, boxes)), line))
            .filter(|(shared, _)| *shared >= LEAST_SHARED)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((_, line)) => line.push(i),
            None => lines.push(vec![i]),
        }
    }
    merge(&mut lines, boxes);
    lines.sort_by_key(|line| {
        line.iter().map(|&i| 2 * boxes[i].y + boxes[i].height).sum::<usize>() / line.len()
    });
    lines
}

/// The boxes of a page whose lines climb or fall, as if they did not: moved down or up by as much as the usual
/// digit stands higher or lower than its neighbour on the left.
fn level(boxes: &[Rect]) -> Vec<Rect> {
    let middle = |b: &Rect| [b.x + b.width / 2, b.y + b.height / 2].map(|v| v as f32);
    let mut by_left: Vec<&Rect> = boxes.iter().collect();
    by_left.sort_by_key(|b| b.x);
    let slope_after = |(i, a): (usize, &&Rect)| {
        let near = a.right() + NEAR * a.height;
        let mut right = by_left[i + 1..].iter().take_while(|b| b.x <= near);
        let next = right.find(|b| b.x >= a.x + a.width / 2 && beside(a, b) >= SAME_LINE)?;
        let ([x0, y0], [x1, y1]) = (middle(a), middle(next));
        Some((y1 - y0) / (x1 - x0).max(1.0))
    };
    let slopes: Vec<f32> = by_left.iter().enumerate().filter_map(slope_after).collect();
    let quartile = |part| ranked(slopes.iter().copied(), part, 4).unwrap_or(0.0);
    let [low, slope, high] = [1, 2, 3].map(quartile);
    let alike = low * high > 0.0 && high - low <= slope.abs();
    if slopes.len() < TELL || slope.abs() < LEANS || !alike {
        return boxes.to_vec();
    }
    let falls = |b: &Rect| slope * middle(b)[0];
    let most = boxes.iter().map(falls).fold(0.0, f32::max);
    boxes.iter().map(|b| Rect { y: b.y + (most - falls(b)) as usize, ..*b }).collect()
}

/// So many neighbours, at most so many times their height away, tell how lines lean; less than so much rise by
/// length is not taken off.
const TELL: usize = 8;
const NEAR: usize = 1;
const LEANS: f32 = 0.08;

/// Makes one of two lines that run at the same height: pieces of a broken digit each began one.
fn merge(lines: &mut Vec<Vec<usize>>, boxes: &[Rect]) {
    let middle = |i: usize| 2 * boxes[i].x + boxes[i].width;
    let among = |short: &[usize], long: &[usize]| {
        let nearest =
            |i: usize| long.iter().copied().min_by_key(|&j| middle(j).abs_diff(middle(i)));
        let shared = |&i: &usize| nearest(i).map_or(0.0, |j| beside(&boxes[i], &boxes[j]));
        median(short.iter().map(shared)).is_some_and(|shared| shared >= SAME_LINE)
    };
    let mut i = 0;
    while i < lines.len() {
        let same = |j: &usize| {
            let (a, b) = (&lines[i], &lines[*j]);
            if a.len() < b.len() { among(a, b) } else { among(b, a) }
        };
        let Some(j) = (i + 1..lines.len()).find(same) else {
            i += 1;
            continue;
        };
        let other = lines.remove(j);
        lines[i].extend(other);
        lines[i].sort_by_key(|&i| (boxes[i].x, boxes[i].y));
    }
}

/// Drops what is much smaller than the rest of its line: dots, dashes, and what broke off a digit,
/// which may be longer if it is much thinner than a `stroke`.
pub fn drop_small(line: &mut Vec<usize>, boxes: &[Rect], stroke: usize) {
    let extent = |i: usize| boxes[i].width.max(boxes[i].height) as f32;
    let thin = |i: usize| (boxes[i].width.min(boxes[i].height) as f32) < SLIVER * stroke as f32;
    // The upper third: of two, the larger one.
    let usual = ranked(line.iter().map(|&i| boxes[i].height), 2, 3).unwrap_or(0);
    let least = |i: usize| if thin(i) { SMALL_SLIVER } else { SMALL } * usual as f32;
    line.retain(|&i| extent(i) >= least(i));
}

/// Part of the usual height of a line that no digit in it falls short of.
const SMALL: f32 = 0.45;
/// The same for what is thinner than this part of a stroke: in MNIST itself, such slivers stand
/// beside digits, up to half as high as they are.
const SMALL_SLIVER: f32 = 0.6;
const SLIVER: f32 = 0.6;

/// Part of the lower box's height that two neighbours in a line share.
const LEAST_SHARED: f32 = 0.25;

/// Part of the lower box's height that neighbours of two lines share that are one; half, for lines
/// of a page share hardly any.
const SAME_LINE: f32 = 0.5;

fn beside(a: &Rect, b: &Rect) -> f32 {
    let shared = a.bottom().min(b.bottom()).saturating_sub(a.y.max(b.y));
    shared as f32 / a.height.min(b.height).max(1) as f32
}

/// The last box that is high enough to stand for its line: not a dash between digits.
fn end_of<'a>(line: &[usize], boxes: &'a [Rect]) -> &'a Rect {
    let tallest = line.iter().rev().take(3).map(|&i| boxes[i].height).max().unwrap_or(0);
    let last = line.iter().rev().find(|&&i| boxes[i].height * 2 >= tallest);
    &boxes[*last.unwrap_or(&line[0])]
}

/// For each box of each line: does a word gap stand before it?
///
/// Digits of one number stand at similar distances, narrow ones with more air around them; so a
/// gap is measured between edges and must be clearly larger than the usual one of the whole page,
/// and of its line, and larger than half a digit. What is farther apart than [`FAR`] is no number.
pub fn word_gaps(lines: &[Vec<usize>], boxes: &[Rect]) -> Vec<Vec<bool>> {
    let gaps: Vec<Vec<f32>> = lines
        .iter()
        .map(|line| {
            line.windows(2).map(|w| boxes[w[1]].x as f32 - boxes[w[0]].right() as f32).collect()
        })
        .collect();
    let height = median(boxes.iter().map(|b| b.height as f32)).unwrap_or(0.0);
    let page = usual(gaps.iter().flatten().copied());
    gaps.iter()
        .zip(lines)
        .map(|(gaps, line)| {
            let usual = usual(gaps.iter().copied()).max(page.min(1.5 * height));
            let high = median(line.iter().map(|&i| boxes[i].height as f32)).unwrap_or(0.0);
            let least = (2.0 * usual).min(FAR * high).max(0.5 * height);
            std::iter::once(false).chain(gaps.iter().map(|&gap| gap > least)).collect()
        })
        .collect()
}

/// Digits of one number are at most so many times as far apart as they are high: those in the boxes of a
/// form.
const FAR: f32 = 2.5;

/// The usual gap within numbers: the lower third, as some gaps are those between numbers.
fn usual(gaps: impl Iterator<Item = f32>) -> f32 {
    ranked(gaps, 1, 3).unwrap_or(0.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_much_smaller_than_its_line_goes() {
        let upright = |x, height| Rect { x, y: 100 - height, width: 8, height };
        let boxes = [upright(0, 40), upright(20, 12), upright(30, 44), upright(50, 30)];
        let mut line = vec![0, 1, 2, 3];
        drop_small(&mut line, &boxes, 4);
        assert_eq!(line, [0, 2, 3]);
        // Two columns wide, half as high: a sliver beside the digits, which are drawn in four.
        let sliver = [upright(0, 40), Rect { x: 12, y: 60, width: 2, height: 21 }, upright(20, 40)];
        let mut line = vec![0, 1, 2];
        drop_small(&mut line, &sliver, 4);
        assert_eq!(line, [0, 2]);
        let mut alone = vec![1];
        drop_small(&mut alone, &boxes, 4);
        assert_eq!(alone, [1]);
    }

    #[test]
    fn digits_far_apart_are_several_numbers_however_even_their_gaps() {
        let row = |gap: usize| -> Vec<Rect> {
            (0..4).map(|i| Rect { x: (30 + gap) * i, y: 0, width: 30, height: 40 }).collect()
        };
        let gaps = |gap| word_gaps(&[vec![0, 1, 2, 3]], &row(gap)).concat();
        assert_eq!(gaps(95), [false; 4]);
        assert_eq!(gaps(105), [false, true, true, true]);
    }

    #[test]
    fn numbers_of_a_page_that_leans_stay_in_their_lines() {
        // Three lines of three numbers each, that fall by 15 degrees, closer than they fall over a gap.
        let number = |line: usize, left: usize| {
            let digit = move |i: usize| {
                let x = left + 34 * i;
                Rect { x, y: 100 * line + x * 27 / 100, width: 26, height: 50 }
            };
            (0..3).map(digit)
        };
        let boxes: Vec<Rect> = (0..3)
            .flat_map(|line| [20, 250, 480].into_iter().flat_map(move |left| number(line, left)))
            .collect();
        let lines: Vec<Vec<usize>> =
            (0..3).map(|line| (9 * line..9 * line + 9).collect()).collect();
        assert_eq!(reading_order(&boxes), lines);
    }

    #[test]
    fn both_parts_of_a_broken_digit_begin_one_line() {
        let at = |x, y, width, height| Rect { x, y, width, height };
        // The top and the foot of a 3, then digits that reach down to the foot or do not.
        let boxes = [
            at(0, 10, 30, 18),
            at(2, 42, 30, 16),
            at(40, 8, 30, 48),
            at(80, 22, 20, 45),
            at(110, 30, 30, 45),
            at(150, 10, 20, 46),
        ];
        let lines = reading_order(&boxes);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].is_sorted_by_key(|&i| boxes[i].x));
    }

    #[test]
    fn a_line_may_climb_steeply_and_one_below_is_another() {
        let row = |top: usize| {
            (0..8).map(move |i| Rect { x: 30 * i, y: top - 25 * i, width: 20, height: 40 })
        };
        let boxes: Vec<Rect> = row(200).chain(row(260)).collect();
        let lines = reading_order(&boxes);
        assert_eq!(lines, [(0..8).collect::<Vec<_>>(), (8..16).collect()]);
    }
}

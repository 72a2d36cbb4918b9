//! Puts digits in reading order: lines from the top, in them digits from the left, with the gaps
//! that part numbers.

use crate::image::Rect;

/// Lines of indices into `boxes`, from the top line down and from left to right.
///
/// Boxes are taken from the left, and each goes to the line whose end it stands beside. Only the
/// nearest digit to the left decides, so a line may climb or fall across the page.
pub fn reading_order(boxes: &[Rect]) -> Vec<Vec<usize>> {
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
    lines.sort_by_key(|line| {
        line.iter().map(|&i| 2 * boxes[i].y + boxes[i].height).sum::<usize>() / line.len()
    });
    lines
}

/// Drops what is much smaller than the rest of its line: dots, dashes, and what broke off a digit.
pub fn drop_small(line: &mut Vec<usize>, boxes: &[Rect]) {
    let extent = |i: usize| boxes[i].width.max(boxes[i].height);
    let mut heights: Vec<usize> = line.iter().map(|&i| boxes[i].height).collect();
    heights.sort_unstable();
    // The upper third: of two, the larger one.
    let usual = heights[heights.len() * 2 / 3];
    line.retain(|&i| extent(i) as f32 >= SMALL * usual as f32);
}

/// Part of the usual height of a line that no digit in it falls short of.
const SMALL: f32 = 0.45;

/// Part of the lower box's height that two neighbours in a line share.
const LEAST_SHARED: f32 = 0.25;

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
/// and of its line, and larger than half a digit.
pub fn word_gaps(lines: &[Vec<usize>], boxes: &[Rect]) -> Vec<Vec<bool>> {
    let gaps: Vec<Vec<f32>> = lines
        .iter()
        .map(|line| {
            line.windows(2).map(|w| boxes[w[1]].x as f32 - boxes[w[0]].right() as f32).collect()
        })
        .collect();
    let height = median(boxes.iter().map(|b| b.height as f32).collect()).unwrap_or(0.0);
    let page = usual(gaps.concat());
    gaps.iter()
        .map(|line| {
            let usual = usual(line.clone()).max(page.min(1.5 * height));
            let least = (2.0 * usual).max(0.5 * height);
            std::iter::once(false).chain(line.iter().map(|&gap| gap > least)).collect()
        })
        .collect()
}

/// The usual gap within numbers: the lower third, as some gaps are those between numbers.
fn usual(mut gaps: Vec<f32>) -> f32 {
    gaps.sort_by(f32::total_cmp);
    gaps.get(gaps.len() / 3).copied().unwrap_or(0.0).max(0.0)
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_much_smaller_than_its_line_goes() {
        let upright = |x, height| Rect { x, y: 100 - height, width: 8, height };
        let boxes = [upright(0, 40), upright(20, 12), upright(30, 44), upright(50, 30)];
        let mut line = vec![0, 1, 2, 3];
        drop_small(&mut line, &boxes);
        assert_eq!(line, [0, 2, 3]);
        let mut alone = vec![1];
        drop_small(&mut alone, &boxes);
        assert_eq!(alone, [1]);
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

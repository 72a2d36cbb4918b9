//! Joins the pieces that one digit was written, or scanned, in.

use super::{Component, size::writing_height};
use crate::image::Rect;

/// Groups `components` into digits; each group lists the pieces of one, as indices.
///
/// Two pieces belong together when one stands above the other or reaches over it (the bar of a 5,
/// the two strokes of a 4, a 0 that the threshold cut) and they nearly touch. Pieces side by side
/// are two digits, however close, but for a bar at the upper right.
pub fn join_pieces(components: &[Component]) -> Vec<Vec<usize>> {
    let height = writing_height(components);
    let mut group: Vec<usize> = (0..components.len()).collect();
    let mut bounds: Vec<Rect> = components.iter().map(|c| c.bounds).collect();

    let mut by_left: Vec<usize> = (0..components.len()).collect();
    by_left.sort_by_key(|&i| components[i].bounds.x);
    let mut pairs = Vec::new();
    for (n, &a) in by_left.iter().enumerate() {
        let right = components[a].bounds.right();
        for &b in
            by_left[n + 1..].iter().take_while(|&&b| components[b].bounds.x <= right + height / 6)
        {
            if let Some(distance) = kinship(&components[a], &components[b], height) {
                pairs.push((distance, a, b));
            }
        }
    }
    // The closest first: a bar between two lines goes to the digit that it nearly touches.
    pairs.sort_unstable();
    for (_, a, b) in pairs {
        let (a, b) = (group[a], group[b]);
        let both = bounds[a].union(&bounds[b]);
        let tallest = height.max(bounds[a].height).max(bounds[b].height);
        if a != b && both.height * 10 <= tallest * 14 {
            let (keep, gone) = (a.min(b), a.max(b));
            bounds[keep] = both;
            group.iter_mut().filter(|g| **g == gone).for_each(|g| *g = keep);
        }
    }

    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); components.len()];
    for (i, &g) in group.iter().enumerate() {
        groups[g].push(i);
    }
    groups.retain(|g| !g.is_empty());
    groups
}

/// The distance in pixels of two pieces that look like one digit; `None` if they are two.
fn kinship(a: &Component, b: &Component, height: usize) -> Option<usize> {
    let (x, y) = (&a.bounds, &b.bounds);
    let narrow = x.width.min(y.width);
    let small = a.extent().min(b.extent());
    let reach = height.max(x.height.max(y.height).min(2 * height));
    if is_bar_of_five(x, y) {
        return Some(distance(a, b)).filter(|distance| *distance <= reach / 6);
    }
    let shared = x.right().min(y.right()).checked_sub(x.x.max(y.x))?;
    // A small piece may stick out to the side, as bars do; a large one has to stand over the other.
    let is_bar = 10 * small < 7 * reach;
    let (least_shared, most_apart) =
        if is_bar { (narrow / 5, reach / 6) } else { (narrow * 3 / 5, reach / 8) };
    if shared < least_shared.max(1) {
        return None;
    }
    let gap = |a0: usize, a1: usize, b0: usize, b1: usize| {
        b0.saturating_sub(a1).max(a0.saturating_sub(b1))
    };
    if gap(x.y, x.bottom(), y.y, y.bottom()) > most_apart {
        return None;
    }
    let distance = distance(a, b);
    (distance <= most_apart.max(2)).then_some(distance)
}

/// Whether the second piece lies flat at the upper right of the first, as the bar of a 5 does,
/// which is written last and often beside the rest.
fn is_bar_of_five(body: &Rect, bar: &Rect) -> bool {
    bar.width * 2 >= 3 * bar.height
        && bar.height * 2 <= body.height
        && bar.width <= 2 * body.width
        && bar.x * 2 > body.x + body.right()
        && bar.y + bar.height / 2 <= body.y + body.height / 4
}

/// Smallest distance of two pieces in pixels, the larger of its two coordinates.
pub(super) fn distance(a: &Component, b: &Component) -> usize {
    let mut least = usize::MAX;
    for r in &a.runs {
        for s in &b.runs {
            let down = r.y.abs_diff(s.y);
            if down < least {
                let across = s.start.saturating_sub(r.end).max(r.start.saturating_sub(s.end));
                least = least.min(down.max(across));
            }
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::super::{Mask, connected_components};
    use super::*;

    /// How many digits the rectangles are, drawn full.
    fn groups(pieces: &[Rect]) -> usize {
        let inside = |b: &Rect, x: usize, y: usize| {
            (b.x..b.right()).contains(&x) && (b.y..b.bottom()).contains(&y)
        };
        let ink = |i: usize| pieces.iter().any(|b| inside(b, i % 120, i / 120));
        let mask = Mask::new(120, 80, (0..120 * 80).map(ink).collect());
        join_pieces(&connected_components(&mask, 0)).len()
    }

    #[test]
    fn the_bar_of_a_five_belongs_to_it_and_a_dash_to_nobody() {
        let at = |x, y, width, height| Rect { x, y, width, height };
        let (body, next) = (at(20, 30, 24, 36), at(90, 26, 20, 40));
        assert_eq!(groups(&[body, at(46, 27, 24, 6), next]), 2);
        assert_eq!(groups(&[body, at(50, 46, 24, 6), next]), 3);
        // A digit as high as its neighbour is one, however close.
        assert_eq!(groups(&[body, at(46, 28, 20, 36), next]), 3);
    }
}

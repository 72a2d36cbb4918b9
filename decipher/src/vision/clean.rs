//! Throws away ink that is not writing: specks, ruled lines, frames and what the edge cuts.

mod rings;
mod tables;

use super::join::distance;
use super::size::{SPECK, usual_width, width_of, writing_height};
use super::{Component, LEGIBLE, Run, median};
use crate::image::Rect;
pub use rings::drop_rings;
pub use tables::drop_tables;

/// Pieces much smaller than the writing are dust, or dots.
pub fn drop_specks(components: &mut Vec<Component>) {
    let least = writing_height(components.iter()) as f32 * SPECK;
    components.retain(|c| c.extent() as f32 >= least);
}

/// Drops what is much larger than most of what is large enough to be read.
pub fn drop_outsized(components: &mut Vec<Component>) {
    let extents = components.iter().map(Component::extent).filter(|&extent| extent >= LEGIBLE);
    let most = THING * median(extents).unwrap_or(0);
    components.retain(|c| c.extent() <= most);
}

/// Ruled lines, margins and underlines: long, straight and thin. `width` and `height` are the
/// picture's.
pub fn drop_rules(components: &mut Vec<Component>, width: usize, height: usize) {
    components.retain(|c| {
        let (w, h) = (c.bounds.width, c.bounds.height);
        let across = w > 12 * h && w * 4 > width;
        // A one is upright and thin too, so upright lines have to be a good deal longer.
        let down = h > 20 * w && h * 2 > height;
        !across && !down
    });
}

/// Drops what is much larger than the writing, and thicker or cut off by the picture's border: a
/// pen, its shadow, a thumb. Returns where they were.
///
/// Next to these even a digit would look like a speck. All stays where there is no writing: at least
/// two pieces for each of them that are much longer than thick, and not cut off.
pub fn drop_things(components: &mut Vec<Component>, width: usize, height: usize) -> Vec<Rect> {
    let cut_off = |c: &Component| c.reaches_border(width, height);
    let is_written = |c: &&Component| c.extent() >= WRITTEN * width_of(c) && !cut_off(c);
    let written: Vec<&Component> = components.iter().filter(is_written).collect();
    let (largest, thickest) = (
        THING * writing_height(written.iter().copied()),
        THING * usual_width(written.iter().copied()),
    );
    let is_thing = |c: &Component| c.extent() > largest && (cut_off(c) || width_of(c) > thickest);
    let things: Vec<Rect> = components.iter().filter(|c| is_thing(c)).map(|c| c.bounds).collect();
    if written.len() < 2 * things.len() {
        return vec![];
    }
    components.retain(|c| !is_thing(c));
    things
}

/// A digit is at least so many times as long as its strokes are broad.
const WRITTEN: usize = 3;
/// What is more than so many times as large as the writing is none.
const THING: usize = 3;

/// Frames, the table beside the sheet and shadows in corners: pieces that lie along an edge of the
/// picture, or reach from edge to edge. A digit cut out tightly does so as well: all stays where
/// nothing else is there, or nothing that stands free and is larger than the stroke of what reaches
/// from edge to edge.
pub fn drop_frames(components: &mut Vec<Component>, width: usize, height: usize) {
    let along = |c: &Component| {
        let contact = edge_contact(c, width, height);
        contact.iter().zip([width, width, height, height]).any(|(&n, side)| n * 4 >= side)
    };
    let spans =
        |c: &Component| c.bounds.width * 10 > width * 9 && c.bounds.height * 10 > height * 9;
    let inside = |c: &Component| !along(c) && !spans(c);
    // Of what reaches from edge to edge; 0 if nothing does.
    let stroke = usual_width(components.iter().filter(|c| spans(c) && !along(c)));
    // What the picture's border cuts off is not framed, but stands beside a digit cut out tightly.
    let framed = |c: &Component| c.extent() > stroke && !c.reaches_border(width, height);
    if components.iter().any(|c| inside(c) && (stroke == 0 || framed(c))) {
        components.retain(inside);
    }
}

/// The lines of a cell that its crop shows: pieces that lie near the edges with nearly all their ink,
/// for more than half of a side. Never drops all.
pub fn drop_borders(components: &mut Vec<Component>, width: usize, height: usize) {
    let margin = (width.min(height) / 16).max(2);
    let free = |c: &Component| {
        let rows = margin..height.saturating_sub(margin);
        let (left, right) = (margin, width.saturating_sub(margin));
        let inner = |r: &Run| r.end.min(right).saturating_sub(r.start.max(left));
        let inside: usize = c.runs.iter().filter(|r| rows.contains(&r.y)).map(inner).sum();
        inside * 5 > c.area || c.extent() * 2 < width.min(height)
    };
    if components.iter().any(|c| free(c) && c.extent() * 5 >= width.min(height)) {
        components.retain(free);
    }
}

/// Which `boxes` are what is left of a line beside the picture's edge: thin, and at the edge. None
/// where something else lies there too: the picture then was cut out tightly, and a thin digit at
/// its edge is one. Where nothing stands free, only short ones that lie along the edge.
pub fn rests_of_lines(boxes: &[Rect], width: usize, height: usize) -> Vec<usize> {
    let margin = 2 + width.min(height) / 32;
    let at_edge = |b: &Rect| {
        b.x < margin || b.y < margin || b.right() + margin > width || b.bottom() + margin > height
    };
    let thin = |b: &Rect| b.width.max(b.height) >= 3 * b.width.min(b.height);
    let short_along = |b: &Rect| {
        let upright = b.x < margin || b.right() + margin > width;
        let lying = b.y < margin || b.bottom() + margin > height;
        // One that comes from another edge and is as thin as that is longer.
        let from_above = (b.y == 0 || b.bottom() == height) && b.height > 5 * b.width;
        let from_aside = (b.x == 0 || b.right() == width) && b.width > 5 * b.height;
        upright && b.height > b.width && (b.height * 2 < height || from_above)
            || lying && b.width > b.height && (b.width * 2 < width || from_aside)
    };
    let mut at_edges: Vec<usize> = (0..boxes.len()).filter(|&i| at_edge(&boxes[i])).collect();
    if at_edges.iter().any(|&i| !thin(&boxes[i])) {
        return vec![];
    }
    if at_edges.len() == boxes.len() {
        at_edges.retain(|&i| short_along(&boxes[i]));
    }
    at_edges
}

/// Longest side, in pixels, of what is more likely a crop of a digit than a page.
pub const CROP: usize = 64;

/// Whether a picture of this size is more likely a crop of a digit than a page. What is long, thin
/// or along an edge is then a stroke of the digit as likely as a line of the paper or a frame.
pub fn is_crop(width: usize, height: usize) -> bool {
    width.max(height) <= CROP
}

/// Keeps the `n` pieces with the most pixels, in their order.
pub fn keep_largest(components: &mut Vec<Component>, n: usize) {
    if components.len() > n {
        let mut areas: Vec<usize> = components.iter().map(|c| c.area).collect();
        areas.sort_unstable_by(|a, b| b.cmp(a));
        components.retain(|c| c.area > areas[n]);
    }
}

/// Of a crop of one digit: keeps the largest piece and what is large compared with it, unless it
/// is cut by the picture's edge, as neighbours and boxes are.
pub fn keep_main(components: &mut Vec<Component>, width: usize, height: usize) {
    let Some(main) = components
        .iter()
        .max_by_key(|c| {
            // A digit in a box is smaller than the box, but stands free.
            let free = edge_contact(c, width, height).iter().all(|&n| n == 0);
            c.area * c.extent() * if free { 4 } else { 1 }
        })
        .cloned()
    else {
        return;
    };
    let cut = |c: &Component| edge_contact(c, width, height).iter().any(|&n| n > 0);
    let part =
        |c: &Component| c.bounds == main.bounds || (c.extent() * 5 >= main.extent() && !cut(c));
    components.retain(part);
}

/// On a small picture, a stroke drawn fast is a row of dots: they become part of the large piece that
/// they, or dots on the way to it, nearly touch. `width` and `height` are the picture's.
pub fn join_dots(components: &mut Vec<Component>, width: usize, height: usize) {
    let reach = width.min(height).div_ceil(14);
    let largest = components.iter().map(Component::extent).max().unwrap_or(0);
    let cut = |c: &Component| edge_contact(c, width, height).iter().any(|&n| n > 0);
    let dot = |c: &mut Component| c.extent() * 5 < largest && !cut(c);
    let mut dots: Vec<Component> = components.extract_if(.., dot).collect();
    for piece in components.iter_mut() {
        let mut line = vec![piece.clone()];
        let mut from = 0;
        while from < line.len() && !dots.is_empty() {
            let near = |c: &mut Component| distance(c, &line[from]) <= reach;
            let more: Vec<Component> = dots.extract_if(.., near).collect();
            line.extend(more);
            from += 1;
        }
        let mut runs: Vec<Run> = line.into_iter().flat_map(|piece| piece.runs).collect();
        runs.sort_unstable_by_key(|r| (r.y, r.start));
        *piece = Component::of_runs(runs).unwrap_or_else(|| unreachable!("a piece has runs"));
    }
    components.append(&mut dots);
}

/// Pixels of the piece on the picture's top, bottom, left and right edge.
fn edge_contact(c: &Component, width: usize, height: usize) -> [usize; 4] {
    let on_row =
        |y: usize| c.runs.iter().filter(|r| r.y == y).map(|r| r.end - r.start).sum::<usize>();
    [
        if c.bounds.y == 0 { on_row(0) } else { 0 },
        if c.bounds.bottom() == height { on_row(height - 1) } else { 0 },
        c.runs.iter().filter(|r| r.start == 0).count(),
        c.runs.iter().filter(|r| r.end == width).count(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece of those rows, each with its stretches of ink.
    pub(super) fn piece(rows: impl Iterator<Item = (usize, Vec<(usize, usize)>)>) -> Component {
        let runs: Vec<Run> = rows
            .flat_map(|(y, row)| row.into_iter().map(move |(start, end)| Run { y, start, end }))
            .collect();
        Component::of_runs(runs).unwrap()
    }

    #[test]
    fn a_frame_goes_and_a_digit_that_fills_the_picture_stays() {
        // A ring from edge to edge of 100 x 100 pixels, with something in it.
        let ring = |width: usize| {
            let bar = move |y: usize| y < 2 + width || y >= 98 - width;
            let row = move |y: usize| {
                if bar(y) { vec![(2, 98)] } else { vec![(2, 2 + width), (98 - width, 98)] }
            };
            piece((2..98).map(move |y| (y, row(y))))
        };
        let inner = |size: usize| piece((50..50 + size).map(move |y| (y, vec![(40, 40 + size)])));
        let left = |ring: Component, inner: Component| {
            let mut pieces = vec![ring, inner];
            drop_frames(&mut pieces, 100, 100);
            pieces.len()
        };
        // A digit in a frame; a zero with a hole in its ink.
        assert_eq!(left(ring(2), inner(20)), 1);
        assert_eq!(left(ring(20), inner(4)), 2);
        // A zero, and what the crop shows of its neighbour.
        assert_eq!(left(ring(8), block(0, 70, 8, 20)), 2);
    }

    /// A full rectangle.
    pub(super) fn block(x: usize, y: usize, width: usize, height: usize) -> Component {
        piece((y..y + height).map(move |y| (y, vec![(x, x + width)])))
    }

    #[test]
    fn a_thumb_goes_where_there_is_writing_and_a_digit_beside_scratches_stays() {
        let stroke = |x: usize, height: usize| block(x, 100, 6, height);
        let thumb = block(300, 50, 100, 350);
        let mut pieces = vec![stroke(20, 40), stroke(50, 44), thumb.clone()];
        assert_eq!(drop_things(&mut pieces, 400, 400), [thumb.bounds]);
        assert_eq!(pieces, [stroke(20, 40), stroke(50, 44)]);
        // One stroke alone may be dirt beside a digit that the picture cuts off.
        let mut pieces = vec![stroke(20, 40), thumb.clone()];
        assert_eq!(drop_things(&mut pieces, 400, 400), []);
        // So may dots.
        let mut pieces = vec![block(20, 100, 6, 6), block(50, 100, 7, 6), thumb.clone()];
        assert_eq!(drop_things(&mut pieces, 400, 400), []);
        // A high line of the writing is thin.
        let mut pieces = vec![stroke(20, 40), stroke(50, 44), block(80, 50, 7, 160)];
        assert_eq!(drop_things(&mut pieces, 400, 400), []);
        assert_eq!(drop_things(&mut vec![], 400, 400), []);
    }

    #[test]
    fn the_border_of_a_cell_goes_and_the_base_of_a_one_stays() {
        let left = |pieces: &[Component]| {
            let mut pieces = pieces.to_vec();
            drop_borders(&mut pieces, 60, 60);
            pieces.len()
        };
        let stroke = block(28, 10, 3, 40);
        // Down the right edge and along the lower one, as one piece.
        let corner = (0..57).map(|y| (y, vec![(57, 59)])).chain([(57, vec![(0, 59)])]);
        assert_eq!(left(&[stroke.clone(), piece(corner)]), 1);
        assert_eq!(left(&[stroke, block(12, 54, 36, 2)]), 2);
        // A border alone is not told from a stroke.
        assert_eq!(left(&[block(57, 0, 2, 60)]), 1);
    }

    #[test]
    fn dots_on_the_way_belong_to_the_stroke_and_far_ones_do_not() {
        let stroke = block(6, 4, 2, 18);
        let dots = [block(9, 22, 1, 1), block(11, 23, 1, 1), block(13, 23, 1, 1)];
        let far = block(20, 10, 1, 1);
        let mut pieces = [&dots[..], &[stroke, far.clone()]].concat();
        join_dots(&mut pieces, 28, 28);
        let [whole, alone] = pieces.try_into().unwrap();
        assert_eq!(alone, far);
        assert_eq!((whole.area, whole.bounds.right(), whole.bounds.bottom()), (39, 14, 24));
        assert!(whole.runs.is_sorted_by_key(|r| (r.y, r.start)) && whole.runs.len() == 21);
    }

    #[test]
    fn thin_things_at_the_edge_go_unless_all_was_cut_out_tightly() {
        let at = |x, y, width, height| Rect { x, y, width, height };
        let (three, one) = (at(60, 30, 30, 45), at(100, 32, 8, 44));
        let (left, top) = (at(0, 0, 2, 40), at(70, 1, 60, 3));
        assert_eq!(rests_of_lines(&[left, three, one, top], 200, 100), [0, 3]);
        // A number in a tight crop begins with a one.
        let (first, second) = (at(0, 1, 8, 44), at(20, 0, 30, 45));
        assert!(rests_of_lines(&[first, second], 50, 45).is_empty());
        // A one on its own, and what is too short to be one.
        assert!(rests_of_lines(&[at(0, 20, 2, 60)], 200, 100).is_empty());
        assert_eq!(rests_of_lines(&[left, at(90, 98, 12, 2)], 200, 100), [0, 1]);
        // A long one that comes from another edge.
        assert_eq!(rests_of_lines(&[at(41, 0, 4, 38)], 46, 46), [0]);
        assert!(rests_of_lines(&[at(41, 4, 4, 38)], 46, 46).is_empty());
    }
}

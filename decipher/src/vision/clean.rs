//! Throws away ink that is not writing: specks, ruled lines, frames and what the edge cuts.

use super::{Component, LEGIBLE, Run, join::distance, median};
use crate::image::Rect;

/// Size of the writing: the height that a typical piece of ink has, in pixels (0 if there is none).
///
/// The median, in which each piece weighs as much as its height squared: a hundred specks then
/// weigh less than one digit.
pub fn writing_height<'a>(components: impl IntoIterator<Item = &'a Component>) -> usize {
    let mut heights: Vec<usize> = components.into_iter().map(|c| c.bounds.height).collect();
    heights.sort_unstable();
    let half = heights.iter().map(|h| h * h).sum::<usize>() / 2;
    let mut below = 0;
    heights
        .into_iter()
        .find(|h| {
            below += h * h;
            below > half
        })
        .unwrap_or(0)
}

/// The usual width of the strokes, measured across (digits are upright more than they lie), in
/// pieces that are no specks.
pub fn stroke_width(pieces: &[Component]) -> usize {
    let least = writing_height(pieces) as f32 * SPECK;
    usual_width(pieces.iter().filter(|c| c.extent() as f32 >= least))
}

/// The median length of the pieces' runs, 0 if there are none.
pub fn usual_width<'a>(pieces: impl Iterator<Item = &'a Component>) -> usize {
    usual_length(pieces.flat_map(|c| &c.runs))
}

/// The median length of runs, 0 if there are none.
pub fn usual_length<'a>(runs: impl Iterator<Item = &'a Run>) -> usize {
    median(runs.map(|r| r.end - r.start)).unwrap_or(0)
}

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

/// Drops what was drawn around digits: circles, frames, the boxes of a form, of which a side may be missing if
/// `lines` were erased. Returns where they were.
pub fn drop_rings(components: &mut Vec<Component>, lines: bool) -> Vec<Rect> {
    if components.len() > MOST_RINGED {
        return vec![];
    }
    let least = if lines { 3 } else { 4 };
    let is_ring = |ring: &Component| {
        let size = ring.bounds.width.min(ring.bounds.height);
        let is_large = |c: &&Component| c.extent() >= LEGIBLE && c.extent() * ENCLOSED_SIZE >= size;
        let mut inside = components.iter().filter(is_large).filter(|c| sides_of(c, ring) >= least);
        // A slash in a 0 does not always touch it.
        let is_zero = |c: &Component| {
            ring.bounds.height * 4 > ring.bounds.width * 5 && c.area * 5 < c.extent() * c.extent()
        };
        inside.next().is_some_and(|c| !is_zero(c) || inside.next().is_some())
    };
    let mut rings = components.iter().map(is_ring).collect::<Vec<_>>().into_iter();
    components.extract_if(.., |_| rings.next() == Some(true)).map(|ring| ring.bounds).collect()
}

/// On how many of the four sides of another piece, seen from the middle of that, a piece in whose bounds it
/// lies has ink.
fn sides_of(inner: &Component, ring: &Component) -> usize {
    let b = inner.bounds;
    if ring.bounds.union(&b) != ring.bounds || ring.bounds == b {
        return 0;
    }
    let (x, y) = (b.x + b.width / 2, b.y + b.height / 2);
    let mut sides = [false; 4];
    for run in &ring.runs {
        if run.y == y {
            sides[0] |= run.end <= b.x;
            sides[1] |= run.start >= b.right();
        }
        if (run.start..run.end).contains(&x) {
            sides[2] |= run.y < b.y;
            sides[3] |= run.y >= b.bottom();
        }
    }
    sides.into_iter().filter(|side| *side).count()
}

/// Among more pieces there is no ring looked for: it takes time with the square of them.
const MOST_RINGED: usize = 1_000;
/// What a ring encloses is at most so many times smaller; a spot in a 0 is still smaller.
const ENCLOSED_SIZE: usize = 3;

/// A speck is less than this part of the writing's height, both high and wide. The bar of a 5 that
/// the pen left on its own is about a third.
const SPECK: f32 = 0.2;

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
    let thick = |c: &Component| usual_width(std::iter::once(c));
    let cut_off = |c: &Component| c.reaches_border(width, height);
    let is_written = |c: &&Component| c.extent() >= WRITTEN * thick(c) && !cut_off(c);
    let written: Vec<&Component> = components.iter().filter(is_written).collect();
    let (largest, thickest) = (
        THING * writing_height(written.iter().copied()),
        THING * usual_width(written.iter().copied()),
    );
    let is_thing = |c: &Component| c.extent() > largest && (cut_off(c) || thick(c) > thickest);
    let things: Vec<Rect> = components.iter().filter(|c| is_thing(c)).map(|c| c.bounds).collect();
    if written.len() < 2 * things.len() {
        return vec![];
    }
    components.retain(|c| !is_thing(c));
    things
}

/// Drops the lines of tables and puzzles, whose size would pass for that of the writing: lattices, which
/// are much larger than each of many written pieces in their bounds, and then what is narrow and much
/// longer than writing is high. Returns where they were.
pub fn drop_tables(components: &mut Vec<Component>) -> Vec<Rect> {
    let is_written = |c: &&Component| {
        c.extent() >= LEGIBLE && 2 * c.extent() >= BLURRED * usual_width(std::iter::once(*c))
    };
    let written: Vec<Rect> = components.iter().filter(is_written).map(|c| c.bounds).collect();
    let mut extents: Vec<usize> = components.iter().map(Component::extent).collect();
    extents.sort_unstable_by(|a, b| b.cmp(a));
    let least = extents.get(MOST_LATTICES).map_or(0, |extent| extent + 1);
    let is_lattice = |c: &mut Component| {
        let extent = c.extent();
        let is_cell = |b: &&Rect| {
            let size = b.width.max(b.height);
            size * THING < extent && size * CELLS > extent && c.bounds.union(b) == c.bounds
        };
        extent >= least && written.iter().filter(is_cell).take(ENCLOSED).count() == ENCLOSED
    };
    let mut tables: Vec<Component> = components.extract_if(.., is_lattice).collect();
    let is_narrow = |c: &Component| {
        let (extent, side) = (c.extent(), c.bounds.width.min(c.bounds.height));
        extent > LINE * side && extent * extent > NARROW * c.area
    };
    let others = components.iter().filter(|c| is_written(c) && !is_narrow(c));
    let others: Vec<&Component> = others.collect();
    if others.len() >= TELL {
        let longest = LINE * writing_height(others);
        let is_line = |c: &mut Component| is_narrow(c) && c.extent() > longest;
        tables.extend(components.extract_if(.., is_line));
    }
    tables.into_iter().map(|c| c.bounds).collect()
}

/// A line is more than so many times as long as its stroke is broad, and so many times as long as its
/// bounds are broad and as writing is high, which so many pieces tell.
const NARROW: usize = 10;
const LINE: usize = 6;
const TELL: usize = 16;
/// A lattice encloses so many written pieces: what a shadow breaks a digit into is less.
const ENCLOSED: usize = 12;
/// It is less than so many times as large as one of them.
const CELLS: usize = 60;
/// So many of the largest pieces are looked at.
const MOST_LATTICES: usize = 64;
/// A digit is at least so many times as long as its strokes are broad.
const WRITTEN: usize = 3;
/// The same, out of focus, in halves.
const BLURRED: usize = 3;
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
    fn piece(rows: impl Iterator<Item = (usize, Vec<(usize, usize)>)>) -> Component {
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
    fn block(x: usize, y: usize, width: usize, height: usize) -> Component {
        piece((y..y + height).map(move |y| (y, vec![(x, x + width)])))
    }

    #[test]
    fn a_ring_goes_and_the_digit_in_it_stays() {
        // Frames of 60 x 60 pixels around something, with a side less.
        let frame = |sides: usize| {
            let bar = |y: usize| !(22..78).contains(&y);
            let upright = if sides == 4 { vec![(20, 22), (78, 80)] } else { vec![(20, 22)] };
            piece((20..80).map(|y| (y, if bar(y) { vec![(20, 80)] } else { upright.clone() })))
        };
        let left = |sides: usize, size: usize, lines: bool| {
            let mut pieces = vec![frame(sides), block(50 - size / 2, 50 - size / 2, size, size)];
            let rings = drop_rings(&mut pieces, lines);
            assert_eq!(rings.len() + pieces.len(), 2);
            pieces.len()
        };
        assert_eq!((left(4, 30, false), left(4, 30, true)), (1, 1));
        // A side may have been erased; if no line was, it is an open digit.
        assert_eq!((left(3, 30, true), left(3, 30, false)), (1, 2));
        // A spot in a 0.
        assert_eq!(left(4, 12, false), 2);
        // A slash in one.
        let tall = |y: usize| {
            if (22..118).contains(&y) { vec![(20, 22), (78, 80)] } else { vec![(20, 80)] }
        };
        let slash = piece((40..100).map(|y| (y, vec![(30 + (100 - y) / 2, 34 + (100 - y) / 2)])));
        let mut pieces = vec![piece((20..120).map(|y| (y, tall(y)))), slash];
        assert_eq!(drop_rings(&mut pieces, false), []);
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
    fn tables_go_and_a_large_digit_over_small_ones_stays() {
        // Ones in rows of six, 30 pixels high and 40 apart.
        let digits =
            |count: usize| (0..count).map(|i| block(20 + 40 * (i % 6), 20 + 40 * (i / 6), 8, 30));
        let left = |others: &[Component], count: usize| {
            let mut pieces: Vec<Component> = others.iter().cloned().chain(digits(count)).collect();
            let dropped = drop_tables(&mut pieces);
            assert_eq!(pieces.len() + dropped.len(), count + others.len());
            assert!(digits(count).all(|digit| pieces.contains(&digit)), "digits go");
            pieces.len() - count
        };
        // A line that leans; two lines that cross between the digits.
        let line = piece((0..300).map(|y| (y, vec![(300 + y / 15, 304 + y / 15)])));
        let cross = piece((0..300).map(|y| (y, vec![if y == 54 { (0, 300) } else { (54, 57) }])));
        assert_eq!(left(&[line.clone(), cross.clone()], 36), 0);
        // Where there is nothing else, or not much, they may be strokes.
        assert_eq!(left(&[line.clone(), cross.clone()], 0), 2);
        assert_eq!(left(&[cross], 6), 1);
        // A one that is a few times as high as the others.
        assert_eq!(left(&[block(300, 0, 12, 150)], 36), 1);
        assert_eq!(drop_tables(&mut vec![]), []);
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

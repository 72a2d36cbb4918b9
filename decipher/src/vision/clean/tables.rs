//! Lines of tables and puzzles.

use super::THING;
use crate::image::Rect;
use crate::vision::size::{width_of, writing_height};
use crate::vision::{Component, LEGIBLE};

/// Drops the lines of tables and puzzles, whose size would pass for that of the writing: lattices, which
/// are much larger than each of many written pieces in their bounds, and then what is narrow and much
/// longer than writing is high. Returns where they were.
pub fn drop_tables(components: &mut Vec<Component>) -> Vec<Rect> {
    let is_written =
        |c: &&Component| c.extent() >= LEGIBLE && 2 * c.extent() >= BLURRED * width_of(c);
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
/// A digit out of focus is at least so many halves of its strokes' breadth long.
const BLURRED: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::tests::{block, piece};
    use super::*;

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
}

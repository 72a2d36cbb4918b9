//! Values by their rank.

use std::cmp::Ordering;

/// The value that `part` of `of` equal parts of the values lie below, at least nearly: with 1 of 2
/// their median, the upper one of two; `None` if there are none, or if `part` is not below `of`. No
/// value is a NaN.
pub fn ranked<T: PartialOrd>(values: impl Iterator<Item = T>, part: usize, of: usize) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    let rank = values.len() * part / of;
    if rank >= values.len() {
        return None;
    }
    let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(Ordering::Equal);
    values.select_nth_unstable_by(rank, order);
    Some(values.swap_remove(rank))
}

/// The middle of the values, the upper one of two; `None` if there are none.
pub fn median<T: PartialOrd>(values: impl Iterator<Item = T>) -> Option<T> {
    ranked(values, 1, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_hand() {
        let values = || [3.0, 1.0, 4.0, 1.5, 9.0, 2.0].into_iter();
        assert_eq!(median(values()), Some(3.0));
        assert_eq!(ranked(values(), 1, 3), Some(2.0));
        assert_eq!(ranked(values(), 9, 10), Some(9.0));
        assert_eq!(ranked(values(), 0, 1), Some(1.0));
        assert_eq!(median([7usize].into_iter()), Some(7));
        assert_eq!(median(std::iter::empty::<f32>()), None);
    }
}

//! What the digits that stand in a row tell of each other.

use super::{NO_DIGIT, SURE};
use crate::metrics::best;
use crate::vision::Glyph;

/// From this confidence on, a digit tells of what stands in its row: each makes the odds that
/// something there is a digit so many times larger, and up to so many do.
pub(super) const CERTAIN: f32 = 0.9;
pub(super) const ODDS: f32 = 5.0;
const MOST_TELL: usize = 3;

/// What stands in a row tells of the rest of it.
pub(super) struct Row {
    /// Sure digits, and what is hardly one.
    sure: usize,
    no_digit: usize,
    /// Width of the widest sure digit, in pixels.
    pub(super) widest: usize,
}

impl Row {
    pub(super) fn new<'a>(row: impl Iterator<Item = (&'a Glyph, &'a [f32; 10])>) -> Self {
        let mut found = Self { sure: 0, no_digit: 0, widest: 0 };
        for (glyph, p) in row {
            if best(p).1 >= CERTAIN {
                found.sure += 1;
                found.widest = found.widest.max(glyph.bounds.width);
            }
            found.no_digit += usize::from(best(p).1 < NO_DIGIT);
        }
        found
    }

    /// Whether two neighbours may be one digit: one of them is not surely a digit alone, they nearly
    /// touch, are together no wider than digits are, and other digits stand beside them.
    pub(super) fn may_join(
        &self,
        (left, p): (&Glyph, &[f32; 10]),
        (right, q): (&Glyph, &[f32; 10]),
    ) -> bool {
        let [p, q] = [p, q].map(|p| best(p).1);
        let both = left.bounds.union(&right.bounds);
        let apart = right.bounds.x.saturating_sub(left.bounds.right());
        let others = self.sure - [p, q].into_iter().filter(|p| *p >= CERTAIN).count();
        p.min(q) < SURE
            && others > 0
            && both.width <= self.widest.max(both.height * 3 / 4)
            && apart * 8 <= both.height
    }

    /// What is unsure and stands in a row with sure digits is likely one as well, so the network's
    /// probabilities, which know of no row, are weighed with those odds (Bayes). What is no digit
    /// there speaks against it.
    pub(super) fn believe(&self, p: &[f32; 10]) -> [f32; 10] {
        if best(p).1 >= SURE {
            return *p;
        }
        let others = self.no_digit - usize::from(best(p).1 < NO_DIGIT);
        let odds = ODDS.powi(self.sure.saturating_sub(others).min(MOST_TELL) as i32);
        let digit: f32 = p.iter().sum();
        p.map(|p| p * odds / (1.0 + digit * (odds - 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sevens;
    use super::*;

    fn believed(confidences: &[f32]) -> Vec<f32> {
        let row = sevens(confidences);
        let told = Row::new(row.iter().map(|(glyph, p)| (glyph, p)));
        row.iter().map(|(_, p)| told.believe(p)[7]).collect()
    }

    #[test]
    fn sure_digits_beside_it_make_a_digit_likelier_and_others_do_not() {
        // Odds of 1 to 4, made 5 times larger by one digit, 25 times by two.
        for (sure, expected) in [(0, 0.2), (1, 5.0 / 9.0), (2, 25.0 / 29.0)] {
            let mut confidences = vec![0.99; sure];
            confidences.push(0.2);
            let found = believed(&confidences)[sure];
            assert!((found - expected).abs() < 1e-6, "{sure}: {found}");
        }
        // As many that are none as are sure, and nothing is told.
        assert_eq!(believed(&[0.99, 0.3, 0.01])[1], 0.3);
        assert_eq!(believed(&[0.8, 0.7, 0.3]), [0.8, 0.7, 0.3]);
    }
}

//! How right a network is, and how sure one can be of that.

use crate::data::Dataset;
use crate::model::Model;

/// What a network said about a set of labelled digits.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Rows are the right digit, columns the one that was read.
    pub confusion: ConfusionMatrix,
    /// Every digit read wrong, the surest mistake first.
    pub mistakes: Vec<Mistake>,
    /// Mean of `-ln` of the probability given to the right digit.
    pub nll: f64,
}

/// A digit that was read wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// Its place in the set.
    pub index: usize,
    /// What it is.
    pub label: u8,
    /// What was read.
    pub read: u8,
    /// The probability that was given to what was read, 0 to 1.
    pub confidence: f32,
}

/// Counts of digits by what they are (first index) and what was read (second index).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfusionMatrix(pub [[u32; 10]; 10]);

/// The most probable digit and its probability; of equals, the smallest digit.
pub fn best(probabilities: &[f32; 10]) -> (u8, f32) {
    let mut best = (0, probabilities[0]);
    for (digit, &p) in (0..).zip(probabilities) {
        if p > best.1 {
            best = (digit, p);
        }
    }
    best
}

/// Share of `labels` that are the most probable digit, 0 to 1; 0 where there are none.
pub fn accuracy(probabilities: &[[f32; 10]], labels: &[u8]) -> f64 {
    let right = probabilities.iter().zip(labels).filter(|(p, l)| best(p).0 == **l).count();
    right as f64 / labels.len().max(1) as f64
}

/// The 95 % interval of a share of which `right` in `count` were seen, both ends in [0, 1]
/// (Wilson 1927: unlike the plain normal interval it holds near 0 and 1 too).
pub fn interval_95(right: usize, count: usize) -> (f64, f64) {
    if count == 0 {
        return (0.0, 1.0);
    }
    let (n, p, z) = (count as f64, right as f64 / count as f64, 1.959_964);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

impl Evaluation {
    /// Reads all of `digits` with `model`.
    pub fn new(model: &Model, digits: &Dataset) -> Self {
        let probabilities = model.probabilities(digits.images());
        let (mut confusion, mut mistakes, mut nll) = (ConfusionMatrix::default(), vec![], 0.0);
        for (index, (p, &label)) in probabilities.iter().zip(digits.labels()).enumerate() {
            let (read, confidence) = best(p);
            confusion.0[usize::from(label)][usize::from(read)] += 1;
            nll -= f64::from(p[usize::from(label)].max(f32::MIN_POSITIVE)).ln();
            if read != label {
                mistakes.push(Mistake { index, label, read, confidence });
            }
        }
        mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        Self { confusion, mistakes, nll: nll / digits.len().max(1) as f64 }
    }
}

impl ConfusionMatrix {
    /// Number of digits.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().map(|&n| n as usize).sum()
    }

    /// Number read right.
    pub fn right(&self) -> usize {
        (0..10).map(|d| self.0[d][d] as usize).sum()
    }

    /// Share read right, 0 to 1; 0 where there are none.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.count().max(1) as f64
    }

    /// Of what was read as `digit`, the share that is one; `None` if nothing was.
    pub fn precision(&self, digit: usize) -> Option<f64> {
        let read: u32 = (0..10).map(|label| self.0[label][digit]).sum();
        (read > 0).then(|| f64::from(self.0[digit][digit]) / f64::from(read))
    }

    /// Of all that are `digit`, the share read as one; `None` if there are none.
    pub fn recall(&self, digit: usize) -> Option<f64> {
        let there: u32 = self.0[digit].iter().sum();
        (there > 0).then(|| f64::from(self.0[digit][digit]) / f64::from(there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // Newcombe 1998, table I, method 3: 81 of 263 and 15 of 148; 0 of 20.
        for (right, count, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]
        {
            let (l, h) = interval_95(right, count);
            assert!((l - low).abs() < 6e-5 && (h - high).abs() < 6e-5, "{l} {h}");
        }
        assert_eq!(interval_95(0, 0), (0.0, 1.0));
        assert!((interval_95(10, 10).1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn precision_and_recall_are_columns_and_rows() {
        let mut matrix = ConfusionMatrix::default();
        (matrix.0[1][1], matrix.0[1][7], matrix.0[7][7]) = (6, 2, 4);
        assert_eq!((matrix.count(), matrix.right()), (12, 10));
        assert_eq!((matrix.recall(1), matrix.precision(1)), (Some(0.75), Some(1.0)));
        assert_eq!((matrix.recall(7), matrix.precision(7)), (Some(1.0), Some(4.0 / 6.0)));
        assert_eq!((matrix.recall(0), matrix.precision(0)), (None, None));
    }

    #[test]
    fn of_equals_the_first_is_best() {
        assert_eq!(best(&[0.1; 10]), (0, 0.1));
        let mut p = [0.0; 10];
        (p[3], p[8]) = (0.5, 0.5);
        assert_eq!(best(&p), (3, 0.5));
        assert_eq!(accuracy(&[p, p], &[3, 8]), 0.5);
        assert_eq!(accuracy(&[], &[]), 0.0);
    }
}

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
    /// By how much confidence and accuracy differ, 0 to 1; see [`calibration_error`].
    pub ece: f64,
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

/// Mean of `-ln` of the probability given to the right digit, `labels[i]` that of row `i`; 0 where
/// there are none. A probability of 0 counts as the smallest normal f32, which gives 87.3.
pub fn nll(probabilities: &[[f32; 10]], labels: &[u8]) -> f64 {
    let right = probabilities.iter().zip(labels).map(|(p, &label)| p[usize::from(label)]);
    let sum: f64 = right.map(|p| -f64::from(p.max(f32::MIN_POSITIVE)).ln()).sum();
    sum / labels.len().max(1) as f64
}

/// Expected calibration error, 0 to 1 (Guo et al. 2017, "On Calibration of Modern Neural
/// Networks"): digits are sorted by the confidence in what was read into 15 bins of equal width,
/// each open below and closed above, and the distance between a bin's mean confidence and the
/// share of it that was right is averaged over all digits. 0 where there are none.
pub fn calibration_error(probabilities: &[[f32; 10]], labels: &[u8]) -> f64 {
    const BINS: usize = 15;
    // Sum of what each digit's confidence says too much: right counts 1, wrong 0.
    let mut excess = [0.0f64; BINS];
    for (p, &label) in probabilities.iter().zip(labels) {
        let (read, confidence) = best(p);
        let confidence = f64::from(confidence);
        let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        excess[bin] += confidence - f64::from(u8::from(read == label));
    }
    excess.iter().map(|e| e.abs()).sum::<f64>() / labels.len().max(1) as f64
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
        Self::of(&model.probabilities(digits.images()), digits)
    }

    /// Of what was said about each of `digits`.
    ///
    /// # Panics
    /// If it is not as many as there are digits.
    pub fn of(probabilities: &[[f32; 10]], digits: &Dataset) -> Self {
        assert_eq!(probabilities.len(), digits.len(), "a row of probabilities for every digit");
        let (mut confusion, mut mistakes) = (ConfusionMatrix::default(), vec![]);
        for (index, (p, &label)) in probabilities.iter().zip(digits.labels()).enumerate() {
            let (read, confidence) = best(p);
            confusion.0[usize::from(label)][usize::from(read)] += 1;
            if read != label {
                mistakes.push(Mistake { index, label, read, confidence });
            }
        }
        mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let nll = nll(probabilities, digits.labels());
        let ece = calibration_error(probabilities, digits.labels());
        Self { confusion, mistakes, nll, ece }
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

    /// A network that reads `digit` with this confidence and shares the rest among the others.
    fn sure(digit: usize, confidence: f32) -> [f32; 10] {
        let mut p = [(1.0 - confidence) / 9.0; 10];
        p[digit] = confidence;
        p
    }

    #[test]
    fn nll_is_the_mean_of_minus_ln_p() {
        // ln 2 and ln 4, mean 1.5 ln 2.
        let nll_2 = nll(&[sure(0, 0.5), sure(1, 0.25)], &[0, 1]);
        assert!((nll_2 - 1.5 * std::f64::consts::LN_2).abs() < 1e-12, "{nll_2}");
        // The right digit is one of the nine that share 0.1: ln 90.
        assert!((nll(&[sure(3, 0.9)], &[4]) - 90f64.ln()).abs() < 1e-6);
        assert!((nll(&[sure(3, 1.0)], &[4]) - 87.3365).abs() < 1e-3); // finite
        assert_eq!(nll(&[], &[]), 0.0);
    }

    #[test]
    fn calibration_error_by_hand() {
        let error = |digits: &[(f32, bool)]| {
            let p: Vec<_> = digits.iter().map(|&(confidence, _)| sure(7, confidence)).collect();
            let labels: Vec<u8> =
                digits.iter().map(|&(_, right)| if right { 7 } else { 2 }).collect();
            calibration_error(&p, &labels)
        };
        let close = |value: f64, by_hand: f64| assert!((value - by_hand).abs() < 1e-6, "{value}");
        close(error(&[(1.0, true)]), 0.0);
        close(error(&[(1.0, false)]), 1.0);
        // One bin (14/15, 1]: mean confidence 0.97, half of it right.
        close(error(&[(0.96, true), (0.98, false)]), 0.47);
        // Bins (11/15, 12/15] and (13/15, 14/15]: 3/4 of (0.75, 2 of 3 right), 1/4 of (0.9, right):
        // 0.75 * 0.083333 + 0.25 * 0.1. As one bin it would be 0.0375.
        let four = [(0.75, true), (0.75, false), (0.75, true), (0.9, true)];
        close(error(&four), 0.0875);
        // A bin ends at 12/15 = 0.8: across it errors add up, within it they cancel.
        close(error(&[(0.79, true), (0.8001, false)]), (0.21 + 0.8001) / 2.0);
        close(error(&[(0.79, true), (0.7999, false)]), (0.7999 - 0.21) / 2.0);
        assert_eq!(error(&[]), 0.0);
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

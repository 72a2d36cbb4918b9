//! Digits to learn from, to look at in between, and to report on.

use super::TrainError;
use crate::data::{Dataset, Mnist};
use crate::model::Source;
use crate::recipe::DataPlan;
use crate::scene::Examples;

/// Digits, each in its role.
#[derive(Clone, Debug)]
pub struct Split {
    /// To learn from.
    pub train: Dataset,
    /// Held back from the training set, to look at while training.
    pub validation: Dataset,
    /// To report on at the end.
    pub test: Dataset,
    /// Where they came from.
    pub source: Source,
    /// Glyphs from real pictures, for a recipe with scenes; may be empty.
    pub pictures: Examples,
    /// Pictures of what is no digit, for a recipe with scenes; may be empty.
    pub things: Examples,
}

/// Training, validation and test digits of the built-in sample, as the tutorial splits 5,000.
const SAMPLE_SPLIT: (usize, usize, usize) = (3_500, 750, 750);

impl Split {
    /// Splits MNIST as the recipe plans it.
    ///
    /// # Errors
    /// If the plan asks for more digits than there are.
    pub fn of_mnist(mnist: &Mnist, plan: &DataPlan) -> Result<Self, TrainError> {
        let have = mnist.train.len();
        let fixed = plan.validation + plan.test.unwrap_or(0);
        let train = plan.train.unwrap_or(have.saturating_sub(fixed));
        if train == 0 || train + fixed > have {
            return Err(TrainError::TooFewDigits { have, need: train.max(1) + fixed });
        }
        Ok(Self {
            train: mnist.train.range(0..train),
            validation: mnist.train.range(train..train + plan.validation),
            test: match plan.test {
                Some(_) => mnist.train.range(train + plan.validation..train + fixed),
                None => mnist.test.clone(),
            },
            source: Source::Mnist,
            pictures: Examples::default(),
            things: Examples::default(),
        })
    }

    /// Splits the built-in sample: as the recipe plans it if the plan stays within the sample,
    /// else 3,500 / 750 / 750.
    pub fn of_sample(plan: &DataPlan) -> Self {
        let (train, validation, test) = match (plan.train, plan.test) {
            (Some(train), Some(test)) => (train, plan.validation, test),
            _ => SAMPLE_SPLIT,
        };
        let sample = crate::data::sample();
        let (train, validation, test) = if train + validation + test <= sample.len() {
            (train, validation, test)
        } else {
            SAMPLE_SPLIT
        };
        Self {
            train: sample.range(0..train),
            validation: sample.range(train..train + validation),
            test: sample.range(train + validation..train + validation + test),
            source: Source::Sample,
            pictures: Examples::default(),
            things: Examples::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnist_is_split_as_planned() {
        let digits = crate::data::sample();
        let mnist = Mnist { train: digits.range(0..4000), test: digits.range(4000..5000) };
        let plan =
            |train, validation, test| DataPlan { train, validation, test, test_every_epoch: false };
        let sizes = |s: Split| (s.train.len(), s.validation.len(), s.test.len());
        let split = |plan| Split::of_mnist(&mnist, &plan).map(sizes);
        assert_eq!(split(plan(None, 500, None)).unwrap(), (3500, 500, 1000));
        assert_eq!(split(plan(Some(300), 20, Some(10))).unwrap(), (300, 20, 10));
        assert!(split(plan(None, 4000, None)).is_err());
        assert!(split(plan(Some(4000), 1, Some(1))).is_err());
    }
}

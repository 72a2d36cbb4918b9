//! The digits that this server trains and tests with.

use decipher::data::{Dataset, Mnist};
use decipher::model::{Model, Source};
use decipher::recipe::Recipe;
use decipher::teach;
use decipher::train::{Split, TrainError};

/// Where digits to train and test on come from.
pub struct Data {
    mnist: Option<Mnist>,
    sample_test: Dataset,
}

impl Data {
    /// MNIST where there is some, else the built-in digits.
    pub fn new(mnist: Option<Mnist>) -> Self {
        Self { mnist, sample_test: teach::held_back() }
    }

    /// Digits for a recipe.
    ///
    /// # Errors
    /// If it asks for more than there are.
    pub fn split(&self, recipe: &Recipe) -> Result<Split, TrainError> {
        match &self.mnist {
            Some(mnist) => Split::of_mnist(mnist, &recipe.data),
            None => Ok(Split::of_sample(&recipe.data)),
        }
    }

    /// Digits to test on, and where they are from.
    pub fn test(&self) -> (&Dataset, &'static str) {
        match &self.mnist {
            Some(mnist) => (&mnist.test, "MNIST's test set"),
            None => (&self.sample_test, "built-in digits that were held back"),
        }
    }

    /// Whether a model has learned from the digits that it is tested on here.
    pub fn seen_by(&self, model: &Model) -> bool {
        self.mnist.is_none() && model.training.source == Source::Mnist
    }
}

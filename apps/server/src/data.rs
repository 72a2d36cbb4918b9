//! The digits that this server trains and tests with.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::data::{Dataset, Mnist, sample};
use decipher::model::{Model, Source};
use decipher::recipe::Recipe;
use decipher::teach;
use decipher::train::{Split, TrainError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::Parameters;
use crate::error::{ApiError, Problem};
use crate::workers::Weight;

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

    /// Summarises the digits that recipes train on, held-back ones among them.
    fn training(&self) -> TrainingDigits {
        match &self.mnist {
            Some(mnist) => TrainingDigits::new("MNIST's training set", &mnist.train),
            None => TrainingDigits::new("built-in digits of MNIST", &sample()),
        }
    }

    /// Whether a model has learned from the digits that it is tested on here.
    pub fn seen_by(&self, model: &Model) -> bool {
        self.mnist.is_none() && model.training.source == Source::Mnist
    }
}

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(digits)).routes(routes!(training_digits))
}

/// Steps of the pixels' histogram.
const STEPS: usize = 16;

/// The digits that recipes train on.
#[derive(Serialize, ToSchema)]
struct TrainingDigits {
    /// Where they are from.
    set: &'static str,
    /// How many there are in all.
    total: usize,
    /// Of each digit.
    digits: Vec<DigitSummary>,
    /// How many pixels of all digits there are in each of 16 equal steps from paper to ink.
    pixels: Vec<u64>,
}

/// All training digits of a kind.
#[derive(Serialize, ToSchema)]
struct DigitSummary {
    digit: usize,
    count: usize,
    /// Base64 of the 784 mean pixels.
    mean: String,
}

impl TrainingDigits {
    fn new(set: &'static str, all: &Dataset) -> Self {
        let mut sums = vec![[0u64; Dataset::PIXELS]; 10];
        let mut pixels = vec![0; STEPS];
        let mut counts = [0; 10];
        for (image, &label) in all.images().chunks_exact(Dataset::PIXELS).zip(all.labels()) {
            counts[usize::from(label)] += 1;
            for (sum, &pixel) in sums[usize::from(label)].iter_mut().zip(image) {
                *sum += u64::from(pixel);
                pixels[usize::from(pixel) * STEPS / 256] += 1;
            }
        }
        let summary = |(digit, (sum, &count)): (usize, (&[u64; Dataset::PIXELS], &usize))| {
            let mean = sum.map(|sum| (sum / count.max(1) as u64) as u8);
            DigitSummary { digit, count, mean: STANDARD.encode(mean) }
        };
        let digits = sums.iter().zip(&counts).enumerate().map(summary).collect();
        Self { set, total: all.len(), digits, pixels }
    }
}

/// What recipes train on: how many of each digit, their means, and how dark pixels are.
#[utoipa::path(get, path = "/v1/digits/training", tag = "train",
    responses((status = 200, body = TrainingDigits), (status = 503, body = Problem)))]
async fn training_digits(State(app): State<App>) -> Result<Json<TrainingDigits>, ApiError> {
    let data = app.data.clone();
    app.workers.run(Weight::Heavy, move || data.training()).await.map(Json)
}

/// Which test digits are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DigitParameters {
    /// The first, from 0.
    #[serde(default)]
    from: usize,
    /// How many; at most 200.
    #[serde(default = "twenty")]
    #[param(minimum = 1, maximum = 200)]
    count: usize,
}

fn twenty() -> usize {
    20
}

/// Some test digits.
#[derive(Serialize, ToSchema)]
struct TestDigits {
    /// Where they are from.
    set: &'static str,
    /// How many there are in all.
    total: usize,
    digits: Vec<TestDigit>,
}

/// A test digit.
#[derive(Serialize, ToSchema)]
struct TestDigit {
    index: usize,
    label: u8,
    /// Base64 of its 784 pixels.
    pixels: String,
}

/// Some of the digits that models are tested on.
#[utoipa::path(get, path = "/v1/digits", tag = "inside", params(DigitParameters),
    responses((status = 200, body = TestDigits), (status = 400, body = Problem)))]
async fn digits(
    State(app): State<App>,
    Parameters(asked): Parameters<DigitParameters>,
) -> Result<Json<TestDigits>, ApiError> {
    if !(1..=200).contains(&asked.count) {
        let advice = "ask for 1 to 200 digits at a time";
        return Err(ApiError::malformed("count is not from 1 to 200", advice));
    }
    let (all, set) = app.data.test();
    let from = asked.from.min(all.len());
    let to = from.saturating_add(asked.count).min(all.len());
    let digit = |index| TestDigit {
        index,
        label: all.label(index),
        pixels: STANDARD.encode(all.image(index)),
    };
    Ok(Json(TestDigits { set, total: all.len(), digits: (from..to).map(digit).collect() }))
}

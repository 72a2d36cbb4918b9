//! How good a model is, and where it fails.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::data::Dataset;
use decipher::distort::Distortion;
use decipher::metrics::{Evaluation, accuracy, best, interval_95};
use decipher::model::Model;
use decipher::plane::{neighbour_plane, principal_plane};
use decipher::report::round;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{Asked, At};
use crate::error::{ApiError, Problem};
use crate::inside::{UnitChange, WeightDamage, changed};
use crate::workers::Weight;

/// Test digits that curves are drawn with.
const CURVE: usize = 1_000;
/// Test digits on the map.
const MAP: usize = 600;
/// Most mistakes in an answer.
const MISTAKES: usize = 300;

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(evaluate)).routes(routes!(robustness)).routes(routes!(map))
}

/// What to evaluate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EvaluateRequest {
    /// Units to change first.
    #[serde(default)]
    changes: Vec<UnitChange>,
    /// What happens to all weights before that.
    #[serde(default)]
    damage: WeightDamage,
    /// What to make the digits harder with.
    distortion: Option<DistortionName>,
    /// How much, as the curves of `robustness` have it: at most what is asked for there.
    #[serde(default)]
    amount: f32,
}

/// How good a model is.
#[derive(Serialize, ToSchema)]
struct EvaluationReport {
    /// Where the digits are from.
    set: &'static str,
    /// Whether the model has learned from these digits, so that the figures flatter it.
    seen: bool,
    count: usize,
    right: usize,
    accuracy: f64,
    /// Between these the accuracy on endless such digits lies, with 95 % certainty.
    accuracy_95: [f64; 2],
    /// Mean of -ln of the probability given to the right digit.
    nll: f64,
    /// Rows are the right digit, columns the one read.
    confusion: Vec<Vec<u32>>,
    digits: Vec<DigitFigures>,
    /// By confidence, from 0 to 1 in steps of 0.1.
    reliability: Vec<Bin>,
    /// What is left where it may say "I do not know" below a confidence of 0, 0.05, ... 0.95, 0.99.
    thresholds: Vec<Threshold>,
    /// The surest first, at most 300.
    mistakes: Vec<MistakeReport>,
}

/// One digit's figures; null where there are none to count.
#[derive(Serialize, ToSchema)]
struct DigitFigures {
    digit: usize,
    /// Of what was read as it, the share that is it.
    precision: Option<f64>,
    /// Of all that are it, the share read as it.
    recall: Option<f64>,
}

/// Digits that the model was about equally sure of.
#[derive(Clone, Default, Serialize, ToSchema)]
struct Bin {
    count: usize,
    /// Mean confidence.
    confidence: f64,
    /// Share read right.
    accuracy: f64,
}

/// Digits that are answered with at least some confidence.
#[derive(Serialize, ToSchema)]
struct Threshold {
    confidence: f64,
    answered: usize,
    right: usize,
}

/// A digit read wrong.
#[derive(Serialize, ToSchema)]
struct MistakeReport {
    /// Its place among the test digits.
    index: usize,
    label: u8,
    read: u8,
    confidence: f64,
    /// Base64 of its 784 pixels.
    pixels: String,
}

/// Reads all test digits: accuracy, what is mixed up, how honest the confidences are.
#[utoipa::path(post, path = "/v1/models/{name}/evaluate", tag = "inside",
    params(("name" = String, Path, description = "A model's name")), request_body = EvaluateRequest,
    responses((status = 200, body = EvaluationReport), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn evaluate(
    State(app): State<App>,
    At(name): At<String>,
    Asked(asked): Asked<EvaluateRequest>,
) -> Result<Json<EvaluationReport>, ApiError> {
    let (_, recognizer) = app.models.get(Some(&name))?;
    let data = app.data.clone();
    let work = move || {
        let model = changed(recognizer.model(), &asked.changes, asked.damage)?;
        let (digits, set) = data.test();
        let seen = data.seen_by(&model);
        let Some(distortion) = asked.distortion.map(Distortion::from) else {
            return Ok(report(&model, digits, set, seen));
        };
        let [least, .., most] = distortion.amounts() else { unreachable!("a curve has two ends") };
        if !(*least..=*most).contains(&asked.amount) {
            let advice = format!("ask for {least} to {most}");
            return Err(ApiError::invalid("the amount is beyond what can be read", advice));
        }
        let images = distortion.apply(digits.images(), asked.amount);
        let harder = Dataset::new(images, digits.labels().to_vec()).expect("as many as before");
        Ok(report(&model, &harder, set, seen))
    };
    app.workers.run(Weight::Heavy, work).await?.map(Json)
}

fn report(model: &Model, digits: &Dataset, set: &'static str, seen: bool) -> EvaluationReport {
    let Evaluation { confusion, mistakes, nll, .. } = Evaluation::new(model, digits);
    let answers = answers(model, digits);
    let (count, right) = (confusion.count(), confusion.right());
    let (low, high) = interval_95(right, count);
    let figures = |digit| DigitFigures {
        digit,
        precision: confusion.precision(digit),
        recall: confusion.recall(digit),
    };
    let mistake = |m: &decipher::metrics::Mistake| MistakeReport {
        index: m.index,
        label: m.label,
        read: m.read,
        confidence: round(m.confidence),
        pixels: STANDARD.encode(digits.image(m.index)),
    };
    EvaluationReport {
        set,
        seen,
        count,
        right,
        accuracy: confusion.accuracy(),
        accuracy_95: [low, high],
        nll,
        confusion: confusion.0.iter().map(|row| row.to_vec()).collect(),
        digits: (0..10).map(figures).collect(),
        reliability: reliability(&answers),
        thresholds: thresholds(&answers),
        mistakes: mistakes.iter().take(MISTAKES).map(mistake).collect(),
    }
}

/// How sure the model is of what it reads in each digit, and whether that is right.
fn answers(model: &Model, digits: &Dataset) -> Vec<(f32, bool)> {
    let answer = |(p, &label): (&[f32; 10], &u8)| {
        let (read, confidence) = best(p);
        (confidence, read == label)
    };
    model.probabilities(digits.images()).iter().zip(digits.labels()).map(answer).collect()
}

fn reliability(answers: &[(f32, bool)]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); 10];
    for &(confidence, right) in answers {
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.count += 1;
        bin.confidence += f64::from(confidence);
        bin.accuracy += f64::from(u8::from(right));
    }
    for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
        bin.confidence /= bin.count as f64;
        bin.accuracy /= bin.count as f64;
    }
    bins
}

fn thresholds(answers: &[(f32, bool)]) -> Vec<Threshold> {
    let steps = (0..20).map(|step| f64::from(step) / 20.0).chain([0.99]);
    let at = |confidence: f64| {
        let answered = answers.iter().filter(|(sure, _)| f64::from(*sure) >= confidence);
        let right = answered.clone().filter(|(_, right)| *right).count();
        Threshold { confidence, answered: answered.count(), right }
    };
    steps.map(at).collect()
}

/// What to make the digits harder with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RobustnessRequest {
    distortion: DistortionName,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DistortionName {
    /// Standard deviation as a share of full ink.
    Noise,
    /// Degrees, clockwise.
    Rotation,
    /// Standard deviation in pixels.
    Blur,
    /// Pixels added to each side of a stroke.
    Thickness,
}

impl From<DistortionName> for Distortion {
    fn from(name: DistortionName) -> Self {
        match name {
            DistortionName::Noise => Self::Noise,
            DistortionName::Rotation => Self::Rotation,
            DistortionName::Blur => Self::Blur,
            DistortionName::Thickness => Self::Thickness,
        }
    }
}

/// A point of a curve.
#[derive(Serialize, ToSchema)]
struct Sturdiness {
    /// How much the digits were distorted.
    amount: f32,
    /// Share read right then, 0 to 1.
    accuracy: f64,
}

/// The accuracy on the first 1,000 test digits, made harder and harder.
#[utoipa::path(post, path = "/v1/models/{name}/robustness", tag = "inside",
    params(("name" = String, Path, description = "A model's name")), request_body = RobustnessRequest,
    responses((status = 200, body = Vec<Sturdiness>), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem)))]
async fn robustness(
    State(app): State<App>,
    At(name): At<String>,
    Asked(asked): Asked<RobustnessRequest>,
) -> Result<Json<Vec<Sturdiness>>, ApiError> {
    let (_, recognizer) = app.models.get(Some(&name))?;
    let data = app.data.clone();
    let distortion = Distortion::from(asked.distortion);
    let work = move || {
        let digits = data.test().0;
        let digits = digits.range(0..digits.len().min(CURVE));
        let at = |&amount: &f32| {
            let images = distortion.apply(digits.images(), amount);
            let probabilities = recognizer.model().probabilities(&images);
            Sturdiness { amount, accuracy: accuracy(&probabilities, digits.labels()) }
        };
        distortion.amounts().iter().map(at).collect()
    };
    app.workers.run(Weight::Heavy, work).await.map(Json)
}

/// What to map.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MapRequest {
    /// The layer whose values are mapped, from 0; without it, the pixels themselves.
    layer: Option<usize>,
    /// How places are found.
    #[serde(default)]
    by: Plane,
}

/// How places on the map are found.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Plane {
    /// The two directions in which digits differ most.
    #[default]
    Pca,
    /// Digits that are alike lie together (t-SNE); takes a second or two.
    Tsne,
}

/// A digit's place on the map.
#[derive(Serialize, ToSchema)]
struct Place {
    /// Its place among the test digits.
    index: usize,
    x: f32,
    y: f32,
    label: u8,
    read: u8,
}

/// Where the first 600 test digits lie by what a layer makes of them: along the two directions in
/// which they differ most (PCA), or with those that are alike (t-SNE).
#[utoipa::path(post, path = "/v1/models/{name}/map", tag = "inside",
    params(("name" = String, Path, description = "A model's name")), request_body = MapRequest,
    responses((status = 200, body = Vec<Place>), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn map(
    State(app): State<App>,
    At(name): At<String>,
    Asked(asked): Asked<MapRequest>,
) -> Result<Json<Vec<Place>>, ApiError> {
    let (_, recognizer) = app.models.get(Some(&name))?;
    let layers = recognizer.model().network.layers().len();
    if let Some(layer) = asked.layer.filter(|&layer| layer >= layers) {
        let error = format!("there is no layer {layer}");
        return Err(ApiError::invalid(error, format!("its layers are 0 to {}", layers - 1)));
    }
    let data = app.data.clone();
    let work = move || {
        let digits = data.test().0;
        let digits = digits.range(0..digits.len().min(MAP));
        let model = recognizer.model();
        let rows: Vec<Vec<f32>> = match asked.layer {
            Some(layer) => model.values_of(layer, digits.images()),
            None => digits
                .images()
                .chunks_exact(Dataset::PIXELS)
                .map(|image| image.iter().map(|&p| model.pixels.value(p)).collect())
                .collect(),
        };
        let read = model.probabilities(digits.images());
        let places = match asked.by {
            Plane::Pca => principal_plane(&rows),
            Plane::Tsne => neighbour_plane(&rows),
        };
        let place = |index: usize| {
            let ([x, y], label) = (places[index], digits.label(index));
            Place { index, x, y, label, read: best(&read[index]).0 }
        };
        (0..digits.len()).map(place).collect()
    };
    app.workers.run(Weight::Heavy, work).await.map(Json)
}

//! How good a model is, where it fails, and what goes on inside it.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::data::Dataset;
use decipher::distort::Distortion;
use decipher::inside::{Change, principal_plane};
use decipher::metrics::{Evaluation, accuracy, best, interval_95};
use decipher::model::Model;
use decipher::report::round;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{Asked, At, Parameters};
use crate::error::{ApiError, Problem};
use crate::workers::Weight;

/// Test digits that curves are drawn with.
const CURVE: usize = 1_000;
/// Test digits on the map.
const MAP: usize = 600;
/// Most mistakes in an answer.
const MISTAKES: usize = 300;
/// Most units whose weights are in one answer.
const UNITS: usize = 64;
/// Most changed units.
const CHANGES: usize = 1_000;

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(evaluate))
        .routes(routes!(robustness))
        .routes(routes!(map))
        .routes(routes!(inside))
        .routes(routes!(weights))
        .routes(routes!(digits))
}

/// A unit whose weights and bias are scaled.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UnitChange {
    /// A layer with weights, from 0.
    layer: usize,
    /// A unit of it, from 0.
    unit: usize,
    /// 0 switches it off.
    scale: f32,
}

fn changed(model: &Model, changes: &[UnitChange]) -> Result<Model, ApiError> {
    if changes.len() > CHANGES {
        let error = format!("{} changes are more than {CHANGES}", changes.len());
        return Err(ApiError::invalid(error, "change fewer units"));
    }
    let change = |c: &UnitChange| Change { layer: c.layer, unit: c.unit, scale: c.scale };
    let changes: Vec<_> = changes.iter().map(change).collect();
    let advice = "GET /v1/models/{name} tells its layers and their units";
    model.changed(&changes).map_err(|e| ApiError::invalid(e, advice))
}

/// What to evaluate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EvaluateRequest {
    /// Units to change first.
    #[serde(default)]
    changes: Vec<UnitChange>,
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
        let model = changed(recognizer.model(), &asked.changes)?;
        let (digits, set) = data.test();
        Ok(report(&model, digits, set, data.seen_by(&model)))
    };
    app.workers.run(Weight::Heavy, work).await?.map(Json)
}

fn report(model: &Model, digits: &Dataset, set: &'static str, seen: bool) -> EvaluationReport {
    let Evaluation { confusion, mistakes, nll, .. } = Evaluation::new(model, digits);
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
        reliability: reliability(model, digits),
        mistakes: mistakes.iter().take(MISTAKES).map(mistake).collect(),
    }
}

fn reliability(model: &Model, digits: &Dataset) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); 10];
    for (p, &label) in model.probabilities(digits.images()).iter().zip(digits.labels()) {
        let (read, confidence) = best(p);
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.count += 1;
        bin.confidence += f64::from(confidence);
        bin.accuracy += f64::from(u8::from(read == label));
    }
    for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
        bin.confidence /= bin.count as f64;
        bin.accuracy /= bin.count as f64;
    }
    bins
}

/// What to make the digits harder with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RobustnessRequest {
    distortion: DistortionName,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
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
    let distortion = match asked.distortion {
        DistortionName::Noise => Distortion::Noise,
        DistortionName::Rotation => Distortion::Rotation,
        DistortionName::Blur => Distortion::Blur,
        DistortionName::Thickness => Distortion::Thickness,
    };
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

/// Where the first 600 test digits lie by what a layer makes of them: the two directions in which
/// they differ most (PCA).
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
        let places = principal_plane(&rows);
        let place = |index: usize| {
            let ([x, y], label) = (places[index], digits.label(index));
            Place { index, x, y, label, read: best(&read[index]).0 }
        };
        (0..digits.len()).map(place).collect()
    };
    app.workers.run(Weight::Heavy, work).await.map(Json)
}

/// A digit to look into the network with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InsideRequest {
    /// Base64 of 784 pixels, row by row, 0 = paper, 255 = ink.
    pixels: String,
    /// The digit whose score the pixels spoke for or against; without it, the one that was read.
    #[schema(minimum = 0, maximum = 9)]
    digit: Option<u8>,
    /// Units to change first.
    #[serde(default)]
    changes: Vec<UnitChange>,
}

/// What the network makes of a digit.
#[derive(Serialize, ToSchema)]
struct InsideReport {
    /// What goes into the first layer: 784 values.
    inputs: Vec<f32>,
    /// The values of every layer. The last layer's are the scores.
    layers: Vec<Vec<f32>>,
    /// The probability of each digit.
    probabilities: Vec<f32>,
    /// The digit that `influence` is about.
    digit: u8,
    /// For each inked pixel, what the digit's score would lose were it paper; for each pixel of
    /// paper, what it would gain were it ink.
    influence: Vec<f32>,
}

/// What each layer makes of a digit, and how each pixel spoke for the answer.
#[utoipa::path(post, path = "/v1/models/{name}/inside", tag = "inside",
    params(("name" = String, Path, description = "A model's name")), request_body = InsideRequest,
    responses((status = 200, body = InsideReport), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn inside(
    State(app): State<App>,
    At(name): At<String>,
    Asked(asked): Asked<InsideRequest>,
) -> Result<Json<InsideReport>, ApiError> {
    let (_, recognizer) = app.models.get(Some(&name))?;
    let advice = "send base64 of 784 bytes, row by row, 0 = paper, 255 = ink";
    let image = STANDARD
        .decode(&asked.pixels)
        .map_err(|e| ApiError::invalid(format!("the pixels are not base64: {e}"), advice))?;
    if image.len() != Dataset::PIXELS {
        return Err(ApiError::invalid(format!("{} pixels are not 784", image.len()), advice));
    }
    if asked.digit.is_some_and(|digit| digit > 9) {
        return Err(ApiError::invalid("there is no such digit", "ask for 0 to 9"));
    }
    let work = move || {
        let model = changed(recognizer.model(), &asked.changes)?;
        let probabilities = model.probabilities(&image)[0];
        let digit = asked.digit.unwrap_or(best(&probabilities).0);
        Ok(InsideReport {
            inputs: image.iter().map(|&p| model.pixels.value(p)).collect(),
            layers: model.layer_values(&image),
            probabilities: probabilities.into(),
            digit,
            influence: model.influence(&image, digit.into()),
        })
    };
    app.workers.run(Weight::Heavy, work).await?.map(Json)
}

/// Which weights are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WeightParameters {
    /// The layer, from 0; it must have weights.
    #[serde(default)]
    layer: usize,
    /// The first unit, from 0.
    #[serde(default)]
    from: usize,
    /// How many units; at most 64.
    #[serde(default = "units")]
    #[param(minimum = 1, maximum = 64)]
    count: usize,
}

fn units() -> usize {
    UNITS
}

/// The weights of some units.
#[derive(Serialize, ToSchema)]
struct WeightReport {
    layer: usize,
    /// Units of the layer.
    units: usize,
    /// The first unit in `weights`.
    from: usize,
    /// For each unit, what each of its inputs is multiplied with.
    weights: Vec<Vec<f32>>,
    /// For each unit, what is added.
    biases: Vec<f32>,
}

/// The weights and biases of some units of a layer.
#[utoipa::path(get, path = "/v1/models/{name}/weights", tag = "inside",
    params(("name" = String, Path, description = "A model's name"), WeightParameters),
    responses((status = 200, body = WeightReport), (status = 400, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn weights(
    State(app): State<App>,
    At(name): At<String>,
    Parameters(asked): Parameters<WeightParameters>,
) -> Result<Json<WeightReport>, ApiError> {
    let (_, recognizer) = app.models.get(Some(&name))?;
    let WeightParameters { layer, from, count } = asked;
    if !(1..=UNITS).contains(&count) {
        let advice = "ask for 1 to 64 units at a time";
        return Err(ApiError::malformed("count is not from 1 to 64", advice));
    }
    let work = move || {
        let model = recognizer.model();
        let specs = model.network.tensors();
        let tensor = |what| specs.iter().find(|s| s.name == format!("{layer}.{what}"));
        let (Some(weight), Some(bias)) = (tensor("weight"), tensor("bias")) else {
            let advice = "GET /v1/models/{name} tells which layers have weights";
            return Err(ApiError::invalid(format!("layer {layer} has no weights"), advice));
        };
        let units = bias.len();
        let range = from.min(units)..from.saturating_add(count).min(units);
        let values = model.params.tensor(weight);
        let of = |unit: usize| values.iter().skip(unit).step_by(units).copied().collect();
        let weights = range.clone().map(of).collect();
        let biases = model.params.tensor(bias)[range.clone()].to_vec();
        Ok(WeightReport { layer, units, from: range.start, weights, biases })
    };
    app.workers.run(Weight::Light, work).await?.map(Json)
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

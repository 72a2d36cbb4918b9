//! What goes on inside a model: the values of its layers, its weights, single units changed.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::data::Dataset;
use decipher::inside::{Change, Damage, deviation};
use decipher::metrics::best;
use decipher::model::Model;
use decipher::nn::TensorSpec;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{Asked, At, Parameters};
use crate::error::{ApiError, Problem};
use crate::guard::Allowed;
use crate::models::{Origin, check_name};
use crate::workers::Weight;

/// Most units whose weights are in one answer.
const UNITS: usize = 64;
/// Most changed units.
const CHANGES: usize = 1_000;

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(inside))
        .routes(routes!(weights))
        .routes(routes!(weight_spread))
        .routes(routes!(keep_changed))
}

/// A unit whose weights and bias are scaled, and then its bias shifted.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitChange {
    /// A layer with weights, from 0.
    layer: usize,
    /// A unit of it, from 0.
    unit: usize,
    /// 0 switches it off.
    #[schema(minimum = -100, maximum = 100)]
    #[serde(default = "unchanged")]
    scale: f32,
    /// What is added to its bias.
    #[schema(minimum = -100, maximum = 100)]
    #[serde(default)]
    shift: f32,
}

fn unchanged() -> f32 {
    1.0
}

/// What happens to all weights, layer by layer: noise first, then the smallest are set to 0.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightDamage {
    /// Standard deviation of the noise, as a share of the deviation of the layer's weights.
    #[schema(minimum = 0, maximum = 10)]
    noise: f32,
    /// Share of the layer's weights that is set to 0, the smallest by size.
    #[schema(minimum = 0, maximum = 1)]
    prune: f32,
    /// What the noise is drawn from.
    #[schema(value_type = i64, minimum = 0, maximum = 4294967295u32)]
    seed: u32,
}

impl WeightDamage {
    /// The model with its weights changed so; a copy, if that changes anything.
    ///
    /// # Errors
    /// 422, if it is more than can be.
    fn applied(self, model: &Model) -> Result<Cow<'_, Model>, ApiError> {
        let Self { noise, prune, seed } = self;
        if noise == 0.0 && prune == 0.0 {
            return Ok(Cow::Borrowed(model));
        }
        let advice = "noise is a share of each layer's deviation, prune a share of its weights";
        let damaged = model.damaged(&Damage { noise, prune, seed: seed.into() });
        damaged.map(Cow::Owned).map_err(|e| ApiError::invalid(e, advice))
    }
}

/// A copy of `model` with all weights changed, and then these units.
///
/// # Errors
/// 422, if there are too many, or a unit does not exist, or the damage is more than can be.
pub fn changed(
    model: &Model,
    changes: &[UnitChange],
    damage: WeightDamage,
) -> Result<Model, ApiError> {
    if changes.len() > CHANGES {
        let error = format!("{} changes are more than {CHANGES}", changes.len());
        return Err(ApiError::invalid(error, "change fewer units"));
    }
    let change = |&UnitChange { layer, unit, scale, shift }: &UnitChange| Change {
        layer,
        unit,
        scale,
        shift,
    };
    let changes: Vec<_> = changes.iter().map(change).collect();
    let advice = "GET /v1/models/{name} tells its layers and their units";
    damage.applied(model)?.changed(&changes).map_err(|e| ApiError::invalid(e, advice))
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
    /// What happens to all weights before that.
    #[serde(default)]
    damage: WeightDamage,
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
    /// For each input above 0, what the digit's score would lose were its pixel paper; for each
    /// other, what it would gain were it ink.
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
        let model = changed(recognizer.model(), &asked.changes, asked.damage)?;
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

/// A changed model to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedRequest {
    /// Under which name: 1 to 64 letters, digits, '-', '_' or '.'.
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    name: String,
    /// The units to change.
    changes: Vec<UnitChange>,
    /// What happens to all weights before that.
    #[serde(default)]
    damage: WeightDamage,
}

/// Keeps a copy of the model with weights or units changed, under a name of your choice.
#[utoipa::path(post, path = "/v1/models/{name}/changed", tag = "inside",
    params(("name" = String, Path, description = "A model's name")), request_body = ChangedRequest,
    responses((status = 204, description = "It is there"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)),
    security((), ("token" = [])))]
async fn keep_changed(
    _: Allowed,
    State(app): State<App>,
    At(name): At<String>,
    Asked(asked): Asked<ChangedRequest>,
) -> Result<StatusCode, ApiError> {
    check_name(&asked.name)?;
    let (_, recognizer) = app.models.get(Some(&name))?;
    let work = move || changed(recognizer.model(), &asked.changes, asked.damage);
    let model = app.workers.run(Weight::Heavy, work).await??;
    app.models.put(&asked.name, model, Origin::Changed)?;
    Ok(StatusCode::NO_CONTENT)
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
    /// As in the `damage` of `inside`.
    #[serde(default)]
    noise: f32,
    /// As in the `damage` of `inside`.
    #[serde(default)]
    prune: f32,
    /// As in the `damage` of `inside`.
    #[serde(default)]
    #[param(value_type = i64, minimum = 0, maximum = 4294967295u32)]
    seed: u32,
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
    let WeightParameters { layer, from, count, noise, prune, seed } = asked;
    if !(1..=UNITS).contains(&count) {
        let advice = "ask for 1 to 64 units at a time";
        return Err(ApiError::malformed("count is not from 1 to 64", advice));
    }
    let work = move || {
        let model = WeightDamage { noise, prune, seed }.applied(recognizer.model())?;
        let specs = model.network.tensors();
        let tensor = |what| specs.iter().find(|s| s.place() == (layer, what));
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

/// How the weights of a layer are spread.
#[derive(Serialize, ToSchema)]
struct Spread {
    layer: usize,
    mean: f64,
    /// Standard deviation.
    deviation: f64,
    /// The middle of `counts` is 0; this is how far they reach to either side.
    reach: f32,
    /// Weights in each of 41 equal steps from `-reach` to `reach`.
    counts: Vec<u32>,
}

/// Steps of a [`Spread`]; odd, so that weights of 0 have one of their own.
const STEPS: usize = 41;

fn spread(layer: usize, weights: &[f32]) -> Spread {
    let count = weights.len() as f64;
    let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
    let reach = weights.iter().fold(f32::MIN_POSITIVE, |most, w| most.max(w.abs()));
    let mut counts = vec![0; STEPS];
    for w in weights {
        let step = (w / reach + 1.0) / 2.0 * STEPS as f32;
        counts[(step as usize).min(STEPS - 1)] += 1;
    }
    Spread { layer, mean, deviation: deviation(weights), reach, counts }
}

/// How the weights of each layer that has some are spread.
#[utoipa::path(get, path = "/v1/models/{name}/spread", tag = "inside",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 200, body = Vec<Spread>), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn weight_spread(
    State(app): State<App>,
    At(name): At<String>,
) -> Result<Json<Vec<Spread>>, ApiError> {
    let (_, recognizer) = app.models.get(Some(&name))?;
    let work = move || {
        let model = recognizer.model();
        let tensor = |spec: &TensorSpec| {
            let (layer, what) = spec.place();
            (what == "weight").then(|| spread(layer, &model.params.tensor(spec)))
        };
        model.network.tensors().iter().filter_map(tensor).collect()
    };
    app.workers.run(Weight::Light, work).await.map(Json)
}

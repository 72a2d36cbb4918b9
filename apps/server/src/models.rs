//! The models that can be asked, by name, and the one that reads when none is named.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use decipher::model::Model;
use decipher::nn::Layer;
use decipher::recognizer::Recognizer;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{At, Sent};
use crate::error::{ApiError, Problem};
use crate::guard::Allowed;
use crate::workers::Weight;

/// The name of the model that the server starts with.
pub const FIRST: &str = "default";
/// Most models that are kept; beyond, a client must drop one first.
const MOST: usize = 64;

/// A model in memory.
#[derive(Clone)]
pub struct Named {
    /// Reads with it.
    pub recognizer: Arc<Recognizer>,
    origin: Origin,
    revision: u64,
}

/// Where a model came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was there from the start.
    Started,
    /// A client sent it.
    Uploaded,
    /// It was trained here; while the run goes on, it changes.
    Trained,
    /// It was taught here.
    Taught,
    /// Weights or units of another were changed here.
    Changed,
}

/// All models. Reading never waits for training: a model is replaced, not changed.
pub struct Models(RwLock<Inner>);

struct Inner {
    all: Vec<(String, Named)>,
    reader: String,
    /// Models that were put so far.
    put: u64,
}

impl Models {
    /// `model` alone, under the name [`FIRST`].
    pub fn new(model: Model) -> Self {
        let recognizer = Arc::new(Recognizer::new(model));
        let first = Named { recognizer, origin: Origin::Started, revision: 0 };
        Self(RwLock::new(Inner { all: vec![(FIRST.into(), first)], reader: FIRST.into(), put: 0 }))
    }

    /// The model called `name`, or without a name the one that reads, and its name.
    ///
    /// # Errors
    /// 404, if there is none.
    pub fn get(&self, name: Option<&str>) -> Result<(String, Arc<Recognizer>), ApiError> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let name = name.unwrap_or(&inner.reader);
        match inner.find(name) {
            Some(at) => Ok((name.into(), inner.all[at].1.recognizer.clone())),
            None => Err(no_model(name)),
        }
    }

    /// Adds a model or replaces the one of that name.
    ///
    /// # Errors
    /// 409, if there are too many.
    pub fn put(&self, name: &str, model: Model, origin: Origin) -> Result<(), ApiError> {
        let recognizer = Arc::new(Recognizer::new(model));
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.put += 1;
        let named = Named { recognizer, origin, revision: inner.put };
        match inner.find(name) {
            Some(at) => inner.all[at].1 = named,
            None if inner.all.len() >= MOST => {
                let advice = "drop one first: DELETE /v1/models/{name}";
                let error = format!("there are {MOST} models already");
                return Err(ApiError::new(StatusCode::CONFLICT, "too_many", error, advice));
            }
            None => inner.all.push((name.into(), named)),
        }
        Ok(())
    }

    /// Drops a model whose run is forgotten, if it is there and does not read.
    pub fn release(&self, name: &str) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.reader != name {
            inner.all.retain(|(known, _)| known != name);
        }
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Inner) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn list(&self) -> Vec<ModelSummary> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (0..inner.all.len()).map(|at| inner.summary(at)).collect()
    }

    fn show(&self, name: &str) -> Result<ModelSummary, ApiError> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.find(name).map(|at| inner.summary(at)).ok_or_else(|| no_model(name))
    }
}

impl Inner {
    fn find(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|(known, _)| known == name)
    }

    fn summary(&self, at: usize) -> ModelSummary {
        let (name, named) = &self.all[at];
        ModelSummary::new(name, named, *name == self.reader)
    }
}

fn no_model(name: &str) -> ApiError {
    ApiError::missing(&format!("model '{name}'"), "GET /v1/models lists the names there are")
}

/// What a model is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelSummary {
    /// Its name here.
    pub name: String,
    /// Whether it reads when no model is named.
    pub reads: bool,
    /// Where it came from.
    pub origin: Origin,
    /// Another number whenever another model takes this name.
    pub revision: u64,
    /// Its layers, from 784 pixels to 10 digits.
    pub layers: Vec<LayerSummary>,
    /// Weights and biases.
    pub parameters: usize,
    /// What its training made small.
    pub loss: &'static str,
    /// How pixels become inputs, as recipes have it: `grey`, `binary above 79`.
    pub pixels: String,
    /// The recipe it was trained by.
    pub recipe: String,
    /// Epochs it was trained for.
    pub epochs: u32,
    /// Whether settings were changed while it was trained, so that the recipe alone does not make it
    /// again.
    pub steered: bool,
    /// Digits it was trained on.
    pub train_count: usize,
    /// Share of held-back digits that it read right at the end of its training, 0 to 1.
    pub validation_accuracy: f64,
}

/// One layer.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayerSummary {
    /// As recipes have it: `dense 32`, `relu`.
    pub text: String,
    /// `dense`, `activation`, or what else the first word of `text` is.
    pub kind: String,
    /// Rows, columns and channels of the values it makes of a digit. They come row by row, the
    /// channels of a pixel side by side; a dense layer's are channels of a single pixel.
    pub shape: [usize; 3],
    /// The shape of its weights, the last axis being its units; before that the inputs, or of a
    /// convolution the rows, columns and channels of its window. Empty without weights.
    pub weights: Vec<usize>,
    /// Of a convolution: where its windows lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSummary>,
}

/// Where the windows of a convolution lie.
#[derive(Debug, Serialize, ToSchema)]
pub struct WindowSummary {
    /// Pixels from one to the next.
    pub stride: usize,
    /// Pixels that they reach beyond the border, where all is 0.
    pub pad: usize,
}

impl ModelSummary {
    fn new(name: &str, named: &Named, reads: bool) -> Self {
        let model = named.recognizer.model();
        let specs = model.network.tensors();
        let layer = |(i, layer): (usize, &Layer)| {
            let text = layer.to_string();
            let shape = model.network.output_shape(i);
            let weights = specs.iter().find(|spec| spec.place() == (i, "weight"));
            let kind = match layer {
                Layer::Activation(_) => "activation",
                _ => text.split(' ').next().unwrap_or_default(),
            };
            let window = match *layer {
                Layer::Conv2d { stride, pad, .. } => Some(WindowSummary { stride, pad }),
                _ => None,
            };
            LayerSummary {
                kind: kind.into(),
                window,
                shape: [shape.height, shape.width, shape.channels],
                weights: weights.map_or(vec![], |spec| spec.shape.clone()),
                text,
            }
        };
        Self {
            name: name.into(),
            reads,
            origin: named.origin,
            revision: named.revision,
            layers: model.network.layers().iter().enumerate().map(layer).collect(),
            parameters: model.network.parameter_count(),
            loss: model.loss.name(),
            pixels: model.pixels.to_string(),
            recipe: model.training.recipe.clone(),
            epochs: model.training.epochs,
            steered: model.training.steered,
            train_count: model.training.train_count,
            validation_accuracy: model.training.validation_accuracy,
        }
    }
}

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, upload, remove))
        .routes(routes!(file))
        .routes(routes!(read_with))
}

/// Whether a client may call a model so.
///
/// # Errors
/// 422, if it is no name; 409, if it is [`FIRST`].
pub fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !(1..=64).contains(&name.len()) || !name.chars().all(plain) {
        let advice = "use 1 to 64 letters, digits, '-', '_' or '.'";
        return Err(ApiError::invalid("this is no name for a model", advice));
    }
    if name == FIRST {
        let advice = "send it under another name";
        let error = format!("'{FIRST}' is the model the server started with, and stays");
        return Err(ApiError::new(StatusCode::CONFLICT, "conflict", error, advice));
    }
    Ok(())
}

/// All models.
#[utoipa::path(get, path = "/v1/models", tag = "models",
    responses((status = 200, body = Vec<ModelSummary>)))]
async fn list(State(app): State<App>) -> Json<Vec<ModelSummary>> {
    Json(app.models.list())
}

/// One model.
#[utoipa::path(get, path = "/v1/models/{name}", tag = "models",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 200, body = ModelSummary), (status = 404, body = Problem)))]
async fn show(
    State(app): State<App>,
    At(name): At<String>,
) -> Result<Json<ModelSummary>, ApiError> {
    app.models.show(&name).map(Json)
}

/// Sends a model file that `decipher train` saved, under a name of your choice.
#[utoipa::path(put, path = "/v1/models/{name}", tag = "models",
    params(("name" = String, Path, description = "1 to 64 letters, digits, '-', '_' or '.'",
        pattern = "^[A-Za-z0-9_.-]{1,64}$")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "It is there"), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)),
    security((), ("token" = [])))]
async fn upload(
    _: Allowed,
    State(app): State<App>,
    At(name): At<String>,
    sent: Sent,
) -> Result<StatusCode, ApiError> {
    check_name(&name)?;
    let label = name.clone();
    let model = app
        .workers
        .run(Weight::Heavy, move || Model::from_bytes(&sent.bytes, &label))
        .await?
        .map_err(|e| ApiError::invalid(e.to_string(), "send a file that 'decipher train' saved"))?;
    app.models.put(&name, model, Origin::Uploaded)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drops a model. If it was the one that reads, the first one reads again.
#[utoipa::path(delete, path = "/v1/models/{name}", tag = "models",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 204, description = "It is gone"), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)),
    security((), ("token" = [])))]
async fn remove(
    _: Allowed,
    State(app): State<App>,
    At(name): At<String>,
) -> Result<StatusCode, ApiError> {
    app.models.change(|inner| {
        let at = inner.find(&name).ok_or_else(|| no_model(&name))?;
        if at == 0 {
            let advice = "drop another one";
            let error = "the model the server started with stays";
            return Err(ApiError::new(StatusCode::CONFLICT, "conflict", error, advice));
        }
        inner.all.remove(at);
        if inner.reader == name {
            inner.reader = FIRST.into();
        }
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// The model as a file for `decipher read --model`.
#[utoipa::path(get, path = "/v1/models/{name}/file", tag = "models",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn file(State(app): State<App>, At(name): At<String>) -> Result<Response, ApiError> {
    let (name, recognizer) = app.models.get(Some(&name))?;
    let bytes = app.workers.run(Weight::Light, move || recognizer.model().to_bytes()).await?;
    let disposition = format!("attachment; filename=\"{name}.safetensors\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, bytes).into_response())
}

/// From now on reads with this model when none is named.
#[utoipa::path(post, path = "/v1/models/{name}/use", tag = "models",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 204, description = "It reads"), (status = 401, body = Problem), (status = 404, body = Problem)),
    security((), ("token" = [])))]
async fn read_with(
    _: Allowed,
    State(app): State<App>,
    At(name): At<String>,
) -> Result<StatusCode, ApiError> {
    app.models.change(|inner| {
        inner.find(&name).ok_or_else(|| no_model(&name))?;
        inner.reader.clone_from(&name);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

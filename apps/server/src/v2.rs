//! The Open Inference Protocol, version 2, for clients that know it: 28 x 28 pixels in,
//! probabilities out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use decipher::data::Dataset;
use decipher::metrics::best;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{Asked, At};
use crate::error::{ApiError, Problem};
use crate::workers::Weight;

/// Most digits in one request.
const MOST: usize = 10_000;
/// More digits than this are heavy work.
const LIGHT: usize = 64;

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(server))
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(metadata))
        .routes(routes!(model_ready))
        .routes(routes!(infer))
}

/// What this server is.
#[derive(Serialize, ToSchema)]
struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: Vec<String>,
}

/// What a model takes and gives.
#[derive(Serialize, ToSchema)]
struct ModelMetadata {
    name: String,
    platform: &'static str,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// The kind and shape of a tensor; -1 is any number of digits.
#[derive(Serialize, ToSchema)]
struct TensorMetadata {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<i64>,
}

/// Digits to be read.
#[derive(Deserialize, ToSchema)]
struct InferRequest {
    /// Comes back with the answer.
    id: Option<String>,
    /// One tensor, `pixels`.
    #[schema(min_items = 1, max_items = 1)]
    inputs: Vec<InputTensor>,
    /// Only some outputs.
    outputs: Option<Vec<RequestedOutput>>,
    /// Ignored.
    #[schema(value_type = Option<Object>)]
    #[serde(rename = "parameters")]
    _parameters: Option<Value>,
}

/// `pixels`: n digits of 784 pixels, 0 = paper.
#[derive(Deserialize, ToSchema)]
struct InputTensor {
    /// `pixels`.
    #[schema(pattern = "^pixels$")]
    name: String,
    /// `[n, 784]` or `[n, 28, 28]`.
    #[schema(min_items = 2, max_items = 3)]
    shape: Vec<usize>,
    /// `UINT8`: 0 to 255; `FP32`: 0 to 1.
    #[schema(pattern = "^(UINT8|FP32)$")]
    datatype: String,
    /// Row by row, flat or nested.
    #[schema(value_type = Vec<f32>)]
    data: Value,
}

/// An output that is wanted.
#[derive(Deserialize, ToSchema)]
struct RequestedOutput {
    /// `probabilities` or `digit`.
    #[schema(pattern = "^(probabilities|digit)$")]
    name: String,
}

/// What was read.
#[derive(Serialize, ToSchema)]
struct InferAnswer {
    model_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<OutputTensor>,
}

/// `probabilities` (FP32, `[n, 10]`) or `digit` (INT64, `[n]`).
#[derive(Serialize, ToSchema)]
struct OutputTensor {
    name: &'static str,
    shape: Vec<usize>,
    datatype: &'static str,
    #[schema(value_type = Vec<f32>)]
    data: Value,
}

/// What this server is.
#[utoipa::path(get, path = "/v2", tag = "v2", responses((status = 200, body = ServerMetadata)))]
async fn server() -> Json<ServerMetadata> {
    let version = env!("CARGO_PKG_VERSION");
    Json(ServerMetadata { name: "decipher", version, extensions: vec![] })
}

/// Whether the server runs.
#[utoipa::path(get, path = "/v2/health/live", tag = "v2", responses((status = 200, description = "It runs")))]
async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether the server can take work: it can read, is not stopping and has room in its queue.
#[utoipa::path(get, path = "/v2/health/ready", tag = "v2",
    responses((status = 200, description = "Send me work"), (status = 503, body = Problem)))]
pub async fn ready(State(app): State<App>) -> Result<StatusCode, ApiError> {
    if *app.stopping.borrow() || app.workers.load().1 {
        return Err(ApiError::overloaded());
    }
    // The proof of the pudding: an empty picture goes all the way through a worker.
    let (_, recognizer) = app.models.get(None)?;
    let blank = vec![0; Dataset::PIXELS];
    app.workers.run(Weight::Light, move || recognizer.model().probabilities(&blank)).await?;
    Ok(StatusCode::OK)
}

/// What a model takes and gives.
#[utoipa::path(get, path = "/v2/models/{name}", tag = "v2",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 200, body = ModelMetadata), (status = 404, body = Problem)))]
async fn metadata(
    State(app): State<App>,
    At(name): At<String>,
) -> Result<Json<ModelMetadata>, ApiError> {
    let (name, _) = app.models.get(Some(&name))?;
    let tensor =
        |name, datatype, shape: &[i64]| TensorMetadata { name, datatype, shape: shape.into() };
    Ok(Json(ModelMetadata {
        name,
        platform: "decipher",
        inputs: vec![tensor("pixels", "UINT8", &[-1, 28, 28])],
        outputs: vec![tensor("probabilities", "FP32", &[-1, 10]), tensor("digit", "INT64", &[-1])],
    }))
}

/// Whether a model can be asked.
#[utoipa::path(get, path = "/v2/models/{name}/ready", tag = "v2",
    params(("name" = String, Path, description = "A model's name")),
    responses((status = 200, description = "It can"), (status = 404, body = Problem)))]
async fn model_ready(State(app): State<App>, At(name): At<String>) -> Result<StatusCode, ApiError> {
    app.models.get(Some(&name)).map(|_| StatusCode::OK)
}

/// Reads digits of 28 x 28 pixels.
#[utoipa::path(post, path = "/v2/models/{name}/infer", tag = "v2",
    params(("name" = String, Path, description = "A model's name")),
    request_body = InferRequest,
    responses((status = 200, body = InferAnswer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn infer(
    State(app): State<App>,
    At(name): At<String>,
    Asked(asked): Asked<InferRequest>,
) -> Result<Json<InferAnswer>, ApiError> {
    let (model_name, recognizer) = app.models.get(Some(&name))?;
    let known = ["probabilities", "digit"];
    let wanted: Vec<&str> = match &asked.outputs {
        None => known.into(),
        Some(outputs) => outputs.iter().map(|output| output.name.as_str()).collect(),
    };
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        let error = format!("there is no output '{unknown}'");
        return Err(ApiError::invalid(error, "ask for 'probabilities' and 'digit', or name none"));
    }
    let pixels = pixels(&asked.inputs).map_err(|error| {
        ApiError::invalid(error, "GET /v2/models/{name} tells what the model takes")
    })?;
    let count = pixels.len() / Dataset::PIXELS;
    let weight = if count > LIGHT { Weight::Heavy } else { Weight::Light };
    let probabilities =
        app.workers.run(weight, move || recognizer.model().probabilities(&pixels)).await?;
    app.metrics.digits.inc_by(count as u64);
    let output = |name| match name {
        "digit" => {
            let digits: Vec<u8> = probabilities.iter().map(|p| best(p).0).collect();
            OutputTensor {
                name: "digit",
                shape: vec![count],
                datatype: "INT64",
                data: json!(digits),
            }
        }
        _ => OutputTensor {
            name: "probabilities",
            shape: vec![count, 10],
            datatype: "FP32",
            data: json!(probabilities.as_flattened()),
        },
    };
    let outputs = wanted.into_iter().map(output).collect();
    Ok(Json(InferAnswer { model_name, id: asked.id, outputs }))
}

fn pixels(inputs: &[InputTensor]) -> Result<Vec<u8>, String> {
    let [input] = inputs else {
        return Err(format!("there is one input, 'pixels', and not {}", inputs.len()));
    };
    if input.name != "pixels" {
        return Err(format!("there is no input '{}', only 'pixels'", input.name));
    }
    let count = match input.shape[..] {
        [n, 784] | [n, 28, 28] => n,
        _ => return Err(format!("the shape is {:?} and not [n, 784] or [n, 28, 28]", input.shape)),
    };
    if count > MOST {
        return Err(format!("{count} digits are more than {MOST} in one request"));
    }
    let scale = match input.datatype.as_str() {
        "UINT8" => 1.0,
        "FP32" => 255.0,
        other => return Err(format!("the datatype is '{other}' and not UINT8 or FP32")),
    };
    let mut pixels = Vec::with_capacity(count * Dataset::PIXELS);
    flatten(&input.data, scale, 3, &mut pixels)?;
    if pixels.len() != count * Dataset::PIXELS {
        return Err(format!("{} values do not fill the shape {:?}", pixels.len(), input.shape));
    }
    Ok(pixels)
}

/// Appends the numbers in arrays nested up to `depth` deep.
fn flatten(data: &Value, scale: f64, depth: usize, pixels: &mut Vec<u8>) -> Result<(), String> {
    let Value::Array(items) = data else { return Err("data is not an array".into()) };
    for item in items {
        match item.as_f64() {
            Some(value) if (0.0..=255.0).contains(&(value * scale)) => {
                pixels.push((value * scale).round() as u8);
            }
            Some(value) => return Err(format!("the value {value} is out of the datatype's range")),
            None if depth > 1 => flatten(item, scale, depth - 1, pixels)?,
            None => return Err("data is not numbers, or arrays of them".into()),
        }
    }
    Ok(())
}

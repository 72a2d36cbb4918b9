//! Reading pictures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::image::{GrayImage, Rect};
use decipher::recognizer::{Reading, Recognizer};
use decipher::report::{Area, Report, round};
use decipher::vision::{self, DecodeError, Layout, Limits};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{Parameters, Sent};
use crate::error::{ApiError, Problem};
use crate::workers::Weight;

/// A body larger than this may hold a picture that takes long.
const LIGHT: usize = 16 << 10;
/// Longest side of a stage's picture, in pixels.
const SHOWN: usize = 800;

/// How a picture is to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadParameters {
    /// The model to read with; without it, the one that reads.
    model: Option<String>,
    /// The picture shows just one digit.
    #[serde(default)]
    single: bool,
    /// How sure the network must be, 0 to 1; what is below is reported as unsure.
    #[param(minimum = 0.0, maximum = 1.0)]
    min_confidence: Option<f32>,
    /// Answer with what the network saw and all ten probabilities of each.
    #[serde(default)]
    glyphs: bool,
    /// Answer with a picture of every stage.
    #[serde(default)]
    stages: bool,
}

/// A picture as JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PictureJson {
    /// The picture's file in base64, or as a `data:` address.
    picture: String,
    /// Its name, which comes back with the answer.
    file: Option<String>,
}

/// A picture as a form.
#[derive(ToSchema)]
#[allow(dead_code)] // Only its description is used.
pub struct PictureForm {
    /// The picture's file; `file` and `image` are taken too.
    #[schema(value_type = String, format = Binary)]
    picture: Vec<u8>,
}

/// What was read: the same as `decipher read --format json`, and what else was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadAnswer {
    #[serde(flatten)]
    report: Report,
    /// What the network saw: digits in reading order, then what is unsure; with `glyphs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    glyphs: Option<Vec<GlyphReport>>,
    /// From the grey picture to the lines; with `stages`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<Stage>>,
}

/// What the network saw of one digit.
#[derive(Debug, Serialize, ToSchema)]
pub struct GlyphReport {
    /// Where it is in the picture.
    #[serde(rename = "box")]
    bounds: Area,
    /// Base64 of 784 pixels, row by row, 0 = paper, 255 = ink.
    pixels: String,
    /// The probability of each digit from 0 to 9.
    probabilities: Vec<f64>,
}

/// One stage on the way from the picture to the digits.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stage {
    /// Such as `2-ink`.
    name: String,
    /// A PNG as a `data:` address, at most 800 pixels a side.
    picture: String,
}

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Reads the digits in a picture: PNG, JPEG, BMP, PNM, WebP or GIF. The picture is the body, a
/// part of a form, or base64 in JSON.
#[utoipa::path(post, path = "/v1/read", tag = "read", params(ReadParameters),
    request_body(content(
        (Vec<u8> = "application/octet-stream"), (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"),
        (PictureForm = "multipart/form-data"), (PictureJson = "application/json"))),
    responses((status = 200, body = ReadAnswer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn read(
    State(app): State<App>,
    Parameters(parameters): Parameters<ReadParameters>,
    sent: Sent,
) -> Result<Json<ReadAnswer>, ApiError> {
    let share = parameters.min_confidence;
    if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        let advice = "give min_confidence from 0 to 1";
        return Err(ApiError::malformed("min_confidence is not from 0 to 1", advice));
    }
    let (_, recognizer) = app.models.get(parameters.model.as_deref())?;
    let (file, bytes) = picture(sent).await?;
    let weight =
        if bytes.len() > LIGHT || parameters.stages { Weight::Heavy } else { Weight::Light };
    let answer =
        app.workers.run(weight, move || answer(&recognizer, &parameters, file, &bytes)).await??;
    let lines = answer.report.lines.iter();
    app.metrics.digits.inc_by(lines.map(|line| line.digits.len() as u64).sum());
    Ok(Json(answer))
}

/// The picture's name and bytes, however they were sent.
async fn picture(sent: Sent) -> Result<(Option<String>, Vec<u8>), ApiError> {
    match sent.media_type().as_str() {
        "application/json" => {
            let PictureJson { picture, file } = sent.json()?;
            let base64 = match picture.strip_prefix("data:") {
                Some(address) => address.split_once(',').map_or("", |(_, data)| data),
                None => &picture,
            };
            let bytes = STANDARD.decode(base64.trim()).map_err(|e| {
                let advice = "encode the whole file with the usual alphabet (+ and /) and padding";
                ApiError::malformed(format!("the picture is not base64: {e}"), advice)
            })?;
            Ok((file, bytes))
        }
        "multipart/form-data" => form(sent).await,
        _ => Ok((None, sent.bytes)),
    }
}

/// The first part of a form that is a file.
async fn form(sent: Sent) -> Result<(Option<String>, Vec<u8>), ApiError> {
    let advice = "send a form with the picture as a file, as 'curl -F picture=@photo.jpg' does";
    let wrong = |e: multer::Error| ApiError::malformed(format!("the form is broken: {e}"), advice);
    let kind = sent.headers.get(axum::http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let boundary = multer::parse_boundary(kind.unwrap_or("")).map_err(wrong)?;
    let body = futures_util::stream::iter([Ok::<_, std::io::Error>(sent.bytes)]);
    let mut form = multer::Multipart::new(body, boundary);
    while let Some(part) = form.next_field().await.map_err(wrong)? {
        if part.file_name().is_some() || matches!(part.name(), Some("picture" | "file" | "image")) {
            let file = part.file_name().map(str::to_owned);
            return Ok((file, part.bytes().await.map_err(wrong)?.to_vec()));
        }
    }
    Err(ApiError::malformed("the form has no picture", advice))
}

/// What one request may make the server unpack: a photo, not a bomb.
fn limits() -> Limits {
    Limits { max_pixels: 50_000_000, max_side: 20_000, max_memory: 256 << 20 }
}

fn answer(
    recognizer: &Arc<Recognizer>,
    parameters: &ReadParameters,
    file: Option<String>,
    bytes: &[u8],
) -> Result<ReadAnswer, ApiError> {
    let picture = vision::decode(bytes, &limits()).map_err(no_picture)?;
    let read = |recognizer: &Recognizer| recognizer.explain(&picture, parameters.single);
    let (layout, reading) = match parameters.min_confidence {
        None => read(recognizer),
        Some(share) => {
            let mut recognizer = Recognizer::clone(recognizer);
            recognizer.min_confidence = share;
            read(&recognizer)
        }
    };
    Ok(ReadAnswer {
        report: Report::new(file, &picture, &reading),
        glyphs: parameters.glyphs.then(|| glyphs(recognizer, &reading)),
        stages: parameters.stages.then(|| stages(&layout)),
    })
}

/// 413, 415 or 422, each with what to do.
fn no_picture(error: DecodeError) -> ApiError {
    let (status, code, advice) = match &error {
        DecodeError::Empty => {
            (StatusCode::BAD_REQUEST, "empty", "send the picture's file as the body")
        }
        DecodeError::UnknownFormat => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unknown_format",
            "save the picture as one of these and send that",
        ),
        DecodeError::TooLarge { .. } | DecodeError::TooMuchMemory { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "too_many_pixels", "send a smaller copy of the picture")
        }
        DecodeError::TooMuchBeside { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_much_beside",
            "save the picture anew, without what else is in the file",
        ),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "damaged", "send the file again, or save it anew"),
    };
    ApiError::new(status, code, error.to_string(), advice)
}

fn glyphs(recognizer: &Recognizer, reading: &Reading) -> Vec<GlyphReport> {
    let sure = reading.digits().map(|digit| (digit.bounds, digit.pixels));
    let unsure = reading.unsure.iter().map(|unsure| (unsure.bounds, unsure.pixels));
    let glyphs: Vec<_> = sure.chain(unsure).collect();
    let pixels: Vec<u8> = glyphs.iter().flat_map(|(_, pixels)| *pixels).collect();
    let probabilities = recognizer.probabilities(&pixels);
    let report = |((bounds, pixels), p): (&(Rect, [u8; 784]), &[f32; 10])| GlyphReport {
        bounds: (*bounds).into(),
        pixels: STANDARD.encode(pixels),
        probabilities: p.iter().map(|&p| round(p)).collect(),
    };
    glyphs.iter().zip(&probabilities).map(report).collect()
}

fn stages(layout: &Layout) -> Vec<Stage> {
    let pictures = layout.stages.pictures();
    let pictures = pictures.into_iter().filter(|(_, picture)| !picture.pixels().is_empty());
    let stage = |(name, picture): (&str, GrayImage)| {
        let png = STANDARD.encode(vision::encode_png(&smaller(&picture)));
        Stage { name: name.into(), picture: format!("data:image/png;base64,{png}") }
    };
    pictures.map(stage).collect()
}

/// A copy of at most [`SHOWN`] pixels a side; each pixel is the darkest of those it stands for, so
/// that thin outlines stay.
fn smaller(picture: &GrayImage) -> GrayImage {
    let factor = picture.width().max(picture.height()).div_ceil(SHOWN);
    if factor <= 1 {
        return picture.clone();
    }
    let (width, height) = (picture.width().div_ceil(factor), picture.height().div_ceil(factor));
    let mut small = GrayImage::filled(width, height, 255);
    for y in 0..picture.height() {
        let row = &mut small.pixels_mut()[y / factor * width..][..width];
        for (x, &value) in picture.row(y).iter().enumerate() {
            row[x / factor] = row[x / factor].min(value);
        }
    }
    small
}

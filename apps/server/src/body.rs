//! Taking in what a client sends: not too much, not too slowly, and not more than there is memory
//! for, whatever the client claims.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::error::ApiError;

/// Bytes of memory that one permit of the budget stands for.
const UNIT: usize = 1024;

/// How much a client may send.
#[derive(Clone)]
pub struct BodyRules {
    /// Largest body, in bytes.
    pub largest: usize,
    /// Longest time from the head to the end of the body.
    pub patience: Duration,
    /// Memory for all bodies together.
    budget: Arc<Semaphore>,
}

impl BodyRules {
    /// `total`: bytes for all bodies together.
    pub fn new(largest: usize, patience: Duration, total: usize) -> Self {
        Self { largest, patience, budget: Arc::new(Semaphore::new(total / UNIT)) }
    }

    async fn collect(&self, mut body: Body) -> Result<Sent, ApiError> {
        let mut bytes = Vec::new();
        let mut permits: Option<OwnedSemaphorePermit> = None;
        let mut paid = 0;
        while let Some(frame) = body.frame().await {
            let advice = "send it again, whole and as HTTP/1.1 has it";
            let frame = frame
                .map_err(|e| ApiError::malformed(format!("the body broke off: {e}"), advice))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.largest {
                return Err(self.too_large());
            }
            let need = (bytes.len() + data.len()).div_ceil(UNIT);
            if need > paid {
                let more = self.budget.clone().try_acquire_many_owned((need - paid) as u32);
                let more = more.map_err(|_| ApiError::overloaded())?;
                paid = need;
                match &mut permits {
                    Some(permits) => permits.merge(more),
                    none => *none = Some(more),
                }
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Sent { headers: HeaderMap::new(), bytes, _permits: permits })
    }

    fn too_large(&self) -> ApiError {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body is larger than {} bytes", self.largest),
            "send a smaller picture, or start the server with a larger --max-body",
        )
    }
}

/// A whole body. Its share of the memory is given back when it is dropped.
pub struct Sent {
    /// The headers it came with.
    pub headers: HeaderMap,
    /// What was sent.
    pub bytes: Vec<u8>,
    _permits: Option<OwnedSemaphorePermit>,
}

impl Sent {
    /// The media type in `Content-Type`, in lower case and without parameters; empty without one.
    pub fn media_type(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        value.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400, if it is none or another than expected.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.bytes).map_err(|e| {
            let advice = "/openapi.json describes what is expected";
            ApiError::malformed(format!("the body is not the JSON expected here: {e}"), advice)
        })
    }
}

impl FromRequest<App> for Sent {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let rules = &app.body;
        let (parts, body) = request.into_parts();
        let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        let length = length.and_then(|text| text.parse::<u64>().ok());
        if length.is_some_and(|length| length > rules.largest as u64) {
            return Err(rules.too_large());
        }
        match tokio::time::timeout(rules.patience, rules.collect(body)).await {
            Ok(sent) => Ok(Self { headers: parts.headers, ..sent? }),
            Err(_) => Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                format!("the body did not arrive within {} s", rules.patience.as_secs()),
                "send it again over a faster connection, or a smaller picture",
            )),
        }
    }
}

/// A JSON body.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Ok(Self(Sent::from_request(request, app).await?.json()?))
    }
}

/// The query string.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(e) => Err(ApiError::malformed(
                format!("the parameters after '?' are wrong: {}", e.body_text()),
                "/openapi.json lists the parameters of every address",
            )),
        }
    }
}

/// What stands in the place of a name in the address.
pub struct At<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(e) => Err(ApiError::malformed(
                format!("the address is wrong: {}", e.body_text()),
                "/openapi.json lists the addresses there are",
            )),
        }
    }
}

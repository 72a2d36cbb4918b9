//! Taking in what a client sends: not too much, not too slowly, and not more than there is memory
//! for, whatever the client claims.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::error::ApiError;

/// Bytes of memory that one permit of the budget stands for.
const UNIT: usize = 1024;
/// Most bytes of a refused body that are taken in so that its connection can go on.
const DRAINED: u64 = 1 << 20;
/// Longest time for that.
const DRAIN: Duration = Duration::from_secs(1);

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

/// A body that leaves what is not read of it to its [`Rest`].
struct Lent {
    body: Body,
    rest: Arc<Mutex<Option<Body>>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.body);
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
    }
}

/// What is left of a body when its request has been answered.
pub struct Rest {
    rest: Arc<Mutex<Option<Body>>>,
    /// The client waits to be asked for the body, so none is on its way.
    waits: bool,
}

impl Rest {
    /// Splits the rest of its body off a request.
    pub fn of(request: Request) -> (Request, Self) {
        let waits = request.headers().contains_key(header::EXPECT);
        let rest = Arc::default();
        let lent = Arc::clone(&rest);
        (request.map(|body| Body::new(Lent { body, rest: lent })), Self { rest, waits })
    }

    /// Takes in what is left, up to a limit. Without that, an answer given before the body was
    /// read would cost the client its connection. Returns whether nothing is left.
    pub async fn drained(self) -> bool {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut rest) = rest.filter(|rest| !rest.is_end_stream()) else { return true };
        if self.waits || rest.size_hint().lower() > DRAINED {
            return false;
        }
        let take_in = async {
            let mut left = DRAINED;
            while let Some(frame) = rest.frame().await {
                let taken = frame.ok()?.data_ref().map_or(0, Bytes::len) as u64;
                left = left.checked_sub(taken)?;
            }
            Some(())
        };
        matches!(tokio::time::timeout(DRAIN, take_in).await, Ok(Some(())))
    }
}

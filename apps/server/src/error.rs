//! The one shape of an error, which says what is wrong and what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What every answer of 400 and above holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What is wrong, in a sentence.
    pub error: String,
    /// The same for programs; it does not change.
    pub code: &'static str,
    /// What to do about it.
    pub advice: String,
}

/// An answer that says no.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    problem: Problem,
    retry_after: bool,
}

impl ApiError {
    /// An error of that status; `code` is for programs, `error` and `advice` for people.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        error: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let problem = Problem { error: error.into(), code, advice: advice.into() };
        Self { status, problem, retry_after: false }
    }

    /// 400: the request cannot be understood.
    pub fn malformed(error: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", error, advice)
    }

    /// 422: understood, but it asks for what cannot be done.
    pub fn invalid(error: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", error, advice)
    }

    /// 404: there is no such thing.
    pub fn missing(what: &str, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"), advice)
    }

    /// 503: more is asked than can be done; the client may ask again in a second.
    pub fn overloaded() -> Self {
        let (error, advice) = ("the server is busy", "ask again in a second");
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", error, advice);
        Self { retry_after: true, ..error }
    }

    /// 500: a fault of ours.
    pub fn internal() -> Self {
        let advice = "this is a fault in Decipher; please report it with the server's log";
        let error = "the request brought the server into trouble";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error, advice)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        if self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

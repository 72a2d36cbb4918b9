//! Who may ask: which hosts and origins, and who may change something. Also what every answer
//! carries and how it is counted.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::body::Rest;
use crate::error::ApiError;

/// Who is let in.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whether only this machine can reach the server, which then answers only to its own names.
    /// A page elsewhere could otherwise name itself 127.0.0.1 in the DNS and speak as if it was ours.
    pub loopback: bool,
    /// Origins besides our own, such as `https://example.org`.
    pub origins: Vec<String>,
    /// What a client must show to change something.
    pub token: Option<String>,
}

impl Rules {
    fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("");
        let origin = headers.get(header::ORIGIN).map(|v| v.to_str().unwrap_or("?"));
        if let Some(origin) = origin {
            let ours = origin.split_once("://").is_some_and(|(_, from)| from == host);
            if !ours && !self.origins.iter().any(|allowed| allowed == origin) {
                return Err(ApiError::new(
                    StatusCode::FORBIDDEN,
                    "origin_refused",
                    format!("pages of {origin} may not ask this server"),
                    format!("start the server with --allow-origin {origin} if that page is yours"),
                ));
            }
        }
        if self.loopback && !host.is_empty() && !is_local(host) {
            return Err(ApiError::new(
                StatusCode::MISDIRECTED_REQUEST,
                "host_refused",
                "this server answers only as localhost",
                "ask http://localhost, or start the server with --host ADDRESS to be reached elsewhere",
            ));
        }
        Ok(())
    }

    fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let shown = shown.and_then(|v| v.split_once(' '));
        let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let shown = shown.map_or("", |(_, token)| token);
        // The time this takes does not tell how much of it was right.
        let differences = shown.bytes().zip(token.bytes()).fold(0, |d, (a, b)| d | (a ^ b));
        shown.len() == token.len() && differences == 0
    }
}

/// Whether `host` (of a `Host` header) is a name of this machine for itself.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Proof that the client may change something.
pub struct Allowed;

impl FromRequestParts<App> for Allowed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if app.rules.allows(&parts.headers) {
            return Ok(Self);
        }
        Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "token_needed",
            "who changes something here must show the token",
            "send 'Authorization: Bearer TOKEN' with the token the server printed when it started",
        ))
    }
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data: blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=()"),
];

/// Goes around every request: lets it in or not, and counts and logs the answer.
pub async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = request.uri().path().to_owned();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let (request, rest) = Rest::of(request);
    let preflight = origin.is_some() && request.method() == Method::OPTIONS;
    let mut response = match app.rules.check(request.headers()) {
        Ok(()) if !preflight => next.run(request).await,
        refused => {
            drop(request);
            refused.map(|()| StatusCode::NO_CONTENT).into_response()
        }
    };
    let drained = rest.drained().await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    allow_origin(&app, origin, response.headers_mut());
    if *app.stopping.borrow() || !drained {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let (status, time) = (response.status().as_u16(), started.elapsed());
    // No address that exists: one counter for all of them.
    app.metrics.answered(method, route.as_deref().unwrap_or("(none)"), status, time);
    if status == 500 {
        tracing::error!(method, path, status, "answered");
    } else {
        tracing::debug!(method, path, status, ms = time.as_secs_f64() * 1e3, "answered");
    }
    response
}

/// Tells a browser that the page of another origin may look at the answer.
fn allow_origin(app: &App, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    let Some(origin) = origin else { return };
    if !app.rules.origins.iter().any(|allowed| origin == allowed.as_str()) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (header::VARY, "origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A method's name; clients may invent some, counters may not.
fn known(method: &Method) -> &'static str {
    let all =
        [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS];
    let names = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"];
    all.iter().position(|known| known == method).map_or("other", |at| names[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_our_own_pages_and_names_are_let_in() {
        let rules =
            Rules { loopback: true, origins: vec!["https://friend.example".into()], token: None };
        let check = |host, origin: Option<&'static str>| {
            let mut all = headers(&[(header::HOST, host)]);
            origin.map(|o| all.insert(header::ORIGIN, HeaderValue::from_static(o)));
            rules.check(&all).is_ok()
        };
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] {
            assert!(check(host, None), "{host}");
        }
        assert!(check("localhost:8080", Some("http://localhost:8080")));
        assert!(check("localhost:8080", Some("https://friend.example")));
        for (host, origin) in [
            ("evil.example:8080", None),
            ("evil.example:8080", Some("http://evil.example:8080")),
            ("localhost:8080", Some("http://evil.example")),
            ("localhost:8080", Some("http://localhost:9999")),
            ("localhost:8080", Some("null")),
            ("127.0.0.1.evil.example", None),
            ("local host", None),
        ] {
            assert!(!check(host, origin), "{host} {origin:?}");
        }
    }

    #[test]
    fn a_token_must_be_whole() {
        let rules = Rules { token: Some("abc".into()), ..Rules::default() };
        let allows = |value| rules.allows(&headers(&[(header::AUTHORIZATION, value)]));
        assert!(allows("Bearer abc"));
        for wrong in ["Bearer ab", "Bearer abcd", "Bearer abd", "abc", "Basic abc", "Bearer "] {
            assert!(!allows(wrong), "{wrong}");
        }
        assert!(!rules.allows(&HeaderMap::new()) && Rules::default().allows(&HeaderMap::new()));
    }
}

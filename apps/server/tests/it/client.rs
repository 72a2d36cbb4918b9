//! Asks the service without a socket.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use decipher::model::Model;
use decipher_server::{App, Config, router};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

/// A service and how to ask it.
pub struct Client {
    router: Router,
    /// Keeps the service from believing that it is being stopped.
    _stop: watch::Sender<bool>,
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }
}

impl Client {
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Model::bundled());
        (config.threads, config.train_threads) = (2, 1);
        change(&mut config);
        let (stop, stopping) = watch::channel(false);
        Self { router: router(App::new(config, stopping).unwrap()), _stop: stop }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// `headers`: `name: value`.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, json: Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], json.to_string()).await
    }
}

/// A file of `samples/`.
pub fn sample(name: &str) -> Vec<u8> {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/");
    std::fs::read(format!("{samples}{name}")).unwrap()
}

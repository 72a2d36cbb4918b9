//! Decipher over HTTP: a page to read and to learn with, and an API to build on.
//!
//! [`router`] is the whole service and can be called without a socket; [`run`] puts it on one.
//! Nothing is ever written to disk. What takes the processor's time runs on [`workers`], training
//! on threads of its own; the threads that serve connections only pass things on.

mod accept;
mod body;
mod data;
mod error;
mod evaluate;
mod guard;
mod inside;
mod metrics;
mod models;
mod openapi;
mod page;
mod patience;
mod read;
mod runs;
mod train;
mod v2;
pub mod workers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use decipher::data::Mnist;
use decipher::model::Model;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use body::BodyRules;
use error::ApiError;
use workers::Workers;

/// What a server is started with.
pub struct Config {
    /// Where to listen; anything but loopback needs a `token`.
    pub host: IpAddr,
    /// The port; 0 takes any that is free.
    pub port: u16,
    /// The model that reads.
    pub model: Model,
    /// Digits to train and test on; without them, the built-in ones.
    pub mnist: Option<Mnist>,
    /// Threads that read.
    pub threads: usize,
    /// Requests that wait for one; more are refused at once.
    pub queue: usize,
    /// Threads of each training run.
    pub train_threads: usize,
    /// Largest body, in bytes.
    pub max_body: usize,
    /// Most connections at a time.
    pub max_connections: usize,
    /// Longest time that a client may take for the head of a request, or leave a connection idle.
    pub patience: Duration,
    /// Longest time from being told to stop to the end.
    pub deadline: Duration,
    /// Origins whose pages may ask, besides our own.
    pub origins: Vec<String>,
    /// What a client must show to change something.
    pub token: Option<String>,
}

impl Config {
    /// For this machine alone.
    pub fn new(model: Model) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 8080,
            model,
            mnist: None,
            threads: cores,
            queue: 64 * cores,
            train_threads: cores.div_ceil(2),
            max_body: 32 << 20,
            max_connections: 4_096,
            patience: Duration::from_secs(10),
            deadline: Duration::from_secs(10),
            origins: vec![],
            token: None,
        }
    }
}

/// All that requests share.
#[derive(Clone)]
pub struct App(Arc<Shared>);

#[doc(hidden)]
pub struct Shared {
    models: models::Models,
    runs: runs::Runs,
    data: Arc<data::Data>,
    workers: Workers,
    metrics: metrics::Metrics,
    rules: guard::Rules,
    body: BodyRules,
    train_threads: usize,
    stopping: watch::Receiver<bool>,
    openapi: OnceLock<utoipa::openapi::OpenApi>,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Memory for the bodies of all requests together, in bytes.
const BODIES: usize = 256 << 20;
/// Longest time for a body to arrive.
const BODY: Duration = Duration::from_secs(30);

impl App {
    /// Starts the workers. When `stopping` comes true, streams end and nothing new is promised.
    ///
    /// # Errors
    /// If there are no threads to be had.
    pub fn new(config: Config, stopping: watch::Receiver<bool>) -> std::io::Result<Self> {
        let rules = guard::Rules {
            loopback: config.host.is_loopback(),
            // As browsers write them: no slash at the end.
            origins: config.origins.iter().map(|o| o.trim_end_matches('/').to_owned()).collect(),
            token: config.token,
        };
        Ok(Self(Arc::new(Shared {
            models: models::Models::new(config.model),
            runs: runs::Runs::new(2 * config.threads.max(2)),
            data: Arc::new(data::Data::new(config.mnist)),
            workers: Workers::start(config.threads.max(1), config.queue)?,
            metrics: metrics::Metrics::new(),
            rules,
            body: BodyRules::new(config.max_body, BODY, BODIES.max(config.max_body)),
            train_threads: config.train_threads,
            stopping,
            openapi: OnceLock::new(),
        })))
    }
}

/// The whole service.
pub fn router(app: App) -> Router {
    let api = OpenApiRouter::with_openapi(openapi::Description::openapi())
        .merge(read::router())
        .merge(models::router())
        .merge(train::router())
        .merge(evaluate::router())
        .merge(inside::router())
        .merge(data::router())
        .merge(v2::router());
    let (api, description) = api.split_for_parts();
    let _ = app.openapi.set(description);
    api.merge(page::router())
        .route("/openapi.json", get(openapi::show))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(v2::ready))
        .fallback(|| async {
            ApiError::missing("such address", "/openapi.json lists the addresses there are")
        })
        .method_not_allowed_fallback(|| async {
            let advice = "/openapi.json lists what each address takes";
            let error = "this address does not take that method";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", error, advice)
        })
        .layer(CatchPanicLayer::custom(|_| ApiError::internal().into_response()))
        .layer(from_fn_with_state(app.clone(), guard::around))
        .with_state(app)
}

async fn metrics_text(State(app): State<App>) -> Response {
    app.metrics.waiting.set(app.workers.load().0 as i64);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The operating system does not let it listen there.
    #[error("cannot listen on {address}; try another --port")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A server that others can reach needs a token.
    #[error("{0} can be reached from other machines, so a token is needed")]
    NoToken(IpAddr),
    /// No threads, no signals.
    #[error("the server cannot run")]
    System(#[from] std::io::Error),
}

/// Serves until SIGTERM or Ctrl-C, then lets every request that has arrived be answered.
/// `ready` hears the address when connections are taken.
///
/// # Errors
/// [`ServeError`].
pub fn run(config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    if !config.host.is_loopback() && config.token.as_deref().is_none_or(str::is_empty) {
        return Err(ServeError::NoToken(config.host));
    }
    // Each connection is a file handle, and the usual limit is 1,024.
    if let Err(error) = rlimit::increase_nofile_limit(config.max_connections as u64 + 256) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads.max(1))
        .enable_all()
        .build()?;
    let answered = runtime.block_on(async {
        let address = SocketAddr::new(config.host, config.port);
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let mut signals = Signals::new()?;
        tokio::spawn(async move {
            signals.next().await;
            let _ = stop.send(true);
        });
        tracing::info!(%address, "listening");
        ready(address);
        Ok::<_, ServeError>(serve(listener, config, stopping).await?)
    })?;
    if answered {
        tracing::info!("stopped; every request was answered");
    } else {
        tracing::warn!("stopped; the deadline cut some requests off");
    }
    runtime.shutdown_background();
    Ok(())
}

/// Serves on `listener` until `stop` comes true, then lets every request that has arrived be
/// answered, until the deadline. Returns whether all of them were.
///
/// # Errors
/// If there are no threads to be had.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    stop: watch::Receiver<bool>,
) -> std::io::Result<bool> {
    let rules = accept::Rules {
        most: config.max_connections,
        patience: config.patience,
        deadline: config.deadline,
    };
    let app = App::new(config, stop.clone())?;
    let (told, mut stopping) = (app.clone(), stop.clone());
    tokio::spawn(async move {
        if stopping.wait_for(|&stop| stop).await.is_ok() {
            tracing::info!("stopping");
            told.runs.stop_all();
        }
    });
    Ok(accept::serve(listener, app.clone(), router(app), rules, stop).await)
}

/// What tells a server to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

//! Counters for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    method: &'static str,
    /// The route, not the address: there is no end of addresses.
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// All counters.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    /// Connections that are open.
    pub connections: Gauge,
    /// Jobs that wait for a worker.
    pub waiting: Gauge,
    /// Requests refused because there was too much to do.
    pub refused: Counter,
    /// Digits that were read.
    pub digits: Counter,
    /// Training runs and lessons that are not over.
    pub runs: Gauge,
    /// Epochs that were trained.
    pub epochs: Counter<u64, AtomicU64>,
}

fn histogram() -> Histogram {
    // From a quarter of a millisecond to 8 seconds.
    Histogram::new((0..16).map(|i| 0.000_25 * f64::from(1u32 << i)))
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("decipher");
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram as fn() -> Histogram),
            connections: Gauge::default(),
            waiting: Gauge::default(),
            refused: Counter::default(),
            digits: Counter::default(),
            runs: Gauge::default(),
            epochs: Counter::default(),
            registry: Registry::default(),
        };
        let Self { requests, seconds, connections, waiting, refused, digits, runs, epochs, .. } =
            &metrics;
        registry.register("requests", "Requests answered", requests.clone());
        let help = "From a request's head to the head of its answer";
        registry.register_with_unit("request", help, Unit::Seconds, seconds.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("waiting_jobs", "Jobs that wait for a worker", waiting.clone());
        registry.register("refused", "Requests refused for lack of room", refused.clone());
        registry.register("digits", "Digits read", digits.clone());
        registry.register("runs", "Training runs and lessons under way", runs.clone());
        registry.register("epochs", "Epochs trained", epochs.clone());
        Self { registry, ..metrics }
    }

    /// Counts an answer.
    pub fn answered(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        let label = Request { method, route: route.into(), status };
        self.requests.get_or_create(&label).inc();
        self.seconds.get_or_create(&Route { route: route.into() }).observe(time.as_secs_f64());
        if status == 503 {
            self.refused.inc();
        }
    }

    /// The text that Prometheus reads (OpenMetrics 1.0).
    pub fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }
}

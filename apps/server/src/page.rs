//! The page, built into the program.

use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::App;

macro_rules! files {
    ($($name:literal: $kind:expr),* $(,)?) => {
        &[$(($name, $kind, include_bytes!(concat!("../web/", $name)))),*]
    };
}

const JS: &str = "text/javascript; charset=utf-8";

/// Every file of the page: address, type, content.
const FILES: &[(&str, &str, &[u8])] = files! {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "app.js": JS,
    "api.js": JS,
    "ui.js": JS,
    "pad.js": JS,
    "charts.js": JS,
    "read.js": JS,
    "mine.js": JS,
    "run.js": JS,
    "runs.js": JS,
    "teach.js": JS,
    "train.js": JS,
    "builder.js": JS,
    "layers.js": JS,
    "inside.js": JS,
    "unit.js": JS,
    "matrix.js": JS,
    "glossary.js": JS,
    "worth.js": JS,
    "evaluate.js": JS,
};

/// A file as it is sent.
struct File {
    kind: &'static str,
    plain: &'static [u8],
    gzip: Bytes,
    tag: String,
}

/// The files by name, packed once.
static PACKED: LazyLock<Vec<(&str, File)>> = LazyLock::new(|| {
    let pack = |&(name, kind, plain): &(&'static str, &'static str, &'static [u8])| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(plain).expect("memory takes all");
        let gzip = Bytes::from(gzip.finish().expect("memory takes all"));
        // A sum of what is in it changes with it.
        let sum = plain.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        (name, File { kind, plain, gzip, tag: format!("\"{sum:016x}\"") })
    };
    FILES.iter().map(pack).collect()
});

/// The addresses of the page.
pub fn router() -> Router<App> {
    let mut router = Router::new();
    for (name, file) in PACKED.iter() {
        let path = if *name == "index.html" { "/".into() } else { format!("/{name}") };
        router =
            router.route(&path, get(move |headers: HeaderMap| async move { send(file, &headers) }));
    }
    router
}

fn send(file: &'static File, asked: &HeaderMap) -> Response {
    let has = |name, what: &str| {
        asked.get(name).and_then(|v| v.to_str().ok()).is_some_and(|value| value.contains(what))
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Asked anew each time, sent anew only after an update of the program.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::ETAG, HeaderValue::from_str(&file.tag).expect("it is hexadecimal"));
    if has(header::IF_NONE_MATCH, &file.tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if has(header::ACCEPT_ENCODING, "gzip") {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return (headers, file.gzip.clone()).into_response();
    }
    (headers, file.plain).into_response()
}

//! `decipher serve`

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use decipher::model::Model;
use decipher_server::Config;

/// Serve a page to read and to learn with, and an API
///
/// Open the printed address in a browser. By default only this machine can reach it; with --host
/// others can too, and then whoever changes something (trains, teaches, sends models) must show a
/// token. Nothing is ever written to disk.
#[derive(clap::Args)]
pub struct Arguments {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address to listen on; 0.0.0.0 is every address of this machine
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// A network that `decipher train` saved [default: the one that is built in]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Directory with the four MNIST files [default: $DECIPHER_DATA, else what was fetched]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What who changes something must show [default with --host: made up and printed]
    #[arg(long, env = "DECIPHER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A page elsewhere that may ask too, such as https://example.org; may be given repeatedly
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Threads that read [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Requests that wait for a thread; more get 503 at once [default: 64 per thread]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queue: Option<u32>,
    /// Largest picture that is taken, in megabytes
    #[arg(long, value_name = "MB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    max_body: u32,
    /// Seconds from being told to stop to the end
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    deadline: u32,
    /// How to log: text for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What to log; debug logs every request
    #[arg(long, value_enum, default_value_t = LogLevel::Info)]
    log: LogLevel,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    log_to_stderr(arguments.log, arguments.log_format);
    let model = match &arguments.model {
        Some(path) => Model::load(path)?,
        None => Model::bundled(),
    };
    let mut config = Config::new(model);
    config.mnist = crate::mnist(arguments.data.as_deref())?.map(|(mnist, _)| mnist);
    config.host = arguments.host;
    config.port = arguments.port;
    // An empty variable in the environment is no token.
    config.token = match arguments.token.filter(|token| !token.is_empty()) {
        None if !arguments.host.is_loopback() => Some(random_token()?),
        given => given,
    };
    config.origins = arguments.allow_origin;
    if let Some(threads) = arguments.threads {
        config.threads = threads.into();
        config.queue = 64 * config.threads;
    }
    if let Some(queue) = arguments.queue {
        config.queue = queue as usize;
    }
    config.max_body = (arguments.max_body as usize) << 20;
    config.deadline = Duration::from_secs(arguments.deadline.into());
    let token = config.token.clone();
    decipher_server::run(config, |address| announce(address, token.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints where the page is; the token goes into the part of the address that a browser does not
/// send.
fn announce(address: SocketAddr, token: Option<&str>) {
    let page = match token {
        Some(token) => format!("http://{address}/#token={}", percent_encoded(token)),
        None => format!("http://{address}/"),
    };
    // The reader of a pipe may be gone; the server goes on.
    let _ = crate::print(&page);
}

/// All but letters and digits as `%` and the bytes' values.
fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn random_token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|e| anyhow::anyhow!("no random numbers for a token ({e}); give --token"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn log_to_stderr(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

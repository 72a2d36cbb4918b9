//! Fetching MNIST from public mirrors.
//!
//! Nothing a mirror says is believed: a file gets its name only when its unpacked bytes have the
//! SHA-256 in `files`, and nothing is read or unpacked beyond the sizes there. A download
//! that was cut goes on where it stopped, in the same run or a later one.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use flate2::bufread::GzDecoder;
use ureq::{
    Agent, Body,
    config::ConfigBuilder,
    http::{Response, StatusCode, header},
    typestate::AgentScope,
};

mod files;
#[cfg(test)]
mod tests;

use crate::file::write_whole;
pub use files::MNIST_MIRRORS;
use files::{MNIST, Wanted};

/// How a download is getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file being fetched, by its final name.
    pub file: &'static str,
    /// Bytes of the packed file on disk so far, from earlier runs too; falls if begun again.
    pub received: u64,
    /// Bytes of the whole packed file, if the mirror says so.
    pub total: Option<u64>,
    /// A line for the user when something happened: a failure, and what is done about it.
    pub note: Option<String>,
}

/// Why MNIST could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The machine's fault: the folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The mirrors' or the network's fault: none of them gave the right file.
    #[error(
        "no mirror gave {file}{}\ntry again later (it goes on where it stopped), or get the four \
         MNIST files in another way and point --data at their folder",
        failures.iter().map(|(url, why)| format!("\n  {url}: {why}")).collect::<String>()
    )]
    Mirrors {
        /// The file that could not be had.
        file: &'static str,
        /// For each mirror the URL asked last, and what was wrong with it.
        failures: Vec<(String, String)>,
    },
}

/// What is asked, and how patiently.
struct Source<'a> {
    mirrors: Vec<&'a str>,
    agent: Agent,
    /// How often one mirror is asked for one file.
    attempts: u32,
    /// Wait before the second attempt; doubles with each further one.
    pause: Duration,
}

/// Whose fault it is that an attempt failed, and so what to do next.
enum Failure {
    /// Not the mirror's: give up.
    Here(FetchError),
    /// Perhaps only now: ask the same mirror again.
    Now(String),
    /// This mirror's: ask the next.
    There(String),
}

/// Brings the four files of MNIST into `dir`, unpacked and verified; makes the folder if need be.
///
/// Files that are there already and right are left alone. `mirrors` ([`MNIST_MIRRORS`]) are folders
/// of packed files, asked in turn. The usual proxy variables are heeded. While another process
/// fetches into the same folder, this one waits. `progress` is called about every 64 KiB and
/// whenever something happens.
///
/// # Errors
/// See [`FetchError`]. Files that came before the error stay; beginnings stay as `.part` files.
pub fn fetch_mnist(
    mirrors: &[impl AsRef<str>],
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    let source = Source {
        mirrors: mirrors.iter().map(AsRef::as_ref).collect(),
        agent: config(Duration::from_secs(30)).build().into(),
        attempts: 4,
        pause: Duration::from_secs(1),
    };
    fetch(&MNIST, &source, dir, progress)
}

/// HTTP settings: a mirror that is silent for `patience` is left, and so is one that dribbles.
fn config(patience: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .accept_encoding("identity") // bytes are counted as they are stored
        .timeout_resolve(Some(patience))
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience))
        .timeout_per_write(Some(patience))
        .timeout_recv_body(Some(20 * patience))
}

fn fetch(
    files: &[Wanted],
    source: &Source,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    let missing = |file: &&Wanted| !file.is_at(&dir.join(file.name));
    let files: Vec<&Wanted> = files.iter().filter(missing).collect();
    // A complete folder may be read-only.
    let Some(first) = files.first() else { return Ok(()) };
    fs::create_dir_all(dir).map_err(io_error(dir))?;
    let path = dir.join("fetch.lock");
    let lock = File::create(&path).map_err(io_error(&path))?;
    // Without locks on this file system two downloads may spoil each other, but never unnoticed.
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        let note = Some("waiting for another download into the same folder".into());
        progress(Progress { file: first.name, received: 0, total: None, note });
        lock.lock().map_err(io_error(&path))?;
    }
    files.into_iter().filter(missing).try_for_each(|file| fetch_one(file, source, dir, progress))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    move |source| FetchError::Io { path: path.to_owned(), source }
}

fn fetch_one(
    file: &Wanted,
    source: &Source,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    let part = dir.join(format!("{}.gz.part", file.name));
    let mut failures = Vec::new();
    for mirror in &source.mirrors {
        let url = format!("{}/{}.gz", mirror.trim_end_matches('/'), file.name);
        let mut attempt = 1;
        let why = loop {
            let received = receive(file, &source.agent, &url, &part, progress);
            match received.and_then(|resumed| unpack(file, &part, dir, resumed)) {
                Ok(()) => return Ok(()),
                Err(Failure::Here(error)) => return Err(error),
                Err(Failure::Now(why)) if attempt < source.attempts => {
                    let pause = source.pause * 2u32.pow(attempt - 1);
                    let note = Some(format!("{url}: {why}; trying again in {pause:?}"));
                    let received = length(&part);
                    progress(Progress { file: file.name, received, total: None, note });
                    thread::sleep(pause);
                    attempt += 1;
                }
                Err(Failure::Now(why) | Failure::There(why)) => break why,
            }
        };
        let note = Some(format!("{url}: {why}; leaving this mirror"));
        progress(Progress { file: file.name, received: length(&part), total: None, note });
        failures.push((url, why));
    }
    Err(FetchError::Mirrors { file: file.name, failures })
}

/// Bytes in a file; 0 if there is none.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Completes `part` from `url`. Returns whether its beginning is from an earlier attempt.
fn receive(
    file: &Wanted,
    agent: &Agent,
    url: &str,
    part: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<bool, Failure> {
    let mut received = length(part);
    let mut request = agent.get(url);
    if received > 0 {
        request = request.header(header::RANGE, format!("bytes={received}-"));
    }
    let response = request.call().map_err(|error| match error {
        ureq::Error::BadUri(_) | ureq::Error::HostNotFound | ureq::Error::TooManyRedirects => {
            Failure::There(error.to_string())
        }
        _ => Failure::Now(error.to_string()),
    })?;
    match response.status() {
        StatusCode::OK => received = 0,
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(received) => {}
        // Nothing is left to send: the part is whole, or else its contents will show.
        StatusCode::RANGE_NOT_SATISFIABLE if received > 0 => return Ok(true),
        StatusCode::PARTIAL_CONTENT => {
            discard(part)?;
            return Err(Failure::Now("answered with another range than asked".into()));
        }
        status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
            return Err(Failure::Now(status.to_string()));
        }
        status if status.is_server_error() => return Err(Failure::Now(status.to_string())),
        status => return Err(Failure::There(status.to_string())),
    }
    let total = response.body().content_length().map(|length| received.saturating_add(length));
    if let Some(total) = total.filter(|&total| total > file.packed_limit) {
        return Err(Failure::There(format!("{total} bytes are too many")));
    }
    let resumed = received > 0;
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(resumed).truncate(!resumed);
    let mut output = options.open(part).map_err(here(part))?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress(Progress { file: file.name, received, total, note: None });
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                received += count as u64;
                if received > file.packed_limit {
                    discard(part)?;
                    return Err(Failure::There(format!("{received} bytes are too many")));
                }
                output.write_all(&buffer[..count]).map_err(here(part))?;
            }
            Err(error) => return Err(Failure::Now(format!("{error} after {received} bytes"))),
        }
    }
    Ok(resumed)
}

/// The first byte that an answer to a range request holds: `Content-Range: bytes 5-9/10` says 5.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// Unpacks `part`, verifies it, and only then gives it its name. A wrong part is deleted.
fn unpack(file: &Wanted, part: &Path, dir: &Path, resumed: bool) -> Result<(), Failure> {
    let packed = fs::read(part).map_err(here(part))?;
    let mut plain = Vec::new();
    let problem = match GzDecoder::new(&packed[..]).take(file.size + 1).read_to_end(&mut plain) {
        Err(error) => format!("cannot be unpacked: {error}"),
        Ok(_) if plain.len() as u64 != file.size => "has the wrong size".into(),
        Ok(_) if !file.is(&plain) => "has the wrong SHA-256".into(),
        Ok(_) => {
            let path = dir.join(file.name);
            write_whole(&path, &plain).map_err(here(&path))?;
            return discard(part);
        }
    };
    discard(part)?;
    // Beginnings of one packing do not go with the rest of another: try once more as a whole.
    Err(if resumed { Failure::Now(problem) } else { Failure::There(problem) })
}

fn here(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure::Here(io_error(path)(source))
}

fn discard(part: &Path) -> Result<(), Failure> {
    fs::remove_file(part).map_err(here(part))
}

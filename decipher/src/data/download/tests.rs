//! Fetching from mirrors that fail in every way a mirror can, all on this machine.

mod server;

use std::{sync::Arc, time::Instant};

use tempfile::{TempDir, tempdir};

use self::server::Server;
use super::*;
use crate::data::{idx::tests::gzip, load_mnist};

const PATIENCE: Duration = Duration::from_millis(500);

/// 20,000 bytes that do not pack well, the same each time.
fn contents() -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(20_000).collect()
}

fn packed() -> Vec<u8> {
    gzip(&contents())
}

fn wanted() -> Wanted {
    let sha256 = "979f9d1a5af2890de965a478ae1b0169a1c345c1249de7fd1147e7e8df157917";
    Wanted { name: "digits", size: 20_000, sha256, packed_limit: 30_000 }
}

/// An empty folder to fetch into, and what became known on the way.
struct Run {
    dir: TempDir,
    progress: Vec<Progress>,
}

impl Run {
    fn new() -> Self {
        Self { dir: tempdir().unwrap(), progress: Vec::new() }
    }

    fn fetch(&mut self, servers: &[&Server]) -> Result<(), FetchError> {
        let mut progress = |p| self.progress.push(p);
        fetch(&[wanted()], &source(servers, 3), self.dir.path(), &mut progress)
    }

    /// Fetches, and expects the right file and nothing but it.
    #[track_caller]
    fn succeeds(&mut self, servers: &[&Server]) {
        self.fetch(servers).unwrap();
        assert_eq!(self.names(), ["digits", "fetch.lock"]);
        assert!(fs::read(self.dir.path().join("digits")).unwrap() == contents());
    }

    /// Fetches, expects an error that says `why`, and none of the file under its final name.
    #[track_caller]
    fn fails(&mut self, servers: &[&Server], why: &str) {
        let error = self.fetch(servers).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let names = self.names();
        assert!(names.iter().all(|name| name == "fetch.lock" || name.ends_with(".part")));
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn write_part(&self, bytes: &[u8]) {
        fs::write(self.dir.path().join("digits.gz.part"), bytes).unwrap();
    }

    fn notes(&self) -> String {
        self.progress.iter().filter_map(|p| p.note.clone()).collect::<Vec<_>>().join("\n")
    }
}

/// `servers` as mirrors, asked without the patience due to real ones.
fn source<'a>(servers: &[&'a Server], attempts: u32) -> Source<'a> {
    Source {
        mirrors: servers.iter().map(|server| server.url.as_str()).collect(),
        agent: config(PATIENCE).proxy(None).build().into(),
        attempts,
        pause: Duration::from_millis(5),
    }
}

fn healthy() -> Server {
    Server::new(|exchange| exchange.healthy(&packed()))
}

#[test]
fn a_healthy_mirror_is_asked_once() {
    let (server, mut run) = (healthy(), Run::new());
    run.succeeds(&[&server]);
    let all = packed().len() as u64;
    let last = run.progress.last().unwrap();
    assert_eq!((last.received, last.total, &last.note), (all, Some(all), &None));
    run.succeeds(&[&server]);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_damaged_file_is_fetched_again() {
    let (server, mut run) = (healthy(), Run::new());
    fs::write(run.dir.path().join("digits"), vec![0; 20_000]).unwrap();
    run.succeeds(&[&server]);
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let server = Server::new(|exchange| match exchange.number {
        0 => exchange.claim(packed().len(), &packed()[..9000]),
        _ => exchange.healthy(&packed()),
    });
    let mut run = Run::new();
    run.succeeds(&[&server]);
    // So every byte was sent once.
    assert_eq!(server.ranges(), [None, Some(9000)]);
    assert!(run.notes().contains("after 9000 bytes; trying again"), "{}", run.notes());
}

#[test]
fn a_cut_between_chunks_is_noticed_too() {
    let server = Server::new(|exchange| match exchange.number {
        0 => {
            let body = [b"2328\r\n", &packed()[..9000], b"\r\n"].concat();
            exchange.send("200 OK\r\nTransfer-Encoding: chunked", &body);
        }
        _ => exchange.healthy(&packed()),
    });
    Run::new().succeeds(&[&server]);
    assert_eq!(server.ranges(), [None, Some(9000)]);
}

#[test]
fn a_later_run_and_another_mirror_go_on_too() {
    let cut = Server::new(|exchange| match exchange.range {
        None => exchange.claim(packed().len(), &packed()[..9000]),
        Some(_) => exchange.send("500 Internal Server Error\r\nContent-Length: 0", &[]),
    });
    let (server, mut run) = (healthy(), Run::new());
    run.fails(&[&cut], "500");
    assert_eq!(run.names(), ["digits.gz.part", "fetch.lock"]);
    run.succeeds(&[&server]);
    assert_eq!(server.ranges(), [Some(9000)]);
}

#[test]
fn a_silent_mirror_is_left() {
    let server = Server::new(|exchange| {
        match exchange.number {
            0 => exchange.claim(packed().len(), &packed()[..9000]),
            1 => {}
            _ => return exchange.healthy(&packed()),
        }
        thread::sleep(9 * PATIENCE);
    });
    let (mut run, start) = (Run::new(), Instant::now());
    run.succeeds(&[&server]);
    assert!(start.elapsed() < 6 * PATIENCE);
    assert_eq!(server.ranges(), [None, Some(9000), Some(9000)]);
}

#[test]
fn a_dribbling_mirror_is_left() {
    let server = Server::new(|exchange| {
        exchange.claim(packed().len(), &[]);
        while exchange.stream.write_all(&[0x1f]).is_ok() {
            thread::sleep(PATIENCE / 50);
        }
    });
    let dir = tempdir().unwrap();
    let agent = config(PATIENCE).timeout_recv_body(Some(2 * PATIENCE)).proxy(None).build().into();
    let source = Source { agent, ..source(&[&server], 1) };
    let error = fetch(&[wanted()], &source, dir.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("timeout"), "{error}");
}

#[test]
fn lies_about_the_length_are_found_out() {
    let long = Server::new(|exchange| exchange.claim(packed().len() + 9, &packed()));
    let short = Server::new(|exchange| exchange.claim(packed().len() - 9, &packed()));
    Run::new().fails(&[&long], "disconnected after");
    Run::new().fails(&[&short], "cannot be unpacked");
    assert_eq!((long.ranges().len(), short.ranges().len()), (3, 1));
    Run::new().succeeds(&[&long, &short, &healthy()]);
}

#[test]
fn wrong_bytes_are_thrown_away() {
    let other: Vec<u8> = contents().iter().map(|byte| byte ^ 1).collect();
    let mut corrupt = packed();
    corrupt[10_000] ^= 0x10;
    for (body, why) in [
        (gzip(&other), "has the wrong SHA-256"),
        (gzip(&contents()[1..]), "has the wrong size"),
        (gzip(&vec![0; 20 << 20]), "has the wrong size"), // a gzip bomb
        (corrupt, "cannot be unpacked"),
        (b"<html>Please log in</html>".to_vec(), "cannot be unpacked"),
        (vec![], "cannot be unpacked"),
    ] {
        assert!(body.len() < 30_000);
        let server = Server::new(move |exchange| exchange.healthy(&body));
        let mut run = Run::new();
        run.fails(&[&server], why);
        assert_eq!(run.names(), ["fetch.lock"]);
        run.succeeds(&[&server, &healthy()]);
        assert_eq!(server.ranges(), [None, None]);
    }
}

#[test]
fn a_mirror_without_ranges_starts_again() {
    let server = Server::new(|exchange| exchange.claim(packed().len(), &packed()));
    let mut run = Run::new();
    run.write_part(&packed()[..9000]);
    run.succeeds(&[&server]);
    assert_eq!(server.ranges(), [Some(9000)]);
}

#[test]
fn a_wrong_range_starts_again() {
    for range in ["bytes 8999-19999/20000", "bytes */20000", "lines 9000-1/2", "bytes -"] {
        let head = format!("206 Partial Content\r\nContent-Range: {range}");
        let server = Server::new(move |exchange| match exchange.range {
            Some(_) => exchange.send(&head, &packed()[9000..]),
            None => exchange.healthy(&packed()),
        });
        let mut run = Run::new();
        run.write_part(&packed()[..9000]);
        run.succeeds(&[&server]);
        assert_eq!(server.ranges(), [Some(9000), None]);
    }
}

#[test]
fn a_whole_part_is_not_fetched_again() {
    let (server, mut run) = (healthy(), Run::new());
    run.write_part(&packed());
    run.succeeds(&[&server]);
    assert_eq!(server.ranges(), [Some(packed().len())]);
}

#[test]
fn a_part_from_elsewhere_is_replaced() {
    for length in [9000, 40_000] {
        let (server, mut run) = (healthy(), Run::new());
        run.write_part(&vec![7; length]);
        run.succeeds(&[&server]);
        assert_eq!(server.ranges(), [Some(length), None]);
    }
}

#[test]
fn what_a_status_says_is_done() {
    let not_found =
        Server::new(|exchange| exchange.send("404 Not Found\r\nContent-Length: 0", &[]));
    let busy = Server::new(|exchange| match exchange.number {
        0 => exchange.send("500 Internal Server Error\r\nContent-Length: 0", &[]),
        1 => exchange.send("429 Too Many Requests\r\nContent-Length: 0", &[]),
        _ => exchange.healthy(&packed()),
    });
    let mut run = Run::new();
    run.succeeds(&[&not_found, &busy]);
    assert_eq!((not_found.ranges().len(), busy.ranges().len()), (1, 3));
    let notes = run.notes();
    for note in ["404 Not Found; leaving this mirror", "500 Internal Server Error; trying again"] {
        assert!(notes.contains(note), "{notes}");
    }
}

#[test]
fn redirects_are_followed_but_not_in_circles() {
    let server = Server::new(|exchange| match exchange.path.as_str() {
        "/moved" => exchange.healthy(&packed()),
        _ => exchange.send("302 Found\r\nLocation: /moved\r\nContent-Length: 0", &[]),
    });
    Run::new().succeeds(&[&server]);
    let head = "302 Found\r\nLocation: /digits.gz\r\nContent-Length: 0";
    let circle = Server::new(move |exchange| exchange.send(head, &[]));
    Run::new().fails(&[&circle], "redirect");
}

#[test]
fn too_much_is_not_taken() {
    let endless = Server::new(|exchange| {
        exchange.send("200 OK", &[0x1f, 0x8b]);
        while exchange.stream.write_all(&[0; 1000]).is_ok() {}
    });
    let mut run = Run::new();
    run.fails(&[&endless], "too many");
    assert_eq!(run.names(), ["fetch.lock"]);
    assert!(run.progress.iter().all(|p| p.received <= 30_000));
    let huge = Server::new(|exchange| exchange.claim(30_001, &packed()));
    Run::new().fails(&[&huge], "30001 bytes are too many");
    assert_eq!((endless.ranges().len(), huge.ranges().len()), (1, 1));
}

#[test]
fn two_fetches_at_once_fetch_once() {
    let server = Server::new(|exchange| {
        thread::sleep(PATIENCE / 5);
        exchange.healthy(&packed());
    });
    let dir = tempdir().unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                fetch(&[wanted()], &source(&[&server], 1), dir.path(), &mut |_| {}).unwrap()
            });
        }
    });
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn errors_say_what_to_do() {
    let closed = Server { url: "http://127.0.0.1:1".into(), ranges: Arc::default() };
    let not_found =
        Server::new(|exchange| exchange.send("404 Not Found\r\nContent-Length: 0", &[]));
    let error = Run::new().fetch(&[&closed, &not_found]).unwrap_err().to_string();
    let said = ["no mirror gave digits\n  http://127.0.0.1:1/digits.gz: ", "404", "--data"];
    assert!(said.iter().all(|said| error.contains(said)), "{error}");
    // A file where the folder should be is not the mirror's fault.
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = fetch(&[wanted()], &source(&[], 1), file.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, FetchError::Io { .. }), "{error}");
}

#[test]
fn the_table_describes_mnist() {
    let Some(dir) = std::env::var_os("DECIPHER_DATA").filter(|dir| !dir.is_empty()) else {
        return eprintln!("not compared with MNIST: DECIPHER_DATA is not set");
    };
    let server = Server::new(move |exchange| {
        let packed = Path::new(&dir).join(&exchange.path[1..]);
        let plain = packed.with_extension("");
        exchange.healthy(&fs::read(packed).unwrap_or_else(|_| gzip(&fs::read(plain).unwrap())));
    });
    let dir = tempdir().unwrap();
    fetch(&MNIST, &source(&[&server], 1), dir.path(), &mut |_| {}).unwrap();
    assert_eq!(server.ranges(), [None; 4]);
    assert_eq!(load_mnist(dir.path()).unwrap().train.len(), 60_000);
}

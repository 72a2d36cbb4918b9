//! A mirror on this machine, written by hand so that it can do what no server library would.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// One request, and the means to answer it.
pub struct Exchange {
    /// How many requests this server had before.
    pub number: usize,
    pub path: String,
    /// The first byte asked for, if there was a Range header.
    pub range: Option<usize>,
    pub stream: TcpStream,
}

impl Exchange {
    /// Sends a status with headers, and a body as it is.
    pub fn send(&mut self, head: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        // The client may hang up whenever it likes.
        let _ = self.stream.write_all(head.as_bytes()).and_then(|()| self.stream.write_all(body));
    }

    /// Sends `body` under a Content-Length of `length`.
    pub fn claim(&mut self, length: usize, body: &[u8]) {
        self.send(&format!("200 OK\r\nContent-Length: {length}"), body);
    }

    /// What a healthy mirror answers.
    pub fn healthy(&mut self, body: &[u8]) {
        let all = body.len();
        match self.range {
            None => self.claim(all, body),
            Some(start) if start >= all => {
                self.send("416 Range Not Satisfiable\r\nContent-Length: 0", &[])
            }
            Some(start) => {
                let (last, length) = (all - 1, all - start);
                let range = format!("Content-Range: bytes {start}-{last}/{all}");
                let head = format!("206 Partial Content\r\nContent-Length: {length}\r\n{range}");
                self.send(&head, &body[start..]);
            }
        }
    }
}

/// A mirror on this machine, and the ranges it was asked for.
pub struct Server {
    pub url: String,
    pub ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    pub fn new(answer: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let ranges = Arc::<Mutex<Vec<_>>>::default();
        let (answer, log) = (Arc::new(answer), ranges.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (answer.clone(), log.clone());
                thread::spawn(move || answer(&mut read_request(stream.unwrap(), &log)));
            }
        });
        Self { url, ranges }
    }

    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn read_request(stream: TcpStream, log: &Mutex<Vec<Option<usize>>>) -> Exchange {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
    });
    let mut log = log.lock().unwrap();
    log.push(range);
    Exchange { number: log.len() - 1, path, range, stream }
}

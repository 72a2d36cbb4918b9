use std::net::SocketAddr;
use std::time::{Duration, Instant};

use decipher::model::Model;
use decipher_server::{Config, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::sample;

type Server = (SocketAddr, watch::Sender<bool>, JoinHandle<std::io::Result<bool>>);

async fn start(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::new(Model::bundled());
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    (address, stop, tokio::spawn(serve(listener, config, stopping)))
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The status line and headers of the next answer; its body is read too.
async fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_let_go_and_do_not_hinder_others() {
    let (address, stop, server) =
        start(|config| config.patience = Duration::from_millis(700)).await;
    let mut slow = Vec::new();
    for i in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Nothing at all, half a head, half a body.
        let part: &[u8] = [&b""[..], b"POST /v1/read HT", b"GET / HTTP/1.1\r\nHost: localh"][i % 3];
        stream.write_all(part).await.unwrap();
        slow.push(stream);
    }
    let picture = request(&sample("digit.png"));
    let mut other = TcpStream::connect(address).await.unwrap();
    for _ in 0..20 {
        other.write_all(&picture).await.unwrap();
        assert!(answer(&mut other).await.unwrap().starts_with("HTTP/1.1 200"));
    }
    let started = Instant::now();
    for stream in &mut slow {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
        // Closed, or told so and then closed.
        let _ = ended.await.expect("the connection was closed");
    }
    assert!(started.elapsed() < Duration::from_secs(8));
    stop.send(true).unwrap();
    assert!(server.await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_that_arrived_is_answered_before_the_end() {
    let (address, stop, server) = start(|config| config.deadline = Duration::from_secs(8)).await;
    let clients: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(async move {
                let picture = request(&sample("digit.png"));
                let mut answered = 0;
                loop {
                    let Ok(mut stream) = TcpStream::connect(address).await else {
                        return Ok(answered);
                    };
                    loop {
                        if stream.write_all(&picture).await.is_err() {
                            return Err(answered);
                        }
                        let Some(head) = answer(&mut stream).await else { return Err(answered) };
                        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                        answered += 1;
                        if head.contains("connection: close") {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    stop.send(true).unwrap();
    assert!(server.await.unwrap().unwrap());
    assert!(started.elapsed() < Duration::from_secs(8));
    let mut total = 0;
    for client in clients {
        total += client.await.unwrap().expect("a request was sent and not answered");
    }
    assert!(total > 16, "{total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_news_ends_with_the_server() {
    let (address, stop, server) = start(|config| config.deadline = Duration::from_secs(30)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = b"GET /v1/runs/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let started = Instant::now();
    stop.send(true).unwrap();
    assert!(server.await.unwrap().unwrap() && started.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_with_a_body_on_its_way_still_hears_why() {
    let (address, stop, server) = start(|_| ()).await;
    let post = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
    };
    // A body of half a megabyte is taken in, and the connection goes on.
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(post("/nowhere", 500_000).as_bytes()).await.unwrap();
        stream.write_all(&vec![7; 500_000]).await.unwrap();
        let head = answer(&mut stream).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 404") && !head.contains("connection: close"), "{head}");
    }
    // One that is too large is not, and the client, which sends before it reads, is told both.
    stream.write_all(post("/v1/read", 64 << 20).as_bytes()).await.unwrap();
    for _ in 0..32 {
        stream.write_all(&vec![7; 1 << 18]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let head = answer(&mut stream).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 413") && head.contains("connection: close"), "{head}");
    drop(stream);
    // Who waits to be asked for a body is not asked for one that nobody wants.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let waits = post("/nowhere", 10).replace("Host", "Expect: 100-continue\r\nHost");
    stream.write_all(waits.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.unwrap().starts_with("HTTP/1.1 404"));
    drop(stream);
    stop.send(true).unwrap();
    assert!(server.await.unwrap().unwrap());
}

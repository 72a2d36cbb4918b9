//! Taking connections, with a limit on how many and how slow, and letting them end in peace.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::App;
use crate::patience::Patient;

/// Longest time that a client may keep us waiting with an answer in our hands.
const WRITE: Duration = Duration::from_secs(20);
/// Largest head of a request, in bytes.
const HEAD_SIZE: usize = 32 << 10;
/// When stopping: time in which requests that are on their way still arrive.
const LAST_CALL: Duration = Duration::from_millis(400);

/// What connections are held to.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How many there are at a time.
    pub most: usize,
    /// Longest time that a client may take for the head of a request, or leave a connection idle.
    pub patience: Duration,
    /// Longest time from being told to stop to the end.
    pub deadline: Duration,
}

/// Serves until `stop` comes true, then lets every request that has arrived be answered, until
/// the deadline. Returns whether all of them were.
pub async fn serve(
    listener: TcpListener,
    app: App,
    router: Router,
    rules: Rules,
    mut stop: watch::Receiver<bool>,
) -> bool {
    let Rules { most, patience, deadline } = rules;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD_SIZE);
    let connections = Arc::new(Semaphore::new(most));
    let graceful = GracefulShutdown::new();
    let take = |stream: TcpStream, permit| {
        // Small answers leave at once.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let io = TokioIo::new(Patient::new(stream, WRITE));
        let connection = graceful.watch(http.serve_connection(io, service));
        let app = app.clone();
        tokio::spawn(async move {
            app.metrics.connections.inc();
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection broken");
            }
            app.metrics.connections.dec();
            drop(permit);
        });
    };
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|&stop| stop) => break,
            // With all places taken, new connections wait in the kernel's queue.
            accepted = async {
                let permit = connections.clone().acquire_owned().await;
                (listener.accept().await, permit)
            } => accepted,
        };
        match accepted {
            (Ok((stream, _)), permit) => take(stream, permit.ok()),
            (Err(error), _) => {
                // No file handles, or the client has gone again: others may still be served.
                tracing::warn!(%error, "a connection could not be taken");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // From now on every answer says that its connection ends with it. What is on its way, also
    // connections that the kernel has taken for us, is still answered.
    let last_call = sleep(LAST_CALL);
    tokio::pin!(last_call);
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    take(stream, None);
                }
            }
            () = &mut last_call => break,
        }
    }
    drop(listener);
    timeout(deadline.saturating_sub(LAST_CALL), graceful.shutdown()).await.is_ok()
}

//! The service as its clients see it.
//!
//! - `api`: requests and answers, without a socket
//! - `runs`: training and teaching, without a socket
//! - `sockets`: slow clients, and the end of the server

mod api;
mod client;
mod runs;
mod sockets;

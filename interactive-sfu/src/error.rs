//! Why the SFU does not start.

use std::net::SocketAddr;

/// What [`crate::Sfu::start`] can fail with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An impossible setting; the sentence names its key.
    #[error("{0}")]
    Config(String),
    /// A media port is taken, or its address is not this machine's.
    #[error("binding the media port {address}")]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another call to the system.
    #[error("{doing}")]
    System {
        /// What was to be done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// This server's certificate could not be made.
    #[error("making a DTLS certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

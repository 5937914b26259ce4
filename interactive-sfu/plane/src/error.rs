//! Why the plane does not start.

use std::net::SocketAddr;

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {sentence}")]
pub struct ConfigFault {
    /// The key of the setting: "port".
    pub key: &'static str,
    /// The fault in words that continue the key: "must be 50 to 10000, not 0".
    pub sentence: String,
}

/// The errors of [`crate::Plane::start`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An impossible setting.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// A media port is taken, or its address is not this machine's.
    #[error("binding the media port {address}")]
    Bind {
        /// The address that was to be bound.
        address: SocketAddr,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// Another call to the system failed.
    #[error("{doing}")]
    System {
        /// The sentence's beginning: "making an event queue".
        doing: &'static str,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// This server's certificate could not be made.
    #[error("making a DTLS certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

//! The WebRTC media plane: sockets, threads and packets.
//!
//! [`Plane::start`] binds the media sockets and starts the threads. An [`Order`] says what the plane is to do, a
//! [`Report`] what it saw. The plane decides about packets alone: which layer a path carries, what to send again, whom
//! an address belongs to. It knows no rooms, no tokens, no SDP and no protocol of clients.
//!
//! `transport` holds the protocols between socket and authenticated bytes, `media` what happens to packets (pure),
//! `shard` the media threads that drive both.

mod config;
mod dropped;
mod error;
mod handle;
mod ids;
mod media;
mod metrics;
mod order;
mod pending;
mod report;
mod shard;
mod start;
mod supervise;
mod transport;

pub use config::Config;
pub use error::{ConfigFault, StartError};
pub use handle::Handle;
pub use ids::{PeerId, TrackId};
pub use media::layers::Limit;
pub use media::loudness::LOUDNESS_MAX;
pub use media::quality::Quality;
pub use metrics::Sent;
pub use order::{NewPeer, NewSection, NewTrack, Order, Source};
pub use pending::{Pending, Ticket};
pub use report::Report;
pub use start::Plane;
pub use supervise::spawn_supervised;
pub use transport::association::{Channel, Data, DtlsRole, Expected, Fingerprint, MESSAGE_BYTES_MAX};
pub use transport::ice::{LocalIce, RemoteIce};
pub use transport::network::Network;

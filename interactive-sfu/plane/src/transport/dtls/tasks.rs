//! The tasks of the two DTLS threads.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::association::Association;
use super::waiting::Place;
use crate::ids::PeerId;
use crate::transport::association::{Channel, Expected};

/// A datagram on its way to a thread.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub peer: PeerId,
    pub bytes: BytesMut,
    /// Among the peer's datagrams, and among all.
    pub _places: (Place, Place),
}

/// A message on its way to its receivers.
#[derive(Debug)]
pub(crate) struct Message {
    /// `None`: the server.
    pub from: Option<PeerId>,
    pub to: Arc<[PeerId]>,
    pub channel: Channel,
    pub bytes: Bytes,
    pub _place: Place,
}

/// A task for the thread of handshakes.
#[derive(Debug)]
pub(crate) enum HandshakeTask {
    /// A peer has described itself.
    Expect { peer: PeerId, expected: Expected },
    /// There is a way to the peer: datagrams arrive from now on.
    Reachable { peer: PeerId },
    /// The peer sent this.
    Datagram(Datagram),
    /// We are done with the peer: say so, and forget it.
    Close { peer: PeerId },
    /// End both threads, after what came before.
    Stop,
}

/// A task for the thread of established associations.
pub(crate) enum DataTask {
    /// A handshake is complete. `early`: what came decrypted with its last datagram.
    Established { peer: PeerId, association: Box<Association>, early: Vec<Bytes> },
    /// The peer sent this.
    Datagram(Datagram),
    /// A message for data channels.
    Send(Message),
    /// We are done with the peer: say so, and forget it.
    Close { peer: PeerId },
    /// End the thread, after what came before.
    Stop,
}

//! A shard's sockets, by path.

use std::net::SocketAddr;

use crate::transport::tcp::{ConnectionId, Connections};
use crate::transport::udp::{DATAGRAM_MAX, Destination, Outlet, Sent};

/// How a peer is reached.
#[derive(Clone, Copy)]
pub(crate) enum Path {
    /// From this socket of ours.
    Udp(usize, Destination),
    /// On this connection.
    Tcp(ConnectionId),
}

/// Where a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RemoteSource {
    /// On this socket of ours, from there.
    Udp(usize, SocketAddr),
    /// On this connection.
    Tcp(ConnectionId),
}

impl RemoteSource {
    pub(crate) fn path(self) -> Path {
        match self {
            Self::Udp(socket, address) => Path::Udp(socket, Destination::new(address)),
            Self::Tcp(connection) => Path::Tcp(connection),
        }
    }
}

pub(crate) struct Net {
    pub outlets: Vec<Outlet>,
    pub connections: Connections,
    scratch: Box<[u8; DATAGRAM_MAX]>,
    /// Packets for readers that are too slow.
    tcp_full: u64,
}

impl Net {
    pub(crate) fn new(outlets: Vec<Outlet>, connections: Connections) -> Self {
        Self { outlets, connections, scratch: Box::new([0; DATAGRAM_MAX]), tcp_full: 0 }
    }

    /// Where the next datagram for `path` is written.
    #[inline]
    pub(crate) fn slot(&mut self, path: &Path) -> &mut [u8] {
        match path {
            Path::Udp(socket, _) => match self.outlets.get_mut(*socket) {
                Some(outlet) => outlet.slot(),
                None => &mut [],
            },
            Path::Tcp(_) => &mut self.scratch[..],
        }
    }

    /// Sends the first `len` bytes of the slot; with UDP, at the next flush.
    #[inline]
    pub(crate) fn commit(&mut self, path: &Path, len: usize) {
        match path {
            Path::Udp(socket, to) => {
                if let Some(outlet) = self.outlets.get_mut(*socket) {
                    outlet.commit(to, len);
                }
            }
            Path::Tcp(connection) => {
                self.tcp_full += u64::from(!self.connections.send(*connection, &self.scratch[..len]))
            }
        }
    }

    pub(crate) fn push(&mut self, path: &Path, datagram: &[u8]) {
        if let Some(slot) = self.slot(path).get_mut(..datagram.len()) {
            slot.copy_from_slice(datagram);
            self.commit(path, datagram.len());
        }
    }

    /// To be called between peers.
    #[inline]
    pub(crate) fn flush_if_full(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::flush_if_full);
    }

    pub(crate) fn flush(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::flush);
    }

    /// Counters since the last call, and packets dropped for slow TCP readers.
    pub(crate) fn take_sent(&mut self) -> (Sent, u64) {
        let sum = self.outlets.iter_mut().map(Outlet::take_sent).fold(Sent::default(), |a, b| Sent {
            datagrams: a.datagrams + b.datagrams,
            bytes: a.bytes + b.bytes,
            refused: a.refused + b.refused,
            calls: a.calls + b.calls,
        });
        (sum, std::mem::take(&mut self.tcp_full))
    }
}

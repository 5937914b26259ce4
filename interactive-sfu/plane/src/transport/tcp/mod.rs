//! ICE-TCP, our side passive (RFC 6544), packets framed as RFC 4571 says.
//!
//! A connection is a stranger until an authentic binding request comes on it. Strangers have a few seconds, and are
//! few, in all and from one network: the oldest makes way for the newest. A peer has a few connections; one more closes
//! its oldest. Connections that have something to read take turns, so much of each at a time. Each has a bounded queue:
//! a peer that reads too slowly loses packets, as it would on UDP. Driven by a shard's event loop.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use mio::{Interest, Registry, Token};

use super::network::Network;
use crate::dropped::Dropped;
use crate::pending::Pending;
use connection::{Connection, Owner};

mod accepting;
mod connection;
#[cfg(test)]
mod tests;

pub(crate) use connection::Judgement;

/// Bytes that wait for all slow readers of a shard.
const QUEUES_MAX: usize = 64 * 1024 * 1024;
/// Connections of one peer.
const PER_PEER_MAX: usize = 4;

/// A connection, never mistaken for a later one of the same index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId {
    index: usize,
    generation: u32,
}

/// An event's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Listener(usize),
    Connection(ConnectionId),
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

/// The connections of a shard. Their tokens begin where the listeners' end.
pub(crate) struct Connections {
    listeners: Vec<TcpListener>,
    first_token: usize,
    slots: Vec<Slot>,
    free: Vec<usize>,
    strangers: Pending<Network, ConnectionId>,
    by_peer: HashMap<usize, Vec<ConnectionId>>,
    turns: VecDeque<ConnectionId>,
    waiting_bytes: usize,
}

impl Connections {
    /// `listeners` have the tokens `first_token..`.
    pub(crate) fn new(mut listeners: Vec<TcpListener>, first_token: usize, registry: &Registry) -> io::Result<Self> {
        for (i, listener) in listeners.iter_mut().enumerate() {
            registry.register(listener, Token(first_token + i), Interest::READABLE)?;
        }
        Ok(Self {
            first_token,
            listeners,
            slots: Vec::new(),
            free: Vec::new(),
            strangers: Pending::default(),
            by_peer: HashMap::new(),
            turns: VecDeque::new(),
            waiting_bytes: 0,
        })
    }

    /// The subject of an event with this token; `None`: it is gone.
    pub(crate) fn subject(&self, token: Token) -> Option<Subject> {
        let index = token.0.checked_sub(self.first_token)?;
        match index.checked_sub(self.listeners.len()) {
            None => Some(Subject::Listener(index)),
            Some(index) => {
                let slot = self.slots.get(index).filter(|slot| slot.connection.is_some())?;
                Some(Subject::Connection(ConnectionId { index, generation: slot.generation }))
            }
        }
    }

    fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.slots.get_mut(id.index).filter(|slot| slot.generation == id.generation)?.connection.as_mut()
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The system has bytes: the connection gets a turn.
    pub(crate) fn readable(&mut self, id: ConnectionId) {
        let Some(connection) = self.get_mut(id) else { return };
        connection.readable = true;
        self.wants_turn(id);
    }

    /// There is more to read on the connection than its turn allowed.
    pub(crate) fn wants_turn(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get_mut(id)
            && !std::mem::replace(&mut connection.queued, true)
        {
            self.turns.push_back(id);
        }
    }

    /// Whether any connection waits for its turn.
    pub(crate) fn is_idle(&self) -> bool {
        self.turns.is_empty()
    }

    /// The connection whose turn it is.
    pub(crate) fn next_turn(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.turns.pop_front() {
            if let Some(connection) = self.get_mut(id) {
                connection.queued = false;
                return Some(id);
            }
        }
        None
    }

    /// Reads once. `None`: the connection is over. `Some(false)`: there is no more to read now.
    pub(crate) fn read(&mut self, id: ConnectionId, scratch: &mut [u8]) -> Option<bool> {
        self.get_mut(id)?.read(scratch)
    }

    /// The next packet that has arrived whole, copied to `scratch`: its length. `Err`: the connection does not speak
    /// RFC 4571.
    pub(crate) fn packet(&mut self, id: ConnectionId, scratch: &mut [u8]) -> Result<Option<usize>, ()> {
        let Some(connection) = self.get_mut(id) else { return Ok(None) };
        let Some(packet) = connection.input.packet().map_err(|_| ())? else { return Ok(None) };
        scratch.get_mut(..packet.len()).ok_or(())?.copy_from_slice(packet);
        Ok(Some(packet.len()))
    }

    /// Whether the connection may go on after a packet. `Err`: why it is to be closed.
    pub(crate) fn judge(&mut self, id: ConnectionId, packet: Judgement) -> Result<(), Dropped> {
        self.get_mut(id).map_or(Ok(()), |connection| connection.judge(packet))
    }

    pub(crate) fn remote(&mut self, id: ConnectionId) -> Option<SocketAddr> {
        Some(self.get_mut(id)?.remote)
    }

    /// An authentic binding request of `peer` came on it. Returns the peer's oldest connection if it has too many: it
    /// is to be closed.
    pub(crate) fn belongs_to(&mut self, id: ConnectionId, peer: usize) -> Option<ConnectionId> {
        let owner = self.get_mut(id)?.owner;
        match owner {
            Owner::Peer(before) if before == peer => return None,
            Owner::Peer(before) => self.forget_of(before, id),
            Owner::Stranger { ticket, .. } => drop(self.strangers.remove(ticket)),
        }
        self.get_mut(id)?.owner = Owner::Peer(peer);
        let theirs = self.by_peer.entry(peer).or_default();
        theirs.push(id);
        theirs.first().copied().filter(|_| theirs.len() > PER_PEER_MAX)
    }

    fn forget_of(&mut self, peer: usize, id: ConnectionId) {
        if let Some(theirs) = self.by_peer.get_mut(&peer) {
            theirs.retain(|other| *other != id);
            if theirs.is_empty() {
                self.by_peer.remove(&peer);
            }
        }
    }

    /// Queues a packet and sends what goes. `false`: the queue is full, or the connection is over; the packet is
    /// dropped.
    pub(crate) fn send(&mut self, id: ConnectionId, packet: &[u8]) -> bool {
        let all = self.waiting_bytes;
        let Some(connection) = self.get_mut(id) else { return false };
        let before = connection.waiting();
        if before > 0 && all + packet.len() > QUEUES_MAX {
            return false;
        }
        let sent = connection.send(packet);
        self.waiting_bytes = all + connection.waiting() - before;
        sent
    }

    /// The system takes bytes again.
    pub(crate) fn writable(&mut self, id: ConnectionId) {
        let Some(connection) = self.get_mut(id) else { return };
        let before = connection.waiting();
        connection.write();
        let sent = before - connection.waiting();
        self.waiting_bytes -= sent;
    }

    pub(crate) fn close(&mut self, id: ConnectionId) {
        let Some(slot) = self.slots.get_mut(id.index).filter(|slot| slot.generation == id.generation) else { return };
        // Closing the descriptor also takes it out of the poll.
        let Some(gone) = slot.connection.take() else { return };
        self.free.push(id.index);
        self.waiting_bytes -= gone.waiting();
        match gone.owner {
            Owner::Stranger { ticket, .. } => drop(self.strangers.remove(ticket)),
            Owner::Peer(peer) => self.forget_of(peer, id),
        }
    }

    /// Closes the connections of a peer that is gone.
    pub(crate) fn close_peer(&mut self, peer: usize) {
        self.by_peer.remove(&peer).into_iter().flatten().for_each(|id| self.close(id));
    }
}

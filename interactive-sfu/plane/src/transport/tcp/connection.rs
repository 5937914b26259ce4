//! One connection: what it reads, what waits to be written, and what is thought of it.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;

use crate::dropped::Dropped;
use crate::pending::Ticket;
use crate::transport::framing::{Deframer, PACKET_MAX, prefix};

/// Bytes that wait for a slow reader: about half a second of video.
const QUEUE_MAX: usize = 256 * 1024;
/// Bytes of memory that an empty queue keeps.
const QUEUE_KEPT: usize = 16 * 1024;
/// Bytes read at a time: of a peer, and of a stranger, whose first packet is all that matters.
const READ_BYTES: usize = 16 * 1024;
const STRANGER_READ_BYTES: usize = 2 + PACKET_MAX;
/// Binding requests that are not authentic until a stranger is closed. An honest client may be early, or late after a
/// restart.
pub(super) const STRANGER_TRIES: u8 = 4;
/// Packets that no client sends, beyond those that clients do send, until a peer's connection is closed.
pub(super) const NONSENSE_MAX: u8 = 64;

/// The owner of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// Nobody yet, since then; so many binding requests were not authentic.
    Stranger { since: Instant, ticket: Ticket, tries: u8 },
    /// The peer in this slot.
    Peer(usize),
}

/// A verdict on a packet that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Clients send such packets.
    Sensible,
    /// A binding request that is not authentic.
    Unauthenticated,
    /// No client sends such packets.
    Nonsense,
}

pub(super) struct Connection {
    stream: TcpStream,
    pub(super) remote: SocketAddr,
    pub(super) owner: Owner,
    pub(super) input: Deframer,
    /// It waits for its turn.
    pub(super) queued: bool,
    /// The system may have bytes.
    pub(super) readable: bool,
    output: Vec<u8>,
    written: usize,
    nonsense: u8,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, remote: SocketAddr, owner: Owner) -> Self {
        Self {
            stream,
            remote,
            owner,
            input: Deframer::default(),
            queued: false,
            readable: false,
            output: Vec::new(),
            written: 0,
            nonsense: 0,
        }
    }

    /// Reads once. `None`: it is over. `Some(false)`: there is no more to read now.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Option<bool> {
        if !self.readable {
            return Some(false);
        }
        let most = if matches!(self.owner, Owner::Peer(_)) { READ_BYTES } else { STRANGER_READ_BYTES };
        let scratch = scratch.get_mut(..most)?;
        match self.stream.read(scratch) {
            Ok(0) => None,
            Ok(n) => {
                self.input.push(&scratch[..n]);
                Some(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Some(false)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Some(true),
            Err(_) => None,
        }
    }

    /// Whether it may go on after a packet. `Err`: why it is to be closed.
    pub(super) fn judge(&mut self, packet: Judgement) -> Result<(), Dropped> {
        match (&mut self.owner, packet) {
            (Owner::Stranger { .. }, Judgement::Nonsense) => return Err(Dropped::TcpStranger),
            // Clients send indications, too; they show nobody.
            (Owner::Stranger { tries, .. }, _) if *tries + 1 < STRANGER_TRIES => *tries += 1,
            (Owner::Stranger { .. }, _) => return Err(Dropped::TcpUnauthenticated),
            (Owner::Peer(_), Judgement::Sensible) => self.nonsense = self.nonsense.saturating_sub(1),
            (Owner::Peer(_), _) if self.nonsense < NONSENSE_MAX => self.nonsense += 1,
            (Owner::Peer(_), _) => return Err(Dropped::TcpNonsense),
        }
        Ok(())
    }

    /// Bytes that wait for the system to take them.
    pub(super) fn waiting(&self) -> usize {
        self.output.len() - self.written
    }

    /// Queues a packet and sends what goes. `false`: the queue is full, and the packet is dropped.
    pub(super) fn send(&mut self, packet: &[u8]) -> bool {
        if self.waiting() + packet.len() > QUEUE_MAX {
            return false;
        }
        self.output.extend_from_slice(&prefix(packet.len()));
        self.output.extend_from_slice(packet);
        self.write();
        true
    }

    /// Sends what waits, as far as the system takes it.
    pub(super) fn write(&mut self) {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => break,
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // An error shows again when reading, which then closes.
                Err(_) => break,
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.output.shrink_to(QUEUE_KEPT);
            self.written = 0;
        } else if self.written > QUEUE_MAX {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }
}

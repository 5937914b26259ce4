//! ICE-TCP, our side passive (RFC 6544), packets framed as RFC 4571 says.
//!
//! A connection that does not authenticate by STUN within a few seconds is closed; there are only so many of those. Each
//! has a bounded queue: a peer that reads too slowly loses packets, as it would on UDP. Driven by a shard's event loop.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::framing::{Deframer, prefix};

/// Bytes that wait for a slow reader: about half a second of video.
const QUEUE_MAX: usize = 256 * 1024;
/// How long a connection may take to its first authentic binding request.
const AUTHENTICATE_WITHIN: Duration = Duration::from_secs(8);
/// Connections that have not authenticated yet.
const STRANGERS_MAX: usize = 256;

/// What a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody yet, since then.
    Stranger(Instant),
    /// The peer in this slot.
    Peer(usize),
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    owner: Owner,
    input: Deframer,
    output: Vec<u8>,
    written: usize,
}

/// The connections of a shard. Their tokens begin where the listeners' end.
pub(crate) struct Connections {
    listeners: Vec<TcpListener>,
    first_token: usize,
    slots: Vec<Option<Connection>>,
}

impl Connections {
    /// `listeners` have the tokens `first_token..`.
    pub(crate) fn new(mut listeners: Vec<TcpListener>, first_token: usize, registry: &Registry) -> io::Result<Self> {
        for (i, listener) in listeners.iter_mut().enumerate() {
            registry.register(listener, Token(first_token + i), Interest::READABLE)?;
        }
        Ok(Self { first_token, listeners, slots: Vec::new() })
    }

    /// Whose event this is: `Ok` a connection's index, `Err` a listener's.
    pub(crate) fn which(&self, token: Token) -> Option<Result<usize, usize>> {
        let index = token.0.checked_sub(self.first_token)?;
        match index.checked_sub(self.listeners.len()) {
            None => Some(Err(index)),
            Some(connection) => Some(Ok(connection)),
        }
    }

    /// Takes what has connected. Returns how many were turned away.
    pub(crate) fn accept(&mut self, listener: usize, registry: &Registry, now: Instant) -> u64 {
        let mut refused = 0;
        while let Some(Ok((mut stream, remote))) = self.listeners.get(listener).map(TcpListener::accept) {
            let strangers = self.slots.iter().flatten().filter(|c| matches!(c.owner, Owner::Stranger(_))).count();
            let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
            let token = Token(self.first_token + self.listeners.len() + index);
            let ready = strangers < STRANGERS_MAX
                && stream.set_nodelay(true).is_ok()
                && registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).is_ok();
            if !ready {
                refused += 1;
                continue;
            }
            let connection = Connection {
                stream,
                remote,
                owner: Owner::Stranger(now),
                input: Deframer::default(),
                output: Vec::new(),
                written: 0,
            };
            match self.slots.get_mut(index) {
                Some(slot) => *slot = Some(connection),
                None => self.slots.push(Some(connection)),
            }
        }
        refused
    }

    /// Reads once. `None`: the connection is over. `Some(false)`: there is no more to read now.
    pub(crate) fn read(&mut self, index: usize, scratch: &mut [u8]) -> Option<bool> {
        let connection = self.slots.get_mut(index)?.as_mut()?;
        match connection.stream.read(scratch) {
            Ok(0) => None,
            Ok(n) => {
                connection.input.push(&scratch[..n]);
                Some(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Some(true),
            Err(_) => None,
        }
    }

    /// The next packet that has arrived whole, copied to `scratch`: its length. `Err`: the connection does not speak RFC 4571.
    pub(crate) fn packet(&mut self, index: usize, scratch: &mut [u8]) -> Result<Option<usize>, ()> {
        let Some(Some(connection)) = self.slots.get_mut(index) else { return Ok(None) };
        let Some(packet) = connection.input.packet().map_err(|_| ())? else { return Ok(None) };
        scratch.get_mut(..packet.len()).ok_or(())?.copy_from_slice(packet);
        Ok(Some(packet.len()))
    }

    pub(crate) fn remote(&self, index: usize) -> Option<SocketAddr> {
        Some(self.slots.get(index)?.as_ref()?.remote)
    }

    /// An authentic binding request of `peer` came on it.
    pub(crate) fn belongs_to(&mut self, index: usize, peer: usize) {
        if let Some(Some(connection)) = self.slots.get_mut(index) {
            connection.owner = Owner::Peer(peer);
        }
    }

    /// Queues a packet and sends what goes. `false`: the queue is full, or the connection is over; the packet is dropped.
    pub(crate) fn send(&mut self, index: usize, packet: &[u8]) -> bool {
        let Some(Some(connection)) = self.slots.get_mut(index) else { return false };
        if connection.output.len() - connection.written + packet.len() > QUEUE_MAX {
            return false;
        }
        connection.output.extend_from_slice(&prefix(packet.len()));
        connection.output.extend_from_slice(packet);
        connection.write();
        true
    }

    /// The system takes bytes again.
    pub(crate) fn writable(&mut self, index: usize) {
        if let Some(Some(connection)) = self.slots.get_mut(index) {
            connection.write();
        }
    }

    pub(crate) fn close(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            // Closing the descriptor also takes it out of the poll.
            *slot = None;
        }
    }

    /// Closes the connections of a peer that is gone.
    pub(crate) fn close_peer(&mut self, peer: usize) {
        self.slots
            .iter_mut()
            .filter(|s| s.as_ref().is_some_and(|c| c.owner == Owner::Peer(peer)))
            .for_each(|s| *s = None);
    }

    /// Closes strangers that have had their time. Returns how many.
    pub(crate) fn expire(&mut self, now: Instant) -> u64 {
        let mut closed = 0;
        for slot in &mut self.slots {
            if let Some(Connection { owner: Owner::Stranger(since), .. }) = slot
                && now.saturating_duration_since(*since) > AUTHENTICATE_WITHIN
            {
                *slot = None;
                closed += 1;
            }
        }
        closed
    }
}

impl Connection {
    fn write(&mut self) {
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
            self.written = 0;
        } else if self.written > QUEUE_MAX {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }
}

//! Those who connect: strangers until they authenticate, and few.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::connection::{Connection, Owner};
use super::{ConnectionId, Connections, Slot};
use crate::transport::network::Network;

/// How long a connection may take to its first authentic binding request.
pub(super) const AUTHENTICATE_WITHIN: Duration = Duration::from_secs(8);
/// Connections that are taken at a time.
const ACCEPTS_MAX: usize = 16;
/// Connections that have not authenticated yet, in all and from one network. A crowd behind one address is pending for
/// a round trip each.
const STRANGERS_MAX: usize = 512;
pub(super) const STRANGERS_PER_NETWORK_MAX: usize = 64;
/// Connections of a shard.
const CONNECTIONS_MAX: usize = 8192;

/// The outcome of accepting connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Turned away: there are too many connections.
    pub refused: u64,
    /// Strangers that made way.
    pub evicted: u64,
    /// There may be more to accept.
    pub more: bool,
}

impl Connections {
    /// Takes some of those who have connected.
    pub(crate) fn accept(&mut self, listener: usize, registry: &Registry, now: Instant) -> Accepted {
        let mut accepted = Accepted::default();
        for _ in 0..ACCEPTS_MAX {
            match self.listeners.get(listener).map(TcpListener::accept) {
                Some(Ok((stream, remote))) => self.take(stream, remote, registry, now, &mut accepted),
                Some(Err(error)) if is_of_one_connection(&error) => {}
                // Out of descriptors, or empty: the next one who connects is an event again.
                _ => return accepted,
            }
        }
        accepted.more = true;
        accepted
    }

    fn take(
        &mut self,
        mut stream: TcpStream,
        remote: SocketAddr,
        registry: &Registry,
        now: Instant,
        accepted: &mut Accepted,
    ) {
        let network = Network::from(remote.ip());
        let evicted = self.strangers.to_go(&network, STRANGERS_PER_NETWORK_MAX, STRANGERS_MAX).copied();
        let evicted = evicted.or_else(|| self.strangers.oldest().copied().filter(|_| self.len() >= CONNECTIONS_MAX));
        if let Some(evicted) = evicted {
            self.close(evicted);
            accepted.evicted += 1;
        }
        let index = self.free.last().copied().unwrap_or(self.slots.len());
        let token = Token(self.first_token + self.listeners.len() + index);
        let ready = self.len() < CONNECTIONS_MAX
            && stream.set_nodelay(true).is_ok()
            && registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).is_ok();
        if !ready {
            accepted.refused += 1;
            return;
        }
        if self.free.pop().is_none() {
            self.slots.push(Slot::default());
        }
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.generation = slot.generation.wrapping_add(1);
        let id = ConnectionId { index, generation: slot.generation };
        let ticket = self.strangers.add(network, id);
        slot.connection = Some(Connection::new(stream, remote, Owner::Stranger { since: now, ticket, tries: 0 }));
    }

    /// Closes strangers that have had their time. Returns how many.
    pub(crate) fn expire(&mut self, now: Instant) -> u64 {
        let mut closed = 0;
        while let Some(id) = self.strangers.oldest().copied() {
            let since = match self.get_mut(id).map(|connection| connection.owner) {
                Some(Owner::Stranger { since, .. }) => since,
                _ => break,
            };
            if now.saturating_duration_since(since) <= AUTHENTICATE_WITHIN {
                break;
            }
            self.close(id);
            closed += 1;
        }
        closed
    }
}

/// The one that connected has gone again; those behind it are still there.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

//! The peers of one DTLS thread: when each is due, the datagrams it is sent, and its end.
//!
//! Both threads keep their peers here, whose handshakes are under way on the one and complete on the other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::endpoint::Endpoint;

use super::REMOTE;
use super::timers::Timers;
use crate::ids::PeerId;
use crate::shard::inbox::{Inboxes, ShardTask};

/// One side of an association, under way or established.
pub(super) trait Peer {
    /// The library's half of it.
    fn endpoint(&mut self) -> &mut Endpoint;

    /// Encrypted datagrams to send now.
    fn poll_transmits(&mut self, now: Instant) -> Vec<BytesMut>;

    /// When the peer is due next.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// A peer, and when it stands in the timers.
struct Entry<P> {
    peer: Box<P>,
    due: Option<Instant>,
}

/// All peers of a thread.
pub(super) struct Peers<P> {
    shards: Inboxes,
    entries: HashMap<PeerId, Entry<P>>,
    timers: Timers,
}

impl<P: Peer> Peers<P> {
    /// None yet. `shards` send the datagrams.
    pub(super) fn new(shards: Inboxes) -> Self {
        Self { shards, entries: HashMap::new(), timers: Timers::default() }
    }

    pub(super) fn insert(&mut self, id: PeerId, peer: Box<P>) {
        self.entries.insert(id, Entry { peer, due: None });
    }

    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut P> {
        self.entries.get_mut(&id).map(|entry| &mut *entry.peer)
    }

    /// Tells the peer's shard.
    pub(super) fn tell(&self, id: PeerId, task: ShardTask) {
        self.shards.tell(id.shard, task);
    }

    /// Sends the peer's datagrams, and notes when it is due next. Returns whether there were any.
    pub(super) fn transmit(&mut self, id: PeerId) -> bool {
        let Some(Entry { peer, due }) = self.entries.get_mut(&id) else { return false };
        let datagrams = peer.poll_transmits(Instant::now());
        self.timers.set(id, due, peer.poll_timeout());
        let sent = !datagrams.is_empty();
        for datagram in datagrams {
            self.tell(id, ShardTask::Datagram { peer: id, datagram });
        }
        sent
    }

    /// How long until a peer is due.
    pub(super) fn wait(&self) -> Duration {
        self.timers.wait(Instant::now())
    }

    /// The next peer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<PeerId> {
        let id = self.timers.pop(now)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.due = None;
        }
        Some(id)
    }

    /// Takes the peer out. Its shard is not told.
    pub(super) fn remove(&mut self, id: PeerId) -> Option<Box<P>> {
        let Entry { peer, mut due } = self.entries.remove(&id)?;
        self.timers.set(id, &mut due, None);
        Some(peer)
    }

    /// Ends the association from our side, for good.
    pub(super) fn finish(&mut self, id: PeerId) {
        self.stop(id);
        self.gone(id);
    }

    /// The library's association is over. Whatever comes later finds no peer.
    pub(super) fn gone(&mut self, id: PeerId) {
        self.transmit(id);
        self.remove(id);
        self.tell(id, ShardTask::Closed { peer: id });
    }

    /// Ends the association because the server is done with the peer. Returns whether the peer was here.
    pub(super) fn close(&mut self, id: PeerId) -> bool {
        if !self.stop(id) {
            return false;
        }
        self.transmit(id);
        self.remove(id);
        self.tell(id, ShardTask::Forget { peer: id });
        true
    }

    /// Says goodbye with the next transmission.
    fn stop(&mut self, id: PeerId) -> bool {
        let Some(peer) = self.get_mut(id) else { return false };
        drop(peer.endpoint().stop(Instant::now(), REMOTE));
        true
    }
}

//! The thread of handshakes: from a ClientHello to SRTP keys.
//!
//! A handshake takes most of a millisecond, and a storm of them delays nobody who has joined: associations that are
//! established go to a thread of their own ([`super::established`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc_dtls::endpoint::EndpointEvent;

use super::handle::{DataTask, Datagram, HandshakeTask};
use super::identity::{FLIGHT_INTERVAL, Identity};
use super::keys::keys;
use super::shaking::{Peer, Progress};
use super::timers::Timers;
use super::{REMOTE, established};
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::metrics;
use crate::shard::inbox::{Inboxes, ShardTask};
use crate::transport::association::{Data, DtlsRole, Expected};
use crate::transport::data::DataTransport;
use crate::transport::hello::{Peek, begins_client_hello, peek};

/// Datagrams of one ClientHello.
const HELLO_DATAGRAMS_MAX: usize = 8;
/// Bytes of one peer until its handshake is complete, repetitions among them. The library would keep 2 MB of
/// fragments.
const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;
/// Repetitions of what we said, for a peer that repeats its ClientHello: it does so ten times in as many seconds.
const REPEATS_MAX: u8 = 16;
/// Datagrams of a peer that has not described itself yet: its answer may travel more slowly than they do.
#[derive(Default)]
struct Early {
    reachable: bool,
    datagrams: Vec<Datagram>,
}

/// The thread's state.
pub(super) struct Handshakes {
    identity: Arc<Identity>,
    shards: Inboxes,
    data: Sender<DataTask>,
    peers: HashMap<PeerId, Peer>,
    early: HashMap<PeerId, Early>,
    timers: Timers,
}

impl Handshakes {
    pub(super) fn new(identity: Arc<Identity>, shards: Inboxes, data: Sender<DataTask>) -> Self {
        Self { identity, shards, data, peers: HashMap::new(), early: HashMap::new(), timers: Timers::default() }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self, tasks: &Receiver<HandshakeTask>) {
        loop {
            match tasks.recv_timeout(self.timers.wait(Instant::now())) {
                Ok(HandshakeTask::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(task) => self.task(task),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.due();
        }
        self.pass_on(DataTask::Stop);
    }

    fn task(&mut self, task: HandshakeTask) {
        match task {
            HandshakeTask::Expect { peer, expected } => self.expect(peer, expected),
            HandshakeTask::Reachable { peer } => self.reachable(peer),
            HandshakeTask::Datagram(datagram) => self.datagram(datagram),
            HandshakeTask::Close { peer } => self.close(peer),
            HandshakeTask::Stop => {}
        }
    }

    /// To the other thread, which ends after this one.
    fn pass_on(&self, task: DataTask) {
        drop(self.data.send(task));
    }

    fn expect(&mut self, id: PeerId, expected: Expected) {
        self.peers.insert(id, Peer::new(expected));
        let Early { reachable, datagrams } = self.early.remove(&id).unwrap_or_default();
        if reachable {
            self.reachable(id);
        }
        for datagram in datagrams {
            self.datagram(datagram);
        }
    }

    /// The client's turn begins when there is a way to the peer.
    fn reachable(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            self.early.entry(id).or_default().reachable = true;
            return;
        };
        if matches!(peer.progress, Progress::Unreachable) {
            peer.progress = Progress::Shaking;
            let config = self.identity.client_config().clone();
            if peer.endpoint.connect(Instant::now(), REMOTE, config, None).is_err() {
                metrics::dropped(Dropped::DtlsFailed, 1);
                return self.finish(id);
            }
            self.transmit(id);
        }
    }

    fn datagram(&mut self, datagram: Datagram) {
        let id = datagram.peer;
        let Some(peer) = self.peers.get_mut(&id) else { return self.of_other(datagram) };
        peer.bytes += datagram.bytes.len();
        if peer.bytes > HANDSHAKE_BYTES_MAX {
            return metrics::dropped(Dropped::DtlsTooLong, 1);
        }
        let repeated = begins_client_hello(&datagram.bytes);
        let mut ready = vec![datagram.bytes];
        if let Progress::Hello(held) = &mut peer.progress {
            held.append(&mut ready);
            match peek(held.iter().map(|d| &d[..])) {
                Peek::Incomplete if held.len() < HELLO_DATAGRAMS_MAX => return,
                Peek::Incomplete | Peek::Unusable => return held.clear(),
                Peek::Profile(profile) => {
                    ready.append(held);
                    peer.endpoint.set_server_config(Some(self.identity.config(profile).clone()));
                    peer.progress = Progress::Shaking;
                }
            }
        }
        for datagram in ready {
            self.read(id, datagram);
        }
        if self.transmit(id) {
            self.peers.entry(id).and_modify(|peer| peer.attempts = 0);
        } else if repeated {
            self.repeat(id);
        } else if let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.expected.role == DtlsRole::Client) {
            peer.repeat_at.get_or_insert_with(|| Instant::now() + FLIGHT_INTERVAL);
            self.transmit(id);
        }
    }

    /// The peer has not described itself yet, or its handshake has just been completed.
    fn of_other(&mut self, datagram: Datagram) {
        if !begins_client_hello(&datagram.bytes) && !self.early.contains_key(&datagram.peer) {
            return self.pass_on(DataTask::Datagram(datagram));
        }
        let held = &mut self.early.entry(datagram.peer).or_default().datagrams;
        if held.len() < HELLO_DATAGRAMS_MAX {
            held.push(datagram);
        }
    }

    /// The peer asks again, and the library has said all that it has to say: what it said was lost on the way.
    fn repeat(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.is_shaking()) else { return };
        if peer.repeats < REPEATS_MAX {
            peer.repeats += 1;
            for datagram in &peer.flight {
                self.shards.tell(id.shard, ShardTask::Datagram { peer: id, datagram: datagram.clone() });
            }
        }
    }

    fn read(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        // An error concerns this datagram; a handshake that cannot go on runs into its time limit.
        let mut events = peer.endpoint.read(Instant::now(), REMOTE, None, datagram).unwrap_or_default().into_iter();
        while let Some(event) = events.next() {
            match event {
                EndpointEvent::HandshakeComplete => {
                    let early = events.filter_map(|event| match event {
                        EndpointEvent::ApplicationData(datagram) => Some(datagram.freeze()),
                        _ => None,
                    });
                    return self.complete(id, early.collect());
                }
                EndpointEvent::PeerClosed => return self.gone(id),
                _ => {}
            }
        }
    }

    /// `early`: application data that came with the last datagram.
    fn complete(&mut self, id: PeerId, early: Vec<Bytes>) {
        // The last flight, before anything that is sent under the keys.
        self.transmit(id);
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.is_shaking()) else { return };
        let keys = match keys(&peer.endpoint, peer.expected) {
            Ok(keys) => Box::new(keys),
            Err(why) => {
                metrics::dropped(why, 1);
                return self.finish(id);
            }
        };
        let Some(Peer { endpoint, expected: Expected { data, role, .. }, .. }) = self.forget(id) else { return };
        let data = (data != Data::None).then(|| Box::new(DataTransport::new(data == Data::Announce, role)));
        let association = Box::new(established::Peer::new(endpoint, data));
        // First to the other thread: once the shard has the keys, it sends datagrams there.
        self.pass_on(DataTask::Established { peer: id, association, early });
        self.shards.tell(id.shard, ShardTask::Keys { peer: id, keys });
    }

    /// Ends a peer for good.
    fn finish(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            drop(peer.endpoint.stop(Instant::now(), REMOTE));
        }
        self.gone(id);
    }

    /// The library's association is over. Whatever comes later finds no peer.
    fn gone(&mut self, id: PeerId) {
        self.transmit(id);
        self.forget(id);
        self.shards.tell(id.shard, ShardTask::Closed { peer: id });
    }

    fn close(&mut self, id: PeerId) {
        self.early.remove(&id);
        let Some(peer) = self.peers.get_mut(&id) else {
            return self.pass_on(DataTask::Close { peer: id });
        };
        drop(peer.endpoint.stop(Instant::now(), REMOTE));
        self.transmit(id);
        self.forget(id);
        self.shards.tell(id.shard, ShardTask::Forget { peer: id });
    }

    fn forget(&mut self, id: PeerId) -> Option<Peer> {
        let mut peer = self.peers.remove(&id)?;
        self.timers.set(id, &mut peer.due, None);
        Some(peer)
    }

    /// Sends what there is to send, and notes when the peer is to be looked after again. Returns whether there was
    /// something.
    fn transmit(&mut self, id: PeerId) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        let datagrams: Vec<BytesMut> =
            std::iter::from_fn(|| peer.endpoint.poll_transmit()).map(|transmit| transmit.message).collect();
        let sent = !datagrams.is_empty();
        if sent && peer.is_shaking() {
            peer.flight.clone_from(&datagrams);
            peer.repeat_at = None;
        }
        for datagram in datagrams {
            self.shards.tell(id.shard, ShardTask::Datagram { peer: id, datagram });
        }
        let due = peer.resend_at();
        self.timers.set(id, &mut peer.due, due);
        sent
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.timers.pop(now) {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.due = None;
            if peer.library_resends_at().is_none() && peer.repeat_at.take_if(|at| *at <= now).is_some() {
                peer.repeat_at = Some(now + FLIGHT_INTERVAL);
                self.repeat(id);
                self.transmit(id);
                continue;
            }
            if peer.resend_at().is_some_and(|at| at <= now) {
                peer.attempts += 1;
                // An error means that it has tried often enough; its time limit ends it.
                drop(peer.endpoint.handle_timeout(REMOTE, now));
            }
            self.transmit(id);
        }
    }
}

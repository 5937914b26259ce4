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

use super::REMOTE;
use super::association::Association;
use super::identity::{FLIGHT_INTERVAL, Identity};
use super::keys::keys;
use super::peers::Peers;
use super::shaking::{Handshake, Progress};
use super::tasks::{DataTask, Datagram, HandshakeTask};
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
    data: Sender<DataTask>,
    peers: Peers<Handshake>,
    early: HashMap<PeerId, Early>,
}

impl Handshakes {
    pub(super) fn new(identity: Arc<Identity>, shards: Inboxes, data: Sender<DataTask>) -> Self {
        Self { identity, data, peers: Peers::new(shards), early: HashMap::new() }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self, tasks: &Receiver<HandshakeTask>) {
        loop {
            match tasks.recv_timeout(self.peers.wait()) {
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
        self.peers.insert(id, Box::new(Handshake::new(expected)));
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
        let Some(peer) = self.peers.get_mut(id) else {
            self.early.entry(id).or_default().reachable = true;
            return;
        };
        if matches!(peer.progress, Progress::Unreachable) {
            peer.progress = Progress::Shaking;
            let config = self.identity.client_config().clone();
            if peer.endpoint.connect(Instant::now(), REMOTE, config, None).is_err() {
                metrics::dropped(Dropped::DtlsFailed, 1);
                return self.peers.finish(id);
            }
            self.peers.transmit(id);
        }
    }

    fn datagram(&mut self, datagram: Datagram) {
        let id = datagram.peer;
        let Some(peer) = self.peers.get_mut(id) else { return self.of_other(datagram) };
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
        if self.peers.transmit(id) {
            if let Some(peer) = self.peers.get_mut(id) {
                peer.attempts = 0;
            }
        } else if repeated {
            self.repeat(id);
        } else if let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.expected.role == DtlsRole::Client) {
            peer.repeat_at.get_or_insert_with(|| Instant::now() + FLIGHT_INTERVAL);
            self.peers.transmit(id);
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
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.is_shaking()) else { return };
        if peer.repeats < REPEATS_MAX {
            peer.repeats += 1;
            for datagram in peer.flight.clone() {
                self.peers.tell(id, ShardTask::Datagram { peer: id, datagram });
            }
        }
    }

    fn read(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(id) else { return };
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
                EndpointEvent::PeerClosed => return self.peers.gone(id),
                _ => {}
            }
        }
    }

    /// `early`: application data that came with the last datagram.
    fn complete(&mut self, id: PeerId, early: Vec<Bytes>) {
        // The last flight, before anything that is sent under the keys.
        self.peers.transmit(id);
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.is_shaking()) else { return };
        let keys = match keys(&peer.endpoint, peer.expected) {
            Ok(keys) => Box::new(keys),
            Err(why) => {
                metrics::dropped(why, 1);
                return self.peers.finish(id);
            }
        };
        let Some(handshake) = self.peers.remove(id) else { return };
        let Handshake { endpoint, expected: Expected { data, role, .. }, .. } = *handshake;
        let data = (data != Data::None).then(|| Box::new(DataTransport::new(data == Data::Announce, role)));
        let association = Box::new(Association::new(endpoint, data));
        // First to the other thread: once the shard has the keys, it sends datagrams there.
        self.pass_on(DataTask::Established { peer: id, association, early });
        self.peers.tell(id, ShardTask::Keys { peer: id, keys });
    }

    fn close(&mut self, id: PeerId) {
        self.early.remove(&id);
        if !self.peers.close(id) {
            self.pass_on(DataTask::Close { peer: id });
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.peers.pop_due(now) {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            if peer.library_resends_at().is_none() && peer.repeat_at.take_if(|at| *at <= now).is_some() {
                peer.repeat_at = Some(now + FLIGHT_INTERVAL);
                self.repeat(id);
                self.peers.transmit(id);
                continue;
            }
            if peer.resend_at().is_some_and(|at| at <= now) {
                peer.attempts += 1;
                // An error means that it has tried often enough; its time limit ends it.
                drop(peer.endpoint.handle_timeout(REMOTE, now));
            }
            self.peers.transmit(id);
        }
    }
}

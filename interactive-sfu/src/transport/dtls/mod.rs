//! DTLS (RFC 6347, RFC 5764) and the data channels inside it, on a thread of their own: a handshake takes most of a millisecond, and
//! media waits for neither.
//!
//! A shard forwards a peer's DTLS datagrams here once ICE has authenticated its address, and gets back datagrams to send, SRTP
//! keys when the handshake is complete and the certificate is the one of the offer, or the peer's end. Waiting datagrams are
//! bounded: further ones are dropped, and DTLS and SCTP send them again. Messages of data channels go to the authority, of each
//! peer no more than `data` reads in a second.

mod handle;
mod identity;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;

use super::data::{Channel, DataEvent, DataTransport, NotSent};
use super::hello::{Peek, begins_client_hello, peek};
use super::profile::Profile;
use super::srtp::{Opener, Sealer, server_contexts};
use crate::error::StartError;
use crate::shard::Report;
use crate::shard::inbox::{Inboxes, Order, PeerId};
use crate::signalling::sdp::Fingerprint;
pub(crate) use handle::{Data, Dtls, Task};
pub(crate) use identity::Identity;
use identity::fingerprint;

/// Datagrams of one ClientHello.
const HELLO_DATAGRAMS_MAX: usize = 8;
/// Repetitions of what we said, for a peer that repeats its ClientHello: it does so ten times in as many seconds.
const REPEATS_MAX: u8 = 16;
/// How long to wait for a task when no timer runs.
const IDLE: Duration = Duration::from_secs(3600);
/// What RFC 5764 §4.2 exports by.
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// ICE may move the peer's real address; towards the library it never changes.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// Starts the thread. It ends at [`Task::Stop`].
pub(crate) fn start(
    identity: Arc<Identity>,
    shards: Inboxes,
    reports: Sender<Report>,
) -> Result<(Dtls, std::thread::JoinHandle<()>), StartError> {
    let (sender, tasks) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let dtls = Dtls::new(sender, waiting.clone());
    let thread = std::thread::Builder::new().name("sfu-dtls".into()).spawn(move || {
        Thread {
            identity,
            shards,
            reports,
            waiting,
            peers: HashMap::new(),
            early: HashMap::new(),
            timers: BTreeSet::new(),
        }
        .run(&tasks);
    });
    let thread = thread.map_err(|source| StartError::System { doing: "starting the DTLS thread", source })?;
    Ok((dtls, thread))
}

/// How far a peer is.
enum Stage {
    /// Until the ClientHello is whole.
    Hello(Vec<BytesMut>),
    Shaking(Profile),
    Done,
}

struct Peer {
    expected: Fingerprint,
    stage: Stage,
    endpoint: Endpoint,
    data: Option<Box<DataTransport>>,
    /// When it stands in the timers.
    due: Option<Instant>,
    /// What was sent last of a handshake that goes on, and how often it was repeated.
    flight: Vec<BytesMut>,
    repeats: u8,
}

struct Thread {
    identity: Arc<Identity>,
    shards: Inboxes,
    reports: Sender<Report>,
    waiting: Arc<AtomicUsize>,
    peers: HashMap<PeerId, Peer>,
    /// What came of peers before we were told their fingerprints: an answer travels another way than the handshake that follows it.
    early: HashMap<PeerId, Vec<BytesMut>>,
    timers: BTreeSet<(Instant, PeerId)>,
}

impl Thread {
    fn run(mut self, tasks: &Receiver<Task>) {
        loop {
            let due = self.timers.first().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            match tasks.recv_timeout(due.unwrap_or(IDLE)) {
                Ok(Task::Expect(peer, expected, data)) => self.expect(peer, expected, data),
                Ok(Task::Datagram(peer, datagram)) => {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.datagram(peer, datagram);
                }
                Ok(Task::Send(peer, channel, message)) => self.send(peer, channel, &message),
                Ok(Task::Close(peer)) => self.close(peer),
                Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.due();
        }
    }

    fn expect(&mut self, id: PeerId, expected: Fingerprint, data: Data) {
        let endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, None);
        let data = (data != Data::None).then(|| Box::new(DataTransport::new(data == Data::Announce)));
        self.peers.insert(
            id,
            Peer {
                expected,
                stage: Stage::Hello(Vec::new()),
                endpoint,
                data,
                due: None,
                flight: Vec::new(),
                repeats: 0,
            },
        );
        for datagram in self.early.remove(&id).unwrap_or_default() {
            self.datagram(id, datagram);
        }
    }

    fn datagram(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(&id) else {
            let held = self.early.entry(id).or_default();
            if held.len() < HELLO_DATAGRAMS_MAX {
                held.push(datagram);
            }
            return;
        };
        let repeated = begins_client_hello(&datagram);
        let mut ready = vec![datagram];
        if let Stage::Hello(held) = &mut peer.stage {
            held.append(&mut ready);
            match peek(held.iter().map(|d| &d[..])) {
                Peek::Incomplete if held.len() < HELLO_DATAGRAMS_MAX => return,
                Peek::Incomplete | Peek::Unusable => return held.clear(),
                Peek::Profile(profile) => {
                    ready.append(held);
                    peer.endpoint.set_server_config(Some(self.identity.config(profile).clone()));
                    peer.stage = Stage::Shaking(profile);
                }
            }
        }
        for datagram in ready {
            self.read(id, datagram);
        }
        if !self.transmit(id) && repeated {
            self.repeat(id);
        }
    }

    /// The peer asks again, and the library has said all that it has to say: what it said was lost on the way.
    fn repeat(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| matches!(peer.stage, Stage::Shaking(_))) else { return };
        if peer.repeats < REPEATS_MAX {
            peer.repeats += 1;
            for datagram in &peer.flight {
                self.shards.order(id.shard, Order::Datagram(id, datagram.clone()));
            }
        }
    }

    fn read(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        // An error concerns this datagram; a handshake that cannot go on runs into its time limit.
        let events = peer.endpoint.read(Instant::now(), REMOTE, None, datagram).unwrap_or_default();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.complete(id),
                EndpointEvent::PeerClosed => self.gone(id),
                EndpointEvent::ApplicationData(datagram) => self.data(id, datagram.freeze()),
                _ => {}
            }
        }
    }

    fn complete(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Stage::Shaking(profile) = peer.stage else { return };
        match keys(&peer.endpoint, profile, peer.expected) {
            Ok(keys) => {
                peer.stage = Stage::Done;
                self.shards.order(id.shard, Order::Keys(id, Box::new(keys)));
            }
            Err(why) => {
                crate::metrics::dropped(why, 1);
                self.finish(id);
            }
        }
    }

    fn data(&mut self, id: PeerId, datagram: Bytes) {
        let Some(data) = self.peers.get_mut(&id).and_then(|peer| peer.data.as_mut()) else { return };
        let mut events = Vec::new();
        data.receive(Instant::now(), datagram, &mut events);
        self.tell(id, events);
    }

    fn tell(&self, id: PeerId, events: Vec<DataEvent>) {
        for event in events {
            // The authority outlives this thread.
            let _ = self.reports.send(match event {
                DataEvent::Opened(channel) => Report::DataOpened(id, channel),
                DataEvent::Message(channel, message) => Report::Data(id, channel, message),
            });
        }
    }

    fn send(&mut self, id: PeerId, channel: Channel, message: &Bytes) {
        let Some(data) = self.peers.get_mut(&id).and_then(|peer| peer.data.as_mut()) else { return };
        match data.send(Instant::now(), channel, message) {
            Ok(()) => {
                self.transmit(id);
            }
            Err(NotSent::TooLarge) => crate::metrics::dropped("data_too_large", 1),
            // Lossy means that; and nobody waits for a peer that takes no reliable messages.
            Err(NotSent::Full) if channel == Channel::Lossy => crate::metrics::dropped("data_full", 1),
            Err(NotSent::Full) => {
                crate::metrics::dropped("data_full", 1);
                self.finish(id);
            }
            Err(NotSent::NotOpen) => crate::metrics::dropped("data_not_open", 1),
        }
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
        self.shards.order(id.shard, Order::Closed(id));
    }

    fn close(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            drop(peer.endpoint.stop(Instant::now(), REMOTE));
            self.transmit(id);
            self.forget(id);
        }
        self.early.remove(&id);
        self.shards.order(id.shard, Order::Forget(id));
    }

    fn forget(&mut self, id: PeerId) {
        if let Some(due) = self.peers.remove(&id).and_then(|peer| peer.due) {
            self.timers.remove(&(due, id));
        }
    }

    /// Sends what there is to send, and notes when the peer is to be looked after again. Returns whether there was something.
    fn transmit(&mut self, id: PeerId) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        let now = Instant::now();
        let inner = peer.data.as_mut();
        for packet in inner.into_iter().flat_map(|data| std::iter::from_fn(|| data.poll_transmit(now))).flatten() {
            // Before the handshake is complete there is no association.
            drop(peer.endpoint.write(now, REMOTE, &packet));
        }
        let datagrams: Vec<BytesMut> =
            std::iter::from_fn(|| peer.endpoint.poll_transmit()).map(|transmit| transmit.message).collect();
        let sent = !datagrams.is_empty();
        if sent && matches!(peer.stage, Stage::Shaking(_)) {
            peer.flight.clone_from(&datagrams);
        } else if matches!(peer.stage, Stage::Done) {
            peer.flight = Vec::new();
        }
        for datagram in datagrams {
            self.shards.order(id.shard, Order::Datagram(id, datagram));
        }
        let shaking = matches!(peer.stage, Stage::Shaking(_)).then(|| peer.endpoint.poll_timeout(&REMOTE)).flatten();
        let due = shaking.into_iter().chain(peer.data.as_ref().and_then(|data| data.poll_timeout())).min();
        if peer.due != due {
            if let Some(before) = std::mem::replace(&mut peer.due, due) {
                self.timers.remove(&(before, id));
            }
            self.timers.extend(due.map(|at| (at, id)));
        }
        sent
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some((_, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.pop_first();
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.due = None;
            if matches!(peer.stage, Stage::Shaking(_))
                && peer.endpoint.poll_timeout(&REMOTE).is_some_and(|at| at <= now)
            {
                // An error means that it has tried often enough; its time limit ends it.
                drop(peer.endpoint.handle_timeout(REMOTE, now));
            }
            let mut events = Vec::new();
            if let Some(data) = &mut peer.data {
                data.handle_timeout(now, &mut events);
            }
            self.tell(id, events);
            self.transmit(id);
        }
    }
}

/// The keys of a completed handshake. Refused, with the reason to count: another certificate than the offer's, or none.
fn keys(endpoint: &Endpoint, profile: Profile, expected: Fingerprint) -> Result<(Sealer, Opener), &'static str> {
    let state: &State = endpoint.get_connection_state(REMOTE).ok_or("dtls_failed")?;
    let presented = state.peer_certificates.first().map(|der| fingerprint(der));
    if presented != Some(expected) {
        return Err("foreign_fingerprint");
    }
    let material =
        state.export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_len()).map_err(|_| "dtls_failed")?;
    server_contexts(profile, material.as_ref()).ok_or("dtls_failed")
}

//! DTLS (RFC 6347, RFC 5764) and the data channels inside it, on a thread of their own: a handshake takes most of a
//! millisecond, and media waits for neither.
//!
//! A shard forwards a peer's DTLS datagrams here once ICE has authenticated its address, and gets back datagrams to
//! send, SRTP keys when the handshake is complete and the certificate is the one of the offer, or the peer's end.
//! Waiting datagrams are bounded: further ones are dropped, and DTLS and SCTP send them again. Messages of data
//! channels go to the authority, of each peer no more than `data` reads in a second.

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

use super::association::{Channel, Data, DtlsRole, Expected};
use super::data::{DataEvent, DataTransport, NotSent};
use super::hello::{Peek, begins_client_hello, peek};
use super::srtp::{Opener, Sealer, contexts};
use crate::error::StartError;
use crate::ids::PeerId;
use crate::report::Report;
use crate::shard::inbox::{Inboxes, ShardTask};
pub(crate) use handle::{Dtls, Task};
pub(crate) use identity::Identity;
use identity::{FLIGHT_INTERVAL, agreed, fingerprint};

/// Datagrams of one ClientHello.
const HELLO_DATAGRAMS_MAX: usize = 8;
/// Repetitions of what we said, for a peer that repeats its ClientHello: it does so ten times in as many seconds.
const REPEATS_MAX: u8 = 16;
/// The longest wait before a flight is sent again. Waits double from [`FLIGHT_INTERVAL`] on (RFC 6347 §4.2.4.1), so
/// that the library's seven attempts last for the time in which a peer may join.
const RESEND_INTERVAL_MAX: Duration = Duration::from_secs(3);
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

/// How far a handshake is.
enum Handshake {
    /// The server waits until the ClientHello is whole.
    Hello(Vec<BytesMut>),
    /// The client waits for a way to the peer.
    Unreachable,
    Shaking,
    Done,
}

struct Peer {
    expected: Expected,
    handshake: Handshake,
    endpoint: Endpoint,
    data: Option<Box<DataTransport>>,
    /// When it stands in the timers.
    due: Option<Instant>,
    /// What was sent last of a handshake that goes on, and how often it was repeated.
    flight: Vec<BytesMut>,
    repeats: u8,
    /// Times that the timer has sent the current flight again.
    attempts: u32,
    /// When the client says its flight again although the library has no timer: it disarms its own at every handshake
    /// message, and one that the peer repeats, because the flight was lost, brings no new flight.
    repeat_at: Option<Instant>,
}

/// What came of a peer that has not described itself yet: its description travels another way than its datagrams.
#[derive(Default)]
struct Early {
    reachable: bool,
    datagrams: Vec<BytesMut>,
}

impl Peer {
    fn is_shaking(&self) -> bool {
        matches!(self.handshake, Handshake::Shaking)
    }

    /// When the current flight is to be sent again.
    fn resend_at(&self) -> Option<Instant> {
        self.library_resends_at().or(self.repeat_at.filter(|_| self.is_shaking()))
    }

    /// When the library sends it again.
    fn library_resends_at(&self) -> Option<Instant> {
        let at = self.is_shaking().then(|| self.endpoint.poll_timeout(&REMOTE)).flatten()?;
        let wait = FLIGHT_INTERVAL.saturating_mul(1 << self.attempts.min(8)).min(RESEND_INTERVAL_MAX);
        Some(at + wait.saturating_sub(FLIGHT_INTERVAL))
    }
}

struct Thread {
    identity: Arc<Identity>,
    shards: Inboxes,
    reports: Sender<Report>,
    waiting: Arc<AtomicUsize>,
    peers: HashMap<PeerId, Peer>,
    early: HashMap<PeerId, Early>,
    timers: BTreeSet<(Instant, PeerId)>,
}

impl Thread {
    fn run(mut self, tasks: &Receiver<Task>) {
        loop {
            let due = self.timers.first().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            match tasks.recv_timeout(due.unwrap_or(IDLE)) {
                Ok(Task::Expect(peer, expected)) => self.expect(peer, expected),
                Ok(Task::Reachable(peer)) => self.reachable(peer),
                Ok(Task::Datagram(peer, datagram)) => {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.datagram(peer, datagram);
                }
                Ok(Task::Send { to, channel, message }) => {
                    to.iter().for_each(|peer| self.send(*peer, channel, &message))
                }
                Ok(Task::Close(peer)) => self.close(peer),
                Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.due();
        }
    }

    fn expect(&mut self, id: PeerId, expected: Expected) {
        let Expected { role, data, .. } = expected;
        let peer = Peer {
            expected,
            handshake: match role {
                DtlsRole::Server => Handshake::Hello(Vec::new()),
                DtlsRole::Client => Handshake::Unreachable,
            },
            endpoint: Endpoint::new(REMOTE, TransportProtocol::UDP, None),
            data: (data != Data::None).then(|| Box::new(DataTransport::new(data == Data::Announce, role))),
            due: None,
            flight: Vec::new(),
            repeats: 0,
            attempts: 0,
            repeat_at: None,
        };
        self.peers.insert(id, peer);
        let Early { reachable, datagrams } = self.early.remove(&id).unwrap_or_default();
        if reachable {
            self.reachable(id);
        }
        for datagram in datagrams {
            self.datagram(id, datagram);
        }
    }

    /// The client's turn begins when there is a way to the peer.
    fn reachable(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            self.early.entry(id).or_default().reachable = true;
            return;
        };
        if matches!(peer.handshake, Handshake::Unreachable) {
            peer.handshake = Handshake::Shaking;
            let config = self.identity.client_config().clone();
            if peer.endpoint.connect(Instant::now(), REMOTE, config, None).is_err() {
                crate::metrics::dropped("dtls_failed", 1);
                return self.finish(id);
            }
            self.transmit(id);
        }
    }

    fn datagram(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(&id) else {
            let held = &mut self.early.entry(id).or_default().datagrams;
            if held.len() < HELLO_DATAGRAMS_MAX {
                held.push(datagram);
            }
            return;
        };
        let repeated = begins_client_hello(&datagram);
        let mut ready = vec![datagram];
        if let Handshake::Hello(held) = &mut peer.handshake {
            held.append(&mut ready);
            match peek(held.iter().map(|d| &d[..])) {
                Peek::Incomplete if held.len() < HELLO_DATAGRAMS_MAX => return,
                Peek::Incomplete | Peek::Unusable => return held.clear(),
                Peek::Profile(profile) => {
                    ready.append(held);
                    peer.endpoint.set_server_config(Some(self.identity.config(profile).clone()));
                    peer.handshake = Handshake::Shaking;
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
        if !peer.is_shaking() {
            return;
        }
        match keys(&peer.endpoint, peer.expected) {
            Ok(keys) => {
                peer.handshake = Handshake::Done;
                if let Some(data) = &mut peer.data {
                    data.start(Instant::now());
                }
                self.shards.tell(id.shard, ShardTask::Keys { peer: id, keys: Box::new(keys) });
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
                DataEvent::Opened(channel) => Report::DataOpened { peer: id, channel },
                DataEvent::Message(channel, message) => Report::Data { peer: id, channel, message },
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
        self.shards.tell(id.shard, ShardTask::Closed { peer: id });
    }

    fn close(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            drop(peer.endpoint.stop(Instant::now(), REMOTE));
            self.transmit(id);
            self.forget(id);
        }
        self.early.remove(&id);
        self.shards.tell(id.shard, ShardTask::Forget { peer: id });
    }

    fn forget(&mut self, id: PeerId) {
        if let Some(due) = self.peers.remove(&id).and_then(|peer| peer.due) {
            self.timers.remove(&(due, id));
        }
    }

    /// Sends what there is to send, and notes when the peer is to be looked after again. Returns whether there was
    /// something.
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
        if sent && peer.is_shaking() {
            peer.flight.clone_from(&datagrams);
            peer.repeat_at = None;
        } else if matches!(peer.handshake, Handshake::Done) {
            peer.flight = Vec::new();
        }
        for datagram in datagrams {
            self.shards.tell(id.shard, ShardTask::Datagram { peer: id, datagram });
        }
        let due = peer.resend_at().into_iter().chain(peer.data.as_ref().and_then(|data| data.poll_timeout())).min();
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
fn keys(endpoint: &Endpoint, expected: Expected) -> Result<(Sealer, Opener), &'static str> {
    let state: &State = endpoint.get_connection_state(REMOTE).ok_or("dtls_failed")?;
    let presented = state.peer_certificates.first().map(|der| fingerprint(der));
    if presented != Some(expected.fingerprint) {
        return Err("foreign_fingerprint");
    }
    let profile = agreed(state.srtp_protection_profile()).ok_or("no_srtp_profile")?;
    let material =
        state.export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_len()).map_err(|_| "dtls_failed")?;
    contexts(profile, material.as_ref(), expected.role == DtlsRole::Client).ok_or("dtls_failed")
}

//! Data channels of one peer: SCTP (RFC 9260, RFC 8831) inside its DTLS, and the handful of messages that open channels
//! (RFC 8832).
//!
//! Every peer has two: a reliable, ordered one, and a lossy, unordered one. Either side may open them; we wait for the
//! peer's INIT, which browsers and native clients send as soon as DTLS is up. Some peers leave the INIT to the client
//! of DTLS, so as the client we send one after [`INIT_WAIT`]. `reading` says how fast a peer's messages are read,
//! `sending` how many may wait for it, `channels` how channels open. No I/O and no clock; driven by the thread of
//! established associations.

mod channels;
mod reading;
mod sending;
mod shares;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    ServerConfig, StreamEvent, StreamId, TransportConfig,
};
use rtc_shared::TransportProtocol;

use super::association::{Channel, DtlsRole, MESSAGE_BYTES_MAX};
use reading::Reading;
pub(crate) use sending::NotSent;
use shares::Shares;

/// Bytes of a peer's messages that SCTP may hold before we read them.
const WINDOW_BYTES: u32 = 256 * 1024;
/// Streams that a peer may have open. Clients have two or three; the library keeps state for each, and has no limit.
const STREAMS_MAX: usize = 64;
/// The peer's INIT is waited for so long before ours goes out.
const INIT_WAIT: Duration = Duration::from_millis(500);
/// Associations that a peer may choose from: it repeats its INIT less than once a second.
const OFFERED_MAX: usize = 8;
/// ICE may move the peer's real address; towards the library it never changes.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);

/// An event on a peer's data channels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DataEvent {
    /// Messages can be sent on this channel.
    Opened(Channel),
    /// The peer sent this.
    Message(Channel, Bytes),
    /// The peer opened more streams than any client needs: it is to be ended.
    TooManyStreams,
}

/// The settings of all peers' endpoints.
static ENDPOINT_CONFIG: LazyLock<Arc<EndpointConfig>> = LazyLock::new(Arc::default);
static SERVER_CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| Arc::new(ServerConfig::new(config())));

/// An association under the name that the library's endpoint has for it.
struct Named {
    handle: AssociationHandle,
    association: Association,
}

impl Named {
    fn new((handle, association): (AssociationHandle, Association)) -> Box<Self> {
        Box::new(Self { handle, association })
    }
}

/// A peer's data channels, from DTLS plaintext to messages. Associations are boxed: a peer without any, of whom there
/// are many, takes no room for them.
pub(crate) struct DataTransport {
    endpoint: Endpoint,
    association: Option<Box<Named>>,
    /// When to begin an association of our own.
    connect_at: Option<Instant>,
    /// The association that we began.
    begun: Option<Box<Named>>,
    /// Until the peer chooses one by its cookie: the library makes one of every INIT, and a peer repeats it until an
    /// answer arrives.
    offered: VecDeque<Box<Named>>,
    /// We open the channels.
    announces: bool,
    /// Ours in the DTLS association.
    role: DtlsRole,
    /// Where we send, once it is open.
    open: [Option<StreamId>; 2],
    /// The channel of each stream that the peer opened.
    theirs: Vec<(StreamId, Channel)>,
    /// Streams that the peer has opened so far.
    streams: usize,
    reading: Reading,
    /// Messages that wait for the peer, by channel.
    shares: [Shares; 2],
}

fn config() -> TransportConfig {
    TransportConfig::default()
        .with_sctp_port(5000)
        .with_max_message_size(MESSAGE_BYTES_MAX as u32)
        .with_max_receive_buffer_size(WINDOW_BYTES)
}

impl DataTransport {
    /// `announces`: we open the channels, else the peer does. `role`: ours in DTLS.
    pub(crate) fn new(announces: bool, role: DtlsRole) -> Self {
        let (config, server) = (ENDPOINT_CONFIG.clone(), SERVER_CONFIG.clone());
        Self {
            endpoint: Endpoint::new(REMOTE, TransportProtocol::UDP, config, Some(server)),
            association: None,
            connect_at: None,
            begun: None,
            offered: VecDeque::new(),
            announces,
            role,
            open: [None; 2],
            theirs: Vec::new(),
            streams: 0,
            reading: Reading::default(),
            shares: sending::shares(),
        }
    }

    /// DTLS is up.
    pub(crate) fn start(&mut self, now: Instant) {
        self.connect_at = (self.role == DtlsRole::Client).then(|| now + INIT_WAIT);
    }

    /// Takes a datagram that DTLS decrypted.
    pub(crate) fn receive(&mut self, now: Instant, datagram: Bytes, events: &mut Vec<DataEvent>) {
        match self.endpoint.handle(now, REMOTE, None, datagram) {
            // A second association on one DTLS connection has no meaning (RFC 8831 §6.2).
            Some((handle, DatagramEvent::NewAssociation(new))) if self.association.is_none() => {
                // Where both ends sent an INIT, ours gives way: two associations would compete.
                self.begun = None;
                if self.offered.len() == OFFERED_MAX {
                    self.offered.pop_front();
                }
                self.offered.push_back(Named::new((handle, new)));
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                let mut all = self.association.iter_mut().chain(&mut self.begun).chain(&mut self.offered);
                if let Some(named) = all.find(|named| named.handle == handle) {
                    named.association.handle_event(event);
                }
            }
            _ => {}
        }
        self.choose(now, events);
        self.progress(now, events);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let own = self.association.iter().chain(&self.begun).filter_map(|named| named.association.poll_timeout());
        own.chain(self.reading.held_until).chain(self.connect_at).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        if self.connect_at.is_some_and(|at| at <= now) {
            self.connect_at = None;
            self.connect(now);
        }
        for Named { association, .. } in self.association.iter_mut().chain(&mut self.begun).map(|named| &mut **named) {
            if association.poll_timeout().is_some_and(|at| at <= now) {
                association.handle_timeout(now);
            }
        }
        self.progress(now, events);
        self.read_held(now, events);
    }

    /// Packets for DTLS to encrypt.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        let mut all = self.association.iter_mut().chain(&mut self.begun).chain(&mut self.offered);
        match all.find_map(|named| named.association.poll_transmit(now))?.message {
            Payload::RawEncode(packets) => Some(packets),
            _ => Some(Vec::new()),
        }
    }

    /// Begins an association, unless the peer has.
    fn connect(&mut self, now: Instant) {
        if self.association.is_none() && self.offered.is_empty() {
            self.begun = self.endpoint.connect(now, ClientConfig::new(config()), REMOTE).ok().map(Named::new);
        }
    }

    /// The association whose cookie came is the one.
    fn choose(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        let connected = |named: &mut Box<Named>| {
            std::iter::from_fn(|| named.association.poll()).any(|event| matches!(event, Event::Connected))
        };
        if self.begun.as_mut().is_some_and(connected) {
            self.association = self.begun.take();
        } else {
            let Some(chosen) = self.offered.iter_mut().position(connected) else {
                return;
            };
            self.association = self.offered.remove(chosen);
        }
        self.offered.clear();
        self.connect_at = None;
        if self.announces {
            self.announce(now, Channel::Reliable, events);
            self.announce(now, Channel::Lossy, events);
        }
    }

    fn progress(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        while let Some(event) = self.association.as_mut().and_then(|named| named.association.poll()) {
            match event {
                Event::Stream(StreamEvent::Opened { .. }) => {
                    let Some(Named { association, .. }) = self.association.as_deref_mut() else { return };
                    let accepted = association.accept_stream().map(|stream| stream.stream_identifier());
                    self.streams += 1;
                    // Streams that were closed again count no more.
                    if self.streams > STREAMS_MAX && association.stream_ids().len() > STREAMS_MAX {
                        return events.push(DataEvent::TooManyStreams);
                    }
                    if let Some(id) = accepted {
                        self.read(now, id, events);
                    }
                }
                Event::Stream(StreamEvent::Readable { id }) => self.read(now, id, events),
                _ => {}
            }
        }
    }
}

//! Data channels of one peer: SCTP (RFC 9260, RFC 8831) inside its DTLS, and the handful of messages that open channels
//! (RFC 8832).
//!
//! Every peer has two: a reliable, ordered one, and a lossy, unordered one. Either side may open them; we wait for the
//! peer's INIT, which browsers and native clients send as soon as DTLS is up. Some peers leave the INIT to the client
//! of DTLS, so as the client we send one after [`INIT_WAIT`]. Incoming messages are read no faster than
//! [`READ_BYTES_PER_SECOND`]: beyond that SCTP's window closes, and the sender waits. No I/O and no clock; driven by
//! the DTLS thread.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_datachannel::message::Message;
use rtc_datachannel::message::message_channel_ack::DataChannelAck;
use rtc_datachannel::message::message_channel_open::{CHANNEL_PRIORITY_NORMAL, ChannelType, DataChannelOpen};
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, StreamId, TransportConfig,
};
use rtc_shared::TransportProtocol;
use rtc_shared::marshal::{Marshal as _, Unmarshal as _};

use super::association::{Channel, DtlsRole, MESSAGE_BYTES_MAX};

/// What SCTP may hold of a peer's messages before we read them.
const WINDOW_BYTES: u32 = 256 * 1024;
/// What one peer may send; more waits at its end.
const READ_BYTES_PER_SECOND: f64 = 2_000_000.0;
const READ_BURST_BYTES: f64 = 512.0 * 1024.0;
/// A message costs at least so much: it is work, however small.
const MESSAGE_COST_BYTES: usize = 256;
/// Reliable messages that may wait for a peer: more, and it is too slow to be served.
const RELIABLE_WAITING_BYTES_MAX: usize = 4 << 20;
/// Lossy messages that may wait: more, and new ones are dropped, as the network would.
const LOSSY_WAITING_BYTES_MAX: usize = 256 * 1024;
/// Channels a peer may open.
const CHANNELS_MAX: usize = 8;
/// The peer's INIT is waited for so long before ours goes out.
const INIT_WAIT: Duration = Duration::from_millis(500);
/// Associations that a peer may choose from: it repeats its INIT less than once a second.
const OFFERED_MAX: usize = 8;
/// ICE may move the peer's real address; towards the library it never changes.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);

impl Channel {
    /// As LiveKit's clients know it.
    const fn label(self) -> &'static str {
        match self {
            Self::Reliable => "_reliable",
            Self::Lossy => "_lossy",
        }
    }

    /// The DTLS client opens even streams, the server odd ones (RFC 8832 §6).
    const fn our_stream(self, role: DtlsRole) -> StreamId {
        let of_server = match self {
            Self::Reliable => 1,
            Self::Lossy => 3,
        };
        match role {
            DtlsRole::Server => of_server,
            DtlsRole::Client => of_server - 1,
        }
    }

    fn index(self) -> usize {
        usize::from(self == Self::Lossy)
    }
}

/// What came of a datagram, or of time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DataEvent {
    /// Messages can be sent on this channel.
    Opened(Channel),
    Message(Channel, Bytes),
}

/// Why a message was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// There is no such channel yet.
    NotOpen,
    /// The peer is too slow.
    Full,
    /// No peer takes a message of this size.
    TooLarge,
}

/// See the module.
pub(crate) struct DataTransport {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    /// When to begin an association of our own.
    connect_at: Option<Instant>,
    /// The association that we began.
    begun: Option<(AssociationHandle, Association)>,
    /// Until the peer chooses one by its cookie: the library makes one of every INIT, and a peer repeats it until an
    /// answer arrives.
    offered: VecDeque<(AssociationHandle, Association)>,
    /// We open the channels.
    announces: bool,
    /// Ours in the DTLS association.
    role: DtlsRole,
    /// Where we send, once it is open.
    open: [Option<StreamId>; 2],
    /// What the peer's streams are.
    theirs: Vec<(StreamId, Channel)>,
    /// Bytes that may be read, and since when.
    allowance: (f64, Option<Instant>),
    /// Messages wait to be read until then.
    held_until: Option<Instant>,
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
        let server = Some(Arc::new(ServerConfig::new(config())));
        let endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, Arc::new(EndpointConfig::default()), server);
        Self {
            endpoint,
            association: None,
            connect_at: None,
            begun: None,
            offered: VecDeque::new(),
            announces,
            role,
            open: [None; 2],
            theirs: Vec::new(),
            allowance: (READ_BURST_BYTES, None),
            held_until: None,
        }
    }

    /// DTLS is up.
    pub(crate) fn start(&mut self, now: Instant) {
        self.connect_at = (self.role == DtlsRole::Client).then(|| now + INIT_WAIT);
    }

    /// What DTLS decrypted.
    pub(crate) fn receive(&mut self, now: Instant, datagram: Bytes, events: &mut Vec<DataEvent>) {
        match self.endpoint.handle(now, REMOTE, None, datagram) {
            // A second association on one DTLS connection has no meaning (RFC 8831 §6.2).
            Some((handle, DatagramEvent::NewAssociation(new))) if self.association.is_none() => {
                // Where both ends sent an INIT, ours gives way: two associations would compete.
                self.begun = None;
                if self.offered.len() == OFFERED_MAX {
                    self.offered.pop_front();
                }
                self.offered.push_back((handle, new));
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                let mut all = self.association.iter_mut().chain(&mut self.begun).chain(&mut self.offered);
                if let Some((_, association)) = all.find(|(ours, _)| *ours == handle) {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.choose(now, events);
        self.progress(now, events);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let own = self.association.iter().chain(&self.begun).filter_map(|(_, association)| association.poll_timeout());
        own.chain(self.held_until).chain(self.connect_at).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        if self.connect_at.is_some_and(|at| at <= now) {
            self.connect_at = None;
            self.connect(now);
        }
        for (_, association) in self.association.iter_mut().chain(&mut self.begun) {
            if association.poll_timeout().is_some_and(|at| at <= now) {
                association.handle_timeout(now);
            }
        }
        self.progress(now, events);
        if self.held_until.is_some_and(|until| until <= now) {
            self.held_until = None;
            let streams: Vec<StreamId> =
                self.theirs.iter().map(|(id, _)| *id).chain(self.open.into_iter().flatten()).collect();
            streams.into_iter().for_each(|id| self.read(now, id, events));
        }
    }

    /// What DTLS is to encrypt.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        let mut all = self.association.iter_mut().chain(&mut self.begun).chain(&mut self.offered);
        match all.find_map(|(_, association)| association.poll_transmit(now))?.message {
            Payload::RawEncode(packets) => Some(packets),
            _ => Some(Vec::new()),
        }
    }

    /// Begins an association, unless the peer has.
    fn connect(&mut self, now: Instant) {
        if self.association.is_none() && self.offered.is_empty() {
            self.begun = self.endpoint.connect(now, ClientConfig::new(config()), REMOTE).ok();
        }
    }

    /// The association whose cookie came is the one.
    fn choose(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        let connected = |association: &mut Association| {
            std::iter::from_fn(|| association.poll()).any(|event| matches!(event, Event::Connected))
        };
        if self.begun.as_mut().is_some_and(|(_, association)| connected(association)) {
            self.association = self.begun.take();
        } else {
            let Some(chosen) = self.offered.iter_mut().position(|(_, association)| connected(association)) else {
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

    /// Sends a message whole, or not at all.
    pub(crate) fn send(&mut self, now: Instant, channel: Channel, message: &Bytes) -> Result<(), NotSent> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(NotSent::TooLarge);
        }
        let id = self.open[channel.index()].ok_or(NotSent::NotOpen)?;
        let (_, association) = self.association.as_mut().ok_or(NotSent::NotOpen)?;
        let mut stream = association.stream(id).map_err(|_| NotSent::NotOpen)?;
        let most = match channel {
            Channel::Reliable => RELIABLE_WAITING_BYTES_MAX,
            Channel::Lossy => LOSSY_WAITING_BYTES_MAX,
        };
        if stream.buffered_amount().unwrap_or(0) + message.len() > most {
            return Err(NotSent::Full);
        }
        match stream.write_chunk_with_ppi(now, message, PayloadProtocolIdentifier::Binary) {
            Ok(_) => Ok(()),
            Err(_) => Err(NotSent::Full),
        }
    }

    fn progress(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        while let Some(event) = self.association.as_mut().and_then(|(_, association)| association.poll()) {
            match event {
                Event::Stream(StreamEvent::Opened { .. }) => {
                    let accepted =
                        self.association.as_mut().and_then(|(_, a)| a.accept_stream()).map(|s| s.stream_identifier());
                    if let Some(id) = accepted {
                        self.read(now, id, events);
                    }
                }
                Event::Stream(StreamEvent::Readable { id }) => self.read(now, id, events),
                _ => {}
            }
        }
    }

    /// RFC 8832 §6: the channel may be used at once.
    fn announce(&mut self, now: Instant, channel: Channel, events: &mut Vec<DataEvent>) {
        let Some((_, association)) = &mut self.association else { return };
        let id = channel.our_stream(self.role);
        let Ok(mut stream) = association.open_stream(id, PayloadProtocolIdentifier::Binary) else { return };
        let channel_type = match channel {
            Channel::Reliable => ChannelType::Reliable,
            Channel::Lossy => ChannelType::PartialReliableRexmitUnordered,
        };
        let open = Message::DataChannelOpen(DataChannelOpen {
            channel_type,
            priority: CHANNEL_PRIORITY_NORMAL,
            reliability_parameter: 0,
            label: channel.label().into(),
            protocol: Vec::new(),
        });
        let Ok(open) = open.marshal() else { return };
        if stream.write_with_ppi(now, &open, PayloadProtocolIdentifier::Dcep).is_err() {
            return;
        }
        if channel == Channel::Lossy {
            // The OPEN itself went out reliably; what follows does not.
            drop(stream.set_reliability_params(true, ReliabilityType::Rexmit, 0));
        }
        self.open[channel.index()] = Some(id);
        events.push(DataEvent::Opened(channel));
    }

    fn read(&mut self, now: Instant, id: StreamId, events: &mut Vec<DataEvent>) {
        let (left, since) = &mut self.allowance;
        let elapsed = since.replace(now).map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        *left = (*left + elapsed * READ_BYTES_PER_SECOND).min(READ_BURST_BYTES);
        loop {
            if self.allowance.0 <= 0.0 {
                let wait =
                    Duration::from_secs_f64(-self.allowance.0 / READ_BYTES_PER_SECOND) + Duration::from_millis(5);
                self.held_until.get_or_insert(now + wait);
                return;
            }
            let Some((_, association)) = &mut self.association else { return };
            let Ok(Some(chunks)) = association.stream(id).and_then(|mut stream| stream.read_sctp()) else { return };
            self.allowance.0 -= chunks.len().max(MESSAGE_COST_BYTES) as f64;
            let dcep = chunks.ppi == PayloadProtocolIdentifier::Dcep;
            let Ok(message) = chunks.to_payload(MESSAGE_BYTES_MAX) else { continue };
            if dcep {
                self.control(now, id, &message, events);
            } else if let Some(channel) = self.channel_of(id) {
                events.push(DataEvent::Message(channel, message.freeze()));
            }
        }
    }

    fn channel_of(&self, id: StreamId) -> Option<Channel> {
        let ours = [Channel::Reliable, Channel::Lossy].into_iter().find(|c| self.open[c.index()] == Some(id));
        ours.or_else(|| self.theirs.iter().find(|(known, _)| *known == id).map(|(_, channel)| *channel))
    }

    /// The peer opens a channel: known by its label, used for sending where there is none yet.
    fn control(&mut self, now: Instant, id: StreamId, mut message: &[u8], events: &mut Vec<DataEvent>) {
        let Ok(Message::DataChannelOpen(open)) = Message::unmarshal(&mut message) else { return };
        let Some((_, association)) = &mut self.association else { return };
        let Ok(mut stream) = association.stream(id) else { return };
        if let Ok(ack) = Message::DataChannelAck(DataChannelAck).marshal() {
            drop(stream.write_with_ppi(now, &ack, PayloadProtocolIdentifier::Dcep));
        }
        let known = [Channel::Reliable, Channel::Lossy].into_iter().find(|c| c.label().as_bytes() == open.label);
        let Some(channel) = known else { return };
        if self.theirs.len() < CHANNELS_MAX && !self.theirs.iter().any(|(other, _)| *other == id) {
            self.theirs.push((id, channel));
        }
        if !self.announces && self.open[channel.index()].is_none() {
            if channel == Channel::Lossy {
                drop(stream.set_reliability_params(true, ReliabilityType::Rexmit, 0));
            }
            self.open[channel.index()] = Some(id);
            events.push(DataEvent::Opened(channel));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client of the library's own, on a wire that loses nothing.
    struct Client {
        endpoint: Endpoint,
        handle: AssociationHandle,
        association: Association,
    }

    impl Client {
        fn connect(now: Instant) -> Self {
            let config =
                TransportConfig::default().with_sctp_port(5000).with_max_message_size(MESSAGE_BYTES_MAX as u32);
            let endpoint_config = Arc::new(EndpointConfig::default());
            let mut endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, endpoint_config, None);
            let (handle, association) = endpoint.connect(now, ClientConfig::new(config), REMOTE).unwrap();
            Self { endpoint, handle, association }
        }

        /// Carries packets both ways until there are none. Returns what came of it at the server.
        fn exchange(&mut self, server: &mut DataTransport, now: Instant) -> Vec<DataEvent> {
            let mut events = Vec::new();
            loop {
                let mut idle = true;
                while let Some(transmit) = self.association.poll_transmit(now) {
                    let Payload::RawEncode(packets) = transmit.message else { continue };
                    idle = false;
                    packets.into_iter().for_each(|packet| server.receive(now, packet, &mut events));
                }
                while let Some(packets) = server.poll_transmit(now) {
                    for packet in packets {
                        idle = false;
                        if let Some((handle, DatagramEvent::AssociationEvent(event))) =
                            self.endpoint.handle(now, REMOTE, None, packet)
                        {
                            assert_eq!(handle, self.handle);
                            self.association.handle_event(event);
                        }
                    }
                }
                while self.association.poll().is_some() {}
                if idle {
                    return events;
                }
            }
        }

        fn read(&mut self, id: StreamId) -> Option<Vec<u8>> {
            let chunks = self.association.stream(id).ok()?.read_sctp().ok()??;
            Some(chunks.to_payload(MESSAGE_BYTES_MAX).unwrap().to_vec())
        }
    }

    #[test]
    fn channels_that_we_announce_carry_messages_of_every_size_that_we_say_we_take() {
        let (mut server, now) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
        let mut client = Client::connect(now);
        let opened = client.exchange(&mut server, now);
        assert_eq!(opened, [DataEvent::Opened(Channel::Reliable), DataEvent::Opened(Channel::Lossy)]);
        assert!(client.read(1).is_some_and(|open| open.ends_with(b"_reliable")));
        assert!(client.read(3).is_some_and(|open| open.ends_with(b"_lossy")));
        for len in [1, 64_000, MESSAGE_BYTES_MAX] {
            assert_eq!(server.send(now, Channel::Reliable, &Bytes::from(vec![7; len])), Ok(()));
            client.exchange(&mut server, now);
            assert_eq!(client.read(1).map(|message| message.len()), Some(len));
        }
        let larger = Bytes::from(vec![7; MESSAGE_BYTES_MAX + 1]);
        assert_eq!(server.send(now, Channel::Reliable, &larger), Err(NotSent::TooLarge));
    }

    /// Carries packets between two transports of ours until there are none; what came of it at each.
    fn exchange(one: &mut DataTransport, other: &mut DataTransport, now: Instant) -> [Vec<DataEvent>; 2] {
        let mut events = [vec![], vec![]];
        loop {
            let sent = [one.poll_transmit(now), other.poll_transmit(now)];
            let [None, None] = &sent else {
                let [to_other, to_one] = sent.map(Option::unwrap_or_default);
                to_other.into_iter().for_each(|packet| other.receive(now, packet, &mut events[1]));
                to_one.into_iter().for_each(|packet| one.receive(now, packet, &mut events[0]));
                continue;
            };
            return events;
        }
    }

    #[test]
    fn the_client_of_dtls_begins_when_its_peer_does_not() {
        let now = Instant::now();
        let [mut client, mut server] =
            [(true, DtlsRole::Client), (false, DtlsRole::Server)].map(|(opens, role)| DataTransport::new(opens, role));
        client.start(now);
        server.start(now);
        assert_eq!((client.poll_timeout(), server.poll_timeout()), (Some(now + INIT_WAIT), None));
        let later = now + INIT_WAIT;
        client.handle_timeout(later, &mut vec![]);
        // The first INIT is lost, and sent again.
        assert!(client.poll_transmit(later).is_some());
        let again = client.poll_timeout().unwrap();
        assert!(again > later);
        client.handle_timeout(again, &mut vec![]);
        let [ours, theirs] = exchange(&mut client, &mut server, again);
        let both = [DataEvent::Opened(Channel::Reliable), DataEvent::Opened(Channel::Lossy)];
        assert_eq!((ours.as_slice(), theirs.as_slice()), (&both[..], &both[..]));
        let message = Bytes::from_static(b"hello");
        assert_eq!(server.send(again, Channel::Reliable, &message), Ok(()));
        let [came, _] = exchange(&mut client, &mut server, again);
        assert_eq!(came, [DataEvent::Message(Channel::Reliable, message)]);
    }

    #[test]
    fn the_peers_init_counts_whether_it_comes_before_or_after_ours() {
        for wait in [Duration::ZERO, INIT_WAIT] {
            let now = Instant::now();
            let mut ours = DataTransport::new(true, DtlsRole::Client);
            ours.start(now);
            let later = now + wait;
            ours.handle_timeout(later, &mut vec![]);
            let mut peer = Client::connect(later);
            let mut init = vec![];
            while let Some(transmit) = peer.association.poll_transmit(later) {
                let Payload::RawEncode(packets) = transmit.message else { continue };
                init.extend(packets);
            }
            let mut events = vec![];
            init.into_iter().for_each(|packet| ours.receive(later, packet, &mut events));
            events.extend(peer.exchange(&mut ours, later));
            let opened = [DataEvent::Opened(Channel::Reliable), DataEvent::Opened(Channel::Lossy)];
            assert_eq!(events, opened, "after {wait:?}");
            assert!(peer.read(0).is_some_and(|open| open.ends_with(b"_reliable")));
            // No INIT of ours follows.
            ours.handle_timeout(later + INIT_WAIT, &mut vec![]);
            assert!(ours.begun.is_none() && ours.connect_at.is_none());
        }
    }

    #[test]
    fn a_peer_that_sends_faster_than_it_may_waits_and_loses_nothing() {
        let (mut server, start) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
        let mut client = Client::connect(start);
        client.exchange(&mut server, start);
        let (mut came, mut now) = (0, start);
        let message = Bytes::from(vec![7; 32 * 1024]);
        for _ in 0..64 {
            let mut stream = client.association.stream(1).unwrap();
            stream.write_chunk_with_ppi(now, &message, PayloadProtocolIdentifier::Binary).unwrap();
        }
        let messages = |events: Vec<DataEvent>| {
            events.iter().filter(|e| matches!(e, DataEvent::Message(Channel::Reliable, _))).count()
        };
        came += messages(client.exchange(&mut server, now));
        assert!((1..64).contains(&came), "{came} at once");
        // Two megabytes, at two a second.
        for _ in 0..400 {
            now += Duration::from_millis(10);
            if client.association.poll_timeout().is_some_and(|at| at <= now) {
                client.association.handle_timeout(now);
            }
            let mut events = Vec::new();
            server.handle_timeout(now, &mut events);
            came += messages(events) + messages(client.exchange(&mut server, now));
        }
        assert_eq!(came, 64);
    }

    #[test]
    fn nonsense_from_the_peer_is_ignored() {
        let (mut server, now, mut events) = (DataTransport::new(false, DtlsRole::Server), Instant::now(), Vec::new());
        for len in [0, 1, 11, 12, 40, 1200] {
            server.receive(now, Bytes::from(vec![0xff; len]), &mut events);
            server.receive(now, Bytes::from(vec![0; len]), &mut events);
        }
        assert_eq!((events, server.poll_timeout()), (vec![], None));
        assert_eq!(server.send(now, Channel::Lossy, &Bytes::from_static(b"x")), Err(NotSent::NotOpen));
    }
}

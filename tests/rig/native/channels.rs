//! Data channels: SCTP inside DTLS (RFC 8831), opened by either end (RFC 8832).
//!
//! Channels that the server opens are accepted and acknowledged. A peer that sends opens two of its own, which are
//! labelled as LiveKit's clients label theirs. What comes is read at once, or as slowly as asked, and counted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, StreamId, TransportConfig,
};
use rtc_shared::TransportProtocol;

use crate::dtls::Role;
use crate::peer::Peer;

/// The port in `a=sctp-port`.
const PORT: u16 = 5000;
/// Towards the library the other end never moves.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), PORT);
/// DATA_CHANNEL_ACK (RFC 8832 §5.2).
const ACK: [u8; 1] = [2];
/// The longest message, either way, bytes.
const MESSAGE_BYTES_MAX: u32 = 256 * 1024;
/// What SCTP may hold of messages that are not read yet, bytes.
const WINDOW_BYTES: u32 = 256 * 1024;
/// Messages of ours that may wait to be sent, bytes.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// A channel of LiveKit's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Ordered, nothing is lost.
    Reliable,
    /// Unordered, nothing is sent again.
    Lossy,
}

impl Channel {
    /// The client of DTLS opens even streams (RFC 8832 §6).
    fn stream(self, role: Role) -> StreamId {
        let of_client = if self == Self::Reliable { 0 } else { 2 };
        of_client + StreamId::from(role == Role::Server)
    }

    /// DATA_CHANNEL_OPEN (RFC 8832 §5.1) of no priority and no protocol.
    fn open_message(self) -> Vec<u8> {
        let (kind, label): (u8, &[u8]) = match self {
            Self::Reliable => (0x00, b"_reliable"),
            Self::Lossy => (0x81, b"_lossy"),
        };
        [&[3, kind, 0, 0, 0, 0, 0, 0, 0, label.len() as u8, 0, 0], label].concat()
    }
}

/// Bytes that may be read of what came.
struct Pace {
    bytes_per_second: f64,
    left: f64,
    since: Instant,
}

/// Our end of the association.
pub(crate) struct Channels {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    /// Our role in DTLS, where we are to open channels.
    opens: Option<Role>,
    /// Our channels are open.
    open: bool,
    pace: Option<Pace>,
    /// Bytes of messages that were read.
    read_bytes: u64,
}

fn config() -> TransportConfig {
    let config = TransportConfig::default().with_sctp_port(PORT).with_max_message_size(MESSAGE_BYTES_MAX);
    config.with_max_receive_buffer_size(WINDOW_BYTES)
}

impl Channels {
    pub(crate) fn new() -> Self {
        let server = Some(Arc::new(ServerConfig::new(config())));
        let endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, Arc::new(EndpointConfig::default()), server);
        Self { endpoint, association: None, opens: None, open: false, pace: None, read_bytes: 0 }
    }

    /// Takes what DTLS decrypted.
    pub(crate) fn read(&mut self, now: Instant, message: BytesMut) {
        match self.endpoint.handle(now, REMOTE, None, message.freeze()) {
            // A repeated INIT makes another one, and the last is answered last.
            Some((handle, DatagramEvent::NewAssociation(new))) => self.association = Some((handle, new)),
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = self.association.as_mut().filter(|(ours, _)| *ours == handle) {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.progress(now);
    }

    /// To be called now and then: packets without an answer are repeated, and messages that waited are read.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
        }
        let Some((_, association)) = self.association.as_ref().filter(|_| self.pace.is_some()) else { return };
        association.stream_ids().into_iter().for_each(|id| self.take(id, now));
    }

    /// The next packets for DTLS to encrypt.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        match self.association.as_mut()?.1.poll_transmit(now)?.message {
            Payload::RawEncode(packets) => Some(packets),
            _ => Some(vec![]),
        }
    }

    fn connect(&mut self, now: Instant) {
        if self.association.is_none() {
            self.association = self.endpoint.connect(now, ClientConfig::new(config()), REMOTE).ok();
        }
    }

    /// Whether the message was taken: the channel is open, and not too many wait.
    fn send(&mut self, channel: Channel, message: &Bytes, now: Instant) -> bool {
        let Some(((_, association), role)) = self.association.as_mut().zip(self.opens).filter(|_| self.open) else {
            return false;
        };
        let Ok(mut stream) = association.stream(channel.stream(role)) else { return false };
        stream.buffered_amount().is_ok_and(|waiting| waiting + message.len() <= WAITING_BYTES_MAX)
            && stream.write_chunk_with_ppi(now, message, PayloadProtocolIdentifier::Binary).is_ok()
    }

    fn progress(&mut self, now: Instant) {
        while let Some(event) = self.association.as_mut().and_then(|(_, association)| association.poll()) {
            match event {
                Event::Connected => self.open_ours(now),
                Event::Stream(StreamEvent::Opened { .. }) => {
                    let accepted =
                        self.association.as_mut().and_then(|(_, a)| a.accept_stream()).map(|s| s.stream_identifier());
                    accepted.into_iter().for_each(|id| self.take(id, now));
                }
                Event::Stream(StreamEvent::Readable { id }) => self.take(id, now),
                _ => {}
            }
        }
    }

    fn open_ours(&mut self, now: Instant) {
        let Some(((_, association), role)) = self.association.as_mut().zip(self.opens) else { return };
        for channel in [Channel::Reliable, Channel::Lossy] {
            let id = channel.stream(role);
            let Ok(mut stream) = association.open_stream(id, PayloadProtocolIdentifier::Binary) else { return };
            let _ = stream.write_with_ppi(now, &channel.open_message(), PayloadProtocolIdentifier::Dcep);
            if channel == Channel::Lossy {
                let _ = stream.set_reliability_params(true, ReliabilityType::Rexmit, 0);
            }
        }
        self.open = true;
    }

    /// Reads what came on a stream, as much of it as may be read now; a DATA_CHANNEL_OPEN is acknowledged.
    fn take(&mut self, id: StreamId, now: Instant) {
        let Some((_, association)) = &mut self.association else { return };
        let Ok(mut stream) = association.stream(id) else { return };
        if let Some(pace) = &mut self.pace {
            let gathered = now.saturating_duration_since(pace.since).as_secs_f64() * pace.bytes_per_second;
            (pace.left, pace.since) = ((pace.left + gathered).min(pace.bytes_per_second), now);
        }
        while self.pace.as_ref().is_none_or(|pace| pace.left > 0.0)
            && let Ok(Some(message)) = stream.read()
        {
            self.read_bytes += message.len() as u64;
            self.pace.iter_mut().for_each(|pace| pace.left -= message.len() as f64);
            if message.ppi == PayloadProtocolIdentifier::Dcep
                && message.to_payload(MESSAGE_BYTES_MAX as usize).is_ok_and(|bytes| bytes.first() == Some(&3))
            {
                let _ = stream.write_with_ppi(now, &ACK, PayloadProtocolIdentifier::Dcep);
            }
        }
    }
}

impl Peer {
    /// Begins the association that data channels need, as browsers do; it is up a round trip later. `opens`: this end
    /// opens both channels, otherwise the server does.
    pub fn begin_data(&mut self, opens: bool) {
        let now = Instant::now();
        if let Some((dtls, channels)) = self.inner.as_deref_mut() {
            channels.opens = opens.then(|| dtls.role());
            channels.connect(now);
        }
        self.transmit(now);
    }

    /// Reads no more than so many bytes of messages a second from now on: SCTP's window closes meanwhile.
    pub fn read_slowly(&mut self, bytes_per_second: f64) {
        let pace = Pace { bytes_per_second, left: 0.0, since: Instant::now() };
        if let Some((_, channels)) = self.inner.as_deref_mut() {
            channels.pace = Some(pace);
        }
    }

    /// Sends so many messages on a channel of its own, or as many as may wait; how many that were.
    pub fn send_data(&mut self, channel: Channel, message: &Bytes, count: u32) -> u32 {
        let now = Instant::now();
        let Some((_, channels)) = self.inner.as_deref_mut() else { return 0 };
        let sent = (0..count).take_while(|_| channels.send(channel, message, now)).count();
        self.transmit(now);
        sent as u32
    }

    /// Bytes of messages that were read so far.
    pub fn data_bytes(&self) -> u64 {
        self.inner.as_deref().map_or(0, |(_, channels)| channels.read_bytes)
    }
}

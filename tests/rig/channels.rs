//! Data channels that the server opens: SCTP inside DTLS, accepted and acknowledged (RFC 8831, RFC 8832). Nothing is
//! said on them.
//!
//! A server that opens channels of its own may wait for their association before it sends media that is negotiated
//! later.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc_sctp::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload, PayloadProtocolIdentifier,
    ServerConfig, StreamEvent, StreamId, TransportConfig,
};
use rtc_shared::TransportProtocol;

/// The port in `a=sctp-port`.
const PORT: u16 = 5000;
/// Towards the library the other end never moves.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), PORT);
/// DATA_CHANNEL_ACK (RFC 8832 §5.2).
const ACK: [u8; 1] = [2];

/// Our end of the association.
pub(crate) struct Channels {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
}

impl Channels {
    pub(crate) fn new() -> Self {
        let server = Some(Arc::new(ServerConfig::new(TransportConfig::default().with_sctp_port(PORT))));
        let endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, Arc::new(EndpointConfig::default()), server);
        Self { endpoint, association: None }
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

    /// To be called now and then: packets without an answer are repeated.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
        }
    }

    /// The next packets for DTLS to encrypt.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        match self.association.as_mut()?.1.poll_transmit(now)?.message {
            Payload::RawEncode(packets) => Some(packets),
            _ => Some(vec![]),
        }
    }

    fn progress(&mut self, now: Instant) {
        let Some((_, association)) = &mut self.association else { return };
        while let Some(event) = association.poll() {
            match event {
                Event::Stream(StreamEvent::Opened { .. }) => {
                    if let Some(id) = association.accept_stream().map(|stream| stream.stream_identifier()) {
                        acknowledge(association, id, now);
                    }
                }
                Event::Stream(StreamEvent::Readable { id }) => acknowledge(association, id, now),
                _ => {}
            }
        }
    }
}

/// Reads what came on a stream; a DATA_CHANNEL_OPEN is acknowledged.
fn acknowledge(association: &mut Association, id: StreamId, now: Instant) {
    let Ok(mut stream) = association.stream(id) else { return };
    while let Ok(Some(message)) = stream.read() {
        if message.ppi == PayloadProtocolIdentifier::Dcep {
            let _ = stream.write_with_ppi(now, &ACK, PayloadProtocolIdentifier::Dcep);
        }
    }
}

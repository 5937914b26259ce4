//! One handshake under way, and when its flights are sent again.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::endpoint::Endpoint;
use rtc_shared::TransportProtocol;

use super::REMOTE;
use super::identity::FLIGHT_INTERVAL;
use super::peers::Peer;
use crate::transport::association::{DtlsRole, Expected};

/// The longest wait before a flight is sent again. Waits double from [`FLIGHT_INTERVAL`] on (RFC 6347 §4.2.4.1), so
/// that the library's seven attempts last for the time in which a peer may join.
const RESEND_INTERVAL_MAX: Duration = Duration::from_secs(3);

/// How far a handshake is.
pub(super) enum Progress {
    /// The server waits until the ClientHello is whole.
    Hello(Vec<BytesMut>),
    /// The client waits for a way to the peer.
    Unreachable,
    Shaking,
}

/// A peer whose handshake goes on.
pub(super) struct Handshake {
    pub expected: Expected,
    pub progress: Progress,
    pub endpoint: Endpoint,
    /// Bytes that the peer has sent.
    pub bytes: usize,
    /// The flight that was sent last, and how often it was repeated.
    pub flight: Vec<BytesMut>,
    pub repeats: u8,
    /// Times that the timer has sent the current flight again.
    pub attempts: u32,
    /// When the client says its flight again although the library has no timer: it disarms its own at every handshake
    /// message, and one that the peer repeats, because the flight was lost, brings no new flight.
    pub repeat_at: Option<Instant>,
}

impl Handshake {
    pub(super) fn new(expected: Expected) -> Self {
        Self {
            expected,
            progress: match expected.role {
                DtlsRole::Server => Progress::Hello(Vec::new()),
                DtlsRole::Client => Progress::Unreachable,
            },
            endpoint: Endpoint::new(REMOTE, TransportProtocol::UDP, None),
            bytes: 0,
            flight: Vec::new(),
            repeats: 0,
            attempts: 0,
            repeat_at: None,
        }
    }

    pub(super) fn is_shaking(&self) -> bool {
        matches!(self.progress, Progress::Shaking)
    }

    /// When the current flight is to be sent again.
    pub(super) fn resend_at(&self) -> Option<Instant> {
        self.library_resends_at().or(self.repeat_at.filter(|_| self.is_shaking()))
    }

    /// When the library sends it again.
    pub(super) fn library_resends_at(&self) -> Option<Instant> {
        let at = self.is_shaking().then(|| self.endpoint.poll_timeout(&REMOTE)).flatten()?;
        let wait = FLIGHT_INTERVAL.saturating_mul(1 << self.attempts.min(8)).min(RESEND_INTERVAL_MAX);
        Some(at + wait.saturating_sub(FLIGHT_INTERVAL))
    }
}

impl Peer for Handshake {
    fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn poll_transmits(&mut self, _now: Instant) -> Vec<BytesMut> {
        let datagrams: Vec<_> =
            std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.message).collect();
        if !datagrams.is_empty() && self.is_shaking() {
            self.flight.clone_from(&datagrams);
            self.repeat_at = None;
        }
        datagrams
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.resend_at()
    }
}

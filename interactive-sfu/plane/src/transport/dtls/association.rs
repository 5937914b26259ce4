//! One established association, and the peer's data channels inside it.

use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::endpoint::Endpoint;

use super::REMOTE;
use super::peers::Peer;
use crate::transport::data::DataTransport;

/// An association whose handshake is complete.
pub(crate) struct Association {
    endpoint: Endpoint,
    /// `None`: the peer has no data channels.
    pub data: Option<Box<DataTransport>>,
}

impl Association {
    /// From a finished handshake.
    pub(super) fn new(endpoint: Endpoint, data: Option<Box<DataTransport>>) -> Self {
        Self { endpoint, data }
    }
}

impl Peer for Association {
    fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn poll_transmits(&mut self, now: Instant) -> Vec<BytesMut> {
        let data = self.data.as_mut().into_iter();
        for packet in data.flat_map(|data| std::iter::from_fn(|| data.poll_transmit(now))).flatten() {
            drop(self.endpoint.write(now, REMOTE, &packet));
        }
        std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.message).collect()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.data.as_ref().and_then(|data| data.poll_timeout())
    }
}

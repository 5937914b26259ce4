//! Bounds on the messages that wait for a peer.

use std::time::Instant;

use bytes::Bytes;
use rtc_sctp::PayloadProtocolIdentifier;

use super::shares::Shares;
use super::{DataTransport, Named};
use crate::ids::PeerId;
use crate::transport::association::{Channel, MESSAGE_BYTES_MAX};

/// Bytes of reliable messages that may wait for a peer, and of one sender among them. Further ones are dropped.
const RELIABLE_BYTES_MAX: usize = 4 << 20;
const RELIABLE_SENDER_BYTES_MAX: usize = 1 << 20;
/// Bytes of lossy messages that may wait, and of one sender among them. Further ones are dropped.
const LOSSY_BYTES_MAX: usize = 256 * 1024;
const LOSSY_SENDER_BYTES_MAX: usize = 128 * 1024;

/// Why a message was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// There is no such channel yet.
    NotOpen,
    /// The receiver's buffer is full, or the sender's share of it.
    Full,
    /// The same, and the receiver has acknowledged nothing for long: it is to be ended.
    Stalled,
    /// No peer takes a message of this size.
    TooLarge,
}

/// Empty buffers, by [`Channel::index`].
pub(super) fn shares() -> [Shares; 2] {
    [Shares::new(RELIABLE_BYTES_MAX, RELIABLE_SENDER_BYTES_MAX), Shares::new(LOSSY_BYTES_MAX, LOSSY_SENDER_BYTES_MAX)]
}

impl DataTransport {
    /// Sends a message whole, or not at all. `from`: the sender, whose share of the buffer it takes.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        channel: Channel,
        message: &Bytes,
    ) -> Result<(), NotSent> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(NotSent::TooLarge);
        }
        let id = self.open[channel.index()].ok_or(NotSent::NotOpen)?;
        let Named { association, .. } = self.association.as_deref_mut().ok_or(NotSent::NotOpen)?;
        let mut stream = association.stream(id).map_err(|_| NotSent::NotOpen)?;
        let shares = &mut self.shares[channel.index()];
        shares.settle(stream.buffered_amount().unwrap_or(0), now);
        if !shares.admits(from, message.len()) {
            return Err(if shares.is_stalled(now) { NotSent::Stalled } else { NotSent::Full });
        }
        let written = stream.write_chunk_with_ppi(now, message, PayloadProtocolIdentifier::Binary);
        written.map_err(|_| NotSent::Full)?;
        shares.enter(from, message.len(), now);
        Ok(())
    }
}

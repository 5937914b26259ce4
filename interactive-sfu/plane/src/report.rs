//! The reports the plane gives. Reports of one peer come in order; the last one is [`Report::Gone`].

use bytes::Bytes;

use crate::ids::{PeerId, TrackId};
use crate::media::quality::Quality;
use crate::transport::association::Channel;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// ICE and DTLS are complete: media can flow.
    Connected {
        /// The peer whose connection is up.
        peer: PeerId,
    },
    /// The peer is gone, and its number will not be used again.
    Gone {
        /// The peer that left.
        peer: PeerId,
        /// The reason, as metrics count it.
        why: &'static str,
    },
    /// The peer's sound became louder or quieter.
    Loudness {
        /// The publisher.
        peer: PeerId,
        /// 0 (silent) to [`LOUDNESS_MAX`](crate::LOUDNESS_MAX).
        step: u8,
    },
    /// A section's picture paused because the path cannot carry it, or goes on.
    Paused {
        /// The subscriber.
        peer: PeerId,
        /// The section's index.
        section: usize,
        /// False: the picture is sent again.
        paused: bool,
    },
    /// The peer's path became better or worse.
    Quality {
        /// The peer at the other end of the path.
        peer: PeerId,
        /// The path's quality from now on.
        quality: Quality,
    },
    /// No picture of a track is forwarded any more, because all are out of bounds.
    Refused {
        /// The publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
        /// The bound that was exceeded, as metrics count it.
        why: &'static str,
    },
    /// A data channel is open: messages can be sent to the peer.
    DataOpened {
        /// The peer that can be sent to.
        peer: PeerId,
        /// The channel that is open.
        channel: Channel,
    },
    /// The peer sent a message.
    Data {
        /// The sender.
        peer: PeerId,
        /// The channel it came on.
        channel: Channel,
        /// At most [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX) bytes.
        message: Bytes,
    },
}

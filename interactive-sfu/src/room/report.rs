//! What shards and the DTLS thread tell the authority.

use bytes::Bytes;

use crate::ids::{PeerId, TrackId};
use crate::media::quality::Quality;
use crate::transport::data::Channel;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// ICE and DTLS are complete.
    Connected(PeerId),
    /// The peer is gone; why.
    Gone(PeerId, &'static str),
    /// How loud the peer is, 0 (silent) to 8, when that changes.
    Loudness(PeerId, u8),
    /// A section's picture is not sent for want of bandwidth; or is again.
    Paused(PeerId, usize, bool),
    /// How good the peer's path is, when that changes.
    Quality(PeerId, Quality),
    /// No picture of a track is forwarded any more; why.
    Refused(PeerId, TrackId, &'static str),
    /// Messages can be sent to the peer.
    DataOpened(PeerId, Channel),
    /// The peer sent a message.
    Data(PeerId, Channel, Bytes),
}

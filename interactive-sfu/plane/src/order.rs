//! The orders the plane takes. Orders for one peer are carried out in the order in which they are given.

use std::sync::Arc;

use bytes::Bytes;
use codec_headers::VideoCodec;

use crate::ids::{PeerId, TrackId};
use crate::media::layers::Limit;
use crate::media::packet::Packet;
use crate::transport::association::{Channel, Expected};
use crate::transport::ice::{LocalIce, RemoteIce};

/// One order. An order for a peer, a section or a track that is gone does nothing.
#[derive(Debug)]
pub enum Order {
    /// A peer will connect.
    Add(Box<NewPeer>),
    /// The peer has described itself: its handshake can begin.
    Expect {
        /// The peer.
        peer: PeerId,
        /// Its certificate, our role, and its data channels.
        expected: Expected,
    },
    /// The peer's ICE credentials, from each description of it that brings new ones. Without them media never moves to
    /// another address of the peer.
    RemoteIce {
        /// The peer.
        peer: PeerId,
        /// Its credentials.
        ice: RemoteIce,
    },
    /// The peer is to go.
    Remove {
        /// The peer.
        peer: PeerId,
    },
    /// Our new ICE credentials. The old ones hold until the peer uses the new ones.
    RestartIce {
        /// The peer.
        peer: PeerId,
        /// The new credentials.
        ice: LocalIce,
    },
    /// From now on a section carries this track, or nothing.
    Attach {
        /// The subscriber.
        peer: PeerId,
        /// The section's index.
        section: usize,
        /// The track; `None` ends what was sent.
        source: Option<Box<Source>>,
    },
    /// The most that a subscriber can show.
    LimitLayer {
        /// The subscriber.
        peer: PeerId,
        /// The section's index; `None`: every section.
        section: Option<usize>,
        /// The limit.
        limit: Limit,
    },
    /// A section to send on: one more after those there are, or in place of one that carries nothing.
    SetSection {
        /// The subscriber.
        peer: PeerId,
        /// The section's index.
        section: usize,
        /// The section as negotiated.
        new: Box<NewSection>,
    },
    /// The peer publishes one track more.
    AddTrack {
        /// The publisher.
        peer: PeerId,
        /// The track as negotiated.
        track: Box<NewTrack>,
    },
    /// The peer publishes one track less.
    RemoveTrack {
        /// The publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
    },
    /// Drop the packets of a track, or forward them again.
    Mute {
        /// The publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
        /// False: forward again.
        muted: bool,
    },
    /// The picture of a participant who speaks: where bandwidth is short it comes first. Goes to every shard.
    Prefer {
        /// The picture.
        track: TrackId,
        /// False: the participant is silent again.
        preferred: bool,
    },
    /// A message for data channels.
    Send {
        /// The peer that sent it; `None`: the server.
        from: Option<PeerId>,
        /// The receivers.
        to: Arc<[PeerId]>,
        /// The channel, of each receiver.
        channel: Channel,
        /// At most [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX) bytes.
        message: Bytes,
    },
}

/// A peer, with what was agreed so far that it publishes and is sent.
#[derive(Debug)]
pub struct NewPeer {
    /// Its name.
    pub id: PeerId,
    /// Our ICE credentials for it.
    pub ice: LocalIce,
    /// The tracks it publishes.
    pub tracks: Vec<NewTrack>,
    /// The sections on which it is sent media.
    pub sections: Vec<NewSection>,
}

impl NewPeer {
    /// One that neither publishes nor is sent anything yet.
    pub fn bare(id: PeerId, ice: LocalIce) -> Self {
        Self { id, ice, tracks: Vec::new(), sections: Vec::new() }
    }
}

/// A track as negotiated with its publisher.
#[derive(Debug)]
pub struct NewTrack {
    /// Its name.
    pub id: TrackId,
    /// `None`: audio.
    pub video: Option<VideoCodec>,
    /// RTP clock.
    pub clock_hz: u32,
    /// Of the media itself.
    pub payload_type: u8,
    /// Of retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// Of redundancy (RFC 2198).
    pub red_payload_type: Option<u8>,
    /// The publisher sends again what a NACK asks for.
    pub nack: bool,
    /// One layer each; empty: one layer without a RID.
    pub rids: Vec<String>,
    /// Of a publisher that announces them.
    pub ssrcs: Vec<u32>,
    /// (media, RTX), of a publisher that announces them.
    pub fid_groups: Vec<(u32, u32)>,
    /// The section's MID.
    pub mid: String,
    /// Id of the header extension for the MID.
    pub mid_extension: Option<u8>,
    /// Id of the header extension for the RID.
    pub rid_extension: Option<u8>,
    /// Id of the header extension for the repaired RID.
    pub rrid_extension: Option<u8>,
    /// Id of the header extension for the sending time.
    pub abs_send_time_extension: Option<u8>,
    /// Id of the header extension for the audio level (RFC 6464).
    pub audio_level_extension: Option<u8>,
    /// Id of the header extension for AV1's dependency descriptor.
    pub dependency_descriptor_extension: Option<u8>,
}

impl NewTrack {
    /// Media comes in this payload type, as it is or with redundancy.
    pub(crate) fn is_media(&self, payload_type: u8) -> bool {
        self.payload_type == payload_type || self.red_payload_type == Some(payload_type)
    }
}

/// A section we send on, as negotiated with its subscriber.
#[derive(Debug)]
pub struct NewSection {
    /// False: audio.
    pub video: bool,
    /// Of the media we send.
    pub ssrc: u32,
    /// Of our retransmissions.
    pub rtx_ssrc: u32,
    /// RFC 7022; the same for the sections that are played in sync.
    pub cname: String,
    /// The section's MID.
    pub mid: String,
    /// Id of the header extension for the MID.
    pub mid_extension: Option<u8>,
    /// Id of the header extension for the sending time.
    pub abs_send_time_extension: Option<u8>,
    /// Id of the header extension for AV1's dependency descriptor.
    pub dependency_descriptor_extension: Option<u8>,
    /// The picture pauses, and its receiver is told, where the path cannot carry the smallest layer. Else the smallest
    /// layer is always sent.
    pub pausable: bool,
}

/// The track that a section carries.
#[derive(Debug)]
pub struct Source {
    /// The track.
    pub track: TrackId,
    /// The publisher's shard.
    pub shard: u16,
    /// `None`: audio.
    pub video: Option<VideoCodec>,
    /// RTP clock.
    pub clock_hz: u32,
    /// Sequences it is published as: its simulcast layers.
    pub sequences: usize,
    /// The subscriber's, for this codec.
    pub payload_type: u8,
    /// The subscriber's, for retransmissions.
    pub rtx_payload_type: Option<u8>,
    /// The subscriber's, for redundancy.
    pub red_payload_type: Option<u8>,
}

impl Source {
    /// Payload type and payload of a packet for this subscriber. One without a payload type for redundancy gets the
    /// newest block alone.
    #[inline]
    pub(crate) fn content<'p>(&self, packet: &'p Packet) -> (u8, &'p [u8]) {
        match (packet.red_primary, self.red_payload_type) {
            (0, _) => (self.payload_type, &packet.payload),
            (_, Some(red)) => (red, &packet.payload),
            (primary, None) => (self.payload_type, packet.payload.get(primary.into()..).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::media::packet::LayerPosition;

    #[test]
    fn redundant_packet_goes_whole_to_subscriber_with_payload_type_and_stripped_to_others() {
        let packet = |red_primary, payload: &[u8]| Packet {
            sequence: 0,
            timestamp: 0,
            marker: false,
            keyframe: false,
            place: LayerPosition::default(),
            vp8: None,
            red_primary,
            descriptor: None,
            payload: payload.into(),
            arrived: Instant::now(),
        };
        let source = |red_payload_type| Source {
            track: TrackId(1),
            shard: 0,
            video: None,
            clock_hz: 48_000,
            sequences: 1,
            payload_type: 111,
            rtx_payload_type: None,
            red_payload_type,
        };
        let (plain, redundant) = (packet(0, &[7, 8]), packet(2, &[111, 5, 7, 8]));
        assert_eq!(source(None).content(&redundant), (111, &[7, 8][..]));
        assert_eq!(source(Some(63)).content(&redundant), (63, &[111, 5, 7, 8][..]));
        assert_eq!(source(Some(63)).content(&plain), (111, &[7, 8][..]), "a publisher may leave it out");
    }
}

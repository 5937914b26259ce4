//! A media packet as subscribers share it, and where it stands among the layers of its sequence.

use std::sync::Arc;
use std::time::Instant;

use codec_headers::{VideoCodec, dependency, vp8, vp9};

/// The highest layer that is told apart: higher ones count as this one.
pub(crate) const TOP: u8 = 2;

/// A decrypted media packet, the same for every subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// The publisher's, in 48 bits.
    pub sequence: u64,
    /// The publisher's.
    pub timestamp: u32,
    /// Last packet of a frame.
    pub marker: bool,
    /// Decoding can start here.
    pub keyframe: bool,
    pub place: LayerPosition,
    /// Where it has one.
    pub vp8: Option<vp8::Descriptor>,
    /// Where the newest block begins, of redundant audio; else 0.
    pub red_primary: u16,
    /// The dependency descriptor, of AV1.
    pub descriptor: Option<Arc<[u8]>>,
    /// Without padding.
    pub payload: Arc<[u8]>,
    /// When this server received it.
    pub arrived: Instant,
}

/// Where a packet stands among the layers of its sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerPosition {
    /// 0 to [`TOP`].
    pub spatial: u8,
    /// 0 to [`TOP`].
    pub temporal: u8,
    /// The first packet of a picture, of all its spatial layers.
    pub begins_picture: bool,
    /// The last packet of its spatial layer of a picture.
    pub ends_layer: bool,
    /// A receiver of the temporal layers up to this one can decode all others from here on.
    pub up_from: Option<u8>,
    /// Counts pictures, at least in its low seven bits; AV1's counts each spatial layer's.
    pub picture: Option<u16>,
}

impl LayerPosition {
    /// As the payload says; `vp8` is its descriptor, parsed already.
    #[inline]
    pub(crate) fn of(codec: VideoCodec, payload: &[u8], marker: bool, vp8: Option<&vp8::Descriptor>) -> Self {
        match codec {
            VideoCodec::Vp8 => vp8.map_or_else(Self::default, |d| Self::of_vp8(d, marker)),
            VideoCodec::Vp9 => vp9::Descriptor::parse(payload).map_or_else(Self::default, |d| Self::of_vp9(&d, marker)),
            VideoCodec::H264 | VideoCodec::Av1 => Self { ends_layer: marker, ..Self::default() },
        }
    }

    fn of_vp8(d: &vp8::Descriptor, marker: bool) -> Self {
        let temporal = d.tid.unwrap_or(0).min(TOP);
        Self {
            spatial: 0,
            temporal,
            begins_picture: d.start && d.partition == 0,
            ends_layer: marker,
            // Y: it refers to the base alone, and what follows in its layer to nothing before it.
            up_from: temporal.checked_sub(1).filter(|_| d.layer_sync),
            picture: d.picture_id,
        }
    }

    /// AV1's, whose descriptor says it.
    #[inline]
    pub(crate) fn of_av1(frame: &dependency::Frame, layer: (u8, u8)) -> Self {
        let (spatial, temporal) = (layer.0.min(TOP), layer.1.min(TOP));
        Self {
            spatial,
            temporal,
            begins_picture: frame.begins && spatial == 0,
            ends_layer: frame.ends,
            up_from: None,
            picture: Some(frame.number),
        }
    }

    pub(super) fn of_vp9(d: &vp9::Descriptor, marker: bool) -> Self {
        let (spatial, temporal) = (d.spatial_id.unwrap_or(0).min(TOP), d.temporal_id.unwrap_or(0).min(TOP));
        Self {
            spatial,
            temporal,
            begins_picture: d.begin && spatial == 0,
            ends_layer: d.end || marker,
            up_from: d.switching_up.then_some(temporal),
            picture: d.picture_id,
        }
    }
}

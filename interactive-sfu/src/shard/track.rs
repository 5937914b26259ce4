//! A published track and its layers: what is known of each from what arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::inbox::{NewTrack, TrackId};
use crate::media::codec::{VideoCodec, picture_size};
use crate::media::keyframes::KeyframeRequests;
use crate::media::layers::LayerInfo;
use crate::media::receive::Reception;
use crate::media::report::ClockMapping;

/// A layer of which nothing came for so long is off.
const LIVE_FOR: Duration = Duration::from_millis(1500);

/// One layer, as it arrives.
pub(super) struct Layer {
    pub rid: String,
    pub ssrc: Option<u32>,
    pub reception: Reception,
    pub clock: Option<ClockMapping>,
    pub keyframes: KeyframeRequests,
    info: LayerInfo,
}

/// One track.
pub(crate) struct Track {
    pub(super) negotiated: NewTrack,
    pub(super) layers: Vec<Layer>,
    /// Other shards that have subscribers of it.
    pub followers: Vec<u16>,
    pub(super) infos_changed: bool,
    /// By the server: what comes is dropped.
    pub(super) muted: bool,
}

impl Track {
    /// `keyframe_interval`: the least between two requests for keyframes.
    pub(super) fn new(negotiated: NewTrack, keyframe_interval: Duration) -> Self {
        let rids = if negotiated.rids.is_empty() { vec![String::new()] } else { negotiated.rids.clone() };
        let layer = |rid| Layer {
            rid,
            ssrc: None,
            reception: Reception::new(negotiated.clock_hz),
            clock: None,
            keyframes: KeyframeRequests::new(keyframe_interval),
            info: LayerInfo::default(),
        };
        let layers = rids.into_iter().map(layer).collect();
        Self { negotiated, layers, followers: Vec::new(), infos_changed: false, muted: false }
    }

    pub(crate) fn id(&self) -> TrackId {
        self.negotiated.id
    }

    /// What is known of its layers, if that changed since the last call.
    pub(crate) fn changed_infos(&mut self) -> Option<Arc<[LayerInfo]>> {
        std::mem::take(&mut self.infos_changed).then(|| self.infos())
    }

    pub(crate) fn infos(&self) -> Arc<[LayerInfo]> {
        self.layers.iter().map(|l| l.info).collect()
    }

    /// What a follower that comes late needs to know.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = (usize, ClockMapping)> + '_ {
        self.layers.iter().enumerate().filter_map(|(i, l)| Some((i, l.clock?)))
    }
}

impl Layer {
    /// A packet came; `keyframe_of` when it begins a keyframe. Returns whether [`LayerInfo`] changed.
    pub(super) fn learn(&mut self, keyframe_of: Option<VideoCodec>, payload: &[u8], now: Instant) -> bool {
        let before = self.info;
        self.info.live = true;
        if let Some(codec) = keyframe_of {
            self.keyframes.keyframe_came(now);
            if let Some((width, height)) = picture_size(codec, payload) {
                (self.info.width, self.info.height) = (width, height);
            }
        }
        self.info != before
    }

    pub(super) fn update(&mut self, now: Instant) -> bool {
        let before = self.info;
        self.info.live = self.reception.is_live(now, LIVE_FOR);
        self.info.bits_per_second = self.reception.media_bits_per_second();
        self.info != before
    }
}

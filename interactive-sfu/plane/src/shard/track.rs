//! A published track and its layers: what is known of each from what arrived.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codec_headers::bounds::{PictureGuard, Refusal};
use codec_headers::dependency::{Frame, Structure};
use codec_headers::{VideoCodec, coded_size, picture_size, vp8, vp9};

use crate::config::Config;
use crate::ids::TrackId;
use crate::media::keyframes::KeyframeRequests;
use crate::media::layers::LayerInfo;
use crate::media::packet::Packet;
use crate::media::packet::{LayerPosition, TOP};
use crate::media::receive::Reception;
use crate::media::report::ClockMapping;
use crate::media::scalability::{LayerRates, Variant, variants};
use crate::media::splice::Splice;
use crate::order::NewTrack;

/// A layer of which nothing came for so long is off.
const LIVE_FOR: Duration = Duration::from_millis(1500);

/// SSRCs that a layer has had, as far as they are remembered: late packets of theirs are dropped.
const SUPERSEDED_MAX: usize = 32;

/// One layer, as it arrives.
pub(super) struct Layer {
    pub rid: String,
    pub ssrc: Option<u32>,
    superseded: VecDeque<u32>,
    pub reception: Reception,
    pub splice: Splice,
    pub clock: Option<ClockMapping>,
    pub keyframes: KeyframeRequests,
    guard: PictureGuard,
    /// Its place among the track's layers by bit rate: 0.0 (lowest) to 1.0 (highest).
    height: f64,
    /// The publisher sends more than it may: the layer is off until a keyframe of it fits again.
    over_limit: bool,
    info: LayerInfo,
    spectrum: LayerRates,
    /// AV1's.
    structure: Structure,
}

/// One track.
pub(crate) struct Track {
    pub(super) negotiated: NewTrack,
    pub(super) layers: Vec<Layer>,
    /// What it can be sent as.
    variants: Vec<Variant>,
    /// Other shards that have subscribers of it.
    pub followers: Vec<u16>,
    pub(super) infos_changed: bool,
    /// By the server: what comes is dropped.
    pub(super) muted: bool,
    /// It is known that all of its pictures are refused.
    refusal_told: bool,
}

impl Track {
    pub(super) fn new(negotiated: NewTrack, config: &Config) -> Self {
        let keyframe_interval = Duration::from_millis(config.keyframe_interval_ms_min.into());
        let rids = if negotiated.rids.is_empty() { vec![String::new()] } else { negotiated.rids.clone() };
        let layer = |rid| Layer {
            rid,
            ssrc: None,
            superseded: VecDeque::new(),
            reception: Reception::new(negotiated.clock_hz),
            splice: Splice::default(),
            clock: None,
            keyframes: KeyframeRequests::new(keyframe_interval),
            guard: PictureGuard::new(config.picture_bounds()),
            height: 0.0,
            over_limit: false,
            info: LayerInfo::default(),
            spectrum: LayerRates::default(),
            structure: Structure::default(),
        };
        let variants = variants(negotiated.video, rids.len());
        let layers = rids.into_iter().map(layer).collect();
        Self {
            negotiated,
            layers,
            variants,
            followers: Vec::new(),
            infos_changed: false,
            muted: false,
            refusal_told: false,
        }
    }

    pub(crate) fn id(&self) -> TrackId {
        self.negotiated.id
    }

    /// What is known of its layers, if that changed since the last call.
    pub(crate) fn changed_infos(&mut self) -> Option<Arc<[LayerInfo]>> {
        std::mem::take(&mut self.infos_changed).then(|| self.infos())
    }

    pub(crate) fn infos(&self) -> Arc<[LayerInfo]> {
        let info = |variant: &Variant| self.layers.get(variant.source).map(|layer| layer.info_of(*variant));
        self.variants.iter().filter_map(info).collect()
    }

    /// Drops what comes, or takes it again, and looks anew at whether it is within bounds.
    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
        if !muted {
            self.layers.iter_mut().for_each(|layer| layer.guard.forgive());
            self.refusal_told = false;
        }
    }

    /// Why none of its pictures is forwarded any more, once.
    pub(super) fn take_refusal(&mut self) -> Option<Refusal> {
        let refused = self.layers.iter().find_map(|layer| layer.guard.refused());
        let refused = refused.filter(|_| !self.layers.iter().any(|layer| layer.info.live));
        let told = std::mem::replace(&mut self.refusal_told, refused.is_some());
        refused.filter(|_| !told)
    }

    /// Once a second: which layers lose packets first if the publisher exceeds its limit.
    pub(super) fn rank_layers(&mut self) {
        let rates: Vec<u32> = self.layers.iter().map(|layer| layer.reception.bits_per_second()).collect();
        let highest = rates.len().saturating_sub(1).max(1) as f64;
        for (layer, rate) in self.layers.iter_mut().zip(&rates) {
            layer.height = rates.iter().filter(|other| *other < rate).count() as f64 / highest;
        }
    }

    /// What a follower that comes late needs to know.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = (usize, ClockMapping)> + '_ {
        self.layers.iter().enumerate().filter_map(|(i, l)| Some((i, l.clock?)))
    }
}

impl Layer {
    /// From now on the layer comes under `ssrc`: for the first time, or because its encoder was restarted.
    pub(super) fn follow(&mut self, ssrc: u32) {
        let Some(before) = self.ssrc.replace(ssrc) else { return };
        if self.superseded.len() == SUPERSEDED_MAX {
            self.superseded.pop_front();
        }
        self.superseded.push_back(before);
        self.reception.restart();
        self.splice.source_changed();
        self.clock = None;
        self.keyframes.request();
    }

    /// Whether the layer came under `ssrc` before its present one.
    pub(super) fn has_left(&self, ssrc: u32) -> bool {
        self.superseded.contains(&ssrc)
    }

    /// Where a packet stands among its layers. `descriptor`: AV1's.
    pub(super) fn place(
        &mut self,
        codec: VideoCodec,
        payload: &[u8],
        marker: bool,
        vp8: Option<&vp8::Descriptor>,
        descriptor: Option<&[u8]>,
    ) -> LayerPosition {
        let Some((descriptor, frame)) = descriptor.and_then(|descriptor| Some((descriptor, Frame::parse(descriptor)?)))
        else {
            return LayerPosition::of(codec, payload, marker, vp8);
        };
        if let Some(structure) = Structure::parse(descriptor) {
            self.spectrum.sizes(&structure.sizes);
            self.structure = structure;
        }
        LayerPosition::of_av1(&frame, self.structure.layer_of(frame.template).unwrap_or_default())
    }

    /// For [`Police::admits`](crate::media::police::Police::admits). A layer that is off comes back only with room to
    /// spare.
    #[inline]
    pub(super) fn height_to_admit(&self) -> f64 {
        if self.over_limit { self.height + 0.5 } else { self.height }
    }

    /// Whether a packet passes the publisher's limit, in which it `fits` or not. `Err`: it is dropped, and whether
    /// [`LayerInfo`] changed with it.
    #[inline]
    pub(super) fn limit(&mut self, fits: bool, keyframe: bool, video: bool) -> Result<(), bool> {
        if video && (!fits || (self.over_limit && !keyframe)) {
            self.over_limit = true;
            // Its subscribers get a lower layer, if there is one.
            return Err(std::mem::take(&mut self.info.live));
        }
        self.over_limit = false;
        if fits { Ok(()) } else { Err(false) }
    }

    /// Whether a packet's picture may be forwarded; `Err`: why not, and whether the one before was.
    pub(super) fn admit(
        &mut self,
        codec: VideoCodec,
        payload: &[u8],
        keyframe: bool,
        timestamp: u32,
        now: Instant,
    ) -> Result<(), (Refusal, bool)> {
        self.guard.check(coded_size(codec, payload), keyframe, timestamp, now).map_err(|refusal| {
            // Its subscribers get another layer, if there is one.
            (refusal, std::mem::take(&mut self.info.live))
        })
    }

    /// A packet of a track of `codec` came. Returns whether [`LayerInfo`] changed.
    pub(super) fn learn(&mut self, codec: Option<VideoCodec>, packet: &Packet) -> bool {
        let before = self.info;
        self.info.live = true;
        let Some(codec) = codec else { return self.info != before };
        self.spectrum.packet(&packet.place, packet.payload.len());
        if packet.keyframe {
            self.keyframes.keyframe_came(packet.arrived);
            if let Some((width, height)) = picture_size(codec, &packet.payload) {
                (self.info.width, self.info.height) = (width, height);
            }
            if codec == VideoCodec::Vp9
                && let Some(sizes) = vp9::Descriptor::parse(&packet.payload).and_then(|descriptor| descriptor.sizes)
            {
                self.spectrum.sizes(&sizes);
            }
        }
        self.info != before
    }

    fn info_of(&self, variant: Variant) -> LayerInfo {
        if variant.is_whole() {
            let pictures_per_second = self.spectrum.pictures_per_second();
            return LayerInfo { variant, pictures_per_second, ..self.info };
        }
        let Some((rate, size)) = self.spectrum.of(&variant).filter(|_| self.info.live) else {
            return LayerInfo { variant, ..LayerInfo::default() };
        };
        let (width, height) = if variant.spatial == TOP { (self.info.width, self.info.height) } else { size };
        let (bits_per_second, pictures_per_second) = (rate.bits_per_second, rate.pictures_per_second);
        LayerInfo { width, height, bits_per_second, pictures_per_second, live: true, variant }
    }

    pub(super) fn update(&mut self, now: Instant) -> bool {
        let before = self.info;
        self.spectrum.second(now);
        self.info.live = self.reception.is_live(now, LIVE_FOR);
        if self.guard.refused().is_some() || self.over_limit {
            self.info.live = false;
            self.keyframes.request();
        }
        self.info.bits_per_second = self.reception.media_bits_per_second();
        self.info != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(rids: &[&str]) -> Track {
        let negotiated = NewTrack {
            id: TrackId(1),
            video: Some(VideoCodec::Vp8),
            clock_hz: 90_000,
            payload_type: 96,
            rtx_payload_type: None,
            red_payload_type: None,
            nack: true,
            rids: rids.iter().map(|rid| (*rid).to_owned()).collect(),
            ssrcs: Vec::new(),
            fid_groups: Vec::new(),
            mid: "0".into(),
            mid_extension: None,
            rid_extension: None,
            rrid_extension: None,
            abs_send_time_extension: None,
            audio_level_extension: None,
            dependency_descriptor_extension: None,
        };
        Track::new(negotiated, &Config::default())
    }

    /// A VP8 keyframe's first payload.
    fn keyframe(side: u16) -> Vec<u8> {
        [&[0x10, 0x10, 0, 0, 0x9d, 1, 0x2a][..], &side.to_le_bytes(), &side.to_le_bytes()].concat()
    }

    #[test]
    fn a_refused_layer_is_off_and_its_publisher_is_told_once_when_none_is_left() {
        let (mut track, now) = (track(&["q", "f"]), Instant::now());
        let admit = |track: &mut Track, layer: usize, side: u16, timestamp: u32| {
            track.layers[layer].admit(VideoCodec::Vp8, &keyframe(side), true, timestamp, now)
        };
        for layer in 0..2 {
            assert_eq!(admit(&mut track, layer, 640, 0), Ok(()));
            track.layers[layer].info.live = true;
        }
        assert_eq!(admit(&mut track, 1, 16_383, 1), Err((Refusal::TooLarge, true)));
        assert_eq!(admit(&mut track, 1, 16_383, 2), Err((Refusal::TooLarge, false)));
        assert!(track.infos()[0].live && !track.infos().iter().any(|info| info.live && info.variant.source == 1));
        assert_eq!(track.take_refusal(), None, "the other layer is left");
        assert_eq!(admit(&mut track, 0, 16_383, 1), Err((Refusal::TooLarge, true)));
        assert_eq!((track.take_refusal(), track.take_refusal()), (Some(Refusal::TooLarge), None));
        // Unmuted, it is looked at anew.
        track.mute(true);
        track.mute(false);
        assert_eq!(track.take_refusal(), None);
        assert_eq!(admit(&mut track, 0, 16_383, 3), Err((Refusal::TooLarge, false)));
        assert_eq!((track.take_refusal(), admit(&mut track, 0, 640, 4)), (Some(Refusal::TooLarge), Ok(())));
    }
}

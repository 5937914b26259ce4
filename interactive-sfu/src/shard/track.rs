//! A published track and its layers: what is known of each from what arrived.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::inbox::{NewTrack, TrackId};
use crate::media::codec::dependency::{Frame, Structure};
use crate::media::codec::{VideoCodec, picture_size, vp8, vp9};
use crate::media::keyframes::KeyframeRequests;
use crate::media::layers::LayerInfo;
use crate::media::receive::Reception;
use crate::media::report::ClockMapping;
use crate::media::ring::Packet;
use crate::media::scalability::{Place, Spectrum, TOP, Variant, variants};
use crate::media::splice::Splice;

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
    info: LayerInfo,
    spectrum: Spectrum,
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
}

impl Track {
    /// `keyframe_interval`: the least between two requests for keyframes.
    pub(super) fn new(negotiated: NewTrack, keyframe_interval: Duration) -> Self {
        let rids = if negotiated.rids.is_empty() { vec![String::new()] } else { negotiated.rids.clone() };
        let layer = |rid| Layer {
            rid,
            ssrc: None,
            superseded: VecDeque::new(),
            reception: Reception::new(negotiated.clock_hz),
            splice: Splice::default(),
            clock: None,
            keyframes: KeyframeRequests::new(keyframe_interval),
            info: LayerInfo::default(),
            spectrum: Spectrum::default(),
            structure: Structure::default(),
        };
        let variants = variants(negotiated.video, rids.len());
        let layers = rids.into_iter().map(layer).collect();
        Self { negotiated, layers, variants, followers: Vec::new(), infos_changed: false, muted: false }
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
    ) -> Place {
        let Some((descriptor, frame)) = descriptor.and_then(|descriptor| Some((descriptor, Frame::parse(descriptor)?)))
        else {
            return Place::of(codec, payload, marker, vp8);
        };
        if let Some(structure) = Structure::parse(descriptor) {
            self.spectrum.sizes(&structure.sizes);
            self.structure = structure;
        }
        Place::of_av1(&frame, self.structure.layer_of(frame.template).unwrap_or_default())
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
        self.info.bits_per_second = self.reception.media_bits_per_second();
        self.info != before
    }
}

//! One layer of a published track, as it arrives.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use codec_headers::bounds::{PictureGuard, Refusal};
use codec_headers::dependency::{Frame, Structure};
use codec_headers::{VideoCodec, coded_size, picture_size, vp8, vp9};

use crate::config::Config;
use crate::media::keyframes::KeyframeRequests;
use crate::media::layers::LayerInfo;
use crate::media::packet::{LayerPosition, Packet, TOP};
use crate::media::receive::Reception;
use crate::media::report::ClockMapping;
use crate::media::scalability::{LayerRates, Variant};
use crate::media::splice::Splice;

/// A layer of which nothing came for so long is off.
const LIVE_FOR: Duration = Duration::from_millis(1500);

/// SSRCs that a layer has had, as far as they are remembered: late packets of theirs are dropped.
const SUPERSEDED_MAX: usize = 32;

/// One layer, as it arrives.
pub(in crate::shard) struct Layer {
    pub(in crate::shard) rid: String,
    pub(in crate::shard) ssrc: Option<u32>,
    superseded: VecDeque<u32>,
    pub(in crate::shard) reception: Reception,
    pub(in crate::shard) splice: Splice,
    pub(in crate::shard) clock: Option<ClockMapping>,
    pub(in crate::shard) keyframes: KeyframeRequests,
    pub(super) guard: PictureGuard,
    /// Its place among the track's layers by bit rate: 0.0 (lowest) to 1.0 (highest).
    pub(super) height: f64,
    /// The publisher sends more than it may: the layer is off until a keyframe of it fits again.
    pub(super) over_limit: bool,
    pub(super) info: LayerInfo,
    spectrum: LayerRates,
    /// AV1's.
    structure: Structure,
}

impl Layer {
    pub(super) fn new(rid: String, clock_hz: u32, config: &Config) -> Self {
        let keyframe_interval = Duration::from_millis(config.keyframe_interval_ms_min.into());
        Self {
            rid,
            ssrc: None,
            superseded: VecDeque::new(),
            reception: Reception::new(clock_hz),
            splice: Splice::default(),
            clock: None,
            keyframes: KeyframeRequests::new(keyframe_interval),
            guard: PictureGuard::new(config.picture_bounds()),
            height: 0.0,
            over_limit: false,
            info: LayerInfo::default(),
            spectrum: LayerRates::default(),
            structure: Structure::default(),
        }
    }

    /// From now on the layer comes under `ssrc`: for the first time, or because its encoder was restarted.
    pub(in crate::shard) fn follow(&mut self, ssrc: u32) {
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
    pub(in crate::shard) fn has_left(&self, ssrc: u32) -> bool {
        self.superseded.contains(&ssrc)
    }

    /// Where a packet stands among its layers. `descriptor`: AV1's.
    pub(in crate::shard) fn place(
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
    pub(in crate::shard) fn height_to_admit(&self) -> f64 {
        if self.over_limit { self.height + 0.5 } else { self.height }
    }

    /// Whether a packet passes the publisher's limit, in which it `fits` or not. `Err`: it is dropped, and whether
    /// [`LayerInfo`] changed with it.
    #[inline]
    pub(in crate::shard) fn limit(&mut self, fits: bool, keyframe: bool, video: bool) -> Result<(), bool> {
        if video && (!fits || (self.over_limit && !keyframe)) {
            self.over_limit = true;
            // Its subscribers get a lower layer, if there is one.
            return Err(std::mem::take(&mut self.info.live));
        }
        self.over_limit = false;
        if fits { Ok(()) } else { Err(false) }
    }

    /// Whether a packet's picture may be forwarded; `Err`: why not, and whether the one before was.
    pub(in crate::shard) fn admit(
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
    pub(in crate::shard) fn learn(&mut self, codec: Option<VideoCodec>, packet: &Packet) -> bool {
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

    pub(super) fn info_of(&self, variant: Variant) -> LayerInfo {
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

    pub(in crate::shard) fn update(&mut self, now: Instant) -> bool {
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

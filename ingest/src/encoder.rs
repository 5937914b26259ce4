//! One encoder: pictures or sound in, access units out, in a pipeline of its own.
//!
//! A pipeline holds nothing but `appsrc ! encoder ! appsink`, so that a rung can fail, be shed or be rebuilt without
//! the others noticing. No more than a third of a second of pictures waits in a video encoder: the caller asks
//! [`VideoEncoder::has_room`] first, so an overload never grows a backlog.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_audio as gst_audio;
use gstreamer_video as gst_video;
use packager::delivery::{AAC_FRAME_SAMPLES, AUDIO_TIMESCALE, AccessUnit, CodecConfig, RenditionId};

use crate::clock::{FrameClock, aac_frame_time};
use crate::config::{Config, X264Preset};
use crate::error::IngestError;
use crate::ladder::Rung;
use crate::metrics::Stage;
use crate::outlet::Outlet;
use crate::pipeline::EncoderPipeline;
use crate::{locked, metrics};

/// Of a second of pictures, what may wait in a video encoder. Enough to outlast a moment in which the machine does
/// something else (a picture too many costs the rest of a segment), and less than the parts that players hold back.
const IN_FLIGHT_SHARE: u32 = 3;

/// An H.264 rung.
pub(crate) struct VideoEncoder {
    pipeline: EncoderPipeline,
    source: gst_app::AppSrc,
    clock: FrameClock,
    in_flight_max: usize,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Default)]
struct Progress {
    begun: bool,
    in_flight: VecDeque<Instant>,
    worst: Duration,
}

impl VideoEncoder {
    pub(crate) fn start(
        rung: &Rung,
        rendition: RenditionId,
        config: &Config,
        outlet: Arc<Outlet>,
    ) -> Result<Self, IngestError> {
        let fps = config.frames_per_second;
        let info = crate::canvas::i420(rung.width, rung.height, fps)
            .ok_or_else(|| IngestError::pipeline("video encoder", "impossible picture size"))?;
        let caps = info.to_caps().map_err(|e| IngestError::pipeline("video encoder", e))?;
        let pipeline = EncoderPipeline::build("video encoder", &video_description(rung, config))?;
        let source = pipeline.source(&caps)?;
        let clock = FrameClock::new(fps);
        let progress = Arc::new(Mutex::new(Progress::default()));
        let seen = progress.clone();
        pipeline.on_unit(move |sample| {
            let pushed = {
                let mut progress = locked(&seen);
                let pushed = progress.in_flight.pop_front();
                let took = pushed.map(|at| at.elapsed()).unwrap_or_default();
                progress.worst = progress.worst.max(took);
                took
            };
            metrics::latency(Stage::Encode, pushed);
            deliver_picture(&outlet, rendition, clock, sample);
        })?;
        pipeline.play()?;
        let in_flight_max = fps.div_ceil(IN_FLIGHT_SHARE) as usize;
        Ok(Self { pipeline, source, clock, in_flight_max, progress })
    }

    /// Whether a picture may be pushed now.
    pub(crate) fn has_room(&self) -> bool {
        locked(&self.progress).in_flight.len() < self.in_flight_max
    }

    /// The worst time a picture took since the last call, or has taken so far.
    pub(crate) fn take_lag(&self) -> Duration {
        let mut progress = locked(&self.progress);
        let waiting = progress.in_flight.front().map(Instant::elapsed).unwrap_or_default();
        std::mem::take(&mut progress.worst).max(waiting)
    }

    /// Encodes `picture` as frame number `frame`. False if the pipeline is dead.
    pub(crate) fn push(&self, mut picture: gst::Buffer, frame: u64, keyframe: bool) -> bool {
        let time = gst::ClockTime::from_nseconds(self.clock.frame_ns(frame));
        {
            let buffer = picture.make_mut();
            buffer.set_pts(time);
            buffer.set_dts(gst::ClockTime::NONE);
            buffer.set_duration(gst::ClockTime::from_nseconds(self.clock.frame_ns(1)));
        }
        let first = {
            let mut progress = locked(&self.progress);
            progress.in_flight.push_back(Instant::now());
            !std::mem::replace(&mut progress.begun, true)
        };
        // The first picture is a keyframe by itself. Asked for one, x264enc would note the time at which it was asked
        // before its shift by 1000 hours is known, and take every later request for one of the past.
        if keyframe && !first {
            let event = gst_video::DownstreamForceKeyUnitEvent::builder()
                .timestamp(time)
                .stream_time(time)
                .running_time(time)
                .all_headers(true)
                .count(0)
                .build();
            self.source.send_event(event);
        }
        self.source.push_buffer(picture).is_ok() && !self.pipeline.has_failed()
    }

    /// No more pictures will come. Follow with [`VideoEncoder::drain`].
    pub(crate) fn finish(&self) {
        let _ = self.source.end_of_stream();
    }

    /// Waits until `until` for the last access unit.
    pub(crate) fn drain(self, until: Instant) {
        self.pipeline.drain(until);
    }
}

fn video_description(rung: &Rung, config: &Config) -> String {
    let kilobits = rung.bits_per_second.div_ceil(1000);
    let profile = if config.x264_preset == X264Preset::Ultrafast { "constrained-baseline" } else { "high" };
    format!(
        "appsrc name=source ! x264enc name=encoder speed-preset={preset} tune=zerolatency threads=1 bitrate={kilobits} \
         vbv-buf-capacity=1000 key-int-max={far} aud=false option-string=scenecut=0:force-cfr=1 ! \
         video/x-h264,profile={profile},stream-format=avc,alignment=au ! appsink name=sink sync=false async=false",
        preset = config.x264_preset.name(),
        far = config.segment_frames() * 10,
    )
}

fn deliver_picture(outlet: &Outlet, rendition: RenditionId, clock: FrameClock, sample: &gst::Sample) {
    // x264enc shifts its timestamps by 1000 hours; running time takes that off again.
    let Some(buffer) = sample.buffer() else { return };
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let Some(time) = segment.and_then(|segment| segment.to_running_time(buffer.pts()?)) else { return };
    if let Some(record) = codec_data(sample) {
        outlet.codec(rendition, CodecConfig::Avc(record));
    }
    let Ok(data) = buffer.map_readable() else { return };
    outlet.unit(AccessUnit {
        rendition,
        time: clock.ticks(clock.frame_at(time.nseconds())),
        duration: clock.frame_ticks(),
        keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        data: Bytes::copy_from_slice(&data),
        encoded_at: Instant::now(),
    });
}

fn codec_data(sample: &gst::Sample) -> Option<Bytes> {
    let record = sample.caps()?.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
    Some(Bytes::copy_from_slice(&record.map_readable().ok()?))
}

/// The AAC rendition.
pub(crate) struct AudioEncoder {
    pipeline: EncoderPipeline,
    source: gst_app::AppSrc,
}

impl AudioEncoder {
    pub(crate) fn start(
        bits_per_second: u32,
        rendition: RenditionId,
        outlet: Arc<Outlet>,
    ) -> Result<Self, IngestError> {
        let pipeline = EncoderPipeline::build(
            "audio encoder",
            &format!(
                "appsrc name=source ! avenc_aac bitrate={bits_per_second} ! appsink name=sink sync=false async=false"
            ),
        )?;
        let caps = gst_audio::AudioCapsBuilder::new_interleaved()
            .format(gst_audio::AUDIO_FORMAT_F32)
            .rate(AUDIO_TIMESCALE as i32)
            .channels(2)
            .build();
        let source = pipeline.source(&caps)?;
        pipeline.on_unit(move |sample| deliver_sound(&outlet, rendition, sample))?;
        pipeline.play()?;
        Ok(Self { pipeline, source })
    }

    /// Encodes the AAC frame number `index`, stereo. False if the pipeline is dead.
    pub(crate) fn push(&self, index: u64, sound: &[[f32; 2]]) -> bool {
        let bytes: Vec<u8> = sound.iter().flatten().flat_map(|sample| sample.to_ne_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            let time = |index: u64| index * u64::from(AAC_FRAME_SAMPLES) * 1_000_000_000 / u64::from(AUDIO_TIMESCALE);
            buffer.set_pts(gst::ClockTime::from_nseconds(time(index)));
            buffer.set_duration(gst::ClockTime::from_nseconds(time(index + 1) - time(index)));
        }
        self.source.push_buffer(buffer).is_ok() && !self.pipeline.has_failed()
    }

    pub(crate) fn finish(&self) {
        let _ = self.source.end_of_stream();
    }

    pub(crate) fn drain(self, until: Instant) {
        self.pipeline.drain(until);
    }
}

fn deliver_sound(outlet: &Outlet, rendition: RenditionId, sample: &gst::Sample) {
    let (Some(buffer), Some(record)) = (sample.buffer(), codec_data(sample)) else { return };
    let Some(pts) = buffer.pts() else { return };
    outlet.codec(rendition, CodecConfig::Aac(record));
    let position = crate::clock::samples(pts.nseconds() as i64) as u64;
    let frame = (position + u64::from(AAC_FRAME_SAMPLES) / 2) / u64::from(AAC_FRAME_SAMPLES);
    let (Some(time), Ok(data)) = (aac_frame_time(frame), buffer.map_readable()) else { return };
    outlet.unit(AccessUnit {
        rendition,
        time,
        duration: AAC_FRAME_SAMPLES,
        keyframe: true,
        data: Bytes::copy_from_slice(&data),
        encoded_at: Instant::now(),
    });
}

//! The deliveries of a broadcast, checked against the rules of [`packager::delivery`], decoded and looked at.

use std::time::Duration;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use packager::delivery::{
    AAC_FRAME_SAMPLES, AUDIO_TIMESCALE, AccessUnit, BroadcastSpec, CodecConfig, Delivery, RenditionId, VIDEO_TIMESCALE,
};

/// From one picture to the next, 90 kHz ticks: 200 ms.
const STEP_MAX: u64 = 18_000;
/// A machine that stands still for longer than this is too busy to judge by it.
const STANDSTILL_MAX: Duration = Duration::from_millis(50);

/// A whole broadcast.
pub(crate) struct Programme {
    /// The longest time for which the machine did not let anybody work.
    standstill: Duration,
    deliveries: Vec<Delivery>,
    /// Start (nanoseconds) and luma of every picture of the smallest rung, row by row without padding.
    pictures: Vec<(i64, Vec<u8>)>,
    width: u32,
    /// One channel of the sound, and the sample number of its first sample.
    sound: (i64, Vec<f32>),
}

impl Programme {
    /// Decodes what was delivered.
    pub(crate) fn of(deliveries: Vec<Delivery>, standstill: Duration) -> Self {
        let renditions = units(&deliveries).map(|unit| unit.rendition.0).max().unwrap();
        let mut programme = Self { standstill, deliveries, pictures: vec![], width: 0, sound: (0, vec![]) };
        programme.see(RenditionId(renditions - 1));
        programme.hear(RenditionId(renditions));
        programme
    }

    fn see(&mut self, rendition: RenditionId) {
        let samples = self.decode(rendition, "video/x-h264,stream-format=avc,alignment=au", "avdec_h264 max-threads=1");
        for sample in samples {
            let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
            let buffer = sample.buffer().unwrap();
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
            let stride = frame.plane_stride()[0] as usize;
            let rows = frame.plane_data(0).unwrap().chunks(stride).take(info.height() as usize);
            let luma = rows.flat_map(|row| row[..info.width() as usize].to_vec()).collect();
            self.width = info.width();
            self.pictures.push((buffer.pts().unwrap().nseconds() as i64, luma));
        }
    }

    fn hear(&mut self, rendition: RenditionId) {
        let caps = "audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=2";
        let decoder = "avdec_aac ! audioconvert ! audio/x-raw,format=F32LE,channels=1,layout=interleaved";
        for sample in self.decode(rendition, caps, decoder) {
            let data = sample.buffer().unwrap().map_readable().unwrap();
            self.sound.1.extend(data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())));
        }
        self.sound.0 = self.times(rendition)[0] as i64;
    }

    fn decode(&self, rendition: RenditionId, caps: &str, decoder: &str) -> Vec<gst::Sample> {
        let record = self.deliveries.iter().find_map(|delivery| match delivery {
            Delivery::Codec { rendition: of, config: CodecConfig::Avc(r) | CodecConfig::Aac(r) }
                if *of == rendition =>
            {
                Some(r.clone())
            }
            _ => None,
        });
        let mut caps: gst::Caps = caps.parse().unwrap();
        caps.get_mut().unwrap().set("codec_data", gst::Buffer::from_slice(record.unwrap()));
        let pipeline =
            gst::parse::launch(&format!("appsrc name=in format=time ! {decoder} ! appsink name=out sync=false"));
        let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
        let source = pipeline.by_name("in").unwrap().downcast::<gst_app::AppSrc>().unwrap();
        let sink = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
        source.set_caps(Some(&caps));
        pipeline.set_state(gst::State::Playing).unwrap();
        for unit in units(&self.deliveries).filter(|unit| unit.rendition == rendition) {
            let timescale = if caps.to_string().starts_with("video") { VIDEO_TIMESCALE } else { AUDIO_TIMESCALE };
            let mut buffer = gst::Buffer::from_slice(unit.data.clone());
            let ns = unit.time * 1_000_000_000 / u64::from(timescale);
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_nseconds(ns));
            source.push_buffer(buffer).unwrap();
        }
        source.end_of_stream().unwrap();
        let samples = std::iter::from_fn(|| sink.pull_sample().ok()).collect();
        pipeline.set_state(gst::State::Null).unwrap();
        samples
    }

    fn times(&self, rendition: RenditionId) -> Vec<u64> {
        units(&self.deliveries).filter(|unit| unit.rendition == rendition).map(|unit| unit.time).collect()
    }

    /// The luma at a place of the picture shown at a time.
    pub(crate) fn light(&self, at_ns: i64, x: u32, y: u32) -> u8 {
        let (_, luma) = self.pictures.iter().rev().find(|(start, _)| *start <= at_ns).unwrap();
        luma[(y * self.width + x) as usize]
    }

    /// Mean square of a tenth of a second of sound.
    pub(crate) fn power(&self, at_ns: i64) -> f32 {
        let from = (at_ns * i64::from(AUDIO_TIMESCALE) / 1_000_000_000 - self.sound.0) as usize;
        let sound = &self.sound.1[from..from + 4800];
        sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32
    }

    /// Everything the packager relies on.
    pub(crate) fn check(&self, spec: &BroadcastSpec) {
        assert!(matches!(self.deliveries.first(), Some(Delivery::Clock { .. })));
        assert!(matches!(self.deliveries.last(), Some(Delivery::End)));
        let audio = spec.renditions.len() - 1;
        for rendition in 0..spec.renditions.len() {
            self.check_codec_first(RenditionId(rendition));
            if rendition < audio {
                self.check_video(RenditionId(rendition), spec);
            }
        }
        let sound = self.times(RenditionId(audio));
        assert_eq!(sound[0], 0);
        assert!(sound.windows(2).all(|pair| pair[1] - pair[0] == u64::from(AAC_FRAME_SAMPLES)));
        let ends = [self.times(RenditionId(0)), sound];
        let [picture_s, sound_s] = [(&ends[0], VIDEO_TIMESCALE), (&ends[1], AUDIO_TIMESCALE)]
            .map(|(times, timescale)| *times.last().unwrap() as f64 / f64::from(timescale));
        assert!((picture_s - sound_s).abs() < 0.3, "pictures end at {picture_s}, sound at {sound_s}");
    }

    /// One rest of `rung`, from the start of a segment to that of another; the packager is told before `other` begins
    /// the segment.
    pub(crate) fn check_rest(&self, rung: RenditionId, other: RenditionId, spec: &BroadcastSpec) {
        let segment_ticks = u64::from(VIDEO_TIMESCALE / spec.frames_per_second * spec.segment_frames);
        let turns: Vec<_> = self
            .deliveries
            .iter()
            .enumerate()
            .filter_map(|(at, delivery)| match delivery {
                Delivery::Rest { rendition, from } => Some((at, *rendition, *from, true)),
                Delivery::Wake { rendition, from } => Some((at, *rendition, *from, false)),
                _ => None,
            })
            .collect();
        let [(_, rests, from, true), (_, wakes, until, false)] = turns[..] else { panic!("{turns:?}") };
        assert_eq!((rests, wakes), (rung, rung));
        assert!(from % segment_ticks == 0 && until % segment_ticks == 0 && from < until, "{from} to {until}");
        for (at, _, from, _) in turns {
            let late = |delivery: &Delivery| matches!(delivery, Delivery::Unit(unit) if unit.rendition == other && unit.time >= from);
            assert!(!self.deliveries[..at].iter().any(late), "told of tick {from} too late");
        }
        let of_rung = || units(&self.deliveries).filter(|unit| unit.rendition == rung);
        assert!(!of_rung().any(|unit| (from..until).contains(&unit.time)), "it was to rest from {from} to {until}");
        let first = of_rung().find(|unit| unit.time >= until).unwrap();
        assert_eq!((first.time, first.keyframe), (until, true));
        assert!(units(&self.deliveries).any(|unit| unit.rendition == other && (from..until).contains(&unit.time)));
    }

    fn check_codec_first(&self, of: RenditionId) {
        let codec =
            self.deliveries.iter().position(|d| matches!(d, Delivery::Codec { rendition, .. } if *rendition == of));
        let unit = self.deliveries.iter().position(|d| matches!(d, Delivery::Unit(unit) if unit.rendition == of));
        assert!(codec.is_some() && codec < unit);
    }

    fn check_video(&self, rendition: RenditionId, spec: &BroadcastSpec) {
        let frame_ticks = u64::from(VIDEO_TIMESCALE / spec.frames_per_second);
        let segment_ticks = frame_ticks * u64::from(spec.segment_frames);
        let steps = self.times(rendition).windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        // An encoder that gets no CPU must leave frames out: up to the next segment, if its queue is full.
        let steps_max = if self.standstill < STANDSTILL_MAX { STEP_MAX } else { segment_ticks };
        assert!(
            steps <= steps_max,
            "{steps} ticks without a picture; the machine stood still for {:?}",
            self.standstill
        );
        let mut last = None;
        for unit in units(&self.deliveries).filter(|unit| unit.rendition == rendition) {
            assert!(last.is_none_or(|last| unit.time > last), "{} after {last:?}", unit.time);
            assert_eq!((unit.time % frame_ticks, u64::from(unit.duration)), (0, frame_ticks));
            assert_eq!(unit.keyframe, unit.time % segment_ticks == 0, "at {}", unit.time);
            assert_eq!(unit.keyframe, nal_types(&unit.data).contains(&5), "at {}", unit.time);
            last = Some(unit.time);
        }
        let keyframes = self.times(rendition).into_iter().filter(|time| time % segment_ticks == 0);
        let wanted = (0..=last.unwrap() / segment_ticks).map(|n| n * segment_ticks);
        assert!(keyframes.eq(wanted), "a segment without its keyframe");
    }
}

fn units(deliveries: &[Delivery]) -> impl Iterator<Item = &AccessUnit> {
    deliveries.iter().filter_map(|delivery| match delivery {
        Delivery::Unit(unit) => Some(unit),
        _ => None,
    })
}

/// Types (ISO/IEC 14496-10 §7.4.1) of the length-prefixed NAL units, which fill `data` exactly.
fn nal_types(data: &Bytes) -> Vec<u8> {
    let (mut rest, mut types) = (&data[..], vec![]);
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let (nal, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        types.push(nal[0] & 31);
        rest = after;
    }
    types
}

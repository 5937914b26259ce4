//! One speaker's pipeline: webrtcbin, depayloaders and decoders, ending in the speaker's [`Input`].
//!
//! Offers to receive one picture (H.264, VP8, VP9) and one sound (Opus) and decodes whatever arrives. AV1 needs a
//! depayloader that Debian 12 does not have. Colours are taken as they are, without converting between matrices.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use codec_headers::bounds::{PictureBounds, PictureGuard, Refusal};
use codec_headers::{VideoCodec, coded_size_of_picture};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_webrtc as gst_webrtc;

use crate::clock::{ProgrammeClock, utc_ms};
use crate::config::Config;
use crate::error::IngestError;
use crate::metrics::Stage;
use crate::peer::Peer;
use crate::signalling::Exchange;
use crate::stage::Input;
use crate::{locked, metrics};

const VIDEO: &str = "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,\
     packetization-mode=(string)1,profile-level-id=(string)42e01f,level-asymmetry-allowed=(string)1,\
     rtcp-fb-nack-pli=(boolean)true,rtcp-fb-ccm-fir=(boolean)true; \
     application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,\
     rtcp-fb-nack-pli=(boolean)true,rtcp-fb-ccm-fir=(boolean)true; \
     application/x-rtp,media=video,encoding-name=VP9,payload=98,clock-rate=90000,\
     rtcp-fb-nack-pli=(boolean)true,rtcp-fb-ccm-fir=(boolean)true";
const AUDIO: &str = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,\
     encoding-params=(string)2,minptime=(string)10,useinbandfec=(string)1";

/// By how much Opus comes out later than it went in, nanoseconds: what libopus's encoder looks ahead, 312 samples,
/// which no RTP receiver is told (RFC 7845 §4.2 calls it pre-skip).
const OPUS_LOOK_AHEAD_NS: i64 = 6_500_000;
/// Milliseconds between 1900 (NTP) and 1970 (Unix).
const NTP_TO_UNIX_MS: i64 = 2_208_988_800_000;

/// Builds the pipeline; [`Peer::negotiate`] starts it.
pub(crate) fn build(
    exchange: Arc<dyn Exchange>,
    input: &Input,
    clock: &ProgrammeClock,
    config: &Config,
) -> Result<Peer, IngestError> {
    let pipeline = gst::Pipeline::new();
    clock.apply(&pipeline);
    let webrtc = gst::ElementFactory::make("webrtcbin")
        .property_from_str("bundle-policy", "max-bundle")
        .property("latency", config.jitterbuffer_ms)
        .build()
        .map_err(|e| IngestError::pipeline("speaker's receiver", e))?;
    pipeline.add(&webrtc).map_err(|e| IngestError::pipeline("speaker's receiver", e))?;
    if let Some(rtpbin) = webrtc.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("rtpbin"))
        && rtpbin.has_property("add-reference-timestamp-meta")
    {
        rtpbin.set_property("add-reference-timestamp-meta", true);
    }
    for media in [VIDEO, AUDIO] {
        let caps = media.parse::<gst::Caps>().map_err(|e| IngestError::pipeline("speaker's receiver", e))?;
        let direction = gst_webrtc::WebRTCRTPTransceiverDirection::Recvonly;
        let transceiver =
            webrtc.emit_by_name::<gst_webrtc::WebRTCRTPTransceiver>("add-transceiver", &[&direction, &caps]);
        transceiver.set_property("do-nack", true);
    }
    let (input, bounds, weak) = (input.clone(), config.picture_bounds(), pipeline.downgrade());
    webrtc.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src) else { return };
        if let Err(error) = attach(&pipeline, pad, &input, bounds) {
            tracing::warn!(speaker = input.seat.speaker.identity, %error, "a track cannot be decoded");
        }
    });
    Peer::new(pipeline, webrtc, exchange)
}

fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, input: &Input, bounds: PictureBounds) -> Result<(), IngestError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let field = |name| caps.structure(0).and_then(|s| s.get::<String>(name).ok()).unwrap_or_default();
    let encoding = field("encoding-name").to_uppercase();
    let picture = "automatic-request-sync-points=true discard-corrupted-frames=true ! appsink name=sink";
    let codec = match encoding.as_str() {
        "H264" => Some(VideoCodec::H264),
        "VP8" => Some(VideoCodec::Vp8),
        "VP9" => Some(VideoCodec::Vp9),
        _ => None,
    };
    let chain = match encoding.as_str() {
        "H264" => format!(
            "rtph264depay name=depay request-keyframe=true wait-for-keyframe=true ! \
             video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! \
             avdec_h264 max-threads=1 output-corrupt=false {picture}"
        ),
        "VP8" => {
            format!("rtpvp8depay name=depay request-keyframe=true wait-for-keyframe=true ! vp8dec threads=1 {picture}")
        }
        "VP9" => {
            format!("rtpvp9depay name=depay request-keyframe=true wait-for-keyframe=true ! vp9dec threads=1 {picture}")
        }
        "OPUS" => "rtpopusdepay name=depay ! opusdec plc=true use-inband-fec=true ! audioconvert ! audioresample ! \
                   audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved ! appsink name=sink"
            .to_owned(),
        other => return Err(IngestError::pipeline("decoder", format!("no decoder for {other}"))),
    };
    let fail = |reason: String| IngestError::pipeline("decoder", reason);
    let bin = gst::parse::bin_from_description(&chain, true).map_err(|e| fail(e.to_string()))?;
    let sink = bin.by_name("sink").and_then(|sink| sink.downcast::<gst_app::AppSink>().ok());
    let (Some(sink), Some(depay)) = (sink, bin.by_name("depay")) else { return Err(fail("no sink".into())) };
    sink.set_property("sync", false);
    sink.set_property("async", false);
    if let Some(codec) = codec {
        guard(&depay, codec, bounds);
        see(&sink, &depay, bounds, input.clone());
    } else {
        hear(&sink, input.clone());
    }
    pipeline.add(&bin).map_err(|e| fail(e.to_string()))?;
    bin.sync_state_with_parent().map_err(|e| fail(e.to_string()))?;
    let entry = bin.static_pad("sink").ok_or_else(|| fail("no entry".into()))?;
    pad.link(&entry).map(drop).map_err(|e| fail(e.to_string()))
}

fn running_ns(sample: &gst::Sample) -> Option<i64> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(sample.buffer()?.pts()?).map(|time| time.nseconds() as i64)
}

/// No decoder is given a picture that is out of bounds, nor those that refer to it.
fn guard(depay: &gst::Element, codec: VideoCodec, bounds: PictureBounds) {
    let (guard, count) = (Mutex::new(PictureGuard::new(bounds)), AtomicU32::new(0));
    let Some(pad) = depay.static_pad("src") else { return };
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
        let Ok(picture) = buffer.map_readable() else { return gst::PadProbeReturn::Drop };
        let size = coded_size_of_picture(codec, &picture);
        let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let number = count.fetch_add(1, Ordering::Relaxed);
        match locked(&guard).check(size, keyframe, number, Instant::now()) {
            Ok(()) => gst::PadProbeReturn::Ok,
            Err(refusal) => {
                metrics::picture_refused(refusal.reason());
                gst::PadProbeReturn::Drop
            }
        }
    });
}

fn see(sink: &gst_app::AppSink, depay: &gst::Element, bounds: PictureBounds, input: Input) {
    if let Some(pad) = sink.static_pad("sink") {
        // Decoders may then hand over their padded frames as they are, instead of copying them.
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
            if let Some(gst::QueryViewMut::Allocation(query)) = info.query_mut().map(gst::QueryRef::view_mut) {
                query.add_allocation_meta::<gst_video::VideoMeta>(None);
                return gst::PadProbeReturn::Handled;
            }
            gst::PadProbeReturn::Ok
        });
    }
    let arrivals = Arrivals::default();
    arrivals.observe(depay);
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let info = sample.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
        // Its headers lied.
        if info.as_ref().is_some_and(|info| !bounds.admit(info.width(), info.height())) {
            metrics::picture_refused(Refusal::TooLarge.reason());
            return Err(gst::FlowError::NotNegotiated);
        }
        if let (Some(info), Some(buffer), Some(time)) = (info, sample.buffer_owned(), running_ns(&sample)) {
            arrivals.decoded(&buffer);
            input.push_picture(time, buffer, &info);
        }
        Ok(gst::FlowSuccess::Ok)
    });
    sink.set_callbacks(callbacks.build());
}

fn hear(sink: &gst_app::AppSink, input: Input) {
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let data = sample.buffer().and_then(|buffer| buffer.map_readable().ok());
        if let (Some(data), Some(time)) = (data, running_ns(&sample)) {
            let number = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_le_bytes);
            let sound: Vec<[f32; 2]> = data.chunks_exact(8).map(|b| [number(&b[..4]), number(&b[4..])]).collect();
            input.push_sound(time - OPUS_LOOK_AHEAD_NS, &sound);
        }
        Ok(gst::FlowSuccess::Ok)
    });
    sink.set_callbacks(callbacks.build());
}

/// A frame on its way into the decoder: its timestamp, and when it was complete.
type Arrival = (Option<gst::ClockTime>, Instant);

/// When frames came in, to tell how long they took to get here and to be decoded.
#[derive(Clone, Default)]
struct Arrivals {
    pending: Arc<Mutex<VecDeque<Arrival>>>,
}

/// Frames that a decoder may hold; older entries are forgotten.
const PENDING_MAX: usize = 16;

impl Arrivals {
    fn observe(&self, depay: &gst::Element) {
        if let Some(pad) = depay.static_pad("sink") {
            pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
                info.buffer().and_then(|buffer| captured_ms(buffer)).into_iter().for_each(|captured| {
                    let ms = utc_ms() - captured;
                    // Outside of this the sender's clock is not ours.
                    if (0..10_000).contains(&ms) {
                        metrics::latency(Stage::Capture, Duration::from_millis(ms as u64));
                    }
                });
                gst::PadProbeReturn::Ok
            });
        }
        let (Some(pad), pending) = (depay.static_pad("src"), self.pending.clone()) else { return };
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let mut pending = locked(&pending);
            pending.truncate(PENDING_MAX - 1);
            pending.push_front((info.buffer().and_then(|buffer| buffer.pts()), Instant::now()));
            gst::PadProbeReturn::Ok
        });
    }

    fn decoded(&self, buffer: &gst::Buffer) {
        let pending = locked(&self.pending);
        let arrival = pending.iter().find(|(pts, _)| *pts == buffer.pts());
        arrival.into_iter().for_each(|(_, at)| metrics::latency(Stage::Decode, at.elapsed()));
    }
}

/// Capture time of a packet by its sender's report, milliseconds since 1970.
fn captured_ms(buffer: &gst::BufferRef) -> Option<i64> {
    let meta = buffer.meta::<gst::ReferenceTimestampMeta>()?;
    meta.reference().structure(0).filter(|s| s.name() == "timestamp/x-ntp")?;
    Some(meta.timestamp().mseconds() as i64 - NTP_TO_UNIX_MS)
}

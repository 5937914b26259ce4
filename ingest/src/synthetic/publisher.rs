//! The pipeline of a synthetic speaker, and the thread that is its camera and microphone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_webrtc as gst_webrtc;

use super::picture::Painter;
use super::sound::{beep, is_beep};
use super::{Codec, Config};
use crate::clock::{ProgrammeClock, utc_ms};
use crate::error::IngestError;
use crate::peer::Peer;
use crate::signalling::Exchange;

const SECOND_NS: i64 = 1_000_000_000;
const CHUNK_NS: i64 = 10_000_000;
const CHUNK_SAMPLES: usize = 480;
/// Pictures and sound that may wait in a pipeline that has stalled; beyond, the newest is dropped.
const WAITING_BYTES_MAX: u64 = 4 << 20;

/// Connects and starts the camera.
pub(super) fn publish(
    config: &Config,
    exchange: Arc<dyn Exchange>,
    stop: &Arc<AtomicBool>,
) -> Result<(Peer, Camera), IngestError> {
    let fail = |reason: String| IngestError::pipeline("synthetic speaker", reason);
    let pipeline = gst::parse::launch(&description(config)).map_err(|e| fail(e.to_string()))?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| fail("not a pipeline".into()))?;
    let clock = ProgrammeClock::start();
    clock.apply(&pipeline);
    let webrtc = pipeline.by_name("webrtc").ok_or_else(|| fail("no webrtcbin".into()))?;
    for index in 0..2 {
        let transceiver = webrtc.emit_by_name::<Option<gst_webrtc::WebRTCRTPTransceiver>>("get-transceiver", &[&index]);
        if let Some(transceiver) = transceiver {
            transceiver.set_property("do-nack", true);
            transceiver.set_property("direction", gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly);
        }
    }
    let (ready, is_ready) = mpsc::channel();
    webrtc.connect("on-negotiation-needed", false, move |_| {
        let _ = ready.send(());
        None
    });
    let source = |name: &str| pipeline.by_name(name).and_then(|e| e.downcast::<gst_app::AppSrc>().ok());
    let (Some(picture), Some(sound)) = (source("picture"), source("sound")) else {
        return Err(fail("no sources".into()));
    };
    let camera = Camera::start(config, clock, picture, sound, stop.clone())?;
    let mut peer = Peer::new(pipeline, webrtc, exchange)?;
    peer.negotiate(Some(is_ready))?;
    Ok((peer, camera))
}

fn description(config: &Config) -> String {
    let Config { width, height, frames_per_second: fps, bits_per_second, .. } = config;
    let encoder = match config.codec {
        Codec::H264 => format!(
            "x264enc tune=zerolatency speed-preset=ultrafast threads=1 bitrate={} key-int-max=300 aud=false ! \
             video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency mtu=1200 ! \
             application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1",
            bits_per_second / 1000
        ),
        Codec::Vp8 => format!(
            "vp8enc deadline=1 cpu-used=8 threads=1 target-bitrate={bits_per_second} keyframe-max-dist=300 ! \
             rtpvp8pay picture-id-mode=15-bit mtu=1200 ! \
             application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
        ),
    };
    let feedback = "rtcp-fb-nack-pli=(boolean)true,rtcp-fb-ccm-fir=(boolean)true";
    format!(
        "webrtcbin name=webrtc bundle-policy=max-bundle latency=0 \
         appsrc name=picture is-live=true format=time caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 \
         ! {encoder},{feedback} ! webrtc. \
         appsrc name=sound is-live=true format=time caps=audio/x-raw,format=F32LE,layout=interleaved,rate=48000,channels=2 \
         ! audioconvert ! opusenc frame-size=20 bitrate=64000 ! rtpopuspay ! \
         application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000 ! webrtc."
    )
}

/// The thread that makes pictures and sound. Ends when dropped.
pub(super) struct Camera {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    fn start(
        config: &Config,
        clock: ProgrammeClock,
        picture: gst_app::AppSrc,
        sound: gst_app::AppSrc,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, IngestError> {
        let painter = Painter::new(&config.name, config.number, (config.width, config.height), &config.font);
        let painter = painter.ok_or_else(|| IngestError::pipeline("synthetic speaker", "impossible picture size"))?;
        let ended = Arc::new(AtomicBool::new(false));
        let film = Film {
            painter,
            clock,
            picture,
            sound,
            number: config.number,
            frame_ns: SECOND_NS / i64::from(config.frames_per_second.max(1)),
        };
        let flags = [stop, ended.clone()];
        let thread = std::thread::Builder::new().name("camera".into()).spawn(move || film.run(&flags));
        let thread = thread.map_err(|source| IngestError::Thread { what: "camera", source })?;
        Ok(Self { stop: ended, thread: Some(thread) })
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Film {
    painter: Painter,
    clock: ProgrammeClock,
    picture: gst_app::AppSrc,
    sound: gst_app::AppSrc,
    number: u32,
    frame_ns: i64,
}

impl Film {
    /// Frames lie on multiples of the frame length since 1970, so one lies exactly where a beep begins.
    fn run(mut self, stop: &[Arc<AtomicBool>; 2]) {
        // UTC of running time 0. Both clocks are read once: flash and beep must not drift apart.
        let zero_utc_ns = utc_ms() * 1_000_000 - self.clock.now_ns() as i64;
        let mut frame = 1 + self.frame_number(zero_utc_ns + self.clock.now_ns() as i64);
        let mut chunk = 0;
        while !stop.iter().any(|flag| flag.load(Ordering::Relaxed)) {
            let now_ns = self.clock.now_ns() as i64;
            // A frame lies where its number says; a chunk of sound has been recorded when it ends.
            let (frame_due, chunk_due) = (self.frame_utc_ns(frame) - zero_utc_ns, (chunk + 1) * CHUNK_NS);
            if frame_due <= now_ns {
                self.shoot(frame_due, self.frame_utc_ns(frame), now_ns);
                // The camera is late by more than a frame: it leaves frames out and does not hurry.
                frame = (frame + 1).max(self.frame_number(zero_utc_ns + now_ns));
            } else if chunk_due <= now_ns {
                self.record(chunk * CHUNK_NS, zero_utc_ns);
                chunk = (chunk + 1).max(now_ns / CHUNK_NS - 20);
            } else {
                let wait = frame_due.min(chunk_due) - now_ns;
                std::thread::sleep(Duration::from_nanos(wait.clamp(0, SECOND_NS) as u64));
            }
        }
    }

    fn frame_number(&self, utc_ns: i64) -> i64 {
        let fps = SECOND_NS / self.frame_ns;
        utc_ns / SECOND_NS * fps + utc_ns % SECOND_NS * fps / SECOND_NS
    }

    fn frame_utc_ns(&self, frame: i64) -> i64 {
        let fps = SECOND_NS / self.frame_ns;
        frame / fps * SECOND_NS + frame % fps * SECOND_NS / fps
    }

    fn shoot(&mut self, pts_ns: i64, nominal_utc_ns: i64, now_ns: i64) {
        if self.picture.current_level_bytes() > WAITING_BYTES_MAX {
            return;
        }
        let mut bytes = vec![0; self.painter.size()];
        // The burned time is this machine's UTC when the frame was due, read afresh so that it never drifts.
        let captured_ms = utc_ms() - (now_ns - pts_ns) / 1_000_000;
        self.painter.paint(captured_ms, is_beep(nominal_utc_ns), &mut bytes);
        let _ = self.picture.push_buffer(stamped(bytes, pts_ns, self.frame_ns));
    }

    fn record(&mut self, pts_ns: i64, zero_utc_ns: i64) {
        if self.sound.current_level_bytes() > WAITING_BYTES_MAX {
            return;
        }
        let mut sound = [[0.0f32; 2]; CHUNK_SAMPLES];
        beep(self.number, zero_utc_ns + pts_ns, &mut sound);
        let bytes = sound.iter().flatten().flat_map(|sample| sample.to_le_bytes()).collect();
        let _ = self.sound.push_buffer(stamped(bytes, pts_ns, CHUNK_NS));
    }
}

fn stamped(bytes: Vec<u8>, pts_ns: i64, duration_ns: i64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::from_nseconds(pts_ns.max(0) as u64));
        buffer.set_duration(gst::ClockTime::from_nseconds(duration_ns as u64));
    }
    buffer
}

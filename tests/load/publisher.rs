//! The publishers: frames on an absolute schedule, keyframes when asked for, a sender report a second.
//!
//! One thread serves them all. A late frame is sent at once and its lateness recorded; after 100 ms of it the schedule
//! starts anew, so that a stall is not followed by a flood.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rig::livekit::Kind;
use rig::opus::OpusStream;
use rig::peer::{DATAGRAM_BYTES_MAX, Peer};
use rig::process::{ntp_now, realtime_ns};
use rig::vp8::Vp8Stream;
use rig::{rtcp, vp8};

use crate::cli::Options;

/// Lateness after which the schedule starts anew.
const LATE_MAX: Duration = Duration::from_millis(100);

/// What the publishers' thread and the run share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Send at the full rate, rather than trickle.
    pub full: AtomicBool,
    /// Return.
    pub stop: AtomicBool,
    /// Packets sent, of all publishers.
    pub packets: AtomicU64,
    /// Keyframe requests received.
    pub keyframe_requests: AtomicU64,
    /// How late frames were sent, microseconds, since last taken.
    pub lateness_us: Mutex<Vec<f64>>,
}

enum Stream {
    Picture(Vp8Stream),
    Sound(OpusStream),
}

impl Stream {
    fn new(kind: Kind, ssrc: u32, peer: &Peer, payload_bytes: usize) -> Self {
        match kind {
            Kind::Picture => Self::Picture(Vp8Stream::new(ssrc, peer.answer.video_pt, payload_bytes)),
            Kind::Sound => Self::Sound(OpusStream::new(ssrc, peer.answer.audio_pt, payload_bytes)),
        }
    }

    fn timestamp(&self) -> u32 {
        match self {
            Self::Picture(stream) => stream.timestamp(),
            Self::Sound(stream) => stream.timestamp(),
        }
    }
}

struct Publisher {
    peer: Peer,
    stream: Stream,
    ssrc: u32,
    next: Instant,
    report_at: Instant,
    keyframe_wanted: bool,
    packets: u32,
}

/// Sends until told to stop; gives the peers back.
pub(crate) fn publish(peers: Vec<(Peer, u32)>, options: &Options, shared: &Arc<Shared>) -> Vec<Peer> {
    let count = peers.len().max(1) as u32;
    let start = Instant::now();
    let mut publishers: Vec<Publisher> = (0..)
        .zip(peers)
        .map(|(i, (peer, ssrc))| {
            let _ = peer.socket.set_nonblocking(true);
            let stream = Stream::new(options.kind(), ssrc, &peer, options.bytes as usize);
            let next = start + frame_period(options, options.pps) * i / count;
            Publisher { peer, stream, ssrc, next, report_at: start, keyframe_wanted: true, packets: 0 }
        })
        .collect();
    let mut packet = Vec::with_capacity(vp8::RTP_HEADER + options.bytes as usize);
    while !shared.stop.load(Relaxed) {
        let full = shared.full.load(Relaxed);
        let period = frame_period(options, if full { options.pps } else { options.idle_pps });
        for publisher in &mut publishers {
            publisher.turn(options, period, full, &mut packet, shared);
        }
        let next = publishers.iter().map(|publisher| publisher.next).min();
        let wait = next.map_or(period, |next| next.saturating_duration_since(Instant::now()));
        std::thread::sleep(wait.min(Duration::from_millis(5)));
    }
    publishers.into_iter().map(|publisher| publisher.peer).collect()
}

fn frame_period(options: &Options, pps: u32) -> Duration {
    Duration::from_secs(1) * options.burst / pps
}

impl Publisher {
    fn turn(&mut self, options: &Options, period: Duration, full: bool, packet: &mut Vec<u8>, shared: &Shared) {
        let now = Instant::now();
        // From trickle to full rate at once.
        self.next = self.next.min(now + period);
        if now < self.next {
            return;
        }
        self.hear(shared);
        self.send_frame(options, packet, shared);
        let late = now - self.next;
        if full && let Ok(mut lateness) = shared.lateness_us.lock() {
            lateness.push(late.as_secs_f64() * 1e6);
        }
        self.next = if late > LATE_MAX { now } else { self.next + period };
        if now >= self.report_at {
            self.report_at = now + Duration::from_secs(1);
            let octets = self.packets.wrapping_mul(options.bytes);
            let report = rtcp::sender_report(self.ssrc, ntp_now(), self.stream.timestamp(), self.packets, octets);
            let _ = self.peer.send_rtcp(&report);
            self.peer.beat();
            if let Ok(check) = self.peer.binding_request() {
                let _ = self.peer.socket.send(&check);
            }
        }
    }

    fn send_frame(&mut self, options: &Options, packet: &mut Vec<u8>, shared: &Shared) {
        let keyframe = std::mem::take(&mut self.keyframe_wanted);
        let ticks = options.ticks_per_frame();
        if let Stream::Picture(stream) = &mut self.stream {
            stream.next_frame(ticks);
        }
        for i in 0..options.burst {
            match &mut self.stream {
                Stream::Picture(stream) => {
                    stream.packet(packet, i == 0, i + 1 == options.burst, keyframe, realtime_ns())
                }
                Stream::Sound(stream) => stream.packet(packet, ticks, realtime_ns()),
            }
            let _ = self.peer.send_rtp(packet);
        }
        self.packets = self.packets.wrapping_add(options.burst);
        shared.packets.fetch_add(u64::from(options.burst), Relaxed);
    }

    fn hear(&mut self, shared: &Shared) {
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        while let Ok(n) = self.peer.socket.recv(&mut datagram) {
            if !rtcp::is_rtcp(&datagram[..n]) {
                self.peer.hear(&datagram[..n]);
                continue;
            }
            let requests = self.peer.rx.decrypt_rtcp(&datagram[..n]).map_or(0, |plain| rtcp::keyframe_requests(&plain));
            shared.keyframe_requests.fetch_add(requests as u64, Relaxed);
            self.keyframe_wanted |= requests > 0;
        }
    }
}

//! Counts of what comes on a peer connection's tracks.

use std::sync::{Arc, Mutex, PoisonError};

use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use crate::vp8;

/// What came on one track so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The second word of the section's `a=msid`: in LiveKit's protocol the track's id.
    pub track: String,
    /// The first word: in LiveKit's protocol the publisher's id comes first in it.
    pub stream: String,
    /// A picture, or sound.
    pub video: bool,
    /// RTP packets.
    pub packets: u64,
    /// Packets of sound, or pictures that lack no packet.
    pub frames: u64,
    /// Packets that begin a keyframe of VP8.
    pub keyframes: u64,
}

/// All tracks that a connection has received on.
#[derive(Clone, Default)]
pub(super) struct Tracks(Arc<Mutex<Vec<Arc<Mutex<Received>>>>>);

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tracks {
    /// What came so far.
    pub(super) fn received(&self) -> Vec<Received> {
        lock(&self.0).iter().map(|track| lock(track).clone()).collect()
    }

    /// Counts what comes on a track until it ends.
    pub(super) fn count(&self, track: Arc<dyn TrackRemote>) {
        let counts: Arc<Mutex<Received>> = Arc::default();
        lock(&self.0).push(counts.clone());
        tokio::spawn(async move {
            let (id, stream) = (track.track_id().await, track.stream_id().await);
            let video = track.kind().await == RtpCodecKind::Video;
            *lock(&counts) = Received { track: id, stream, video, ..Received::default() };
            let mut whole = Whole::default();
            while let Some(event) = track.poll().await {
                match event {
                    TrackRemoteEvent::OnRtpPacket(packet) => lock(&counts).add(&packet, &mut whole),
                    TrackRemoteEvent::OnEnded => break,
                    _ => {}
                }
            }
        });
    }
}

impl Received {
    fn add(&mut self, packet: &rtp::Packet, whole: &mut Whole) {
        // Padding alone, as bandwidth probes have it, is no media.
        if packet.payload.is_empty() {
            whole.skip(packet.header.sequence_number);
            return;
        }
        self.packets += 1;
        if !self.video {
            self.frames += 1;
            return;
        }
        self.frames += u64::from(whole.ends_with(packet.header.sequence_number, packet.header.marker));
        self.keyframes += u64::from(vp8::payload_begins_keyframe(&packet.payload));
    }
}

/// Tells pictures that lack no packet from those that do.
#[derive(Default)]
struct Whole {
    next: Option<u16>,
    broken: bool,
}

impl Whole {
    fn skip(&mut self, sequence: u16) {
        self.broken |= self.next.is_some_and(|next| next != sequence);
        self.next = Some(sequence.wrapping_add(1));
    }

    /// Whether a whole picture ends with this packet.
    fn ends_with(&mut self, sequence: u16, marker: bool) -> bool {
        self.skip(sequence);
        let whole = marker && !self.broken;
        self.broken &= !marker;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_with_a_missing_packet_is_not_whole_and_the_next_one_is() {
        let mut whole = Whole::default();
        let packets = [(7, false), (8, true), (10, true), (11, false), (12, true)];
        let ends = packets.map(|(sequence, marker)| whole.ends_with(sequence, marker));
        assert_eq!(ends, [false, true, false, false, true]);
        let mut wraps = Whole::default();
        assert!(wraps.ends_with(u16::MAX, true) && wraps.ends_with(0, true) && !wraps.ends_with(0, true));
    }
}

//! The clip as RTP: VP8 (RFC 7741) and Opus (RFC 7587), over and over, at the speed it plays.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};

use crate::clip::{Clip, FPS, SOUND_MS};
use crate::sdp::{AUDIO_PT, VIDEO_PT};

/// Ticks of a picture, of 90 kHz.
const PICTURE_TICKS: u32 = 90_000 / FPS;
/// Ticks of a packet of sound, of 48 kHz.
const SOUND_TICKS: u32 = 48 * SOUND_MS;
/// VP8 bytes in one packet.
const CHUNK_BYTES: usize = 1100;

/// A track of the clip. Stops when dropped.
pub(super) struct Playing {
    /// To be added to a peer connection.
    pub(super) track: Arc<dyn TrackLocal>,
    task: JoinHandle<()>,
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Plays the clip's picture as the track `id`. A keyframe request makes it begin anew, with a keyframe.
pub(super) fn picture(id: &str, clip: &Clip) -> Playing {
    let (track, mut stream) = track(id, RtpCodecKind::Video, VIDEO_PT, "video/VP8", 90_000, 0);
    let (frames, playing) = (clip.pictures.clone(), track.clone());
    let task = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1) / FPS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut frame, mut picture_id) = (0, 0);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // Ends before the track is negotiated, and then with it.
                Some(event) = playing.poll() => {
                    if asks_for_keyframe(&event) { frame = 0; }
                    continue;
                }
            }
            stream.timestamp = stream.timestamp.wrapping_add(PICTURE_TICKS);
            for packet in packets(&frames[frame], picture_id) {
                stream.write(&playing, packet.0, packet.1).await;
            }
            frame = (frame + 1) % frames.len();
            picture_id = (picture_id + 1) & 0x7fff;
        }
    });
    Playing { track, task }
}

/// Plays the clip's sound as the track `id`.
pub(super) fn sound(id: &str, clip: &Clip) -> Playing {
    let (track, mut stream) = track(id, RtpCodecKind::Audio, AUDIO_PT, "audio/opus", 48_000, 2);
    let (frames, playing) = (clip.sounds.clone(), track.clone());
    let task = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(SOUND_MS.into()));
        for frame in frames.iter().cycle() {
            ticks.tick().await;
            stream.timestamp = stream.timestamp.wrapping_add(SOUND_TICKS);
            stream.write(&playing, frame.clone(), false).await;
        }
    });
    Playing { track, task }
}

fn asks_for_keyframe(event: &TrackLocalEvent) -> bool {
    let TrackLocalEvent::OnRtcpPacket(packets) = event else { return false };
    packets.iter().any(|packet| packet.as_any().is::<PictureLossIndication>())
}

/// Where a track's packets have come to.
struct Stream {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
}

impl Stream {
    async fn write(&mut self, track: &Arc<dyn TrackLocal>, payload: Bytes, marker: bool) {
        let header = rtp::header::Header {
            version: 2,
            marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        // Refused until the track is negotiated.
        let _ = track.write_rtp(rtp::Packet { header, payload }).await;
    }
}

fn track(
    id: &str,
    kind: RtpCodecKind,
    payload_type: u8,
    mime: &str,
    clock_rate: u32,
    channels: u16,
) -> (Arc<dyn TrackLocal>, Stream) {
    let ssrc = rand::random::<u32>() >> 1 | 1;
    let codec = RTCRtpCodec { mime_type: mime.into(), clock_rate, channels, ..Default::default() };
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec,
        ..Default::default()
    };
    let track = MediaStreamTrack::new("bot".into(), id.into(), id.into(), kind, vec![encoding]);
    // Below 32768: a receiver that joins late guesses the rollover counter right (RFC 3711 §3.3.1).
    let stream = Stream { ssrc, payload_type, sequence: 1024 + (ssrc as u16 & 0x3fff), timestamp: ssrc };
    (Arc::new(TrackLocalStaticRTP::new(track)), stream)
}

/// A VP8 frame in payloads with descriptors, and whether each is its last.
fn packets(frame: &Bytes, picture_id: u16) -> impl Iterator<Item = (Bytes, bool)> {
    let last = frame.len().div_ceil(CHUNK_BYTES).saturating_sub(1);
    frame.chunks(CHUNK_BYTES).enumerate().map(move |(n, chunk)| {
        let mut payload = BytesMut::with_capacity(4 + chunk.len());
        // X; S on the first packet; I with 15 bits.
        payload.put_slice(&[0x80 | u8::from(n == 0) << 4, 0x80]);
        payload.put_u16(0x8000 | picture_id);
        payload.put_slice(chunk);
        (payload.freeze(), n == last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vp8::payload_begins_keyframe;

    #[test]
    fn a_frame_comes_in_packets_of_which_the_first_begins_it_and_the_last_ends_it() {
        let frame = Bytes::from(vec![0; 2 * CHUNK_BYTES + 1]);
        let packets: Vec<_> = packets(&frame, 7).collect();
        assert_eq!(packets.iter().map(|(_, last)| *last).collect::<Vec<_>>(), [false, false, true]);
        let begins: Vec<bool> = packets.iter().map(|(payload, _)| payload_begins_keyframe(payload)).collect();
        assert_eq!(begins, [true, false, false]);
        assert_eq!(packets.iter().map(|(payload, _)| payload.len() - 4).sum::<usize>(), frame.len());
    }
}

//! A packet of a publisher, from decrypted bytes to what the fan-out takes.

use std::sync::Arc;
use std::time::Instant;

use codec_headers::audio::audio_level;
use codec_headers::dependency::{Frame, set_frame_number};
use codec_headers::{VideoCodec, is_keyframe_start, red, vp8};

use super::Publisher;
use crate::dropped::Dropped;
use crate::media::packet::Packet;
use crate::media::receive::Arrival;
use crate::media::rtp::Header;
use crate::media::splice;
use crate::order::NewTrack;
use crate::shard::track::{Layer, Track};
use crate::transport::srtp::nearest;

/// A packet for the fan-out.
pub(crate) struct Received {
    pub track: usize,
    pub layer: usize,
    pub packet: Arc<Packet>,
}

impl Publisher {
    /// Takes an authentic RTP packet, decrypted, with its 48-bit index. `None`: a bandwidth probe (padding), nothing to
    /// forward. `Err`: the reason to drop it.
    pub(crate) fn receive(
        &mut self,
        header: &Header,
        packet: &[u8],
        index: u64,
        now: Instant,
    ) -> Result<Option<Received>, Dropped> {
        let route = self.route(header, packet)?;
        let payload = header.payload(packet).ok_or(Dropped::MalformedRtp)?;
        let Some(track) = self.tracks.get_mut(route.track) else { return Err(Dropped::UnknownSsrc) };
        if let Some(sent) = track.negotiated.abs_send_time_extension.and_then(|id| header.extension(packet, id))
            && let [high, middle, low] = *sent
        {
            self.estimate.arrived(u32::from_be_bytes([0, high, middle, low]), now);
        }
        if track.muted {
            return Err(Dropped::Muted);
        }
        if let Some(level) = track.negotiated.audio_level_extension.and_then(|id| header.extension(packet, id)) {
            self.loudness.packet(audio_level(level).map_or(127, |audio| audio.level), now);
        }
        let Track { negotiated, layers, infos_changed, .. } = track;
        let Some(layer) = layers.get_mut(route.layer) else { return Err(Dropped::UnknownSsrc) };
        let fits = self.police.admits(packet.len(), layer.height_to_admit(), now);
        let (sequence, payload) = if route.rtx {
            // RFC 4588 §4. Without an original number it is padding, to probe with.
            let Some((original, payload)) = payload.split_first_chunk::<2>() else { return Ok(None) };
            let highest = layer.reception.highest().ok_or(Dropped::Duplicate)?;
            (nearest(highest, u16::from_be_bytes(*original)).ok_or(Dropped::Duplicate)?, payload)
        } else {
            (index, payload)
        };
        let video = negotiated.video;
        let keyframe = video.is_some_and(|codec| is_keyframe_start(codec, payload));
        if layer.splice.begins() && video.is_some() && !keyframe {
            // Without it a decoder would take the new encoder's pictures for changes to the old one's.
            return Err(Dropped::BeforeKeyframe);
        }
        let lengths = (packet.len(), payload.len());
        match layer.reception.arrived(sequence, header.timestamp, lengths, now, route.rtx) {
            Arrival::Duplicate => return Err(Dropped::Duplicate),
            Arrival::WantedAfterBreak => layer.keyframes.request(),
            Arrival::Wanted => {}
        }
        // Dropped only now: the packet is not asked for again.
        layer.limit(fits, keyframe, video.is_some()).map_err(|first| {
            *infos_changed |= first;
            Dropped::OverBitrate
        })?;
        let redundant = !route.rtx && negotiated.red_payload_type == Some(header.payload_type);
        let red_primary = if redundant { red::primary(payload).ok_or(Dropped::MalformedRed)? } else { 0 };
        if let Some(codec) = video
            && let Err((why, first)) = layer.admit(codec, payload, keyframe, header.timestamp, now)
        {
            *infos_changed |= first;
            return Err(Dropped::Picture(why));
        }
        let content = Content { sequence, payload, keyframe, red_primary: red_primary as u16 };
        let packet = forwardable(negotiated, layer, header, packet, &content, now)?;
        *infos_changed |= layer.learn(video, &packet);
        Ok(Some(Received { track: route.track, layer: route.layer, packet: Arc::new(packet) }))
    }
}

/// The part of a packet that belongs to its layer.
struct Content<'p> {
    /// The publisher's number, 48 bits.
    sequence: u64,
    payload: &'p [u8],
    keyframe: bool,
    /// Where the newest block of redundancy begins; 0: no redundancy.
    red_primary: u16,
}

/// The packet with the layer's own numbers, whichever SSRC it came under.
fn forwardable(
    negotiated: &NewTrack,
    layer: &mut Layer,
    header: &Header,
    packet: &[u8],
    content: &Content<'_>,
    now: Instant,
) -> Result<Packet, Dropped> {
    let (video, payload) = (negotiated.video, content.payload);
    let vp8 = video.filter(|c| *c == VideoCodec::Vp8).and_then(|_| vp8::Descriptor::parse(payload));
    let descriptor = negotiated.dependency_descriptor_extension.filter(|_| video == Some(VideoCodec::Av1));
    let descriptor = descriptor.and_then(|id| header.extension(packet, id));
    let own = own_numbers(content.sequence, header.timestamp, vp8.as_ref(), descriptor);
    let numbers = layer.splice.apply(own, negotiated.clock_hz, now).ok_or(Dropped::BeforeKeyframe)?;
    let place = video.map(|codec| layer.place(codec, payload, header.marker, vp8.as_ref(), descriptor));
    Ok(Packet {
        sequence: numbers.sequence,
        timestamp: numbers.timestamp,
        marker: header.marker,
        keyframe: content.keyframe,
        place: place.unwrap_or_default(),
        vp8: vp8.map(|descriptor| vp8::Descriptor {
            picture_id: descriptor.picture_id.map(|_| numbers.picture_id),
            tl0_pic_idx: descriptor.tl0_pic_idx.map(|_| numbers.tl0),
            ..descriptor
        }),
        descriptor: descriptor.map(|descriptor| {
            let mut descriptor: Arc<[u8]> = descriptor.into();
            if numbers.frame != own.frame
                && let Some(bytes) = Arc::get_mut(&mut descriptor)
            {
                set_frame_number(bytes, numbers.frame);
            }
            descriptor
        }),
        red_primary: content.red_primary,
        payload: payload.into(),
        arrived: now,
    })
}

/// A packet's numbers as its publisher counts them; `sequence` has 48 bits.
fn own_numbers(
    sequence: u64,
    timestamp: u32,
    vp8: Option<&vp8::Descriptor>,
    descriptor: Option<&[u8]>,
) -> splice::Numbers {
    splice::Numbers {
        sequence,
        timestamp,
        picture_id: vp8.and_then(|vp8| vp8.picture_id).unwrap_or_default(),
        tl0: vp8.and_then(|vp8| vp8.tl0_pic_idx).unwrap_or_default(),
        frame: descriptor.and_then(Frame::parse).map_or(0, |frame| frame.number),
    }
}

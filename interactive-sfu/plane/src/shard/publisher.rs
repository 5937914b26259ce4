//! One peer that publishes: which packet belongs to which layer, what is missing, and what to tell it.

use std::sync::Arc;
use std::time::Instant;

use codec_headers::dependency::{Frame, set_frame_number};
use codec_headers::{VideoCodec, is_keyframe_start, red, vp8};

use super::track::Track;
use crate::config::Config;
use crate::ids::TrackId;
use crate::media::estimate::UplinkEstimate;
use crate::media::loss::Loss;
use crate::media::loudness::Loudness;
use crate::media::packet::Packet;
use crate::media::receive::Arrival;
use crate::media::report::{ClockMapping, middle};
use crate::media::rtcp::{ReportBlock, Writer};
use crate::media::rtp::Header;
use crate::media::splice;
use crate::order::NewTrack;
use crate::transport::srtp::nearest;

/// How we appear in our feedback.
const OUR_SSRC: u32 = 1;

/// Where packets of an SSRC go.
#[derive(Clone, Copy)]
struct Route {
    ssrc: u32,
    track: usize,
    layer: usize,
    /// They are retransmissions.
    rtx: bool,
}

/// A packet for the fan-out.
pub(crate) struct Received {
    pub track: usize,
    pub layer: usize,
    pub packet: Arc<Packet>,
}

/// A peer that publishes.
pub(crate) struct Publisher {
    pub tracks: Vec<Track>,
    routes: Vec<Route>,
    estimate: UplinkEstimate,
    pub loudness: Loudness,
    bits_per_second_max: u32,
    losses: Loss,
}

impl Publisher {
    pub(crate) fn new(tracks: Vec<NewTrack>, config: &Config) -> Self {
        let tracks = tracks.into_iter().map(|negotiated| Track::new(negotiated, config));
        let bits_per_second_max = config.publish_bits_per_second_max;
        Self {
            tracks: tracks.collect(),
            routes: Vec::new(),
            estimate: UplinkEstimate::new(bits_per_second_max),
            loudness: Loudness::default(),
            bits_per_second_max,
            losses: Loss::default(),
        }
    }

    /// It publishes one more.
    pub(crate) fn add(&mut self, track: NewTrack, config: &Config) {
        self.tracks.push(Track::new(track, config));
    }

    /// It publishes one less.
    pub(crate) fn remove(&mut self, id: TrackId) {
        let Some(gone) = self.tracks.iter().position(|t| t.negotiated.id == id) else { return };
        self.tracks.remove(gone);
        self.routes.retain(|route| route.track != gone);
        for route in self.routes.iter_mut().filter(|route| route.track > gone) {
            route.track -= 1;
        }
    }

    pub(crate) fn track(&mut self, id: TrackId) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|t| t.negotiated.id == id)
    }

    /// An authentic RTP packet, decrypted, with its 48-bit index. `None`: it was for the path's sake alone. `Err`: why
    /// it is dropped.
    pub(crate) fn receive(
        &mut self,
        header: &Header,
        packet: &[u8],
        index: u64,
        now: Instant,
    ) -> Result<Option<Received>, &'static str> {
        let route = self.route(header, packet)?;
        let payload = header.payload(packet).ok_or("malformed_rtp")?;
        let Some(track) = self.tracks.get_mut(route.track) else { return Err("unknown_ssrc") };
        if let Some(sent) = track.negotiated.abs_send_time_extension.and_then(|id| header.extension(packet, id))
            && let [high, middle, low] = *sent
        {
            self.estimate.arrived(u32::from_be_bytes([0, high, middle, low]), now);
        }
        if track.muted {
            return Err("muted");
        }
        if let Some(level) = track.negotiated.audio_level_extension.and_then(|id| header.extension(packet, id)) {
            // RFC 6464 §3: a bit for voice activity, then the level.
            self.loudness.packet(level.first().map_or(127, |level| level & 0x7f), now);
        }
        let Some(layer) = track.layers.get_mut(route.layer) else { return Err("unknown_ssrc") };
        let (sequence, payload) = if route.rtx {
            // RFC 4588 §4. Without an original number it is padding, to probe with.
            let Some((original, payload)) = payload.split_first_chunk::<2>() else { return Ok(None) };
            let highest = layer.reception.highest().ok_or("duplicate")?;
            (nearest(highest, u16::from_be_bytes(*original)).ok_or("duplicate")?, payload)
        } else {
            (index, payload)
        };
        let video = track.negotiated.video;
        let keyframe = video.is_some_and(|codec| is_keyframe_start(codec, payload));
        if layer.splice.begins() && video.is_some() && !keyframe {
            // Without it a decoder would take the new encoder's pictures for changes to the old one's.
            return Err("before_keyframe");
        }
        let arrival =
            layer.reception.arrived(sequence, header.timestamp, (packet.len(), payload.len()), now, route.rtx);
        match arrival {
            Arrival::Duplicate => return Err("duplicate"),
            Arrival::WantedAfterBreak => layer.keyframes.request(),
            Arrival::Wanted => {}
        }
        let redundant = !route.rtx && track.negotiated.red_payload_type == Some(header.payload_type);
        let red_primary = if redundant { red::primary(payload).ok_or("malformed_red")? } else { 0 };
        if let Some(codec) = video
            && let Err((why, first)) = layer.admit(codec, payload, keyframe, header.timestamp, now)
        {
            track.infos_changed |= first;
            return Err(why);
        }
        let vp8 = video.filter(|c| *c == VideoCodec::Vp8).and_then(|_| vp8::Descriptor::parse(payload));
        let descriptor = track.negotiated.dependency_descriptor_extension.filter(|_| video == Some(VideoCodec::Av1));
        let descriptor = descriptor.and_then(|id| header.extension(packet, id));
        let own = own_numbers(sequence, header.timestamp, vp8.as_ref(), descriptor);
        let numbers = layer.splice.apply(own, track.negotiated.clock_hz, now).ok_or("before_keyframe")?;
        let place = video.map(|codec| layer.place(codec, payload, header.marker, vp8.as_ref(), descriptor));
        let packet = Packet {
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            marker: header.marker,
            keyframe,
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
            red_primary: red_primary as u16,
            payload: payload.into(),
            arrived: now,
        };
        track.infos_changed |= layer.learn(video, &packet);
        Ok(Some(Received { track: route.track, layer: route.layer, packet: Arc::new(packet) }))
    }

    /// By SSRC, or by what the first packets of one say of themselves: MID, RID, repaired RID, or payload type alone.
    fn route(&mut self, header: &Header, packet: &[u8]) -> Result<Route, &'static str> {
        if let Some(known) = self.routes.iter().find(|r| r.ssrc == header.ssrc) {
            let wanted = &self.tracks.get(known.track).ok_or("unknown_ssrc")?.negotiated;
            let expected = if known.rtx {
                wanted.rtx_payload_type == Some(header.payload_type)
            } else {
                wanted.is_media(header.payload_type)
            };
            return if expected { Ok(*known) } else { Err("unknown_ssrc") };
        }
        if self.tracks.iter().flat_map(|track| &track.layers).any(|layer| layer.has_left(header.ssrc)) {
            return Err("superseded_ssrc");
        }
        self.new_route(header, packet).ok_or("unknown_ssrc")
    }

    /// The first packet of an SSRC.
    fn new_route(&mut self, header: &Header, packet: &[u8]) -> Option<Route> {
        let text =
            |id: Option<u8>| id.and_then(|id| header.extension(packet, id)).and_then(|v| std::str::from_utf8(v).ok());
        let (track, rtx) = self.track_of(header, text)?;
        let of = self.tracks.get_mut(track)?;
        let rid = text(if rtx { of.negotiated.rrid_extension } else { of.negotiated.rid_extension });
        let layer = match rid {
            _ if of.negotiated.rids.is_empty() => 0,
            Some(rid) => of.layers.iter().position(|l| l.rid == rid)?,
            None if rtx => {
                let (media, _) = of.negotiated.fid_groups.iter().find(|(_, rtx)| *rtx == header.ssrc)?;
                of.layers.iter().position(|l| l.ssrc == Some(*media))?
            }
            None => return None,
        };
        let route = Route { ssrc: header.ssrc, track, layer, rtx };
        // A restarted encoder comes with new SSRCs, which take the old ones' place. New media may have new
        // retransmissions.
        self.routes.retain(|r| (r.track, r.layer) != (track, layer) || (rtx && !r.rtx));
        if !rtx {
            of.layers.get_mut(layer)?.follow(header.ssrc);
        }
        self.routes.push(route);
        Some(route)
    }

    /// Which track the first packet of an SSRC belongs to, and whether it is a retransmission. `text` reads an
    /// extension of it.
    fn track_of<'p>(&self, header: &Header, text: impl Fn(Option<u8>) -> Option<&'p str>) -> Option<(usize, bool)> {
        let fitting = || {
            self.tracks.iter().enumerate().filter_map(|(i, track)| {
                let negotiated = &track.negotiated;
                let media = negotiated.is_media(header.payload_type);
                (media || negotiated.rtx_payload_type == Some(header.payload_type)).then_some((i, !media, negotiated))
            })
        };
        let named = fitting().find(|(.., n)| text(n.mid_extension).is_some_and(|mid| mid == n.mid));
        let announced = || fitting().find(|(.., n)| n.ssrcs.contains(&header.ssrc));
        // Several tracks of one payload type cannot be told apart by it.
        let only = || {
            let mut all = fitting();
            all.next().filter(|_| all.next().is_none())
        };
        named.or_else(announced).or_else(only).map(|(track, rtx, _)| (track, rtx))
    }

    /// A sender report. Returns its track and layer, and the mapping.
    pub(crate) fn sender_report(
        &mut self,
        ssrc: u32,
        ntp: u64,
        rtp: u32,
        now: Instant,
    ) -> Option<(usize, usize, ClockMapping)> {
        let route = self.routes.iter().find(|r| r.ssrc == ssrc && !r.rtx)?;
        let layer = self.tracks.get_mut(route.track)?.layers.get_mut(route.layer)?;
        if layer.splice.begins() {
            return None;
        }
        let mapping = ClockMapping { ntp, rtp: layer.splice.timestamp(rtp), at: now };
        layer.clock = Some(mapping);
        Some((route.track, route.layer, mapping))
    }

    /// Somebody needs a keyframe of this layer.
    pub(crate) fn want_keyframe(&mut self, id: TrackId, layer: usize) {
        if let Some(layer) = self.track(id).and_then(|t| t.layers.get_mut(layer)) {
            layer.keyframes.request();
        }
    }

    /// What to ask for now: missing packets and keyframes. Returns how many of each.
    pub(crate) fn ask(&mut self, now: Instant, out: &mut Writer) -> (u64, u64) {
        let (mut nacked, mut keyframes) = (0, 0);
        for track in &mut self.tracks {
            for layer in &mut track.layers {
                let Some(ssrc) = layer.ssrc else { continue };
                let missing = if track.negotiated.nack { layer.reception.nacks(now) } else { Vec::new() };
                let keyframe = track.negotiated.video.is_some() && layer.keyframes.poll(now);
                if missing.is_empty() && !keyframe {
                    continue;
                }
                if out.0.is_empty() {
                    out.receiver_report(OUR_SSRC, &[]);
                }
                if !missing.is_empty() {
                    nacked += missing.len() as u64;
                    out.nack(OUR_SSRC, ssrc, &missing);
                }
                if keyframe {
                    keyframes += 1;
                    out.pli(OUR_SSRC, ssrc);
                }
            }
        }
        (nacked, keyframes)
    }

    /// Once a second: receiver report and REMB. Returns what was lost of all that it sends, of 256, if that can be
    /// told.
    pub(crate) fn report(&mut self, now: Instant, out: &mut Writer) -> Option<u8> {
        let (mut blocks, mut ssrcs, mut received) = (Vec::<ReportBlock>::new(), Vec::new(), 0u64);
        for track in &mut self.tracks {
            for layer in &mut track.layers {
                layer.reception.meter(now);
                track.infos_changed |= layer.update(now);
                received += u64::from(layer.reception.bits_per_second());
                let Some(ssrc) = layer.ssrc else { continue };
                ssrcs.push(ssrc);
                let Some(mut block) = layer.reception.report(ssrc) else { continue };
                self.losses.reported(block.fraction_lost, layer.reception.reported());
                if let Some(clock) = layer.clock {
                    let since = now.saturating_duration_since(clock.at);
                    block.last_sr = middle(clock.ntp);
                    block.delay_since_last_sr = (since.as_micros() * 65_536 / 1_000_000) as u32;
                }
                blocks.push(block);
            }
        }
        if ssrcs.is_empty() {
            return None;
        }
        let received = u32::try_from(received).unwrap_or(u32::MAX);
        let lost = self.losses.second();
        let estimate = self.estimate.update(received, lost, now).min(self.bits_per_second_max);
        out.receiver_report(OUR_SSRC, &blocks);
        out.remb(OUR_SSRC, estimate.into(), &ssrcs);
        lost
    }
}

/// What the publisher says of a packet's place; `sequence` has 48 bits.
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

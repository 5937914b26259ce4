//! Tracks for a participant on a connection of its own, and the server's offers of them.
//!
//! One section carries data, each further one a track. When its track is gone a section is rejected, and once the
//! client has agreed to that its line is recycled under a new MID (RFC 8829 §5.2.2): a browser's receiver keeps the id
//! of its first track for ever, and clients know tracks by it. One offer is under way at a time; what changes meanwhile
//! goes into the next one. Media flows on a section once the client has answered the offer that put its track there.
//! Pure.

use std::collections::HashMap;

use super::{Agreed, Change, Wanted};
use crate::signalling::sdp::{
    Codec, Direction, Extension, Feedback, Msid, NegotiatedSection, OfferedCodec, RemoteDescription,
    SUBSCRIBED_SECTIONS_MAX, SectionKind, SendStream, match_codec,
};
use plane::{NewSection, TrackId};

/// Our ids for header extensions.
const EXTENSIONS: [(u8, Extension); 3] =
    [(1, Extension::Mid), (2, Extension::AbsSendTime), (3, Extension::DependencyDescriptor)];
/// Our payload types: one for each codec, and, after it, one for its retransmissions or its redundancy.
const PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 96..=126;

#[derive(Debug)]
struct Slot {
    mid: String,
    video: bool,
    ssrc: u32,
    track: Option<Wanted>,
    /// Both sides know that the line is empty: another track may have it.
    free: bool,
    /// The track of the offer that is under way.
    offered: Option<String>,
    /// The codec that its offers name.
    codec: Codec,
    attached: Option<TrackId>,
}

/// An offer to send.
#[derive(Debug)]
pub(crate) struct Offer {
    pub id: u32,
    pub sections: Vec<NegotiatedSection>,
    pub mid_to_track_id: HashMap<String, String>,
}

/// The tracks for a participant, and the offers of them.
#[derive(Debug)]
pub(crate) struct Offering {
    slots: Vec<Slot>,
    codecs: Vec<OfferedCodec>,
    next_ssrc: u32,
    next_mid: u32,
    id: u32,
    under_way: bool,
    stale: bool,
    /// Tracks that are wanted and find no section.
    left_out: Vec<String>,
}

impl Offering {
    /// A participant who is sent no tracks yet; data is to be offered. Sections' SSRCs begin at `first_ssrc`.
    pub(crate) fn new(next_ssrc: u32) -> Self {
        Self {
            slots: Vec::new(),
            codecs: Vec::new(),
            next_ssrc,
            next_mid: 1,
            id: 0,
            under_way: false,
            stale: true,
            left_out: Vec::new(),
        }
    }

    pub(super) fn want(&mut self, wanted: Vec<Wanted>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let gone = slot.track.take_if(|track| !track.is_among(&wanted));
            if gone.is_some() {
                self.stale = true;
                if slot.attached.take().is_some() {
                    changes.push(Change::Attach(i, None));
                }
            }
        }
        self.left_out.clear();
        for track in wanted {
            if !self.slots.iter().any(|slot| slot.track.as_ref().is_some_and(|t| t.sid == track.sid)) {
                changes.extend(self.seat(track));
            }
        }
        changes
    }

    /// Gives a track a section.
    fn seat(&mut self, track: Wanted) -> Option<Change> {
        let (video, codec) = (track.is_video(), track.media.codec);
        if !self.knows(codec, track.media.clock_hz) {
            return None;
        }
        let recycled = self.slots.iter().position(|slot| slot.free && slot.video == video);
        if recycled.is_none() && self.slots.len() >= SUBSCRIBED_SECTIONS_MAX {
            self.left_out.push(track.sid);
            return None;
        }
        self.stale = true;
        let (ssrc, mid) = (self.next_ssrc, self.next_mid.to_string());
        (self.next_ssrc, self.next_mid) = (ssrc.wrapping_add(2), self.next_mid + 1);
        let new = NewSection {
            video,
            ssrc,
            rtx_ssrc: ssrc.wrapping_add(1),
            cname: track.cname().to_owned(),
            mid: mid.clone(),
            mid_extension: Some(EXTENSIONS[0].0),
            abs_send_time_extension: Some(EXTENSIONS[1].0),
            // Clients that cannot use it ignore it.
            dependency_descriptor_extension: Some(EXTENSIONS[2].0),
            pausable: true,
        };
        let slot = Slot { mid, video, ssrc, track: Some(track), free: false, offered: None, codec, attached: None };
        let at = recycled.unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        Some(Change::Set(at, Box::new(new)))
    }

    /// Whether there is a payload type for a codec, or one left.
    fn knows(&mut self, codec: Codec, clock_rate_hz: u32) -> bool {
        if self.codecs.iter().any(|known| known.codec == codec) {
            return true;
        }
        let video = codec != Codec::Opus;
        let Some(payload_type) = PAYLOAD_TYPES.step_by(2).nth(self.codecs.len()) else { return false };
        let feedback = if video {
            Feedback { nack: true, pli: true, fir: true, remb: true, transport_cc: false }
        } else {
            Feedback::default()
        };
        self.codecs.push(OfferedCodec {
            payload_type,
            codec,
            clock_rate_hz,
            channels: if video { 1 } else { 2 },
            fmtp: codec.fmtp(),
            rtx_payload_type: video.then_some(payload_type + 1),
            red_payload_type: (!video).then_some(payload_type + 1),
            feedback,
        });
        true
    }

    /// The client must be told anew though nothing changed: ICE restarts. An offer that was under way is void.
    pub(crate) fn offer_again(&mut self) {
        (self.stale, self.under_way) = (true, false);
        self.slots.iter_mut().for_each(|slot| slot.offered = None);
    }

    /// The offer that is due.
    pub(crate) fn poll_offer(&mut self) -> Option<Offer> {
        if !self.stale || self.under_way {
            return None;
        }
        (self.stale, self.under_way) = (false, true);
        self.id += 1;
        let mut mid_to_track_id = HashMap::new();
        let mut sections = vec![data_section()];
        for slot in &mut self.slots {
            slot.offered = slot.track.as_ref().map(|track| track.sid.clone());
            mid_to_track_id.extend(slot.offered.clone().map(|sid| (slot.mid.clone(), sid)));
            let codec = self.codecs.iter().find(|known| known.codec == slot.codec);
            sections.push(slot.section(codec));
        }
        Some(Offer { id: self.id, sections, mid_to_track_id })
    }

    /// The client answered. An answer to another offer than the last says nothing.
    pub(crate) fn answered(&mut self, id: u32, answer: &RemoteDescription) -> Agreed {
        let mut answered = Agreed::default();
        // Older clients do not repeat the id.
        if !self.under_way || (id != 0 && id != self.id) {
            return answered;
        }
        self.under_way = false;
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let offered = slot.offered.take();
            slot.free = slot.track.is_none() && offered.is_none();
            let Some(track) = slot.track.as_ref().filter(|track| offered.as_ref() == Some(&track.sid)) else {
                continue;
            };
            if slot.attached == Some(track.media.id) {
                continue;
            }
            let theirs = answer.sections.iter().find(|section| section.mid == slot.mid);
            let theirs = theirs.filter(|section| !section.rejected && section.direction.receives());
            match theirs.and_then(|section| match_codec(&slot.codec, &section.codecs)) {
                Some(codec) => {
                    slot.attached = Some(track.media.id);
                    answered.subscribed.push(track.sid.clone());
                    answered.changes.push(Change::Attach(i, Some(Box::new(track.media.source(codec)))));
                }
                None => answered.refused.push((track.sid.clone(), slot.codec.name())),
            }
        }
        answered
    }

    pub(super) fn left_out(&self) -> impl Iterator<Item = &str> {
        self.left_out.iter().map(String::as_str)
    }

    pub(super) fn track_at(&self, section: usize) -> Option<&str> {
        Some(&self.slots.get(section)?.track.as_ref()?.sid)
    }

    pub(super) fn wanted(&self, sid: &str) -> Option<&Wanted> {
        self.slots.iter().filter_map(|slot| slot.track.as_ref()).find(|track| track.sid == sid)
    }

    pub(super) fn section_of(&self, sid: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.track.as_ref().is_some_and(|track| track.sid == sid))
    }
}

fn data_section() -> NegotiatedSection {
    NegotiatedSection {
        mid: "0".to_owned(),
        kind: SectionKind::Application,
        direction: Direction::SendRecv,
        codecs: Vec::new(),
        extensions: Vec::new(),
        extmap_allow_mixed: false,
        rids: Vec::new(),
        send: None,
        data: true,
        rejected: false,
        media: "application".to_owned(),
        proto: "UDP/DTLS/SCTP".to_owned(),
        formats: vec!["webrtc-datachannel".to_owned()],
    }
}

impl Slot {
    fn section(&self, codec: Option<&OfferedCodec>) -> NegotiatedSection {
        let send = self.track.as_ref().map(|track| SendStream {
            ssrc: self.ssrc,
            rtx_ssrc: self.video.then_some(self.ssrc.wrapping_add(1)),
            cname: track.cname().to_owned(),
            msid: Msid { stream: track.stream.clone(), track: track.sid.clone() },
        });
        let (kind, media) = if self.video { (SectionKind::Video, "video") } else { (SectionKind::Audio, "audio") };
        NegotiatedSection {
            mid: self.mid.clone(),
            kind,
            direction: if send.is_some() { Direction::SendOnly } else { Direction::Inactive },
            codecs: codec.into_iter().cloned().collect(),
            extensions: EXTENSIONS.to_vec(),
            extmap_allow_mixed: true,
            rids: Vec::new(),
            rejected: send.is_none(),
            send,
            data: false,
            media: media.to_owned(),
            proto: "UDP/TLS/RTP/SAVPF".to_owned(),
            formats: codec.iter().map(|codec| codec.payload_type.to_string()).collect(),
        }
    }
}

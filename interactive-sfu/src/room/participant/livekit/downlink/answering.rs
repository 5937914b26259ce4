//! Tracks for a participant, on the sections that its client offers.
//!
//! The client offers sections to receive on; a track takes a free one of its kind. When its track is gone a section is
//! answered inactive once, so that its receiver lets go, and is free from the next offer on: here clients know tracks
//! by MID, not by the id of a receiver's track. Where sections are missing, or something changed, the client is asked
//! for an offer. Pure.

use std::collections::{HashMap, HashSet};

use super::{Agreed, Change, Wanted};
use crate::room::negotiation::{publish_policy, subscribe_policy};
use crate::signalling::sdp::{
    Direction, Extension, Msid, NegotiatedSection, OfferedCodec, RemoteDescription, SUBSCRIBED_SECTIONS_MAX,
    SectionKind, SendStream, SubscribePolicy, match_codec, negotiate_downlink,
};
use plane::NewSection;

/// A section of the media plane: its line in the client's offers, and the track that it carries.
#[derive(Debug)]
struct Slot {
    mid: String,
    video: bool,
    ssrc: u32,
    track: Option<Wanted>,
    /// The client knows of a track here, which may be gone.
    told: bool,
}

/// Sections that the client is to add before it offers again; without any it only offers again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MissingSections {
    pub audio: u32,
    pub video: u32,
}

/// Numbers of sections of each kind: audio, video.
type Count = [usize; 2];

/// The tracks for a participant, and the sections that its client offers for them.
#[derive(Debug)]
pub(crate) struct Answering {
    slots: Vec<Slot>,
    /// Tracks without a section yet.
    waiting: Vec<Wanted>,
    /// Lines of the last offer that the next answer may use.
    free: Count,
    /// MIDs of lines that were offered to send on.
    known: HashSet<String>,
    /// Lines that the client was asked for and has not offered.
    asked: Count,
    next_ssrc: u32,
    /// The client does not know of every change yet.
    stale: bool,
    /// The client was asked to offer, and has not yet.
    awaited: bool,
}

impl Answering {
    /// A participant who is sent no tracks yet; the client offers unasked. Sections' SSRCs begin at `next_ssrc`.
    pub(crate) fn new(next_ssrc: u32) -> Self {
        Self {
            slots: Vec::new(),
            waiting: Vec::new(),
            free: [0; 2],
            known: HashSet::new(),
            asked: [0; 2],
            next_ssrc,
            stale: false,
            awaited: true,
        }
    }

    pub(super) fn want(&mut self, wanted: Vec<Wanted>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let gone = slot.track.take_if(|track| !track.is_among(&wanted));
            if gone.is_some() {
                changes.push(Change::Attach(i, None));
            }
        }
        self.waiting = wanted;
        self.waiting.retain(|wanted| !self.slots.iter().any(|slot| slot.carries(&wanted.sid)));
        self.stale |= !changes.is_empty() || !self.waiting.is_empty();
        changes
    }

    /// The client offers. `sections` is the answer so far, idle where we send; each is told the track that it carries.
    pub(crate) fn answer(
        &mut self,
        offer: &RemoteDescription,
        sections: &mut [NegotiatedSection],
    ) -> (Agreed, HashMap<String, String>) {
        let mut agreed = Agreed::default();
        self.awaited = false;
        self.free = [0; 2];
        // Extensions that we do not write are agreed to as well: Chromium offers on later sections only extensions that
        // all earlier ones agreed to, and without them cannot tell its own layers apart.
        let policy = SubscribePolicy { extensions: publish_policy().extensions, red: true, ..subscribe_policy() };
        let mut seen: Vec<&str> = Vec::new();
        // The codecs of each kind that the client can decode.
        let mut decodable: [Vec<OfferedCodec>; 2] = Default::default();
        for (offered, section) in offer.sections.iter().zip(sections) {
            let video = offered.kind == SectionKind::Video;
            let theirs = video || offered.kind == SectionKind::Audio;
            if !theirs || offered.rejected || offered.direction != Direction::RecvOnly {
                continue;
            }
            let mut ours = negotiate_downlink(offered, &policy);
            if ours.direction != Direction::SendOnly {
                continue;
            }
            seen.push(&offered.mid);
            if self.known.insert(offered.mid.clone()) {
                let asked = &mut self.asked[usize::from(video)];
                *asked = asked.saturating_sub(1);
            }
            let known: &mut Vec<OfferedCodec> = &mut decodable[usize::from(video)];
            for codec in &ours.codecs {
                if !known.iter().any(|other| other.codec == codec.codec) {
                    known.push(codec.clone());
                }
            }
            ours.send = self.carry(&ours, video, &mut agreed);
            if ours.send.is_none() {
                ours.direction = Direction::Inactive;
                self.free[usize::from(video)] += 1;
            }
            *section = ours;
        }
        self.give_up(&seen, &mut agreed);
        self.waiting.retain(|wanted| {
            let decodable = &decodable[usize::from(wanted.is_video())];
            let refused = !decodable.is_empty() && match_codec(&wanted.media.codec, decodable).is_none();
            if refused {
                agreed.refused.push((wanted.sid.clone(), wanted.media.codec.name()));
            }
            !refused
        });
        // If the client offered fewer sections than requested, do not request them again.
        let missing = self.missing();
        self.stale = self.waiting.iter().any(|wanted| {
            let kind = usize::from(wanted.is_video());
            self.free[kind] > 0 || missing[kind] > 0
        });
        let carried = self.slots.iter().filter_map(|slot| Some((slot.mid.clone(), slot.track.as_ref()?.sid.clone())));
        (agreed, carried.collect())
    }

    /// The track for a line: the one that it had, or one that waits.
    fn carry(&mut self, line: &NegotiatedSection, video: bool, agreed: &mut Agreed) -> Option<SendStream> {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.told && slot.mid == line.mid) {
            slot.told = slot.track.is_some();
            return slot.stream();
        }
        let fits =
            |wanted: &Wanted| wanted.is_video() == video && match_codec(&wanted.media.codec, &line.codecs).is_some();
        let track = self.waiting.remove(self.waiting.iter().position(fits)?);
        let codec = match_codec(&track.media.codec, &line.codecs)?;
        let ssrc = self.next_ssrc;
        self.next_ssrc = ssrc.wrapping_add(2);
        let new = NewSection {
            video,
            ssrc,
            rtx_ssrc: ssrc.wrapping_add(1),
            cname: track.cname().to_owned(),
            mid: line.mid.clone(),
            mid_extension: line.extension_id(Extension::Mid),
            abs_send_time_extension: line.extension_id(Extension::AbsSendTime),
            dependency_descriptor_extension: line.extension_id(Extension::DependencyDescriptor),
            pausable: true,
        };
        let source = track.media.source(codec);
        agreed.subscribed.push(track.sid.clone());
        let slot = Slot { mid: line.mid.clone(), video, ssrc, track: Some(track), told: true };
        let stream = slot.stream();
        let at = self.slots.iter().position(|slot| !slot.told && slot.track.is_none()).unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        agreed.changes.extend([Change::Set(at, Box::new(new)), Change::Attach(at, Some(Box::new(source)))]);
        stream
    }

    /// Frees lines that the client receives on no more: their tracks wait for other lines.
    fn give_up(&mut self, seen: &[&str], agreed: &mut Agreed) {
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if slot.told && !seen.contains(&slot.mid.as_str()) {
                slot.told = false;
                if let Some(track) = slot.track.take() {
                    self.waiting.push(track);
                    agreed.changes.push(Change::Attach(i, None));
                }
            }
        }
        self.known.retain(|mid| seen.contains(&mid.as_str()));
    }

    /// Lines that the client may still be asked for.
    fn room(&self) -> usize {
        SUBSCRIBED_SECTIONS_MAX.saturating_sub(self.known.len() + self.asked[0] + self.asked[1])
    }

    /// Tracks for which the client has no section and may not be asked for one.
    pub(super) fn left_out(&self) -> impl Iterator<Item = &str> {
        let mut places: Count = [0, 1].map(|kind| self.free[kind] + self.asked[kind]);
        let mut room = self.room();
        self.waiting.iter().filter_map(move |wanted| {
            let place = [&mut places[usize::from(wanted.is_video())], &mut room].into_iter().find(|left| **left > 0);
            match place {
                Some(left) => {
                    *left -= 1;
                    None
                }
                None => Some(wanted.sid.as_str()),
            }
        })
    }

    /// Lines that are needed and were not asked for.
    fn missing(&self) -> Count {
        let mut room = self.room();
        [false, true].map(|video| {
            let kind = usize::from(video);
            let needed = self.waiting.iter().filter(|wanted| wanted.is_video() == video).count();
            let missing = needed.saturating_sub(self.free[kind] + self.asked[kind]).min(room);
            room -= missing;
            missing
        })
    }

    /// The sections that the client is to be asked for.
    pub(crate) fn poll_missing(&mut self) -> Option<MissingSections> {
        if !self.stale || self.awaited {
            return None;
        }
        (self.stale, self.awaited) = (false, true);
        let missing = self.missing();
        for (asked, missing) in self.asked.iter_mut().zip(missing) {
            *asked += missing;
        }
        let [audio, video] = missing.map(|count| count as u32);
        Some(MissingSections { audio, video })
    }

    pub(super) fn track_at(&self, section: usize) -> Option<&str> {
        Some(&self.slots.get(section)?.track.as_ref()?.sid)
    }

    pub(super) fn wanted(&self, sid: &str) -> Option<&Wanted> {
        let seated = self.slots.iter().filter_map(|slot| slot.track.as_ref());
        seated.chain(&self.waiting).find(|track| track.sid == sid)
    }

    pub(super) fn section_of(&self, sid: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.carries(sid))
    }
}

impl Slot {
    fn carries(&self, sid: &str) -> bool {
        self.track.as_ref().is_some_and(|track| track.sid == sid)
    }

    fn stream(&self) -> Option<SendStream> {
        let track = self.track.as_ref()?;
        Some(SendStream {
            ssrc: self.ssrc,
            rtx_ssrc: self.video.then_some(self.ssrc.wrapping_add(1)),
            cname: track.cname().to_owned(),
            msid: Msid { stream: track.stream.clone(), track: track.sid.clone() },
        })
    }
}

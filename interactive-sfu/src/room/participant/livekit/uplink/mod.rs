//! The tracks that a participant publishes: announced, negotiated, muted, withdrawn.
//!
//! A track is announced with its client's id (`cid`), and comes with an offer whose `a=msid` names that id. It goes
//! when its section sends no more: there is no message for that. Whoever cannot decode it may be sent the same picture
//! in another codec, if the client has said that it can publish that too: then it is asked to. Pure.

mod announced;
mod track;

use livekit_protocol as proto;
use livekit_protocol::TrackType;

use super::asked::Asked;
use crate::room::negotiation::publish_policy;
use crate::room::sections::MediaTrack;
use crate::signalling::livekit::info;
use crate::signalling::sdp::{
    NegotiatedSection, PublishPolicy, RemoteDescription, RemoteSection, SectionKind, Take, negotiate_uplink,
};
use announced::Announced;

pub(crate) use announced::Refused;
pub(crate) use track::{Backup, Track};

/// A participant's tracks, and what it has announced.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    announced: Vec<Announced>,
    pub tracks: Vec<Track>,
}

/// The effect of an offer.
pub(crate) struct Plan {
    /// For the answer.
    pub sections: Vec<NegotiatedSection>,
    /// Announced tracks that came with it: where in `sections`, and what.
    pub added: Vec<(usize, Added)>,
    /// Tracks that are gone with it.
    pub removed: Vec<Track>,
    /// Codecs that are gone, of tracks that stay.
    pub dropped: Vec<MediaTrack>,
}

/// A track whose media was negotiated and awaits its [`MediaTrack`].
#[derive(Debug)]
pub(crate) struct Added(Announced);

impl Uplink {
    /// The client offers. Sections of tracks that were not announced stay inactive.
    pub(crate) fn offered(&mut self, offer: &RemoteDescription, permission: &proto::ParticipantPermission) -> Plan {
        let mut matched: Vec<Option<Announced>> = Vec::new();
        let mut kept: Vec<String> = Vec::new();
        for section in &offer.sections {
            let announced = self.matching(section, permission);
            let known = self.tracks.iter().any(|track| track.at(&section.mid).is_some());
            if announced.is_none() && known && section.direction.sends() && !section.rejected {
                kept.push(section.mid.clone());
            }
            matched.push(announced);
        }
        let policy = PublishPolicy { data: true, red: true, ..publish_policy() };
        let mut sections = negotiate_uplink(offer, &policy, |section| {
            let at = offer.sections.iter().position(|s| s.mid == section.mid);
            match at.and_then(|at| matched.get(at)).and_then(Option::as_ref) {
                Some(Announced { backup_of: Some((_, codec)), .. }) => Take::Codec(*codec),
                Some(announced) => announced.codec().map_or(Take::First, Take::Codec),
                None if kept.contains(&section.mid) => {
                    let known = self.tracks.iter().find_map(|track| track.at(&section.mid));
                    known.map_or(Take::No, |media| Take::Codec(media.codec.name()))
                }
                None => Take::No,
            }
        });
        for (section, announced) in sections.iter_mut().zip(&matched) {
            let known = self.tracks.iter().find(|track| track.mid == section.mid).map(|track| &track.info);
            if announced.as_ref().map(|announced| &announced.info).or(known).is_none_or(|info| info.disable_red) {
                section.codecs.iter_mut().for_each(|codec| codec.red_payload_type = None);
            }
        }
        let (mut removed, mut tracks) = (Vec::new(), Vec::new());
        for track in self.tracks.drain(..) {
            if kept.contains(&track.mid) { tracks.push(track) } else { removed.push(track) }
        }
        self.tracks = tracks;
        let backups = self.tracks.iter_mut().flat_map(|track| &mut track.backups);
        let gone = backups.filter_map(|backup| backup.media.take_if(|_| !kept.contains(&backup.mid)));
        let dropped = gone.collect();
        let mut added = Vec::new();
        for (at, announced) in matched.into_iter().enumerate() {
            let Some(announced) = announced else { continue };
            match sections.get(at).filter(|section| section.direction.receives()) {
                Some(_) => added.push((at, Added(announced))),
                // In no codec of ours: it can be offered again.
                None => self.announced.push(announced),
            }
        }
        Plan { sections, added, removed, dropped }
    }

    /// Its media is negotiated. Returns what is to be told of a new track; none of one that is there in a codec more.
    pub(crate) fn add(
        &mut self,
        Added(announced): Added,
        section: &NegotiatedSection,
        media: MediaTrack,
    ) -> Option<proto::TrackInfo> {
        let Announced { cid, mut info, backup_of, others } = announced;
        if let Some((sid, codec)) = backup_of {
            let track = self.tracks.iter_mut().find(|track| track.info.sid == sid)?;
            track.info.codecs = info.codecs;
            let backup = track.backups.iter_mut().find(|backup| backup.codec == codec)?;
            (backup.cid, backup.mid, backup.media) = (cid, section.mid.clone(), Some(media));
            return None;
        }
        info.mid.clone_from(&section.mid);
        info.mime_type = media.codec.mime_type().to_owned();
        if let Some(codec) = info.codecs.first_mut() {
            (codec.mime_type, codec.mid) = (info.mime_type.clone(), info.mid.clone());
        }
        let backup = |codec| Backup { codec, cid: String::new(), mid: String::new(), media: None, asked: Asked::off() };
        let backups = others.into_iter().filter(|codec| *codec != media.codec.name()).map(backup).collect();
        let told = info.clone();
        self.tracks.push(Track { cid, mid: section.mid.clone(), info, media, asked: Asked::default(), backups });
        Some(told)
    }

    /// `None`: there is no such track; else whether that changes anything.
    pub(crate) fn mute(&mut self, sid: &str, muted: bool) -> Option<bool> {
        let there = self.tracks.iter_mut().map(|track| &mut track.info);
        let info = there.chain(self.announced.iter_mut().map(|a| &mut a.info)).find(|info| info.sid == sid)?;
        Some(std::mem::replace(&mut info.muted, muted) != muted)
    }

    /// Takes away what is not allowed any more.
    pub(crate) fn revoke(&mut self, permission: &proto::ParticipantPermission) -> Vec<Track> {
        self.announced.retain(|announced| info::may_publish(permission, announced.info.source));
        self.tracks.extract_if(.., |track| !info::may_publish(permission, track.info.source)).collect()
    }

    /// The announced track that a section brings: by the id in its msid, else the first of its kind, as of clients that
    /// name their tracks otherwise.
    fn matching(&mut self, section: &RemoteSection, permission: &proto::ParticipantPermission) -> Option<Announced> {
        let kind = match section.kind {
            SectionKind::Audio => TrackType::Audio,
            SectionKind::Video => TrackType::Video,
            SectionKind::Application | SectionKind::Other => return None,
        };
        if !section.direction.sends() || section.rejected {
            return None;
        }
        let named = section.msid.as_ref().map_or("", |msid| msid.track.as_str());
        let known = self.tracks.iter().find(|track| track.at(&section.mid).is_some());
        let by_id = self.announced.iter().position(|one| one.is_called(named) && one.info.r#type() == kind);
        // A section that has its track keeps it, unless it names another that was announced.
        let first = || match known {
            Some(_) => None,
            None => self.announced.iter().position(|one| one.info.r#type() == kind && one.backup_of.is_none()),
        };
        let at = by_id.filter(|_| known.is_none_or(|track| !track.is_called(named))).or_else(first)?;
        let announced = self.announced.get(at)?;
        let allowed = announced.info.r#type() == kind && info::may_publish(permission, announced.info.source);
        allowed.then(|| self.announced.remove(at))
    }
}

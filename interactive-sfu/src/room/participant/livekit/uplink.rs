//! The tracks that a participant publishes: announced, negotiated, muted, withdrawn.
//!
//! A track is announced with its client's id (`cid`), and comes with an offer whose `a=msid` names that id. It goes
//! when its section sends no more: there is no message for that. Whoever cannot decode it may be sent the same picture
//! in another codec, if the client has said that it can publish that too: then it is asked to. Pure.

use livekit_protocol as proto;
use livekit_protocol::{TrackType, VideoQuality};

use super::asked::Asked;
use crate::room::negotiation::publish_policy;
use crate::room::sections::MediaTrack;
use crate::signalling::livekit::info;
use crate::signalling::sdp::{
    CodecName, NegotiatedSection, PublishPolicy, RemoteDescription, RemoteSection, SectionKind, Take, negotiate_uplink,
};

/// Layers, codecs and features that a track may announce.
const LIST_MAX: usize = 16;
/// Bytes of a client's id or a name.
const TEXT_BYTES_MAX: usize = 256;

/// A track that is there.
#[derive(Debug)]
pub(crate) struct Track {
    cid: String,
    mid: String,
    pub info: proto::TrackInfo,
    pub media: MediaTrack,
    pub asked: Asked,
    /// For whoever cannot decode it.
    pub backups: Vec<Backup>,
}

/// The same picture in another codec, which the client can publish when it is asked to.
#[derive(Debug)]
pub(crate) struct Backup {
    pub codec: CodecName,
    /// The client's id of it, once it is announced.
    cid: String,
    mid: String,
    /// Once it is published.
    pub media: Option<MediaTrack>,
    pub asked: Asked,
}

impl Track {
    /// As which it is published: first choice first.
    pub(crate) fn published(&self) -> impl Iterator<Item = &MediaTrack> {
        std::iter::once(&self.media).chain(self.backups.iter().filter_map(|backup| backup.media.as_ref()))
    }

    /// The quality that is asked for in each codec, first choice first.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (CodecName, VideoQuality)> {
        let backups = self.backups.iter().map(|backup| (backup.codec, backup.asked.told()));
        std::iter::once((self.media.codec.name(), self.asked.told())).chain(backups)
    }

    /// The media of the track that a section carries.
    fn at(&self, mid: &str) -> Option<&MediaTrack> {
        let backup = || self.backups.iter().find(|backup| backup.mid == mid)?.media.as_ref();
        if self.mid == mid { Some(&self.media) } else { backup() }
    }
}

#[derive(Debug)]
struct Announced {
    cid: String,
    info: proto::TrackInfo,
    /// It is this track, in another codec.
    backup_of: Option<(String, CodecName)>,
    /// Codecs in which it can be published besides.
    others: Vec<CodecName>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    announced: Vec<Announced>,
    pub tracks: Vec<Track>,
}

/// Why a track may not be announced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NotAllowed,
    TooMany,
    Invalid,
    Unknown,
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
    /// The client wants to publish. Asked again, it is told the same again. `sid` names the track if it is new.
    pub(crate) fn announce(
        &mut self,
        request: &proto::AddTrackRequest,
        permission: &proto::ParticipantPermission,
        tracks_max: usize,
        sid: impl FnOnce(&proto::AddTrackRequest) -> String,
    ) -> Result<proto::TrackInfo, Refused> {
        if !request.sid.is_empty() {
            return self.announce_backup(request);
        }
        let lists = [request.layers.len(), request.simulcast_codecs.len(), request.audio_features.len()];
        let texts = [&request.cid, &request.name, &request.stream];
        let kind = TrackType::try_from(request.r#type);
        if request.cid.is_empty()
            || lists.into_iter().any(|len| len > LIST_MAX)
            || texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX)
            || !matches!(kind, Ok(TrackType::Audio | TrackType::Video))
            || !info::fits(request.r#type(), request.source())
        {
            return Err(Refused::Invalid);
        }
        if !info::may_publish(permission, request.source) {
            return Err(Refused::NotAllowed);
        }
        if let Some(announced) = self.announced.iter().find(|announced| announced.cid == request.cid) {
            return Ok(announced.info.clone());
        }
        if self.announced.len() + self.tracks.len() >= tracks_max {
            return Err(Refused::TooMany);
        }
        let info = track_info(request, sid(request));
        let others = request.simulcast_codecs.iter().skip(1);
        let others = others.filter_map(|codec| CodecName::from_mime_type(&mime_type(request.r#type(), &codec.codec)));
        let others = others.collect();
        self.announced.push(Announced { cid: request.cid.clone(), info: info.clone(), backup_of: None, others });
        Ok(info)
    }

    /// Another codec for a track that is there.
    fn announce_backup(&mut self, request: &proto::AddTrackRequest) -> Result<proto::TrackInfo, Refused> {
        let track = self.tracks.iter().find(|track| track.info.sid == request.sid).ok_or(Refused::Unknown)?;
        let codec = request.simulcast_codecs.first().ok_or(Refused::Invalid)?;
        let name = CodecName::from_mime_type(&mime_type(track.info.r#type(), &codec.codec)).ok_or(Refused::Invalid)?;
        let fits = (1..=TEXT_BYTES_MAX).contains(&request.cid.len()) && request.layers.len() <= LIST_MAX;
        if !fits || !track.backups.iter().any(|backup| backup.codec == name) {
            return Err(Refused::Invalid);
        }
        let mut info = track.info.clone();
        info.codecs.push(proto::SimulcastCodecInfo {
            mime_type: mime_type(info.r#type(), &codec.codec),
            cid: request.cid.clone(),
            layers: request.layers.clone(),
            ..proto::SimulcastCodecInfo::default()
        });
        let backup_of = Some((track.info.sid.clone(), name));
        self.announced.retain(|announced| announced.backup_of != backup_of);
        let announced = Announced { cid: request.cid.clone(), info: info.clone(), backup_of, others: Vec::new() };
        self.announced.push(announced);
        Ok(info)
    }

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
                Some(announced) => preferred(&announced.info).map_or(Take::First, Take::Codec),
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
        let is = |announced: &Announced, id: &str| {
            announced.cid == id || announced.info.codecs.iter().any(|codec| !codec.cid.is_empty() && codec.cid == id)
        };
        let known = self.tracks.iter().find(|track| track.at(&section.mid).is_some());
        let by_id = self.announced.iter().position(|one| is(one, named) && one.info.r#type() == kind);
        // A section that has its track keeps it, unless it names another that was announced.
        let first = || match known {
            Some(_) => None,
            None => self.announced.iter().position(|one| one.info.r#type() == kind && one.backup_of.is_none()),
        };
        let its_own = |track: &Track| track.cid == named || track.backups.iter().any(|backup| backup.cid == named);
        let at = by_id.filter(|_| known.is_none_or(|track| !its_own(track))).or_else(first)?;
        let announced = self.announced.get(at)?;
        let allowed = announced.info.r#type() == kind && info::may_publish(permission, announced.info.source);
        allowed.then(|| self.announced.remove(at))
    }
}

/// The codec that the client said it would send.
fn preferred(info: &proto::TrackInfo) -> Option<CodecName> {
    CodecName::from_mime_type(&info.codecs.first()?.mime_type)
}

/// Clients write `video/vp8` or `vp8`. Empty: not said.
fn mime_type(kind: TrackType, codec: &str) -> String {
    let family = if kind == TrackType::Audio { "audio" } else { "video" };
    if codec.is_empty() || codec.contains('/') { codec.to_owned() } else { format!("{family}/{codec}") }
}

#[expect(deprecated, reason = "clients in use still read and write these fields")]
fn track_info(request: &proto::AddTrackRequest, sid: String) -> proto::TrackInfo {
    let kind = request.r#type();
    let main = request.simulcast_codecs.first();
    let mime_type = main.map_or_else(String::new, |main| mime_type(kind, &main.codec));
    let layers = main.map(|main| &main.layers).filter(|layers| !layers.is_empty()).unwrap_or(&request.layers);
    let codec = proto::SimulcastCodecInfo {
        mime_type: mime_type.clone(),
        cid: main.map_or_else(|| request.cid.clone(), |main| main.cid.clone()),
        layers: layers.clone(),
        ..proto::SimulcastCodecInfo::default()
    };
    proto::TrackInfo {
        sid,
        r#type: kind.into(),
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        simulcast: layers.len() > 1,
        disable_dtx: request.disable_dtx,
        source: request.source,
        layers: layers.clone(),
        mime_type,
        codecs: vec![codec],
        stereo: request.stereo,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: request.stream.clone(),
        audio_features: request.audio_features.clone(),
        backup_codec_policy: request.backup_codec_policy,
        packet_trailer_features: request.packet_trailer_features.clone(),
        ..proto::TrackInfo::default()
    }
}

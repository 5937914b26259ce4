//! A participant by WHIP or WHEP: one HTTP session, one peer connection. Pure.

use access::Identity;
use livekit_protocol as proto;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::{TrackSource, TrackType};
use plane::{PeerId, Ticket, TrackId};

use super::{PublishedTrack, Who};
use crate::control::SessionId;
use crate::room::negotiation::Section;
use crate::room::sections::MediaTrack;
use crate::signalling::livekit::info::unix_time;

/// A session.
pub(crate) struct WhipWhep {
    pub id: SessionId,
    /// `None`: its media thread has given it up.
    pub peer: Option<PeerId>,
    /// The peer connection has been up.
    pub connected: bool,
    /// The session's place among those that are not connected yet.
    pub pending: Option<Ticket>,
    /// Tracks whose media the server drops.
    pub muted: Vec<TrackId>,
    pub kind: Kind,
    /// The ICE session.
    pub etag: String,
    /// The peer's user fragment in it.
    pub remote_ufrag: String,
    /// `<media> <port> <proto> <fmt>` and MID of the section that carries the transport.
    pub transport_section: (String, String),
}

/// Which of the two protocols.
pub(crate) enum Kind {
    /// WHIP.
    Publish { audio: Option<MediaTrack>, video: Option<MediaTrack> },
    /// WHEP. `participant`: the one that is watched; `None` follows the stage.
    Watch { participant: Option<Identity>, sections: Vec<Section> },
}

impl WhipWhep {
    pub(crate) fn publishes(&self) -> bool {
        matches!(self.kind, Kind::Publish { .. })
    }

    /// Tracks of a publisher, the sound first.
    pub(crate) fn tracks(&self) -> Vec<PublishedTrack<'_>> {
        let Kind::Publish { audio, video } = &self.kind else { return Vec::new() };
        let told = |media: &MediaTrack| {
            let muted = self.muted.contains(&media.id);
            proto::TrackInfo { muted, ..track_info(media) }
        };
        let tracks = audio.iter().chain(video);
        tracks.map(|media| PublishedTrack { info: told(media), media, backups: Vec::new(), audience: None }).collect()
    }

    /// The picture that a publisher sends.
    pub(crate) fn picture(&self) -> Option<&MediaTrack> {
        match &self.kind {
            Kind::Publish { video, .. } => video.as_ref(),
            Kind::Watch { .. } => None,
        }
    }

    /// Whether a viewer is sent a track.
    pub(crate) fn watches(&self, track: TrackId) -> bool {
        match &self.kind {
            Kind::Watch { sections, .. } => sections.iter().any(|section| section.attached == Some(track)),
            Kind::Publish { .. } => false,
        }
    }
}

/// The sid of a session's stay. It opens nothing.
pub(crate) fn participant_sid(peer: PeerId) -> String {
    format!("PA_{:08x}", peer.serial)
}

/// A session, and whether its tracks can be subscribed to.
pub(crate) type Stay<'a> = (&'a Who, &'a WhipWhep, bool);

/// Everybody by WHIP and WHEP, in order of coming: one participant for each identity, however many sessions it has.
pub(crate) fn participants<'a>(sessions: impl Iterator<Item = Stay<'a>>) -> Vec<proto::ParticipantInfo> {
    let mut of_each: Vec<Vec<Stay<'a>>> = Vec::new();
    for session in sessions {
        match of_each.iter_mut().find(|stays| stays[0].0.identity == session.0.identity) {
            Some(stays) => stays.push(session),
            None => of_each.push(vec![session]),
        }
    }
    of_each.iter().map(|stays| info(stays)).collect()
}

/// The participant behind some sessions of one identity, the oldest first.
pub(crate) fn info(stays: &[Stay<'_>]) -> proto::ParticipantInfo {
    let Some((first, ..)) = stays.first() else { return proto::ParticipantInfo::default() };
    let publishing = stays.iter().find(|(_, session, _)| session.publishes());
    let tracks = publishing.filter(|(.., on_stage)| *on_stage).map(|(_, session, _)| session.tracks());
    let (joined_at, joined_at_ms) = unix_time(first.since);
    proto::ParticipantInfo {
        sid: publishing.map_or(first, |(who, ..)| who).sid.clone(),
        identity: first.identity.to_string(),
        name: first.name.clone(),
        state: Presence::Active.into(),
        joined_at,
        joined_at_ms,
        version: publishing.map_or(first, |(who, ..)| who).version,
        is_publisher: publishing.is_some(),
        tracks: tracks.into_iter().flatten().map(|track| track.info).collect(),
        permission: Some(proto::ParticipantPermission {
            can_publish: publishing.is_some(),
            can_subscribe: stays.iter().any(|(_, session, _)| !session.publishes()),
            hidden: first.hidden,
            ..proto::ParticipantPermission::default()
        }),
        ..proto::ParticipantInfo::default()
    }
}

#[expect(deprecated, reason = "clients in use still read it")]
fn track_info(media: &MediaTrack) -> proto::TrackInfo {
    let (letters, kind, source) = match media.video() {
        Some(_) => ("VC", TrackType::Video, TrackSource::Camera),
        None => ("AM", TrackType::Audio, TrackSource::Microphone),
    };
    let mime_type = media.codec.mime_type().to_owned();
    proto::TrackInfo {
        sid: format!("TR_{letters}{:08x}", media.id.0),
        r#type: kind.into(),
        source: source.into(),
        simulcast: media.layers > 1,
        codecs: vec![proto::SimulcastCodecInfo { mime_type: mime_type.clone(), ..Default::default() }],
        mime_type,
        ..proto::TrackInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::room::participant::ParticipantKey;
    use crate::signalling::sdp::Codec;

    fn session(serial: u32, identity: &str, kind: Kind) -> (Who, WhipWhep) {
        let peer = PeerId { shard: 0, serial };
        let who = Who {
            key: ParticipantKey(serial),
            sid: participant_sid(peer),
            identity: identity.parse().unwrap(),
            name: identity.to_uppercase(),
            hidden: false,
            local: false,
            since: SystemTime::UNIX_EPOCH + Duration::from_secs(serial.into()),
            version: 1,
        };
        let session = WhipWhep {
            id: SessionId::new(serial.to_string()),
            peer: Some(peer),
            connected: true,
            pending: None,
            muted: Vec::new(),
            kind,
            etag: String::new(),
            remote_ufrag: String::new(),
            transport_section: <(String, String)>::default(),
        };
        (who, session)
    }

    fn watch() -> Kind {
        Kind::Watch { participant: None, sections: vec![] }
    }

    fn publish() -> Kind {
        let video = MediaTrack { id: TrackId(7), shard: 0, codec: Codec::Vp8, clock_hz: 90_000, layers: 3 };
        Kind::Publish { audio: None, video: Some(video) }
    }

    #[test]
    fn sessions_of_one_identity_are_one_participant_in_order_of_coming() {
        let sessions = [
            session(2, "ben", watch()),
            session(3, "ann", publish()),
            session(4, "cat", publish()),
            session(5, "ann", watch()),
        ];
        let on_stage = |who: &Who| who.identity == "ann";
        let found = participants(sessions.iter().map(|(who, session)| (who, session, on_stage(who))));
        let watches = |p: &proto::ParticipantInfo| p.permission.as_ref().is_some_and(|p| p.can_subscribe);
        let told: Vec<_> =
            found.iter().map(|p| (p.identity.as_str(), p.is_publisher, watches(p), p.tracks.len())).collect();
        assert_eq!(told, [("ben", false, true, 0), ("ann", true, true, 1), ("cat", true, false, 0)]);
        let ann = &found[1];
        assert_eq!((ann.sid.as_str(), ann.joined_at_ms), ("PA_00000003", 3000));
        assert_eq!((ann.tracks[0].sid.as_str(), ann.tracks[0].mime_type.as_str()), ("TR_VC00000007", "video/VP8"));
    }
}

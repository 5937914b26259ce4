//! WHIP and WHEP sessions → the people behind them, as LiveKit's protocol tells of people. Pure.

use livekit_protocol as proto;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::{TrackSource, TrackType};

use super::sections::MediaTrack;
use super::session::{Kind, Session};
use crate::signalling::livekit::info::unix_time;

/// Who is in a room by WHIP and WHEP, in order of joining: one participant for each identity, however many sessions
/// they have.
pub(super) fn participants<'a>(sessions: impl Iterator<Item = &'a Session>) -> Vec<proto::ParticipantInfo> {
    let mut sessions: Vec<&Session> = sessions.filter(|session| !session.hidden).collect();
    sessions.sort_by_key(|session| (session.since, session.peer.serial));
    let mut of_each: Vec<Vec<&Session>> = Vec::new();
    for session in sessions {
        match of_each.iter_mut().find(|all| all[0].identity == session.identity) {
            Some(all) => all.push(session),
            None => of_each.push(vec![session]),
        }
    }
    of_each.iter().map(|all| info(all)).collect()
}

/// The participant behind some sessions of one identity, the oldest first.
pub(super) fn info(sessions: &[&Session]) -> proto::ParticipantInfo {
    let publishing = sessions.iter().find(|session| matches!(session.kind, Kind::Publish { .. }));
    let watches = sessions.iter().any(|session| matches!(session.kind, Kind::Watch { .. }));
    let tracks = publishing.map(|session| tracks(session)).unwrap_or_default();
    let Some(first) = sessions.first() else { return proto::ParticipantInfo::default() };
    let (joined_at, joined_at_ms) = unix_time(first.since);
    proto::ParticipantInfo {
        sid: participant_sid(publishing.unwrap_or(first)),
        identity: first.identity.clone(),
        name: first.name.clone(),
        state: Presence::Active.into(),
        joined_at,
        joined_at_ms,
        is_publisher: publishing.is_some(),
        tracks: tracks.into_iter().map(|(info, _)| info).collect(),
        permission: Some(proto::ParticipantPermission {
            can_publish: publishing.is_some(),
            can_subscribe: watches,
            ..proto::ParticipantPermission::default()
        }),
        ..proto::ParticipantInfo::default()
    }
}

/// Names a session's stay; opens nothing.
pub(super) fn participant_sid(session: &Session) -> String {
    format!("PA_{:08x}", session.peer.serial)
}

/// What a WHIP session publishes; nothing before its media flows.
pub(super) fn tracks(session: &Session) -> Vec<(proto::TrackInfo, MediaTrack)> {
    let Kind::Publish { speaker, connected: true } = &session.kind else { return Vec::new() };
    let told = |media: &MediaTrack| {
        let muted = session.muted.contains(&media.id);
        (proto::TrackInfo { muted, ..track_info(media) }, media.clone())
    };
    speaker.audio.iter().chain(&speaker.video).map(told).collect()
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
    use crate::control::SessionId;
    use crate::room::sections::OnStage;
    use crate::signalling::sdp::Codec;
    use plane::{PeerId, TrackId};

    fn session(serial: u32, identity: &str, kind: Kind) -> Session {
        Session {
            id: SessionId::new(serial.to_string()),
            peer: PeerId { shard: 0, serial },
            room: "r".into(),
            identity: identity.into(),
            name: identity.to_uppercase(),
            local: false,
            hidden: identity == "recorder",
            joined: true,
            pending: None,
            muted: Vec::new(),
            since: SystemTime::UNIX_EPOCH + Duration::from_secs(serial.into()),
            kind,
            etag: String::new(),
            remote_ufrag: String::new(),
            transport_section: <(String, String)>::default(),
        }
    }

    fn watch() -> Kind {
        Kind::Watch { participant: None, sections: vec![] }
    }

    fn publish(identity: &str, connected: bool) -> Kind {
        let video = MediaTrack { id: TrackId(7), shard: 0, codec: Codec::Vp8, clock_hz: 90_000, layers: 3 };
        Kind::Publish { speaker: OnStage { identity: identity.into(), audio: None, video: Some(video) }, connected }
    }

    #[test]
    fn everybody_is_told_of_once_in_order_of_joining_and_the_hidden_never() {
        let sessions = [
            session(5, "ann", watch()),
            session(2, "ben", watch()),
            session(3, "ann", publish("ann", true)),
            session(4, "cat", publish("cat", false)),
            session(1, "recorder", watch()),
        ];
        let found = participants(sessions.iter());
        let watches = |p: &proto::ParticipantInfo| p.permission.as_ref().is_some_and(|p| p.can_subscribe);
        let told: Vec<_> =
            found.iter().map(|p| (p.identity.as_str(), p.is_publisher, watches(p), p.tracks.len())).collect();
        assert_eq!(told, [("ben", false, true, 0), ("ann", true, true, 1), ("cat", true, false, 0)]);
        let ann = &found[1];
        assert_eq!((ann.sid.as_str(), ann.joined_at_ms), ("PA_00000003", 3000));
        assert_eq!((ann.tracks[0].sid.as_str(), ann.tracks[0].mime_type.as_str()), ("TR_VC00000007", "video/VP8"));
    }
}

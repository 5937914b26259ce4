//! Sessions → the people behind them. Pure.

use super::session::{Kind, Session};
use super::stage::TrackInfo;
use crate::control::{Participant, Published, TrackKind};

/// Who is in a room, in order of joining: one participant for each identity, however many sessions they have.
pub(super) fn participants<'a>(sessions: impl Iterator<Item = &'a Session>) -> Vec<Participant> {
    let mut sessions: Vec<&Session> = sessions.filter(|session| !session.hidden).collect();
    sessions.sort_by_key(|session| (session.since, session.peer.serial));
    let mut found: Vec<Participant> = Vec::new();
    for session in sessions {
        let at = found.iter().position(|one| one.identity == session.identity);
        let at = at.unwrap_or_else(|| {
            found.push(newcomer(session));
            found.len() - 1
        });
        let participant = &mut found[at];
        match &session.kind {
            Kind::Publish { speaker, connected } => {
                participant.publishes = true;
                if *connected {
                    participant.tracks = speaker.audio.iter().chain(&speaker.video).map(published).collect();
                }
            }
            Kind::Watch { .. } => participant.watches = true,
        }
    }
    found
}

fn newcomer(session: &Session) -> Participant {
    Participant {
        sid: format!("PA_{:08x}", session.peer.serial),
        identity: session.identity.clone(),
        name: session.name.clone(),
        joined_at: session.since,
        tracks: Vec::new(),
        publishes: false,
        watches: false,
    }
}

fn published(track: &TrackInfo) -> Published {
    let video = track.video().is_some();
    Published {
        sid: format!("TR_{}{:08x}", if video { "VC" } else { "AM" }, track.id.0),
        kind: if video { TrackKind::Video } else { TrackKind::Audio },
        mime_type: track.codec.mime_type().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::control::SessionId;
    use crate::room::stage::OnStage;
    use crate::shard::inbox::{PeerId, TrackId};
    use crate::signalling::sdp::Codec;

    fn session(serial: u32, identity: &str, kind: Kind) -> Session {
        Session {
            id: SessionId::new(serial.to_string()),
            peer: PeerId { shard: 0, serial },
            room: "r".into(),
            identity: identity.into(),
            name: identity.to_uppercase(),
            local: false,
            hidden: identity == "recorder",
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
        let video = TrackInfo { id: TrackId(7), shard: 0, codec: Codec::Vp8, clock_hz: 90_000, layers: 3 };
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
        let told: Vec<_> =
            found.iter().map(|p| (p.identity.as_str(), p.publishes, p.watches, p.tracks.len())).collect();
        assert_eq!(told, [("ben", false, true, 0), ("ann", true, true, 1), ("cat", true, false, 0)]);
        let ann = &found[1];
        assert_eq!((ann.sid.as_str(), ann.joined_at), ("PA_00000003", SystemTime::UNIX_EPOCH + Duration::from_secs(3)));
        assert_eq!((ann.tracks[0].sid.as_str(), ann.tracks[0].mime_type.as_str()), ("TR_VC00000007", "video/VP8"));
    }
}

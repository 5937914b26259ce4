//! Participants, tracks and this server, in the protocol's words. Pure.

use std::time::SystemTime;

use access::{Grants, Permission};
use livekit_protocol as proto;
use livekit_protocol::{TrackSource, TrackType};

/// The protocol version that we follow.
const PROTOCOL: i32 = 16;

/// LiveKit's version whose features its clients find here: they ask for some of them by it.
pub(crate) const SERVER_VERSION: &str = "1.9.0";

/// This server.
pub(crate) fn server() -> proto::ServerInfo {
    proto::ServerInfo {
        version: SERVER_VERSION.to_owned(),
        protocol: PROTOCOL,
        node_id: concat!("spillway-", env!("CARGO_PKG_VERSION")).to_owned(),
        ..proto::ServerInfo::default()
    }
}

/// A participant's loudness, 0 to 1, from the plane's step.
pub(crate) fn loudness_level(step: u8) -> f32 {
    f32::from(step) / f32::from(plane::LOUDNESS_MAX)
}

/// What a token allows.
pub(crate) fn permission(grants: &Grants) -> proto::ParticipantPermission {
    let sources: Vec<i32> = grants.can_publish_sources.iter().filter_map(|name| source(name)).map(i32::from).collect();
    // An empty list would allow all: one that names nothing we know allows nothing.
    let names_none = sources.is_empty() && !grants.can_publish_sources.is_empty();
    proto::ParticipantPermission {
        can_subscribe: grants.can_subscribe,
        can_publish: grants.can_publish && !names_none,
        can_publish_data: grants.can_publish_data,
        can_publish_sources: sources,
        hidden: grants.hidden,
        can_update_metadata: grants.can_update_own_metadata,
        ..proto::ParticipantPermission::default()
    }
}

/// What a participant may do, in the words of tokens.
pub(crate) fn allowed(permission: &proto::ParticipantPermission) -> Permission {
    let sources = permission.can_publish_sources().map(|source| source.as_str_name().to_ascii_lowercase());
    Permission {
        can_publish: permission.can_publish,
        can_subscribe: permission.can_subscribe,
        can_publish_data: permission.can_publish_data,
        can_publish_sources: sources.collect(),
        can_update_own_metadata: permission.can_update_metadata,
        hidden: permission.hidden,
    }
}

/// As tokens name them.
fn source(name: &str) -> Option<TrackSource> {
    TrackSource::from_str_name(&name.to_ascii_uppercase())
}

/// Whether somebody may publish from this source: an empty list allows all.
pub(crate) fn may_publish(permission: &proto::ParticipantPermission, source: i32) -> bool {
    let sources = &permission.can_publish_sources;
    permission.can_publish && (sources.is_empty() || sources.contains(&source))
}

/// Whether a track of this kind can come from this source.
pub(crate) fn fits(kind: TrackType, source: TrackSource) -> bool {
    match source {
        TrackSource::Camera | TrackSource::ScreenShare => kind == TrackType::Video,
        TrackSource::Microphone | TrackSource::ScreenShareAudio => kind == TrackType::Audio,
        TrackSource::Unknown => true,
    }
}

/// Seconds and milliseconds since the Unix epoch.
pub(crate) fn unix_time(at: SystemTime) -> (i64, i64) {
    let ms = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    (ms / 1000, ms)
}

/// The media stream that a track is played in: what shares one is kept in sync.
pub(crate) fn stream(participant_sid: &str, track: &proto::TrackInfo) -> String {
    let of_source = match track.source() {
        TrackSource::Camera | TrackSource::Microphone => "camera",
        TrackSource::ScreenShare | TrackSource::ScreenShareAudio => "screenshare",
        TrackSource::Unknown => &track.sid,
    };
    let stream = if track.stream.is_empty() { of_source } else { &track.stream };
    format!("{participant_sid}|{stream}")
}

/// A track's id, in the form that clients tell kinds apart by.
pub(crate) fn track_sid(kind: TrackType, source: TrackSource, random: &str) -> String {
    let letters = match (kind, source) {
        (TrackType::Audio, TrackSource::ScreenShareAudio) => "SA",
        (TrackType::Audio, _) => "AM",
        (_, TrackSource::ScreenShare) => "VS",
        _ => "VC",
    };
    format!("TR_{letters}{random}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use access::{Keys, Renewal, Standing};

    use super::*;

    #[test]
    fn sound_and_picture_of_one_source_share_a_stream() {
        let track = |source: TrackSource, stream: &str| proto::TrackInfo {
            source: source.into(),
            stream: stream.into(),
            sid: "TR_1".into(),
            ..Default::default()
        };
        let told = |source, given| stream("PA_1", &track(source, given));
        assert_eq!(told(TrackSource::Camera, ""), told(TrackSource::Microphone, ""));
        assert_ne!(told(TrackSource::Camera, ""), told(TrackSource::ScreenShare, ""));
        assert_eq!(
            (told(TrackSource::Unknown, ""), told(TrackSource::Camera, "mine")),
            ("PA_1|TR_1".into(), "PA_1|mine".into())
        );
    }

    #[test]
    fn list_without_a_known_source_allows_none() {
        let allowed = |names: &[&str], wanted: TrackSource| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let grants = Grants { can_publish: true, can_publish_sources: names, ..access::nobody() };
            may_publish(&permission(&grants), wanted.into())
        };
        assert!(!allowed(&["mic"], TrackSource::Microphone) && !allowed(&["mic"], TrackSource::Unknown));
        assert!(
            allowed(&["mic", "camera"], TrackSource::Camera) && !allowed(&["mic", "camera"], TrackSource::ScreenShare)
        );
        assert!(allowed(&[], TrackSource::ScreenShare));
    }

    #[test]
    fn renewed_token_permits_what_its_participant_may_do_now() {
        let permission = proto::ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            can_publish_sources: vec![TrackSource::ScreenShare.into()],
            ..proto::ParticipantPermission::default()
        };
        let renewal = Renewal {
            room: "r1",
            identity: "ann",
            name: "Ann",
            metadata: "",
            attributes: &HashMap::new(),
            permission: allowed(&permission),
            standing: Standing::default(),
            leased_until_utc_ms: None,
        };
        let (keys, now) = (Keys::new("k", "s"), SystemTime::UNIX_EPOCH);
        let token = keys.renew(&renewal, Duration::from_secs(60), now).unwrap();
        assert_eq!(super::permission(&keys.verify(&token, now).unwrap()), permission);
    }

    #[test]
    fn sound_comes_from_no_camera_and_a_picture_from_no_microphone() {
        for (source, kind) in [
            (TrackSource::Camera, TrackType::Video),
            (TrackSource::ScreenShare, TrackType::Video),
            (TrackSource::Microphone, TrackType::Audio),
            (TrackSource::ScreenShareAudio, TrackType::Audio),
        ] {
            let other = if kind == TrackType::Video { TrackType::Audio } else { TrackType::Video };
            assert!(fits(kind, source) && !fits(other, source), "{source:?}");
        }
        assert!(fits(TrackType::Audio, TrackSource::Unknown) && fits(TrackType::Video, TrackSource::Unknown));
    }

    #[test]
    fn list_of_sources_limits_and_an_empty_one_does_not() {
        let mut permission = proto::ParticipantPermission { can_publish: true, ..Default::default() };
        assert!(may_publish(&permission, TrackSource::Camera.into()));
        permission.can_publish_sources = vec![source("microphone").unwrap().into()];
        assert!(may_publish(&permission, TrackSource::Microphone.into()));
        assert!(!may_publish(&permission, TrackSource::Camera.into()));
    }
}

//! A room, as told.

use std::time::{Duration, SystemTime};

use access::{Grants, RoomName};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use rooms::overflow::Thresholds;
use rooms::{BroadcastSetting, BroadcastSwitch, Layout, RecordSetting, Room, Visibility};
use serde::Serialize;
use utoipa::ToSchema;

use crate::address_prefix::AddressPrefix;
use crate::app::App;
use crate::openapi::{BroadcastSchema, LayoutSchema, RecordSchema, RoomNameSchema, ThresholdsSchema, VisibilitySchema};
use crate::playback::{PlaybackSpec, playlist_path};

/// How long a playlist's URL is good for that a bearer of an access token is told; not longer than the access token.
const PLAYLIST_TTL: Duration = Duration::from_secs(6 * 3600);

/// A room.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Room)]
pub(super) struct RoomView {
    #[schema(value_type = RoomNameSchema)]
    room: RoomName,
    /// The room's id, which a later room of the same name does not have.
    sid: String,
    /// For people.
    title: String,
    #[schema(value_type = LayoutSchema)]
    layout: Layout,
    #[schema(value_type = BroadcastSchema)]
    broadcast: BroadcastSetting,
    #[schema(value_type = VisibilitySchema)]
    visibility: Visibility,
    #[schema(value_type = RecordSchema)]
    record: RecordSetting,
    /// How the room overflows from its seats to its broadcast; told to whoever may change the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ThresholdsSchema>, nullable = false)]
    audience: Option<Thresholds>,
    #[schema(format = DateTime)]
    created_at: String,
    /// The room has a broadcast, which may have nothing to watch yet.
    on_air: bool,
    /// The broadcast can be watched.
    pub(super) live: bool,
    #[schema(format = DateTime, required = true)]
    live_since: Option<String>,
    /// Why the room is not live.
    #[schema(required = true)]
    reason: Option<NotLive>,
    /// Number of speakers on stage.
    speakers: usize,
    presence: PresenceView,
    /// URL of the multivariant playlist, below this server's address or with a CDN; with a playback token where the
    /// room is private and the caller may watch it.
    #[schema(required = true)]
    playlist: Option<String>,
    /// The speakers; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<Vec<SpeakerView>>,
}

/// How many watch, each identity once, by whichever path.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Presence)]
struct PresenceView {
    /// By a seat.
    interactive: u32,
    /// By the broadcast, with an events socket.
    broadcast: u32,
    total: u32,
    /// The most at once, while somebody has an events socket.
    peak: u32,
    /// Players without an events socket, as they report (`POST /v1/cmcd`). No part of `total`: a stranger can make up
    /// any number of them.
    unverified: u32,
}

/// A speaker on stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Speaker)]
struct SpeakerView {
    identity: String,
    /// For people.
    name: String,
    /// The speaker publishes sound.
    audio: bool,
    /// The speaker publishes pictures.
    video: bool,
}

/// Why there is nothing to watch live in a room.
///
/// - `broadcast_off`: its broadcast is off.
/// - `nobody_on_stage`: the broadcast begins when somebody goes on stage.
/// - `on_demand`: the broadcast begins when somebody asks for its playlist, or joins and gets no seat.
/// - `air_slots_taken`: as many other rooms are on the air as may be at once. It begins when one of them has ended.
/// - `starting`: the broadcast is on its way, or tried again after it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NotLive {
    /// Its broadcast is off.
    BroadcastOff,
    /// The broadcast begins when somebody goes on stage.
    NobodyOnStage,
    /// The broadcast begins when the audience needs it.
    OnDemand,
    /// As many other rooms are on the air as may be at once. The broadcast begins when one of them has ended.
    AirSlotsTaken,
    /// The broadcast is on its way, or tried again after it failed.
    Starting,
}

impl NotLive {
    /// Of a room that is not live.
    pub(super) fn why(switch: BroadcastSwitch, on_air: bool, speakers: usize, slots_taken: bool) -> Self {
        if !switch.is_on() {
            Self::BroadcastOff
        } else if on_air {
            Self::Starting
        } else if speakers == 0 {
            Self::NobodyOnStage
        } else if slots_taken {
            Self::AirSlotsTaken
        } else if switch.setting == BroadcastSetting::Auto {
            Self::OnDemand
        } else {
            Self::Starting
        }
    }
}

/// What a caller who may see the room is told of where its playlist is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PlaylistFor<'a> {
    /// Anybody may watch, or may not: the URL needs no token, and there is none for a private room.
    Anybody,
    /// The bearer of this playback token.
    Bearer(&'a str),
    /// The bearer of an access token, good until then and from those addresses, that lets them watch.
    Until(SystemTime, Option<AddressPrefix>),
}

impl PlaylistFor<'_> {
    /// For the bearer of a token that lets them watch.
    pub(crate) fn holder(grants: &Grants) -> Self {
        let playback = grants.standing.guest.and_then(|guest| guest.playback);
        match playback.and_then(|playback| playback.addresses) {
            None => Self::Until(grants.expires_at, None),
            Some((address, bits)) => AddressPrefix::new(address, bits)
                .map_or(Self::Anybody, |addresses| Self::Until(grants.expires_at, Some(addresses))),
        }
    }
}

pub(super) fn view(app: &App, room: Room, playlist_for: PlaylistFor<'_>, with_stage: bool) -> RoomView {
    let stage = app.media.stage(&room.name);
    let broadcast = app.origins.listed(&room.name, room.created_at_utc_ms);
    let live = broadcast.as_ref().filter(|entry| entry.playback.is_live());
    let on_air = broadcast.as_ref().is_some_and(|entry| !entry.playback.has_ended());
    // Asking for it starts a broadcast that runs on demand.
    let is_on_demand = room.broadcast.setting == BroadcastSetting::Auto && !stage.is_empty();
    let has_playlist = broadcast.is_some() || is_on_demand;
    let slots_taken = app.origins.are_slots_taken(&room.name);
    let audience = app.events.presence(&room.name);
    RoomView {
        on_air,
        live: live.is_some(),
        live_since: live.map(|entry| rfc3339(entry.since)),
        reason: live.is_none().then(|| NotLive::why(room.broadcast, on_air, stage.len(), slots_taken)),
        playlist: has_playlist.then(|| playlist(app, &room, playlist_for)).flatten(),
        speakers: stage.len(),
        presence: PresenceView {
            interactive: audience.interactive,
            broadcast: audience.broadcast,
            total: audience.total(),
            peak: audience.peak,
            unverified: app.players.unverified(&room.name),
        },
        stage: with_stage.then(|| {
            let speakers = stage.into_iter();
            speakers
                .map(|s| SpeakerView { identity: s.identity.into(), name: s.name, audio: s.audio, video: s.video })
                .collect()
        }),
        created_at: DateTime::from_timestamp_millis(room.created_at_utc_ms).map(rfc3339).unwrap_or_default(),
        sid: room.sid(),
        room: room.name,
        title: room.title,
        layout: room.layout,
        broadcast: room.broadcast.setting,
        visibility: room.visibility,
        record: room.record,
        audience: None,
    }
}

impl RoomView {
    /// As whoever may change the room sees it.
    pub(super) fn with_audience(self, audience: Thresholds) -> Self {
        Self { audience: Some(audience), ..self }
    }
}

/// With a token where it takes one.
pub(crate) fn playlist(app: &App, room: &Room, playlist_for: PlaylistFor<'_>) -> Option<String> {
    let base = app.config.playlist_base_url.as_deref().unwrap_or_default();
    let path = match playlist_for {
        _ if room.visibility != Visibility::Private => playlist_path(None, &room.name),
        PlaylistFor::Anybody => return None,
        PlaylistFor::Bearer(token) => playlist_path(Some(token), &room.name),
        PlaylistFor::Until(expires_at, address) => {
            let expires_at = expires_at.min(SystemTime::now() + PLAYLIST_TTL);
            let created_at_utc_ms = room.created_at_utc_ms;
            let spec = PlaybackSpec { room: &room.name, created_at_utc_ms, expires_at, address };
            playlist_path(Some(&app.playback.mint(&spec)?), &room.name)
        }
    };
    Some(format!("{base}{path}"))
}

pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An answer in JSON that no cache keeps.
pub(crate) fn uncached(body: impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_is_not_live_says_why() {
        use BroadcastSetting::{Auto, Off, On};
        for (setting, on_air, speakers, slots_taken, reason) in [
            (Off, false, 1, false, NotLive::BroadcastOff),
            (Off, true, 1, true, NotLive::BroadcastOff),
            (Auto, false, 0, true, NotLive::NobodyOnStage),
            (On, false, 0, false, NotLive::NobodyOnStage),
            (On, false, 1, true, NotLive::AirSlotsTaken),
            (On, false, 1, false, NotLive::Starting),
            (Auto, false, 1, true, NotLive::AirSlotsTaken),
            (Auto, false, 1, false, NotLive::OnDemand),
            (Auto, true, 1, true, NotLive::Starting),
            (Auto, true, 0, false, NotLive::Starting),
        ] {
            let why = NotLive::why(BroadcastSwitch::new(setting), on_air, speakers, slots_taken);
            assert_eq!(why, reason, "{setting:?} {on_air} {speakers} {slots_taken}");
        }
    }
}

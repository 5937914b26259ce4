//! The answer to somebody who joins: the seat that the SFU leases, the broadcast, or a refusal.

use std::time::{Duration, Instant, SystemTime};

use access::{Class, Identity, Renewal, TokenSpec};
use chrono::{DateTime, Utc};
use http::request::Parts;
use interactive_sfu::{GrantSeat, NoSeat, SeatAnswer};
use rooms::Room;
use rooms::overflow::{self, Asked, BroadcastState, JoinDecision, Joining, Reason, Why, join_decision};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Delivery, Join, Viewer};
use crate::Error;
use crate::app::App;
use crate::extract::public_url;
use crate::routes::rooms::view::{PlaylistFor, playlist, rfc3339};
use crate::seats::seat_limits;

/// The longest that the token of a seat is good for. LiveKit's clients are given new ones while they are connected.
const SEAT_TTL_MAX: Duration = Duration::from_secs(3600);

/// Where a viewer watches, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Joined {
    delivery: Delivery,
    /// Why: `seat`, or the reason for the broadcast: `room_full`, `node_busy`, `node_drains`, `class_reserved`,
    /// `asked_for_broadcast`; where somebody is moved, also `by_host`.
    #[schema(value_type = String)]
    reason: Reason,
    /// The same for people, with what would change it.
    detail: String,
    /// The viewer's identity: a guest's is made here.
    #[schema(value_type = String)]
    identity: Identity,
    /// The viewer's class.
    #[schema(value_type = String)]
    class: Class,
    /// To connect with, and to join again as the same viewer. Left out where the request came with an access token and
    /// there is no seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
    #[serde(flatten)]
    way: Way,
    /// The WebSocket of the room's events.
    events: String,
}

/// The addresses that a delivery needs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Way {
    /// A seat.
    Seat {
        /// For LiveKit's clients.
        url: String,
        /// For WHEP.
        whep: String,
        /// The seat is kept until then, and as long as the viewer is connected after that.
        #[schema(format = DateTime)]
        lease_expires_at: String,
    },
    /// The broadcast.
    Broadcast {
        /// URL of the multivariant playlist.
        playlist: String,
        /// Whether a player finds it now.
        ready: bool,
        /// When to join again, while the broadcast starts. Milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        retry_after_ms: Option<u64>,
    },
}

/// Where clients find what an answer names.
pub(super) struct Urls {
    http: String,
    websocket: String,
}

impl Urls {
    pub(super) fn new(app: &App, head: &Parts) -> Result<Self, Error> {
        let http = public_url(&app.config, head)?;
        let websocket = http.replacen("http", "ws", 1);
        Ok(Self { http, websocket })
    }
}

pub(super) async fn answer(
    app: &App,
    room: &Room,
    viewer: Viewer<'_>,
    wish: Join,
    urls: &Urls,
) -> Result<Joined, Error> {
    let seat = match wish.delivery {
        Some(Delivery::Broadcast) => None,
        Some(Delivery::Interactive) | None => Some(lease(app, room, &viewer).await?),
    };
    let asked = match (wish.delivery, seat) {
        (_, None) => Asked::Broadcast,
        (Some(_), Some(seat)) => Asked::Seat(as_overflow(seat)),
        (None, Some(seat)) => Asked::Either(as_overflow(seat)),
    };
    let events = |token: Option<&str>| {
        let path = format!("{}/v1/rooms/{}/events", urls.websocket, room.name);
        token.map_or(path.clone(), |token| format!("{path}?access_token={token}"))
    };
    let (delivery, why, token, way) = match decide(app, room, asked) {
        JoinDecision::Seat(why) => {
            let expires_at_utc_ms = match seat {
                Some(SeatAnswer::Granted { expires_at_utc_ms }) => expires_at_utc_ms,
                Some(SeatAnswer::Refused(_)) | None => 0,
            };
            let token = token(app, room, &viewer, Some(expires_at_utc_ms))?;
            let way = Way::Seat {
                url: urls.websocket.clone(),
                whep: format!("{}/whep/{}", urls.http, room.name),
                lease_expires_at: DateTime::<Utc>::from_timestamp_millis(expires_at_utc_ms)
                    .map(rfc3339)
                    .unwrap_or_default(),
            };
            (Delivery::Interactive, why, Some(token), way)
        }
        JoinDecision::Broadcast { is_ready, why } => {
            if !is_ready {
                app.demand.ask(&room.name, Instant::now());
            }
            let token = viewer.grants.is_none().then(|| token(app, room, &viewer, None)).transpose()?;
            let playlist = playlist_url(app, room, viewer.playlist_for, &urls.http).ok_or(Error::NoPlaybackKey)?;
            (
                Delivery::Broadcast,
                why.clone(),
                token,
                Way::Broadcast { playlist, ready: is_ready, retry_after_ms: why.retry_after_ms },
            )
        }
        JoinDecision::Refused(why) => return Err(no_place(why)),
    };
    Ok(Joined {
        delivery,
        reason: why.reason,
        detail: why.sentence,
        events: events(token.as_deref()),
        identity: viewer.identity,
        class: viewer.class,
        token,
        way,
    })
}

/// The decision about somebody who has asked so.
pub(in crate::routes) fn decide(app: &App, room: &Room, asked: Asked) -> JoinDecision {
    let is_ready = app.origins.listed(&room.name, room.created_at_utc_ms).is_some_and(|entry| entry.playback.is_live());
    join_decision(&Joining {
        asked,
        setting: room.broadcast.setting,
        is_encrypted: app.media.is_encrypted(&room.name),
        has_stage: !app.media.stage(&room.name).is_empty(),
        broadcast: match is_ready {
            true => BroadcastState::OnAir { started_ms: 0, last_viewer_gone_ms: None },
            false => BroadcastState::Off { last_started_ms: None },
        },
    })
}

/// The playlist's URL, with a CDN or below `http`, where clients find this server.
fn playlist_url(app: &App, room: &Room, playlist_for: PlaylistFor<'_>, http: &str) -> Option<String> {
    let playlist = playlist(app, room, playlist_for)?;
    Some(if playlist.starts_with('/') { format!("{http}{playlist}") } else { playlist })
}

/// The answer of somebody who is moved to the broadcast, without a request to know this server's address by: where the
/// configuration names no public address, URLs begin at the path. `None`: no key signs a playback token.
pub(crate) fn broadcast_answer(
    app: &App,
    room: &Room,
    identity: &Identity,
    class: Class,
    (reason, detail): (Reason, &str),
    until: SystemTime,
) -> Option<Joined> {
    let http = app.config.public_url.clone().unwrap_or_default();
    let playlist = playlist_url(app, room, PlaylistFor::Until(until, None), &http)?;
    let ready = app.origins.run_of(&room.name, room.created_at_utc_ms).is_some_and(|run| run.is_live);
    Some(Joined {
        delivery: Delivery::Broadcast,
        reason,
        detail: detail.to_owned(),
        identity: identity.clone(),
        class,
        token: None,
        events: format!("{}/v1/rooms/{}/events", http.replacen("http", "ws", 1), room.name),
        way: Way::Broadcast { playlist, ready, retry_after_ms: None },
    })
}

/// A lease of a seat, if the room has one for the viewer. Leases are noted first, for a server that is started again.
async fn lease(app: &App, room: &Room, viewer: &Viewer<'_>) -> Result<SeatAnswer, Error> {
    app.rooms.note_lease(&room.name, Utc::now().timestamp_millis()).await?;
    let ask = GrantSeat {
        room: room.name.clone(),
        identity: viewer.identity.clone(),
        class: viewer.class,
        limits: seat_limits(&app.rooms, room),
        leased_until_utc_ms: viewer.grants.as_ref().and_then(|grants| grants.leased_until_utc_ms),
    };
    Ok(app.media.ask(ask).await?)
}

/// The refusal of somebody for whom there is neither seat nor broadcast.
pub(in crate::routes) fn no_place(Why { reason, sentence, retry_after_ms }: Why) -> Error {
    let retry_after_s = retry_after_ms.map_or(1, |ms| u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX));
    Error::NoPlace { reason, sentence, retry_after_s }
}

fn as_overflow(seat: SeatAnswer) -> overflow::SeatAnswer {
    match seat {
        SeatAnswer::Granted { .. } => overflow::SeatAnswer::Granted,
        SeatAnswer::Refused(why) => refusal(why),
    }
}

/// The SFU's refusal, as the decision takes it.
pub(in crate::routes) fn refusal(why: NoSeat) -> overflow::SeatAnswer {
    match why {
        NoSeat::RoomFull => overflow::SeatAnswer::RoomFull,
        NoSeat::ClassReserved => overflow::SeatAnswer::ClassReserved,
        NoSeat::NodeBusy => overflow::SeatAnswer::NodeBusy,
        NoSeat::NodeDrains => overflow::SeatAnswer::NodeDrains,
    }
}

/// A token for the viewer, with the lease of a seat.
fn token(app: &App, room: &Room, viewer: &Viewer<'_>, leased_until_utc_ms: Option<i64>) -> Result<String, Error> {
    let now = SystemTime::now();
    let Some(grants) = &viewer.grants else {
        let (guest, ttl) = viewer.guest;
        let spec = TokenSpec {
            room: room.name.to_string(),
            identity: viewer.identity.to_string(),
            subscribe: true,
            class: Some(viewer.class),
            guest: Some(guest),
            leased_until_utc_ms,
            ttl,
            ..TokenSpec::default()
        };
        return Ok(app.keys.mint(&spec, now)?);
    };
    let renewal = Renewal {
        room: &room.name,
        identity: &viewer.identity,
        name: &grants.name,
        metadata: &grants.metadata,
        attributes: &grants.attributes,
        permission: grants.permission(),
        standing: grants.standing,
        leased_until_utc_ms,
    };
    let ttl = grants.expires_at.duration_since(now).unwrap_or(Duration::from_secs(1)).min(SEAT_TTL_MAX);
    Ok(app.keys.renew(&renewal, ttl, now)?)
}

//! `GET /v1/rooms/{room}/events`: the events socket (`crate::events`), subprotocol `spillway.v1.json`.
//!
//! Everybody who may watch the room's broadcast may listen, without a token too where the room takes none. This file
//! does the handshake; then the connection leaves hyper.

use access::{Class, Grants, Identity, random_text};
use axum::Extension;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::admission::{self, Credential, Sight, may_watch};
use crate::app::App;
use crate::events::{Newcomer, Position, room_view};
use crate::extract::{Caller, RoomInPath};
use crate::joins::Joiner;
use crate::openapi::{Refused, Routes, Tag, TokenRefused, routes};
use crate::players::OfRoom;
use crate::problem::Problem;
use crate::websocket::MaybeUpgrade;
use crate::{Config, Error};

/// The subprotocol.
const PROTOCOL: &str = "spillway.v1.json";
/// Identities of viewers without one begin so; letters and digits follow.
const GUEST_PREFIX: &str = "guest-";
const GUEST_RANDOM_LENGTH: usize = 12;

pub(crate) fn routes() -> Routes {
    routes!(Tag::Rooms, open_events).with_preflights()
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// An access token or a playback token, where the client can set no headers.
    #[param(ignore)]
    access_token: Option<String>,
    /// The `epoch` of an earlier connection.
    epoch: Option<String>,
    /// The `offset` that it reached. A place that makes no sense is none.
    offset: Option<String>,
}

impl EventsQuery {
    fn resume(&self) -> Option<Position> {
        Some(Position { epoch: self.epoch.as_ref()?.parse().ok()?, offset: self.offset.as_ref()?.parse().ok()? })
    }
}

/// Follow a room's events on a WebSocket.
///
/// The subprotocol is `spillway.v1.json`. The first message is a snapshot, or, at the place of an earlier connection,
/// the events since follow. A playback token is taken in the place of an access token.
#[utoipa::path(
    get,
    path = "/v1/rooms/{room}/events",
    params(RoomInPath, EventsQuery),
    security((), ("accessTokenInQuery" = []), ("accessToken" = []), ("playbackToken" = [])),
    responses((status = 101, description = "The WebSocket."), TokenRefused, Refused<400>, Refused<404>),
)]
async fn open_events(
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    query: Result<Query<EventsQuery>, QueryRejection>,
    from: Option<Extension<Caller>>,
    joiner: Joiner,
    headers: HeaderMap,
    MaybeUpgrade(upgrade): MaybeUpgrade,
) -> Result<Response, Problem> {
    joiner.check_address(&headers)?;
    check_origin(&app.config, &headers)?;
    let Query(query) = query.map_err(|_| Error::Malformed("the query is not what is expected".into()))?;
    let caller = from.map(|Extension(caller)| caller);
    let from = caller.map(|caller| caller.client(&app.config, &headers));
    let credential = admission::credential_or_in_query(&app, &headers, query.access_token.as_deref(), &room, from)?;
    let access = app.rooms.access(&room);
    match may_watch(&room, access.as_deref(), &credential) {
        Sight::Hidden => return Err(rooms::Error::UnknownRoom.into()),
        Sight::Seen => return Err(Error::Forbidden("the token does not allow watching").into()),
        Sight::Watched => {}
    }
    let (upgrade, protocol) = (upgrade?, protocol(&headers)?);
    let is_stranger = may_watch(&room, access.as_deref(), &Credential::Nothing) == Sight::Watched
        && !admission::may_stay(&credential, &room);
    let stranger = caller.and_then(|caller| caller.stranger(&app.config, &headers));
    let counted = stranger.map(|address| app.events.count(address)).transpose()?;
    let known = match &credential {
        Credential::Access(grants) => identity(grants, &room),
        Credential::Nothing | Credential::Playback(_) | Credential::Worthless => None,
    };
    let (identity, class, is_hidden) = match known {
        Some(known) => {
            joiner.check_identity(&room, &known.0, false)?;
            known
        }
        None => (guest()?, Class::Anonymous, false),
    };
    let newcomer = Newcomer { identity, class, is_hidden, is_stranger, counted, resume: query.resume() };
    let created_at_utc_ms = access.map_or(0, |access| access.created_at_utc_ms);
    let mut reserved = app.events.reserve(&room, newcomer)?;
    reserved.view = room_view(&app, &app.rooms.get(&room).await?);
    reserved.session = app.players.session_id(OfRoom { name: &room, created_at_utc_ms });
    Ok(upgrade.hand_over(protocol, move |upgraded, place| reserved.join(upgraded, place)))
}

/// The bearer of an access token for this room, their class, and whether they are hidden. `None`: a guest, for the
/// token is for another room, or names nobody.
fn identity(grants: &Grants, room: &str) -> Option<(Identity, Class, bool)> {
    let is_of_room = grants.room.as_deref() == Some(room) || grants.standing.operator;
    let identity = grants.identity.clone().filter(|_| is_of_room)?;
    Some((identity, grants.standing.class.unwrap_or(Class::Viewer), grants.hidden))
}

fn guest() -> Result<Identity, Error> {
    let guest = format!("{GUEST_PREFIX}{}", random_text(GUEST_RANDOM_LENGTH)).parse();
    guest.map_err(|bad| Error::Invalid(format!("a guest's identity {bad}")))
}

/// Whether the page that asks may. Without an `Origin` no page asks.
fn check_origin(config: &Config, headers: &HeaderMap) -> Result<(), Error> {
    let Some(origin) = headers.get(ORIGIN).filter(|_| !config.events_origins.is_empty()) else { return Ok(()) };
    let origin = origin.to_str().map_err(|_| Error::Origin)?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_ours = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host)
        || config.public_url.as_deref() == Some(origin);
    let is_allowed = config.events_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
    if is_ours || is_allowed { Ok(()) } else { Err(Error::Origin) }
}

/// The subprotocol to agree to: none, if the client offers none.
fn protocol(headers: &HeaderMap) -> Result<Option<HeaderValue>, Error> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(',')).map(str::trim).peekable();
    if offered.peek().is_none() && !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Ok(None);
    }
    match offered.any(|protocol| protocol == PROTOCOL) {
        true => Ok(Some(HeaderValue::from_static(PROTOCOL))),
        false => Err(Error::Malformed(format!("the subprotocol spoken here is {PROTOCOL}"))),
    }
}

#[cfg(test)]
mod tests;

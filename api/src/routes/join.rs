//! `POST /v1/rooms/{room}/join`: a seat, the broadcast, or a refusal, and why.
//!
//! The SFU alone grants seats; `answer.rs` makes an answer of what it says. A stranger may join a room that they
//! may watch, as a guest with an identity and a token of their own.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use access::{Class, Grants, Guest, Identity, PlaybackBounds, RoomName, random_text};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::request::Parts;
use rooms::Entry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::{self, Credential, Sight, may_watch};
use crate::app::{App, enter_by_token};
use crate::extract::{self, Caller, RoomInPath};
use crate::joins::Joiner;
use crate::openapi::{BodyRefused, Refused, Routes, Tag, routes};
use crate::playback::Pass;
use crate::problem::Problem;
use crate::routes::rooms::view::{PlaylistFor, uncached};
use crate::{Error, auth};
pub(crate) use answer::broadcast_answer;
use answer::{Joined, Urls, answer};
pub(super) use answer::{decide, no_place, refusal};

mod answer;

/// The longest that a guest's token is good for: they keep their identity while they watch.
const GUEST_TTL: Duration = Duration::from_secs(6 * 3600);
/// Random characters of a guest's identity.
const GUEST_CHARS: usize = 16;

pub(crate) fn routes() -> Routes {
    routes!(Tag::Rooms, join).with_preflights()
}

/// How a viewer wants to watch. An empty body: by a seat if there is one, else by the broadcast.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "delivery": "broadcast" }))]
struct Join {
    /// By this path alone. By default by a seat if there is one, else by the broadcast.
    delivery: Option<Delivery>,
}

/// A path by which somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// A seat in the SFU: WebRTC.
    Interactive,
    /// LL-HLS.
    Broadcast,
}

/// Somebody who joins.
struct Viewer<'a> {
    identity: Identity,
    class: Class,
    /// `None`: a guest.
    grants: Option<Box<Grants>>,
    playlist_for: PlaylistFor<'a>,
    /// The claim of a new guest's token, and how long the token is good for.
    guest: (Guest, Duration),
}

/// Join a room to watch it.
///
/// Answers with a seat (`interactive`) or the broadcast, and why. A seat is leased for ten seconds; one identity has
/// one seat however often it joins. Without a token, a room that anybody may watch is joined as a guest: send the
/// answer's token the next time; it is good while the room is one that anybody may watch, or as long as the playback
/// token that the guest came by, and from its addresses. Join again after a move, or after `retry_after_ms` while
/// `ready` is false. 409 and 503 say in `type` why there is neither seat nor broadcast, and in `Retry-After` when to
/// ask again.
#[utoipa::path(
    post,
    path = "/v1/rooms/{room}/join",
    params(RoomInPath),
    request_body = Join,
    security((), ("accessToken" = []), ("playbackToken" = [])),
    responses(
        (status = 200, description = "Where to watch.", body = Joined),
        BodyRefused, Refused<401>, Refused<403>, Refused<404>, Refused<409>,
    ),
)]
async fn join(
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    joiner: Joiner,
    head: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let headers = &head.headers;
    joiner.check_address(headers)?;
    let from = head.extensions.get::<Caller>().map(|caller| caller.client(&app.config, headers));
    let viewer = viewer(&app, headers, &room, from)?;
    joiner.check_identity(&room, &viewer.identity, false)?;
    let wish = wish(&app, headers, body).await?;
    let entry = enter(&app, &room, &viewer, from).await?;
    let urls = Urls::new(&app, &head)?;
    Ok(uncached(answer(&app, &entry.room, viewer, wish, &urls).await?))
}

/// The viewer, if they may watch.
fn viewer<'a>(app: &App, headers: &'a HeaderMap, room: &RoomName, from: Option<IpAddr>) -> Result<Viewer<'a>, Error> {
    let credential = match admission::credential(app, headers, room, from)? {
        Credential::Access(grants) => {
            let (identity, class) = (auth::may_subscribe(&grants, room)?, grants.class());
            let playlist_for = PlaylistFor::holder(&grants);
            let guest = (Guest::default(), GUEST_TTL);
            return Ok(Viewer { identity, class, grants: Some(grants), playlist_for, guest });
        }
        credential => credential,
    };
    let (playlist_for, guest) = match &credential {
        // A guest watches no longer, and from nowhere else, than the token allows that they came with.
        Credential::Playback(pass) => {
            let guest = Guest { playback: Some(bounds(pass, SystemTime::now())) };
            (PlaylistFor::Bearer(auth::bearer(headers)?), (guest, pass.remaining.min(GUEST_TTL)))
        }
        Credential::Nothing | Credential::Worthless | Credential::Access(_) => {
            (PlaylistFor::Anybody, (Guest::default(), GUEST_TTL))
        }
    };
    let access = app.rooms.access(room);
    if may_watch(room, access.as_deref(), &credential) < Sight::Watched {
        return Err(rooms::Error::UnknownRoom.into());
    }
    Ok(Viewer { identity: guest_identity(), class: Class::Anonymous, grants: None, playlist_for, guest })
}

/// The bounds of a playback token, for the token of the guest who came by it.
fn bounds(pass: &Pass, now: SystemTime) -> PlaybackBounds {
    PlaybackBounds {
        created_at_utc_ms: pass.created_at_utc_ms,
        expires_at_utc_ms: DateTime::<Utc>::from(now + pass.remaining).timestamp_millis(),
        addresses: pass.address.map(|addresses| (addresses.address(), addresses.bits())),
    }
}

fn guest_identity() -> Identity {
    loop {
        // Letters and digits are an identity at the first attempt.
        if let Ok(identity) = format!("guest-{}", random_text(GUEST_CHARS)).parse() {
            return identity;
        }
    }
}

/// The body, which may be empty, whatever type a client names for nothing.
async fn wish(app: &App, headers: &HeaderMap, body: Body) -> Result<Join, Error> {
    let bytes = extract::bytes(&app.config, headers, body, extract::BODY_BYTES_MAX).await?;
    if bytes.is_empty() {
        return Ok(Join::default());
    }
    extract::json(&app.config, headers, Body::from(bytes)).await
}

/// Into the room; whoever has a token for it makes it, where tokens may.
async fn enter(app: &App, room: &RoomName, viewer: &Viewer<'_>, from: Option<IpAddr>) -> Result<Entry, Error> {
    match &viewer.grants {
        Some(grants) if grants.room_join => enter_by_token(app, room, grants, from).await,
        _ => Ok(app.rooms.enter(room, None, None).await?),
    }
}

#[cfg(test)]
mod tests;

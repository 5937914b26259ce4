//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): `/whip/{room}`, `/whep/{room}`, and the URLs of their sessions.
//!
//! Every request but OPTIONS carries a Bearer token for the room, on session URLs too: RFC 9725 §4.5 has clients send
//! it with all of them, so an overheard session URL alone ends nobody's session.

use std::net::IpAddr;
use std::time::SystemTime;

use access::{Grants, Identity, RoomName};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LINK, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use interactive_sfu::{JoinRequest, Joined, Leave, Patch, Patched, Publish, Subscribe};
use rooms::Entry;

use crate::Error;
use crate::admission::check_guest;
use crate::app::{App, enter_by_token};
use crate::auth;
use crate::extract::{self, RoomInPath, SessionInPath, parsed};
use crate::ice_servers::{Credential, IceServer};
use crate::joins::Joiner;
use crate::openapi::Routes;
use crate::problem::Problem;
use crate::seats::seat_limits;

mod whep;
mod whip;

const SDP: &str = "application/sdp";
const SDP_FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// WHEP's extension by which a viewer says how large a picture it can use.
const LAYER_REL: &str = "urn:ietf:params:whep:ext:core:layer";

/// Who POSTs: a publisher (WHIP) or a viewer (WHEP).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Whip,
    Whep,
}

impl Side {
    fn path(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

pub(crate) fn routes() -> Routes {
    whip::routes().merge(whep::routes())
}

/// A POST with an offer: 201, the answer, and where the session is.
async fn join(
    side: Side,
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    participant: Option<String>,
    joiner: Joiner,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    joiner.check_address(&headers)?;
    let grants = auth::grants(&app.keys, &headers)?;
    let identity = may_enter(side, &grants, &room)?;
    let participant = participant.map(|identity| parsed("participant", &identity)).transpose()?;
    let local = joiner.is_local(&headers);
    // Our own subscriber has a session for each speaker.
    joiner.check_identity(&room, &identity, local && grants.hidden)?;
    // A stranger's body is not read, nor is one for a room that does not exist; nobody holds a door open while theirs
    // comes.
    let from = joiner.address(&app.config, &headers);
    drop(enter(side, &app, &room, &grants, from).await?);
    let offer = extract::text(&app.config, &headers, body, SDP).await?;
    let entry = enter(side, &app, &room, &grants, from).await?;
    let (class, leased_until_utc_ms) = (grants.class(), grants.leased_until_utc_ms);
    let (name, hidden) = (grants.name, grants.hidden);
    let ice_servers = app.config.ice_servers.iter().map(|server| ice_server_link(server, &identity)).collect();
    let request = JoinRequest {
        room: room.clone(),
        identity,
        name,
        participant,
        local,
        hidden,
        class,
        leased_until_utc_ms,
        seats: seat_limits(&app.rooms, &entry.room),
        offer,
    };
    let joined = match side {
        Side::Whip => app.media.ask(Publish(request)).await?,
        Side::Whep => app.media.ask(Subscribe(request)).await?,
    };
    drop(entry);
    Ok(created(side, &room, joined, ice_servers))
}

/// Into a room that exists. The key of an ingress makes it, and is good as long as the ingress is there.
async fn enter(side: Side, app: &App, room: &RoomName, grants: &Grants, from: Option<IpAddr>) -> Result<Entry, Error> {
    if side == Side::Whip && grants.ingress.is_some() {
        return enter_by_token(app, room, grants, from).await;
    }
    let entry = app.rooms.enter(room, None, None).await?;
    check_guest(grants, &entry.room, from)?;
    Ok(entry)
}

fn created(side: Side, room: &str, joined: Joined, ice_servers: Vec<String>) -> Response {
    let location = format!("/{}/{room}/{}", side.path(), joined.session.as_str());
    let mut response = (StatusCode::CREATED, joined.answer).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(SDP_FRAGMENT));
    insert(headers, ETAG, &quoted(&joined.etag));
    for link in ice_servers {
        append_link(headers, &link);
    }
    if side == Side::Whep {
        append_link(headers, &format!("<{location}/layer>; rel=\"{LAYER_REL}\""));
    }
    insert(headers, LOCATION, &location);
    response
}

/// RFC 9725 §4.6. What stands in the configuration was checked to be free of quotes.
fn ice_server_link(server: &IceServer, identity: &str) -> String {
    let mut link = format!("<{}>; rel=\"ice-server\"", server.url);
    if let Some(Credential { username, credential }) = server.credential(identity, SystemTime::now()) {
        link += &format!("; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\"");
    }
    link
}

/// A PATCH with trickled candidates (204) or an ICE restart (200).
async fn patch(
    side: Side,
    State(app): State<App>,
    SessionInPath { room, session }: SessionInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    may_touch(side, &app, &room, &headers)?;
    let fragment = extract::text(&app.config, &headers, body, SDP_FRAGMENT).await?;
    let if_match = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()).map(|tag| unquoted(tag).to_owned());
    match app.media.ask(Patch { room, session, if_match, fragment }).await? {
        Patched::Trickled => Ok(StatusCode::NO_CONTENT.into_response()),
        Patched::Restarted { etag, fragment } => {
            let mut response = fragment.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(SDP_FRAGMENT));
            insert(response.headers_mut(), ETAG, &quoted(&etag));
            Ok(response)
        }
    }
}

/// A DELETE ends the session.
async fn leave(
    side: Side,
    State(app): State<App>,
    SessionInPath { room, session }: SessionInPath,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    may_touch(side, &app, &room, &headers)?;
    app.media.ask(Leave { room, session }).await?;
    Ok(StatusCode::OK)
}

/// The session's id is the secret that tells one participant from another; the token that the room is theirs.
fn may_touch(side: Side, app: &App, room: &str, headers: &HeaderMap) -> Result<(), Error> {
    may_enter(side, &auth::grants(&app.keys, headers)?, room).map(drop)
}

fn may_enter(side: Side, grants: &Grants, room: &str) -> Result<Identity, Error> {
    match side {
        Side::Whip => auth::may_publish(grants, room),
        Side::Whep => auth::may_subscribe(grants, room),
    }
}

fn options(name: HeaderName, value: &'static str) -> Response {
    (StatusCode::NO_CONTENT, [(name, HeaderValue::from_static(value))]).into_response()
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// `"*"` and `*` are both seen for an ICE restart.
fn unquoted(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn append_link(headers: &mut HeaderMap, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.append(LINK, value);
    }
}

#[cfg(test)]
mod tests;

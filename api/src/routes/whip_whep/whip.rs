//! The routes of a publisher.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::{ACCEPT_PATCH, ACCEPT_POST, SDP, SDP_FRAGMENT, Side};
use crate::app::App;
use crate::extract::{RoomInPath, SessionInPath};
use crate::joins::Joiner;
use crate::openapi::{BodyRefused, Refused, Routes, Tag, TokenRefused, routes};
use crate::problem::Problem;

pub(super) fn routes() -> Routes {
    routes!(Tag::Whip, publish, whip_options, change_publisher, end_publisher, publisher_options)
}

/// Publish into a room.
///
/// Takes a token that allows publishing in the room, or the key of an ingress (`stream_key`), which makes the room if
/// there is none.
#[utoipa::path(
    post,
    path = "/whip/{room}",
    params(RoomInPath),
    request_body(
        content = str, content_type = "application/sdp",
        description = "An offer that sends: Opus with VP8, H.264, VP9 or AV1.",
    ),
    security(("accessToken" = [])),
    responses(
        (
            status = 201, description = "The answer.", body = str, content_type = "application/sdp",
            headers(
                ("Location" = String, description = "The session's URL."),
                ("ETag" = String, description = "The ICE session, for `If-Match`."),
                ("Accept-Patch" = String, description = "`application/trickle-ice-sdpfrag`"),
                ("Link" = String, description = "STUN and TURN servers (`rel=\"ice-server\"`), one a header."),
            ),
        ),
        TokenRefused, BodyRefused, Refused<404>,
    ),
)]
async fn publish(
    state: State<App>,
    room: RoomInPath,
    joiner: Joiner,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    super::join(Side::Whip, state, room, None, joiner, headers, body).await
}

/// Ask for the media type of an offer.
#[utoipa::path(
    options,
    path = "/whip/{room}",
    params(RoomInPath),
    security(()),
    responses(
        (status = 204, description = "An offer is SDP.", headers(("Accept-Post" = String, description = "`application/sdp`"))),
    ),
)]
async fn whip_options() -> Response {
    super::options(ACCEPT_POST, SDP)
}

/// Add ICE candidates, or restart ICE.
///
/// A fragment with other credentials than the session's restarts ICE (RFC 9725 §4.3).
#[utoipa::path(
    patch,
    path = "/whip/{room}/{session}",
    params(
        SessionInPath,
        ("If-Match" = String, Header, description = "The session's `ETag`; `*` for an ICE restart."),
    ),
    request_body(content = str, content_type = "application/trickle-ice-sdpfrag"),
    security(("accessToken" = [])),
    responses(
        (
            status = 200, description = "ICE restarts: the server's fragment.",
            body = str, content_type = "application/trickle-ice-sdpfrag",
            headers(("ETag" = String, description = "The new ICE session.")),
        ),
        (status = 204, description = "The candidates are taken."),
        TokenRefused, BodyRefused, Refused<404>, Refused<412>, Refused<428>,
    ),
)]
async fn change_publisher(
    state: State<App>,
    session: SessionInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    super::patch(Side::Whip, state, session, headers, body).await
}

/// End a publisher's session.
#[utoipa::path(
    delete,
    path = "/whip/{room}/{session}",
    params(SessionInPath),
    security(("accessToken" = [])),
    responses((status = 200, description = "The session is over."), TokenRefused, Refused<404>),
)]
async fn end_publisher(state: State<App>, session: SessionInPath, headers: HeaderMap) -> Result<StatusCode, Problem> {
    super::leave(Side::Whip, state, session, headers).await
}

/// Ask for the media type of a change.
#[utoipa::path(
    options,
    path = "/whip/{room}/{session}",
    params(SessionInPath),
    security(()),
    responses((
        status = 204, description = "A change is an SDP fragment.",
        headers(("Accept-Patch" = String, description = "`application/trickle-ice-sdpfrag`")),
    )),
)]
async fn publisher_options() -> Response {
    super::options(ACCEPT_PATCH, SDP_FRAGMENT)
}

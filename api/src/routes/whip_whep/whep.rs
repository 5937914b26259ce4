//! The routes of a viewer in a seat.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use interactive_sfu::LimitLayer;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{ACCEPT_PATCH, ACCEPT_POST, SDP, SDP_FRAGMENT, Side, may_touch};
use crate::Error;
use crate::app::App;
use crate::extract::{self, RoomInPath, SessionInPath};
use crate::joins::Joiner;
use crate::openapi::{BodyRefused, Refused, Routes, Tag, TokenRefused, routes};
use crate::problem::Problem;

/// No picture is wider or higher than this, pixels.
const PICTURE_SIDE_MAX: u32 = 16_384;

pub(super) fn routes() -> Routes {
    routes!(Tag::Whip, watch, whep_options, change_viewer, end_viewer, viewer_options, limit_layer, layer_options,)
}

/// The viewer's choice.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WatchQuery {
    /// The identity of the speaker to watch. By default the whole stage.
    participant: Option<String>,
}

/// Watch a room from a seat.
///
/// Takes a token that allows subscribing in the room.
#[utoipa::path(
    post,
    path = "/whep/{room}",
    params(RoomInPath, WatchQuery),
    request_body(
        content = str, content_type = "application/sdp",
        description = "An offer that receives, with as many sections as it wants to see.",
    ),
    security(("accessToken" = [])),
    responses(
        (
            status = 201, description = "The answer.", body = str, content_type = "application/sdp",
            headers(
                ("Location" = String, description = "The session's URL."),
                ("ETag" = String, description = "The ICE session, for `If-Match`."),
                ("Accept-Patch" = String, description = "`application/trickle-ice-sdpfrag`"),
                ("Link" = String, description = "STUN and TURN servers (`rel=\"ice-server\"`), and the URL that chooses a layer."),
            ),
        ),
        TokenRefused, BodyRefused, Refused<404>, Refused<409>,
    ),
)]
async fn watch(
    state: State<App>,
    room: RoomInPath,
    Query(query): Query<WatchQuery>,
    joiner: Joiner,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    super::join(Side::Whep, state, room, query.participant, joiner, headers, body).await
}

/// Ask for the media type of an offer.
#[utoipa::path(
    options,
    path = "/whep/{room}",
    params(RoomInPath),
    security(()),
    responses(
        (status = 204, description = "An offer is SDP.", headers(("Accept-Post" = String, description = "`application/sdp`"))),
    ),
)]
async fn whep_options() -> Response {
    super::options(ACCEPT_POST, SDP)
}

/// Add ICE candidates, or restart ICE.
///
/// A fragment with other credentials than the session's restarts ICE (RFC 9725 §4.3).
#[utoipa::path(
    patch,
    path = "/whep/{room}/{session}",
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
async fn change_viewer(
    state: State<App>,
    session: SessionInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    super::patch(Side::Whep, state, session, headers, body).await
}

/// End a viewer's session.
#[utoipa::path(
    delete,
    path = "/whep/{room}/{session}",
    params(SessionInPath),
    security(("accessToken" = [])),
    responses((status = 200, description = "The session is over."), TokenRefused, Refused<404>),
)]
async fn end_viewer(state: State<App>, session: SessionInPath, headers: HeaderMap) -> Result<StatusCode, Problem> {
    super::leave(Side::Whep, state, session, headers).await
}

/// Ask for the media type of a change.
#[utoipa::path(
    options,
    path = "/whep/{room}/{session}",
    params(SessionInPath),
    security(()),
    responses((
        status = 204, description = "A change is an SDP fragment.",
        headers(("Accept-Patch" = String, description = "`application/trickle-ice-sdpfrag`")),
    )),
)]
async fn viewer_options() -> Response {
    super::options(ACCEPT_PATCH, SDP_FRAGMENT)
}

/// The largest picture that a viewer has use for; 0 × 0 pauses its video.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "maxWidth": 640, "maxHeight": 360 }))]
struct LayerLimit {
    /// Pixels.
    #[schema(maximum = 16_384)]
    max_width: u32,
    /// Pixels.
    #[schema(maximum = 16_384)]
    max_height: u32,
}

/// Choose a layer.
///
/// The viewer gets the smallest layer that covers this size, as far as its bandwidth allows.
#[utoipa::path(
    post,
    path = "/whep/{room}/{session}/layer",
    params(SessionInPath),
    request_body = LayerLimit,
    security(("accessToken" = [])),
    responses((status = 204, description = "The choice is taken."), TokenRefused, BodyRefused, Refused<404>),
)]
async fn limit_layer(
    State(app): State<App>,
    SessionInPath { room, session }: SessionInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    may_touch(Side::Whep, &app, &room, &headers)?;
    let limit: LayerLimit = extract::json(&app.config, &headers, body).await?;
    if limit.max_width.max(limit.max_height) > PICTURE_SIDE_MAX {
        return Err(Error::Invalid(format!("maxWidth and maxHeight must be at most {PICTURE_SIDE_MAX}")).into());
    }
    let (width_max, height_max) = (limit.max_width, limit.max_height);
    app.media.ask(LimitLayer { room, session, width_max, height_max }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for the media type of a choice.
#[utoipa::path(
    options,
    path = "/whep/{room}/{session}/layer",
    params(SessionInPath),
    security(()),
    responses(
        (status = 204, description = "A choice is JSON.", headers(("Accept-Post" = String, description = "`application/json`"))),
    ),
)]
async fn layer_options() -> Response {
    super::options(ACCEPT_POST, "application/json")
}

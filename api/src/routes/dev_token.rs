//! `POST /v1/rooms/{room}/dev-token`: a publisher's token for whoever asks.
//!
//! Mounted only where the server runs with development keys (`spillway demo`), so that the stage page works without a
//! token made by hand. Elsewhere the path does not exist. Private rooms need a token made by hand here too.

use std::time::{Duration, SystemTime};

use access::limits::NAME_BYTES_MAX;
use access::{Identity, TokenSpec};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::{Credential, Sight, may_watch};
use crate::app::App;
use crate::extract::{RoomInPath, parsed};
use crate::openapi::{BodyRefused, Refused, Routes, Tag, routes};
use crate::problem::Problem;
use crate::{Error, extract};

const TTL: Duration = Duration::from_secs(6 * 3600);

pub(crate) fn routes() -> Routes {
    routes!(Tag::Rooms, make_dev_token).with_preflights()
}

/// A publisher of the demo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "identity": "ada", "name": "Ada" }))]
struct DevTokenRequest {
    identity: String,
    /// For people.
    #[serde(default)]
    name: String,
}

/// An access token.
#[derive(Serialize, ToSchema)]
struct DevToken {
    token: String,
}

/// Make an access token to publish and watch with.
///
/// Only a server with development keys has this (`spillway demo`). Private rooms have no such tokens.
#[utoipa::path(
    post,
    path = "/v1/rooms/{room}/dev-token",
    params(RoomInPath),
    request_body = DevTokenRequest,
    security(()),
    responses((status = 200, description = "The token.", body = DevToken), BodyRefused, Refused<404>),
)]
async fn make_dev_token(
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let access = app.rooms.access(&room);
    if may_watch(&room, access.as_deref(), &Credential::Nothing) == Sight::Hidden {
        return Err(rooms::Error::UnknownRoom.into());
    }
    let request: DevTokenRequest = extract::json(&app.config, &headers, body).await?;
    let identity: Identity = parsed("identity", &request.identity)?;
    let has_control = [&request.identity, &request.name].into_iter().any(|text| text.chars().any(char::is_control));
    if request.name.len() > NAME_BYTES_MAX || has_control {
        let sentence =
            format!("name must be at most {NAME_BYTES_MAX} bytes, and neither it nor identity hold controls");
        return Err(Error::Invalid(sentence).into());
    }
    let spec = TokenSpec {
        room: room.into(),
        identity: identity.into(),
        name: request.name,
        publish: true,
        subscribe: true,
        ttl: TTL,
        ..TokenSpec::default()
    };
    let token = app.keys.mint(&spec, SystemTime::now()).map_err(Error::from)?;
    let mut response = Json(DevToken { token }).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

//! `POST /v1/rooms/{room}/dev-token`: a publisher's token for whoever asks.
//!
//! Mounted only where the server runs with development keys (`spillway demo`), so that the stage page works without a
//! token made by hand. Elsewhere the path does not exist. Private rooms need a token made by hand here too.

use std::time::{Duration, SystemTime};

use access::limits::NAME_BYTES_MAX;
use access::{Identity, TokenSpec};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::admission::{Credential, Sight, may_watch};
use crate::app::App;
use crate::extract::{RoomInPath, parsed};
use crate::problem::Problem;
use crate::{Error, extract};

const TTL: Duration = Duration::from_secs(6 * 3600);

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/rooms/{room}/dev-token", post(dev_token).options(async || StatusCode::NO_CONTENT))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevTokenRequest {
    identity: String,
    #[serde(default)]
    name: String,
}

async fn dev_token(
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
    let mut response = Json(json!({ "token": token })).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

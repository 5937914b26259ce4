//! `POST /v1/rooms/{room}/dev-token`: a publisher's token for whoever asks.
//!
//! Mounted only where the server runs with development keys (`spillway demo`), so that the stage page works without a
//! token made by hand. Elsewhere the path does not exist. Private rooms need a token made by hand here too.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use interactive_sfu::signalling::token::TokenSpec;
use serde::Deserialize;
use serde_json::json;

use crate::admission::{Credential, Sight, may_watch};
use crate::app::App;
use crate::problem::Problem;
use crate::{Error, extract};

/// A longer identity or name is refused, bytes.
const NAME_BYTES_MAX: usize = 64;
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
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request: DevTokenRequest = extract::json(&app.config, &headers, body).await?;
    let access = app.rooms.access(&room);
    if may_watch(&room, access.as_deref(), &Credential::Nothing) == Sight::Hidden {
        return Err(Error::UnknownRoom.into());
    }
    let fits = |text: &str| text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
    if request.identity.is_empty() || !fits(&request.identity) || !fits(&request.name) {
        return Err(Error::Invalid(format!("identity and name must be at most {NAME_BYTES_MAX} bytes")).into());
    }
    let spec = TokenSpec {
        room,
        identity: request.identity,
        name: request.name,
        publish: true,
        subscribe: true,
        ttl: TTL,
        ..TokenSpec::default()
    };
    let token = app.keys.mint(&spec).map_err(Error::from)?;
    let mut response = Json(json!({ "token": token })).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

//! `POST /v1/rooms/{room}/playback-token`: a token to watch a room with, for whoever administers it to hand out.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::{rfc3339, uncached};
use crate::address_prefix::AddressPrefix;
use crate::app::App;
use crate::extract::RoomInPath;
use crate::openapi::{BodyRefused, Refused, TokenRefused};
use crate::playback::{PlaybackSpec, playlist_path};
use crate::problem::Problem;
use crate::{Error, auth, extract};

/// An hour.
const TTL_SECONDS_DEFAULT: u32 = 3600;
/// A year.
const TTL_SECONDS_MAX: u32 = 365 * 24 * 3600;

/// A playback token to be made. Both may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "ttl_seconds": 14_400 }))]
struct PlaybackTokenRequest {
    /// How long the token holds, seconds.
    #[serde(default = "ttl_seconds_default")]
    #[schema(minimum = 1, maximum = 31_536_000)]
    ttl_seconds: u32,
    /// `192.0.2.0/24`: the only addresses that the token holds for.
    address: Option<String>,
}

fn ttl_seconds_default() -> u32 {
    TTL_SECONDS_DEFAULT
}

/// A playback token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlaybackToken)]
struct PlaybackTokenView {
    token: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// For players: URL of the multivariant playlist, below this server's address or with a CDN.
    playlist: String,
    /// For people: path of the watch page.
    watch: String,
}

/// Make a playback token.
///
/// Takes a token with `roomAdmin` for the room, or an operator's. Whoever has a playback token watches the room as long
/// as the token holds.
#[utoipa::path(
    post,
    path = "/v1/rooms/{room}/playback-token",
    params(RoomInPath),
    request_body = PlaybackTokenRequest,
    security(("accessToken" = [])),
    responses(
        (status = 200, description = "The token, and where to watch with it.", body = PlaybackTokenView),
        TokenRefused, BodyRefused, Refused<404>,
    ),
)]
pub(super) async fn make_playback_token(
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    auth::may_administer(&auth::grants(&app.keys, &headers)?, &room)?;
    let request: PlaybackTokenRequest = extract::json(&app.config, &headers, body).await?;
    if !(1..=TTL_SECONDS_MAX).contains(&request.ttl_seconds) {
        return Err(Error::Invalid(format!("ttl_seconds must lie between 1 and {TTL_SECONDS_MAX}")).into());
    }
    let address = request.address.as_deref().map(str::parse::<AddressPrefix>).transpose();
    let address = address.map_err(|bad| Error::Invalid(bad.to_string()))?;
    let created_at_utc_ms = app.rooms.get(&room).await?.created_at_utc_ms;
    let expires_at = SystemTime::now() + Duration::from_secs(request.ttl_seconds.into());
    let spec = PlaybackSpec { room: &room, created_at_utc_ms, expires_at, address };
    let token = app.playback.mint(&spec).ok_or(Error::NoPlaybackKey)?;
    let base = app.config.playlist_base_url.as_deref().unwrap_or_default();
    Ok(uncached(PlaybackTokenView {
        playlist: format!("{base}{}", playlist_path(Some(&token), &room)),
        watch: format!("/watch/{room}#t={token}"),
        expires_at: rfc3339(expires_at.into()),
        token,
    }))
}

//! `POST /v1/rooms/{room}/playback-token`: a token to watch a room with, for whoever administers it to hand out.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::view::{rfc3339, uncached};
use crate::address_prefix::AddressPrefix;
use crate::app::App;
use crate::extract::RoomInPath;
use crate::playback::{PlaybackSpec, playlist_path};
use crate::problem::Problem;
use crate::{Error, auth, extract};

/// An hour.
const TTL_SECONDS_DEFAULT: u32 = 3600;
/// A year.
const TTL_SECONDS_MAX: u32 = 365 * 24 * 3600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaybackTokenRequest {
    #[serde(default = "ttl_seconds_default")]
    ttl_seconds: u32,
    /// `192.0.2.0/24`: the only addresses it holds for.
    address: Option<String>,
}

fn ttl_seconds_default() -> u32 {
    TTL_SECONDS_DEFAULT
}

#[derive(Debug, Serialize)]
struct PlaybackTokenView {
    token: String,
    expires_at: String,
    /// For players.
    playlist: String,
    /// For people, below this server's address.
    watch: String,
}

/// Takes a token with `roomAdmin` for the room, or an operator's.
pub(super) async fn make(
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

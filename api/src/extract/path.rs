//! Rooms and sessions that a path names.

use access::RoomName;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use interactive_sfu::{SessionId, SfuError};

use crate::problem::Problem;

/// The room that the path names, `{room}`. A text that cannot be the name of a room is refused as an unknown room.
pub(crate) struct RoomInPath(pub(crate) RoomName);

impl<S: Send + Sync> FromRequestParts<S> for RoomInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        room_in_path(parts, state).await.map(Self)
    }
}

/// A session in a room, `{room}/{session}`.
pub(crate) struct SessionInPath {
    pub(crate) room: RoomName,
    pub(crate) session: SessionId,
}

impl<S: Send + Sync> FromRequestParts<S> for SessionInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let room = room_in_path(parts, state).await?;
        let session = text_in_path(parts, state, "session").await.ok_or(SfuError::UnknownSession)?;
        Ok(Self { room, session: SessionId::from(session.as_str()) })
    }
}

async fn room_in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RoomName, Problem> {
    let name = text_in_path(parts, state, "room").await;
    Ok(name.and_then(|name| name.parse().ok()).ok_or(rooms::Error::UnknownRoom)?)
}

async fn text_in_path<S: Send + Sync>(parts: &mut Parts, state: &S, key: &str) -> Option<String> {
    let texts = RawPathParams::from_request_parts(parts, state).await.ok()?;
    texts.iter().find(|(name, _)| *name == key).map(|(_, text)| text.to_owned())
}

//! Rooms and sessions that a path names.

use access::{Identity, RoomName};
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use interactive_sfu::{SessionId, SfuError};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr, Required};
use utoipa::{IntoParams, PartialSchema as _, ToSchema as _};

use crate::openapi::RoomNameSchema;
use crate::problem::Problem;

/// The room that the path names, `{room}`. A text that cannot be the name of a room is refused as an unknown room.
pub(crate) struct RoomInPath(pub(crate) RoomName);

impl IntoParams for RoomInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![described("room", "The room's name.", Ref::from_schema_name(RoomNameSchema::name()).into())]
    }
}

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

impl IntoParams for SessionInPath {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let session = described("session", "The session, as `Location` named it.", String::schema());
        RoomInPath::into_params(parameter_in).into_iter().chain([session]).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let room = room_in_path(parts, state).await?;
        let session = text_in_path(parts, state, "session").await.ok_or(SfuError::UnknownSession)?;
        Ok(Self { room, session: SessionId::from(session.as_str()) })
    }
}

/// Somebody in a room, `{room}`, `{identity}`. A text that cannot be an identity is refused as an unknown participant.
pub(crate) struct ParticipantInPath {
    pub(crate) room: RoomName,
    pub(crate) identity: Identity,
}

impl IntoParams for ParticipantInPath {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let identity = described("identity", "The identity from the viewer's token.", String::schema());
        RoomInPath::into_params(parameter_in).into_iter().chain([identity]).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ParticipantInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let room = room_in_path(parts, state).await?;
        let identity = text_in_path(parts, state, "identity").await.and_then(|text| text.parse().ok());
        Ok(Self { room, identity: identity.ok_or(SfuError::UnknownParticipant)? })
    }
}

fn described(name: &str, sentence: &str, schema: RefOr<Schema>) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(sentence)).schema(Some(schema)).build()
}

async fn room_in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RoomName, Problem> {
    let name = text_in_path(parts, state, "room").await;
    Ok(name.and_then(|name| name.parse().ok()).ok_or(rooms::Error::UnknownRoom)?)
}

async fn text_in_path<S: Send + Sync>(parts: &mut Parts, state: &S, key: &str) -> Option<String> {
    let texts = RawPathParams::from_request_parts(parts, state).await.ok()?;
    texts.iter().find(|(name, _)| *name == key).map(|(_, text)| text.to_owned())
}

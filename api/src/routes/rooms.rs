//! `/v1/rooms`: create, list, look, change, delete.
//!
//! Looking is for whoever may see the room ([`crate::admission`]): everybody, for the lobby and the watch page, unless
//! it is private. [`crate::Config::lobby`] narrows the list. Creating and deleting take a token with `roomCreate`,
//! changing one with `roomAdmin` for the room; an operator's does for all.

use access::{Grants, RoomName};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::Utc;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use rooms::overflow::ThresholdsChange;
use rooms::{BroadcastSetting, Layout, RecordSetting, Room, RoomSettings, Visibility};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::{self, Credential, Sight, may_watch};
use crate::app::{App, end_room};
use crate::auth;
use crate::config::Lobby;
use crate::extract::{self, Caller, RoomInPath, parsed};
use crate::openapi::{
    BodyRefused, BroadcastSchema, LayoutSchema, RecordSchema, Refused, RoomNameSchema, Routes, Tag, ThresholdsSchema,
    TokenRefused, VisibilitySchema, routes,
};
use crate::problem::Problem;
use view::{PlaylistFor, RoomView, uncached, view};

mod playback_token;
pub(crate) mod view;

pub(crate) fn routes() -> Routes {
    routes!(
        Tag::Rooms,
        list_rooms,
        create_room,
        get_room,
        change_room,
        delete_room,
        playback_token::make_playback_token
    )
    .with_preflights()
}

/// Rooms without their stages.
#[derive(Debug, Serialize, ToSchema)]
struct RoomList {
    rooms: Vec<RoomView>,
}

/// List rooms.
///
/// Strangers are told of public rooms, as `[api] lobby` narrows them: `live` leaves those that are not, `none` all.
/// A token with `roomList` lists every room. `stage` is left out here.
#[utoipa::path(
    get,
    path = "/v1/rooms",
    security((), ("accessToken" = [])),
    responses((status = 200, description = "The rooms.", body = RoomList), Refused<401>),
)]
async fn list_rooms(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    // A guest is a stranger here: whether their token holds for their room is not asked.
    let grants = auth::grants_if_any(&app.keys, &headers)?.filter(|grants| grants.standing.guest.is_none());
    let may_list = grants.as_ref().is_some_and(auth::may_list);
    let lobby = if may_list { Lobby::All } else { app.config.lobby };
    let all = if lobby == Lobby::None { Vec::new() } else { app.rooms.list().await? };
    let listed = all.into_iter().filter(|room| admission::is_listed(room, grants.as_ref()));
    let rooms = listed
        .map(|room| {
            let playlist_for = grants.as_ref().map_or(PlaylistFor::Anybody, |grants| for_grants(grants, &room.name));
            view(&app, room, playlist_for, false)
        })
        .filter(|room| room.live || lobby == Lobby::All);
    Ok(uncached(RoomList { rooms: rooms.collect() }))
}

/// Look at a room.
///
/// A private room needs a playback token or an access token for it; to strangers it does not exist.
#[utoipa::path(
    get,
    path = "/v1/rooms/{room}",
    params(RoomInPath),
    security((), ("accessToken" = []), ("playbackToken" = [])),
    responses((status = 200, description = "The room.", body = RoomView), Refused<401>, Refused<404>),
)]
async fn get_room(
    State(app): State<App>,
    RoomInPath(name): RoomInPath,
    from: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let from = from.map(|Extension(caller)| caller.client(&app.config, &headers));
    let credential = admission::credential(&app, &headers, &name, from)?;
    let access = app.rooms.access(&name);
    // Before the database is asked, so that the one refusal takes the same time.
    if may_watch(&name, access.as_deref(), &credential) == Sight::Hidden {
        return Err(rooms::Error::UnknownRoom.into());
    }
    let room = app.rooms.get(&name).await?;
    let playlist_for = match &credential {
        Credential::Nothing | Credential::Worthless => PlaylistFor::Anybody,
        Credential::Playback(_) => PlaylistFor::Bearer(auth::bearer(&headers)?),
        Credential::Access(grants) => for_grants(grants, &name),
    };
    let audience = room.audience;
    let room = view(&app, room, playlist_for, true);
    let may_change = matches!(&credential, Credential::Access(grants) if auth::may_administer(grants, &name).is_ok());
    Ok(uncached(if may_change { room.with_audience(audience) } else { room }))
}

/// Where a bearer of an access token finds a private room's playlist, if they may watch.
fn for_grants(grants: &Grants, room: &str) -> PlaylistFor<'static> {
    match admission::by_grants(grants, room) {
        Sight::Watched => PlaylistFor::holder(grants),
        Sight::Seen | Sight::Hidden => PlaylistFor::Anybody,
    }
}

/// A room to be made. All but its name may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "room": "town-hall", "title": "Town hall", "visibility": "unlisted" }))]
struct CreateRoom {
    #[schema(value_type = RoomNameSchema)]
    room: String,
    /// For people, at most 200 bytes. By default the name.
    #[serde(default)]
    title: Option<String>,
    /// By default `grid`.
    #[serde(default)]
    #[schema(value_type = LayoutSchema, required = false)]
    layout: Layout,
    /// By default `auto`.
    #[schema(value_type = Option<BroadcastSchema>)]
    broadcast: Option<BroadcastSetting>,
    /// By default `public`.
    #[schema(value_type = Option<VisibilitySchema>)]
    visibility: Option<Visibility>,
    /// By default `off`.
    #[schema(value_type = Option<RecordSchema>)]
    record: Option<RecordSetting>,
    /// By default as many seats as the server allows, and nobody is moved.
    #[serde(default)]
    #[schema(value_type = ThresholdsSchema, required = false)]
    audience: ThresholdsChange,
}

impl CreateRoom {
    fn settings(&self) -> RoomSettings {
        RoomSettings {
            broadcast: self.broadcast.unwrap_or(RoomSettings::REST.broadcast),
            visibility: self.visibility.unwrap_or(RoomSettings::REST.visibility),
            record: self.record.unwrap_or(RoomSettings::REST.record),
        }
    }
}

/// Make a room.
///
/// Takes a token with `roomCreate`, or an operator's.
#[utoipa::path(
    post,
    path = "/v1/rooms",
    request_body = CreateRoom,
    security(("accessToken" = [])),
    responses(
        (
            status = 201, description = "The room.", body = RoomView,
            headers(("Location" = String, description = "The room's path.")),
        ),
        TokenRefused, BodyRefused, Refused<409>, Refused<507>,
    ),
)]
async fn create_room(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let grants = auth::grants(&app.keys, &headers)?;
    auth::may_create(&grants)?;
    let request: CreateRoom = extract::json(&app.config, &headers, body).await?;
    let name: RoomName = parsed("room", &request.room)?;
    let mut room = Room::new(name, Utc::now().timestamp_millis(), request.settings());
    room.layout = request.layout;
    room.audience = request.audience.of(room.audience);
    room.title = request.title.filter(|title| !title.is_empty()).unwrap_or(room.title);
    let room = app.rooms.create(room, app.config.rooms_max).await?;
    let location = HeaderValue::try_from(format!("/v1/rooms/{}", room.name));
    let (playlist_for, audience) = (for_grants(&grants, &room.name), room.audience);
    let room = view(&app, room, playlist_for, true).with_audience(audience);
    let mut response = (StatusCode::CREATED, uncached(room)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Changes to a room. A setting that is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "layout": "active-speaker", "broadcast": "on" }))]
struct ChangeRoom {
    /// For people, at most 200 bytes.
    title: Option<String>,
    #[schema(value_type = Option<LayoutSchema>)]
    layout: Option<Layout>,
    #[schema(value_type = Option<BroadcastSchema>)]
    broadcast: Option<BroadcastSetting>,
    #[schema(value_type = Option<VisibilitySchema>)]
    visibility: Option<Visibility>,
    #[schema(value_type = Option<RecordSchema>)]
    record: Option<RecordSetting>,
    /// A setting in it that is left out stays.
    #[serde(default)]
    #[schema(value_type = ThresholdsSchema, required = false)]
    audience: ThresholdsChange,
}

/// Change a room.
///
/// Takes a token with `roomAdmin` for the room, or an operator's. A running broadcast follows at once.
#[utoipa::path(
    patch,
    path = "/v1/rooms/{room}",
    params(RoomInPath),
    request_body = ChangeRoom,
    security(("accessToken" = [])),
    responses((status = 200, description = "The room.", body = RoomView), TokenRefused, BodyRefused, Refused<404>),
)]
async fn change_room(
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let grants = auth::grants(&app.keys, &headers)?;
    auth::may_administer(&grants, &room)?;
    let request: ChangeRoom = extract::json(&app.config, &headers, body).await?;
    let change = move |room: &mut Room| {
        if let Some(title) = request.title {
            room.title = title;
        }
        if let Some(layout) = request.layout {
            room.layout = layout;
        }
        if let Some(setting) = request.broadcast {
            room.broadcast = room.broadcast.set(setting, Utc::now().timestamp_millis());
        }
        room.visibility = request.visibility.unwrap_or(room.visibility);
        room.record = request.record.unwrap_or(room.record);
        room.audience = request.audience.of(room.audience);
    };
    let room = app.rooms.change(&room, change).await?;
    let (playlist_for, audience) = (for_grants(&grants, &room.name), room.audience);
    Ok(uncached(view(&app, room, playlist_for, true).with_audience(audience)))
}

/// Delete a room.
///
/// Takes a token with `roomCreate`, or an operator's. Sessions and broadcast end.
#[utoipa::path(
    delete,
    path = "/v1/rooms/{room}",
    params(RoomInPath),
    security(("accessToken" = [])),
    responses((status = 204, description = "The room is deleted."), TokenRefused, Refused<404>),
)]
async fn delete_room(
    State(app): State<App>,
    RoomInPath(room): RoomInPath,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    auth::may_create(&auth::grants(&app.keys, &headers)?)?;
    end_room(&app, &room).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;

//! `/v1/rooms`: create, list, look, change, delete.
//!
//! Looking is public, for the lobby and the watch page; [`crate::Config::lobby`] narrows the list. Creating and deleting take
//! a token with `roomCreate`, changing one with `roomAdmin` for the room (or `roomCreate`).

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, Utc};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth;
use crate::config::Lobby;
use crate::extract;
use crate::problem::Problem;
use crate::rooms::{Layout, Room, RoomOrder};
use crate::{Error, Moderation, rooms};

/// A longer title is refused, bytes.
const TITLE_BYTES_MAX: usize = 200;
/// A longer identity in a layout is refused, bytes.
const IDENTITY_BYTES_MAX: usize = 256;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/rooms", get(list).post(create).options(preflight))
        .route("/v1/rooms/{room}", get(look).patch(change).delete(delete).options(preflight))
}

async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// A room, as told.
#[derive(Debug, Serialize)]
struct RoomView {
    room: String,
    title: String,
    layout: Layout,
    broadcast: bool,
    created_at: String,
    live: bool,
    live_since: Option<String>,
    speakers: usize,
    playlist: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Vec<SpeakerView>>,
}

#[derive(Debug, Serialize)]
struct SpeakerView {
    identity: String,
    name: String,
    audio: bool,
    video: bool,
}

#[derive(Debug, Serialize)]
struct RoomList {
    rooms: Vec<RoomView>,
}

fn view(app: &App, room: Room, with_stage: bool) -> RoomView {
    let stage = app.stage.stage(&room.name);
    let broadcast = app.broadcasts.listed(&room.name);
    let live = broadcast.as_ref().filter(|entry| entry.playback.is_live());
    let base = app.config.playlist_base_url.as_deref().unwrap_or_default();
    RoomView {
        live: live.is_some(),
        live_since: live.map(|entry| rfc3339(entry.since)),
        playlist: broadcast.map(|_| format!("{base}/live/{}/index.m3u8", room.name)),
        speakers: stage.len(),
        stage: with_stage.then(|| {
            let speakers = stage.into_iter();
            speakers
                .map(|s| SpeakerView { identity: s.identity, name: s.name, audio: s.audio, video: s.video })
                .collect()
        }),
        created_at: DateTime::from_timestamp_millis(room.created_at_utc_ms).map(rfc3339).unwrap_or_default(),
        room: room.name,
        title: room.title,
        layout: room.layout,
        broadcast: room.broadcast.is_on(),
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn uncached(body: impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /v1/rooms`
async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let may_list = auth::grants_if_any(&app.keys, &headers)?.is_some_and(|grants| grants.room_list);
    let lobby = if may_list { Lobby::All } else { app.config.lobby };
    let all = if lobby == Lobby::None { Vec::new() } else { app.rooms.list().await? };
    let rooms = all.into_iter().map(|room| view(&app, room, false)).filter(|room| room.live || lobby == Lobby::All);
    Ok(uncached(RoomList { rooms: rooms.collect() }))
}

/// `GET /v1/rooms/{room}`
async fn look(State(app): State<App>, Path(room): Path<String>) -> Result<Response, Problem> {
    let room = app.rooms.get(&room).await?;
    Ok(uncached(view(&app, room, true)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRoom {
    room: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    layout: Layout,
}

/// `POST /v1/rooms`: 201 and the room.
async fn create(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    auth::may_create(&auth::grants(&app.keys, &headers)?)?;
    let request: CreateRoom = extract::json(&app.config, &headers, body).await?;
    extract::check_room_name("room", &request.room)?;
    let mut room = Room { layout: request.layout, ..Room::new(&request.room, Utc::now().timestamp_millis()) };
    room.title = request.title.filter(|title| !title.is_empty()).unwrap_or(room.title);
    check(&room)?;
    app.rooms.create(&room, app.config.rooms_max).await?;
    let location = HeaderValue::try_from(format!("/v1/rooms/{}", room.name));
    let mut response = (StatusCode::CREATED, uncached(view(&app, room, true))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRoom {
    title: Option<String>,
    layout: Option<Layout>,
    /// Whether the stage is broadcast when somebody is on it.
    broadcast: Option<bool>,
}

/// `PATCH /v1/rooms/{room}`: what is not named stays. A running broadcast follows at once.
async fn change(
    State(app): State<App>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    auth::may_administer(&auth::grants(&app.keys, &headers)?, &room)?;
    let request: ChangeRoom = extract::json(&app.config, &headers, body).await?;
    let change = move |room: &mut Room| {
        if let Some(title) = request.title {
            room.title = title;
        }
        if let Some(layout) = request.layout {
            room.layout = layout;
        }
        if let Some(on) = request.broadcast {
            room.broadcast = room.broadcast.turned(on, Utc::now().timestamp_millis());
        }
    };
    let room = change_room(app.clone(), room, change).await?;
    Ok(uncached(view(&app, room, true)))
}

/// Changes a room that is stored; its broadcast follows.
pub(crate) async fn change_room(
    app: App,
    name: String,
    change: impl FnOnce(&mut Room) + Send + 'static,
) -> Result<Room, Error> {
    to_the_end(async move {
        let _alone = app.rooms.changing().await;
        let was = app.rooms.get(&name).await?;
        let mut room = was.clone();
        change(&mut room);
        check(&room)?;
        let is_news = (room.broadcast.is_on(), &room.layout) != (was.broadcast.is_on(), &was.layout);
        // A place in the queue first: what is stored must also be told.
        let place = is_news.then(|| app.orders.try_reserve().map_err(|_| Error::Busy)).transpose()?;
        app.rooms.update(&room).await?;
        if let Some(place) = place {
            let (on, layout) = (room.broadcast.is_on(), room.layout.clone());
            place.send(RoomOrder::Broadcast { room: name, on, layout });
        }
        Ok(room)
    })
    .await
}

/// The room that a token names; made if there is none, where tokens may: whoever signed it wants there to be one.
pub(crate) async fn room_of_token(app: &App, name: &str) -> Result<Room, Error> {
    if !extract::is_room_name(name) {
        return Err(Error::UnknownRoom);
    }
    match app.rooms.get(name).await {
        Err(Error::UnknownRoom) if app.config.auto_create_rooms => made(app, name).await,
        known => known,
    }
}

async fn made(app: &App, name: &str) -> Result<Room, Error> {
    let idle_end_seconds = app.config.room_idle_end_seconds;
    let room = Room { idle_end_seconds, ..Room::new(name, Utc::now().timestamp_millis()) };
    match app.rooms.create(&room, app.config.rooms_max).await {
        Ok(()) => Ok(room),
        Err(Error::RoomExists) => app.rooms.get(name).await,
        Err(error) => Err(error),
    }
}

/// `DELETE /v1/rooms/{room}`: 204. Sessions and broadcast end.
async fn delete(State(app): State<App>, Path(room): Path<String>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    auth::may_create(&auth::grants(&app.keys, &headers)?)?;
    end_room(app, room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a room, ends its sessions, and has its broadcast ended.
pub(crate) async fn end_room(app: App, room: String) -> Result<(), Error> {
    to_the_end(async move {
        let _alone = app.rooms.changing().await;
        let place = app.orders.try_reserve().map_err(|_| Error::Busy)?;
        app.rooms.delete(&room).await?;
        let closed = app.stage.moderate(Moderation::CloseRoom(room.clone())).await;
        place.send(RoomOrder::Deleted { room });
        closed.map(drop).map_err(Error::from)
    })
    .await
}

/// Does all of it, even if the client hangs up in the middle and its request is dropped.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::ShuttingDown),
    }
}

fn check(room: &rooms::Room) -> Result<(), Error> {
    if room.title.len() > TITLE_BYTES_MAX || room.title.chars().any(char::is_control) {
        return Err(Error::Invalid(format!(
            "title must be at most {TITLE_BYTES_MAX} bytes without control characters"
        )));
    }
    match &room.layout {
        Layout::Single(identity) if identity.is_empty() || identity.len() > IDENTITY_BYTES_MAX => {
            Err(Error::Invalid(format!("layout.single must name an identity of at most {IDENTITY_BYTES_MAX} bytes")))
        }
        Layout::Single(_) | Layout::Grid | Layout::ActiveSpeaker => Ok(()),
    }
}

#[cfg(test)]
mod tests;

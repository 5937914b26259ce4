//! What the routes work with.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Class, Grants, Keys, RoomName};
use chrono::Utc;
use interactive_sfu::CloseRoom;
use rooms::{Entry, MakeRoom, Rooms};

use crate::admission::check_guest;
use crate::node::NodeDesk;
use crate::playback::PlaybackKeys;
use crate::{Config, Demand, Error, EventsHub, Lifecycle, Media, OriginRegistry, Players};

/// What the routes work with.
#[derive(Clone)]
pub struct AppParts {
    /// Validated.
    pub config: Config,
    /// The SFU.
    pub media: Arc<dyn Media>,
    /// What tokens are verified with.
    pub keys: Keys,
    /// Keys that sign and verify playback tokens, derived from `keys`.
    pub playback: PlaybackKeys,
    /// Which rooms have a broadcast.
    pub origins: OriginRegistry,
    /// Rooms whose broadcast somebody waits for.
    pub demand: Demand,
    /// The rooms.
    pub rooms: Rooms,
    /// The events sockets.
    pub events: EventsHub,
    /// The node, for its operators.
    pub node: NodeDesk,
    /// Players that report how they play.
    pub players: Players,
    /// Renders `/metrics` but for the players' figures, Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Where the server stands.
    pub lifecycle: Lifecycle,
    /// Mount `POST /v1/rooms/{room}/dev-token`, which gives a publisher's token to anybody. Only ever with development
    /// keys.
    pub dev_tokens: bool,
}

pub(crate) type App = Arc<AppParts>;

/// Lets somebody into the room that a LiveKit token or the key of an ingress names; the room is made if there is none,
/// where tokens may: whoever signed it wants there to be one. A guest's token was signed for a room that was there.
/// `from`: the client's address.
pub(crate) async fn enter_by_token(
    app: &App,
    room: &RoomName,
    grants: &Grants,
    from: Option<IpAddr>,
) -> Result<Entry, Error> {
    let ingress = grants.ingress.as_deref();
    let may_make = app.config.auto_create_rooms && grants.standing.class != Some(Class::Anonymous);
    let make = may_make.then(|| MakeRoom {
        settings: app.config.livekit_rooms,
        idle_end_seconds: app.config.room_idle_end_seconds,
        now_utc_ms: Utc::now().timestamp_millis(),
        rooms_max: app.config.rooms_max,
    });
    let entry = app.rooms.enter(room, ingress, make).await?;
    check_guest(grants, &entry.room, from)?;
    Ok(entry)
}

/// Deletes a room, ends its sessions, and has its broadcast ended.
pub(crate) async fn end_room(app: &App, room: &str) -> Result<(), Error> {
    app.rooms.end(room, close_sessions(app.clone(), room.to_owned())).await?
}

/// As [`end_room`], if nobody is in the room or on the way into it. Returns whether it is so.
pub(crate) async fn end_empty_room(app: &App, room: &str) -> Result<bool, Error> {
    let (media, name) = (app.media.clone(), room.to_owned());
    let is_empty = move || media.participants(&name, false).is_empty();
    let ended = app.rooms.end_if(room, is_empty, close_sessions(app.clone(), room.to_owned())).await?;
    ended.transpose().map(|closed| closed.is_some())
}

async fn close_sessions(app: App, room: String) -> Result<(), Error> {
    // Nobody is in a room that cannot be named.
    let Ok(room) = room.parse() else { return Ok(()) };
    Ok(app.media.ask(CloseRoom(room)).await?)
}

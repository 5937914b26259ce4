//! `spillway demo`: the server with development keys, a room, and speakers who come in over WebRTC like anybody else.

use std::time::SystemTime;

use api::Error as ApiError;
use api::rooms::{BroadcastSetting, RecordSetting, Room, RoomSettings, Visibility};

use crate::cli;
use crate::error::Error;
use crate::settings::{Auth, Settings};
use crate::studio::{self, Guests};
use crate::wiring::Running;

/// The demo's room.
pub(crate) const ROOM: &str = "demo";

/// Defaults and environment, then what the command line says.
pub(crate) fn settings(demo: &cli::Demo) -> Result<Settings, Error> {
    let mut settings = Settings::load(None)?;
    settings.auth = Auth::development();
    settings.api.http = demo.http;
    settings.api.database = demo.data.join("spillway.db");
    settings.broadcast.folder = demo.data.join("media");
    let media = &mut settings.sfu;
    if demo.http.ip().is_loopback() && media.addresses.is_empty() {
        // A demo of this machine alone: its media too, and beside whatever else runs here.
        media.addresses.push(demo.http.ip());
        media.port = 0;
    }
    if let Some(ladder) = demo.ladder {
        settings.ingest.ladder = ladder;
    }
    Ok(settings)
}

/// Makes the room, unless an earlier run did: on the air, public and recorded. To be called before anybody can ask for
/// it.
pub(crate) async fn make_room(rooms: &api::Rooms) -> Result<(), Error> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let made = i64::try_from(now.as_millis()).unwrap_or_default();
    let settings =
        RoomSettings { broadcast: BroadcastSetting::On, visibility: Visibility::Public, record: RecordSetting::On };
    let room = Room { title: "Demo".into(), ..Room::new(ROOM, made, settings) };
    match rooms.create(&room, u32::MAX).await {
        Ok(()) | Err(ApiError::RoomExists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends the speakers on stage. They leave when the result is dropped.
pub(crate) fn begin(demo: &cli::Demo, running: &Running) -> Result<Guests, Error> {
    studio::guests(ROOM, demo.speakers, &running.loopback_url(), &running.keys)
}

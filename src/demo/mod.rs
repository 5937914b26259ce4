//! `spillway demo`: the server with development keys, a room, and speakers who come in over WebRTC like anybody else.

mod guests;

use std::time::SystemTime;

use rooms::{BroadcastSetting, DatabaseUrl, RecordSetting, Room, RoomSettings, Visibility};

pub(crate) use guests::Guests;

use crate::cli;
use crate::error::Error;
use crate::role::{Options, Running};
use crate::settings::{Auth, Settings};

/// The demo's room.
pub(crate) const ROOM: &str = "demo";

/// Defaults and environment, then what the command line says.
pub(crate) fn settings(demo: &cli::Demo) -> Result<Settings, Error> {
    let mut settings = Settings::load(None)?;
    settings.auth = Auth::development();
    settings.api.http = demo.http;
    if settings.api.database == Settings::default().api.database {
        settings.api.database = DatabaseUrl::file(demo.data.join("spillway.db"));
    }
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

/// The demo's room, on the air, public and recorded; and publisher's tokens for anybody who asks.
pub(crate) fn options() -> Options {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let created_at_utc_ms = i64::try_from(now.as_millis()).unwrap_or_default();
    let settings =
        RoomSettings { broadcast: BroadcastSetting::On, visibility: Visibility::Public, record: RecordSetting::On };
    let name = ROOM.parse().ok();
    let room = name.map(|name| Room { title: "Demo".into(), ..Room::new(name, created_at_utc_ms, settings) });
    Options { first_room: room, dev_tokens: true }
}

/// Sends the speakers on stage. They leave when the result is dropped.
pub(crate) fn send_guests(demo: &cli::Demo, running: &Running) -> Result<Guests, Error> {
    Guests::send(ROOM, demo.speakers, &running.loopback_url(), running.keys())
}

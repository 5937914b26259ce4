//! A player asks for the playlist of a room that could be on the air, and is not: the request starts the broadcast, and
//! waits for it, so that every HLS player can watch a room whose broadcast runs on demand.
//!
//! Only the room's entry waits, for at most [`WAIT_MAX`], and at most [`WAITING_MAX`] requests at once; a further one
//! is told, as every caller is where nothing starts, that the room is not on the air, and to ask again soon.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use packager::ObjectKey;
use rooms::BroadcastSetting;

use super::Asked;
use crate::admission::{Credential, Sight, may_watch, playback_credential};
use crate::app::App;

/// A broadcast is watchable within four seconds of its start.
const WAIT_MAX: Duration = Duration::from_secs(6);
const WAITING_MAX: usize = 10_000;
/// How often a request that waits looks whether there is something to watch.
const LOOK: Duration = Duration::from_millis(50);

static WAITING: AtomicUsize = AtomicUsize::new(0);

/// A request that waits, counted.
struct Waiting;

impl Waiting {
    fn begin() -> Option<Self> {
        let one_more = |waiting: usize| (waiting < WAITING_MAX).then_some(waiting + 1);
        WAITING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(|_| Self)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the request is for the entry of a room that goes on the air when somebody asks, by somebody who may watch
/// it.
pub(super) async fn may_start(app: &App, asked: Asked<'_>, client: impl Fn() -> Option<IpAddr>) -> bool {
    let is_entry = ObjectKey::parse(asked.path).is_some_and(|key| key.epoch().is_none());
    let Some(access) = app.rooms.access(asked.room).filter(|_| is_entry) else { return false };
    let credential = asked.token.map(|token| playback_credential(app, token, asked.room, client()));
    if may_watch(asked.room, Some(&access), &credential.unwrap_or(Credential::Nothing)) < Sight::Watched {
        return false;
    }
    let room = app.rooms.get(asked.room).await;
    let on_demand = room.is_ok_and(|room| room.broadcast.setting == BroadcastSetting::Auto);
    on_demand && !app.media.stage(asked.room).is_empty() && !app.media.is_encrypted(asked.room)
}

/// Waits until the room has a broadcast. `false`: it does not get one in time.
pub(super) async fn started(app: &App, asked: Asked<'_>) -> bool {
    let (Some(_waiting), Ok(room)) = (Waiting::begin(), asked.room.parse()) else { return false };
    let mut news = app.origins.news();
    app.demand.ask(&room, Instant::now());
    let wait = async {
        // A broadcast has its place before it has anything to watch, and says nothing when it has.
        while !app.origins.get(asked.room).is_some_and(|entry| entry.playback.is_live()) {
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return false },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        true
    };
    tokio::time::timeout(WAIT_MAX, wait).await.unwrap_or(false)
}

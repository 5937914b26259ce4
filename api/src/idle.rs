//! Closes rooms in which nobody has been for as long as they may be empty. [`rooms::IdleRooms`] decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rooms::{IdleRooms, SeenRoom};

use crate::app::{App, AppParts, end_empty_room};

/// The interval between two looks at all rooms.
const SWEEP: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub async fn close_idle_rooms(parts: AppParts) {
    let app: App = Arc::new(parts);
    let mut rooms = IdleRooms::default();
    loop {
        tokio::time::sleep(SWEEP).await;
        let stored = match app.rooms.list().await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::debug!(%error, "idle rooms are not looked for");
                continue;
            }
        };
        let seen = stored.into_iter().filter(|room| room.idle_end_seconds > 0).map(|room| SeenRoom {
            empty: app.media.participants(&room.name, false).is_empty(),
            idle_end: Duration::from_secs(room.idle_end_seconds.into()),
            name: room.name,
        });
        for room in rooms.sweep(seen, Instant::now()) {
            match end_empty_room(&app, &room).await {
                Ok(true) => tracing::info!(%room, "a room is closed that was empty for long"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "an empty room is not closed; it is tried again"),
            }
        }
    }
}

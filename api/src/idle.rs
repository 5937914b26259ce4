//! Closes rooms in which nobody has been for as long as they may be empty.
//!
//! Rooms of the REST API stay until they are deleted; those that LiveKit's clients and libraries make come with a time.
//! [`IdleRooms`] decides, [`close_idle_rooms`] looks and acts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::{App, AppParts};
use crate::routes::rooms::end_room;

/// How often rooms are looked at.
const SWEEP: Duration = Duration::from_secs(5);

/// Since when rooms are empty.
#[derive(Debug, Default)]
struct IdleRooms {
    empty_since: HashMap<String, Instant>,
}

/// A room as it is now.
struct Seen {
    name: String,
    /// Never zero.
    idle_end: Duration,
    empty: bool,
}

impl IdleRooms {
    /// The rooms to close.
    fn sweep(&mut self, seen: Vec<Seen>, now: Instant) -> Vec<String> {
        let mut empty_since = HashMap::new();
        let mut over = Vec::new();
        for room in seen.into_iter().filter(|room| room.empty) {
            let since = self.empty_since.get(&room.name).copied().unwrap_or(now);
            if now.saturating_duration_since(since) >= room.idle_end {
                over.push(room.name);
            } else {
                empty_since.insert(room.name, since);
            }
        }
        self.empty_since = empty_since;
        over
    }
}

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
        let seen = stored.into_iter().filter(|room| room.idle_end_seconds > 0).map(|room| Seen {
            empty: app.media.participants(&room.name, false).is_empty(),
            idle_end: Duration::from_secs(room.idle_end_seconds.into()),
            name: room.name,
        });
        for room in rooms.sweep(seen.collect(), Instant::now()) {
            tracing::info!(room, "closing a room that has been empty for long");
            if let Err(error) = end_room(app.clone(), room).await {
                tracing::warn!(%error, "an empty room is not closed; it is tried again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_closed_when_it_was_empty_for_long_without_a_break() {
        let (mut rooms, start) = (IdleRooms::default(), Instant::now());
        let mut sweep = |second: u64, empty: bool| {
            let seen = Seen { name: "r".into(), idle_end: Duration::from_secs(30), empty };
            rooms.sweep(vec![seen], start + Duration::from_secs(second)).len()
        };
        assert_eq!([sweep(0, true), sweep(29, true), sweep(30, false), sweep(31, true), sweep(60, true)], [0; 5]);
        assert_eq!(sweep(61, true), 1);
    }
}

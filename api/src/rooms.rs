//! The rooms that exist, in SQLite. The crate's only SQL.
//!
//! Asked by `routes/rooms.rs` and before every WHIP and WHEP POST; never on the way of a playlist or a part.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use crate::Error;

mod switch;

pub use switch::BroadcastSwitch;

/// How the speakers share the picture of the broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Everybody the same size.
    #[default]
    Grid,
    /// Whoever speaks is big.
    ActiveSpeaker,
    /// One identity fills the picture; the others are heard.
    Single(String),
}

/// A change that whoever runs the broadcasts must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomOrder {
    /// Broadcast the stage so from now on.
    Broadcast {
        /// Where.
        room: String,
        /// Or not at all.
        on: bool,
        /// How the speakers are arranged.
        layout: Layout,
    },
    /// The room is gone: end its broadcast.
    Deleted {
        /// Which.
        room: String,
    },
}

/// A room, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// `[A-Za-z0-9_-]{1,64}`, unique.
    pub name: String,
    /// For people.
    pub title: String,
    /// How its broadcast is laid out.
    pub layout: Layout,
    /// Whether it has a broadcast.
    pub broadcast: BroadcastSwitch,
    /// The application's own words.
    pub metadata: String,
    /// UTC, milliseconds since the Unix epoch.
    pub created_at_utc_ms: i64,
    /// How long it may be empty before it is closed, seconds; 0: for ever.
    pub idle_end_seconds: u32,
    /// LiveKit's participants at once; 0: as many as the SFU is configured for.
    pub participants_max: u32,
}

impl Room {
    /// One that stays until it is deleted, of any number of participants.
    pub fn new(name: &str, created_at_utc_ms: i64) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            layout: Layout::Grid,
            broadcast: BroadcastSwitch::default(),
            metadata: String::new(),
            created_at_utc_ms,
            idle_end_seconds: 0,
            participants_max: 0,
        }
    }

    /// In the words of LiveKit's protocol, which has no title or layout; nobody is in it yet.
    pub(crate) fn as_livekit(&self) -> livekit_protocol::Room {
        livekit_protocol::Room {
            sid: format!("RM_{:x}", self.created_at_utc_ms),
            name: self.name.clone(),
            metadata: self.metadata.clone(),
            creation_time: self.created_at_utc_ms / 1000,
            creation_time_ms: self.created_at_utc_ms,
            empty_timeout: self.idle_end_seconds,
            departure_timeout: self.idle_end_seconds,
            max_participants: self.participants_max,
            ..livekit_protocol::Room::default()
        }
    }
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    pub(crate) pool: SqlitePool,
    changing: Arc<Mutex<()>>,
}

type Row = (String, String, String, String, i64, u32, u32, i64, Option<i64>);

const COLUMNS: &str = "name, title, layout, metadata, created_at_utc_ms, idle_end_seconds, participants_max, \
    broadcast_on_at_utc_ms, broadcast_off_at_utc_ms";

impl Rooms {
    /// Opens the file, which is created with its folder where it is missing, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::OpenDatabase { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options);
        let pool = pool.await.map_err(|error| failed(error.into()))?;
        sqlx::migrate!("./migrations").run(&pool).await.map_err(|error| failed(error.into()))?;
        Ok(Self { pool, changing: Arc::default() })
    }

    /// Adds a room, unless there is one of that name or `rooms_max` are there already.
    pub async fn create(&self, room: &Room, rooms_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO rooms ({COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM rooms) < ?"
        );
        let query = sqlx::query(AssertSqlSafe(insert))
            .bind(&room.name)
            .bind(&room.title)
            .bind(layout_text(&room.layout))
            .bind(&room.metadata)
            .bind(room.created_at_utc_ms)
            .bind(room.idle_end_seconds)
            .bind(room.participants_max)
            .bind(room.broadcast.on_at_utc_ms)
            .bind(room.broadcast.off_at_utc_ms)
            .bind(rooms_max);
        match query.execute(&self.pool).await {
            Ok(done) if done.rows_affected() == 0 => match self.get(&room.name).await {
                Ok(_) => Err(Error::RoomExists),
                Err(_) => Err(Error::TooManyRooms(rooms_max)),
            },
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::RoomExists),
            Err(error) => Err(Error::Database(error)),
        }
    }

    /// Every room, by name.
    pub async fn list(&self) -> Result<Vec<Room>, Error> {
        let select = format!("SELECT {COLUMNS} FROM rooms ORDER BY name");
        let rows: Vec<Row> =
            sqlx::query_as(AssertSqlSafe(select)).fetch_all(&self.pool).await.map_err(Error::Database)?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    /// One room.
    pub async fn get(&self, name: &str) -> Result<Room, Error> {
        let select = format!("SELECT {COLUMNS} FROM rooms WHERE name = ?");
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(select))
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::Database)?;
        row.map(from_row).ok_or(Error::UnknownRoom)
    }

    /// Whoever reads a room to change it and tell of it holds this meanwhile: no change is lost, and all are told in order.
    pub(crate) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Changes title, layout, metadata and whether it has a broadcast.
    pub async fn update(&self, room: &Room) -> Result<(), Error> {
        let update = "UPDATE rooms SET title = ?, layout = ?, metadata = ?, broadcast_on_at_utc_ms = ?, \
            broadcast_off_at_utc_ms = ? WHERE name = ?";
        let update = sqlx::query(update)
            .bind(&room.title)
            .bind(layout_text(&room.layout))
            .bind(&room.metadata)
            .bind(room.broadcast.on_at_utc_ms)
            .bind(room.broadcast.off_at_utc_ms)
            .bind(&room.name);
        let done = update.execute(&self.pool).await.map_err(Error::Database)?;
        if done.rows_affected() == 0 { Err(Error::UnknownRoom) } else { Ok(()) }
    }

    /// Removes a room.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let delete = sqlx::query("DELETE FROM rooms WHERE name = ?").bind(name);
        let done = delete.execute(&self.pool).await.map_err(Error::Database)?;
        if done.rows_affected() == 0 { Err(Error::UnknownRoom) } else { Ok(()) }
    }

    /// Whether the database answers.
    pub async fn is_open(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Waits for what is under way and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn layout_text(layout: &Layout) -> String {
    serde_json::to_string(layout).unwrap_or_default()
}

fn from_row(row: Row) -> Room {
    let (name, title, layout, metadata, created_at_utc_ms, idle_end_seconds, participants_max, on_at, off_at) = row;
    let broadcast = BroadcastSwitch { on_at_utc_ms: on_at, off_at_utc_ms: off_at };
    // What a later version wrote falls back to the default.
    let layout = serde_json::from_str(&layout).unwrap_or_default();
    Room { name, title, layout, broadcast, metadata, created_at_utc_ms, idle_end_seconds, participants_max }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> Room {
        let (layout, metadata) = (Layout::Single("ann".into()), "{}".into());
        Room { layout, metadata, idle_end_seconds: 30, participants_max: 9, ..Room::new(name, 7) }
    }

    #[tokio::test]
    async fn rooms_survive_a_restart_and_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/spillway.db");
        let rooms = Rooms::open(&path).await.unwrap();
        rooms.create(&room("b"), 2).await.unwrap();
        rooms.create(&room("a"), 2).await.unwrap();
        assert!(matches!(rooms.create(&room("c"), 2).await, Err(Error::TooManyRooms(2))));
        assert!(matches!(rooms.create(&room("a"), 9).await, Err(Error::RoomExists)));
        assert!(matches!(rooms.create(&room("a"), 2).await, Err(Error::RoomExists)), "full, but that is not why");
        rooms.close().await;

        let rooms = Rooms::open(&path).await.unwrap();
        assert_eq!(rooms.list().await.unwrap(), [room("a"), room("b")]);
        let broadcast = BroadcastSwitch::default().turned(false, 8).turned(true, 9).turned(false, 10);
        let changed = Room { layout: Layout::ActiveSpeaker, broadcast, ..room("b") };
        rooms.update(&changed).await.unwrap();
        assert_eq!(rooms.get("b").await.unwrap(), changed);
        rooms.delete("b").await.unwrap();
        assert!(matches!(rooms.delete("b").await, Err(Error::UnknownRoom)));
        assert!(matches!(rooms.update(&room("b")).await, Err(Error::UnknownRoom)));
    }

    #[test]
    fn layouts_read_as_the_api_documents_them() {
        for (text, layout) in [
            (r#""grid""#, Layout::Grid),
            (r#""active-speaker""#, Layout::ActiveSpeaker),
            (r#"{"single":"ann"}"#, Layout::Single("ann".into())),
        ] {
            assert_eq!(serde_json::from_str::<Layout>(text).unwrap(), layout);
            assert_eq!(layout_text(&layout), text);
        }
    }
}

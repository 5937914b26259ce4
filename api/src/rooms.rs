//! The rooms that exist, in SQLite. The crate's only SQL.
//!
//! Asked by `routes/rooms.rs` and before every WHIP and WHEP POST; never on the way of a playlist or a part: for those
//! [`RoomAccess`] is in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use crate::Error;

mod room;
mod room_access;
mod settings;
mod switch;

pub use room::{Layout, Room, RoomOrder};
pub use room_access::RoomAccess;
pub use settings::{BroadcastSetting, RecordSetting, RoomSettings, Visibility};
pub use switch::BroadcastSwitch;

use room_access::Accesses;
use settings::{setting_of, stored_word};

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    pub(crate) pool: SqlitePool,
    changing: Arc<Mutex<()>>,
    /// Held while a row and its [`RoomAccess`] are written, so that both have the same last word.
    writing: Arc<Mutex<()>>,
    accesses: Accesses,
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    title: String,
    layout: String,
    metadata: String,
    created_at_utc_ms: i64,
    idle_end_seconds: u32,
    participants_max: u32,
    broadcast_on_at_utc_ms: i64,
    broadcast_off_at_utc_ms: Option<i64>,
    broadcast: String,
    visibility: String,
    record: String,
}

const COLUMNS: &str = "name, title, layout, metadata, created_at_utc_ms, idle_end_seconds, participants_max, \
    broadcast_on_at_utc_ms, broadcast_off_at_utc_ms, broadcast, visibility, record";

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
        let rooms = Self { pool, changing: Arc::default(), writing: Arc::default(), accesses: Accesses::default() };
        rooms.list().await?.iter().for_each(|room| rooms.accesses.made(room));
        Ok(rooms)
    }

    /// The room of that name in the file of a server that may be running: nothing is created, changed or brought up to
    /// date.
    pub async fn created_at_utc_ms(path: &Path, name: &str) -> Result<i64, Error> {
        let failed = |error: sqlx::Error| Error::OpenDatabase { path: path.to_owned(), source: error.into() };
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
        let select = sqlx::query_scalar("SELECT created_at_utc_ms FROM rooms WHERE name = ?").bind(name);
        let found = select.fetch_optional(&pool).await.map_err(Error::Database);
        pool.close().await;
        found?.ok_or(Error::UnknownRoom)
    }

    /// Adds a room, unless there is one of that name or `rooms_max` are there already.
    pub async fn create(&self, room: &Room, rooms_max: u32) -> Result<(), Error> {
        let (rooms, room) = (self.clone(), room.clone());
        to_the_end(async move {
            let _alone = rooms.writing.lock().await;
            rooms.insert(&room, rooms_max).await?;
            rooms.accesses.made(&room);
            Ok(())
        })
        .await
    }

    async fn insert(&self, room: &Room, rooms_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO rooms ({COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
             WHERE (SELECT count(*) FROM rooms) < ?"
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
            .bind(stored_word(room.broadcast.setting))
            .bind(stored_word(room.visibility))
            .bind(stored_word(room.record))
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

    /// The facts that decide about a room's viewers, from memory. `None`: there is no such room.
    pub fn access(&self, name: &str) -> Option<Arc<RoomAccess>> {
        self.accesses.get(name)
    }

    /// Whoever reads a room to change it and tell of it holds this meanwhile: no change is lost, and all are told in
    /// order.
    pub(crate) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Changes title, layout, metadata and settings.
    pub async fn update(&self, room: &Room) -> Result<(), Error> {
        let _alone = self.writing.lock().await;
        let update = "UPDATE rooms SET title = ?, layout = ?, metadata = ?, broadcast_on_at_utc_ms = ?, \
            broadcast_off_at_utc_ms = ?, broadcast = ?, visibility = ?, record = ? WHERE name = ?";
        let update = sqlx::query(update)
            .bind(&room.title)
            .bind(layout_text(&room.layout))
            .bind(&room.metadata)
            .bind(room.broadcast.on_at_utc_ms)
            .bind(room.broadcast.off_at_utc_ms)
            .bind(stored_word(room.broadcast.setting))
            .bind(stored_word(room.visibility))
            .bind(stored_word(room.record))
            .bind(&room.name);
        let done = update.execute(&self.pool).await.map_err(Error::Database)?;
        if done.rows_affected() == 0 {
            return Err(Error::UnknownRoom);
        }
        self.accesses.changed(room);
        Ok(())
    }

    /// Removes a room.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let _alone = self.writing.lock().await;
        let delete = sqlx::query("DELETE FROM rooms WHERE name = ?").bind(name);
        let done = delete.execute(&self.pool).await.map_err(Error::Database)?;
        self.accesses.deleted(name);
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
    Room {
        // A word that only a later version knows falls back to the default.
        layout: serde_json::from_str(&row.layout).unwrap_or_default(),
        broadcast: BroadcastSwitch {
            setting: setting_of(&row.broadcast),
            on_at_utc_ms: row.broadcast_on_at_utc_ms,
            off_at_utc_ms: row.broadcast_off_at_utc_ms,
        },
        visibility: setting_of(&row.visibility),
        record: setting_of(&row.record),
        name: row.name,
        title: row.title,
        metadata: row.metadata,
        created_at_utc_ms: row.created_at_utc_ms,
        idle_end_seconds: row.idle_end_seconds,
        participants_max: row.participants_max,
    }
}

/// Does all of it, even if the client hangs up in the middle and its request is dropped.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::ShuttingDown),
    }
}

#[cfg(test)]
mod tests;

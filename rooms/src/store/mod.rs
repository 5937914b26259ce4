//! The tables, in SQLite: rooms, ingresses, and the outbox of changes. All SQL of the server is in this folder.
//!
//! Each method is one statement or one transaction. [`crate::Rooms`] sees to it that writers come one after the other.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::Error;

mod ingresses;
mod outbox;
mod rooms;

/// How long a statement waits for another process or connection that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections at once.
const CONNECTIONS_MAX: u32 = 4;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the file, which is created with its folder where it is missing, and brings its tables up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
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
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options);
        let pool = pool.await.map_err(|error| failed(error.into()))?;
        sqlx::migrate!("./migrations").run(&pool).await.map_err(|error| failed(error.into()))?;
        Ok(Self { pool })
    }

    /// When the room of that name was made, read from the file of a server that may be running: nothing is created,
    /// changed or brought up to date.
    pub(crate) async fn created_at_utc_ms(path: &Path, name: &str) -> Result<i64, Error> {
        let failed = |error: sqlx::Error| Error::OpenDatabase { path: path.to_owned(), source: error.into() };
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
        let select = sqlx::query_scalar("SELECT created_at_utc_ms FROM rooms WHERE name = ?").bind(name);
        let found = select.fetch_optional(&pool).await.map_err(Error::Database);
        pool.close().await;
        found?.ok_or(Error::UnknownRoom)
    }

    /// Whether the database answers.
    pub(crate) async fn is_open(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Waits for what is under way and closes the file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that writes: it waits for others here, and not in its middle.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

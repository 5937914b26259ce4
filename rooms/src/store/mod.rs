//! The tables, in SQLite or PostgreSQL: rooms, ingresses, and the outbox of changes and facts. All SQL of the server is
//! in this folder.
//!
//! Each method is one statement or one transaction, and its text is the same for both databases: parameters are `$1`,
//! integers have 64 bits. Transactions that write come one after the other, however many connections and processes
//! there are: SQLite has one writer, and in PostgreSQL each takes one advisory lock before all else and keeps it until
//! its commit. So limits hold, and the outbox's numbers are in the order of commits: PostgreSQL gives numbers away
//! before the commit, and a follower that reads beyond its cursor would never see a smaller number that comes later.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::{Any, AnyPool, Transaction};

use crate::{DatabaseUrl, Error};

mod facts;
mod ingresses;
mod migrations;
mod opening;
mod outbox;
mod rooms;

/// How long a request to the database may take, waiting for a connection and for others included.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Attempts at a transaction that meets others.
const ATTEMPTS_MAX: u32 = 5;
/// Half the wait before the second attempt; doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(10);
/// The advisory lock of whoever writes: "spillway" in ASCII.
const WRITERS_LOCK: i64 = 0x7370_696c_6c77_6179;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: AnyPool,
    dialect: Dialect,
}

/// The database's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Store {
    /// Opens the database and brings its tables up to date. A SQLite file is created with its folder where it is
    /// missing.
    pub(crate) async fn open(database: &DatabaseUrl) -> Result<Self, Error> {
        let opened = opening::open(database).await;
        opened.map_err(|source| Error::OpenDatabase { database: database.to_string(), source: source.into() })
    }

    /// When the room of that name was made, read from the database of a server that may be running: nothing is created,
    /// changed or brought up to date.
    pub(crate) async fn created_at_utc_ms(database: &DatabaseUrl, name: &str) -> Result<i64, Error> {
        let opened = opening::open_to_read(database).await;
        let store =
            opened.map_err(|source| Error::OpenDatabase { database: database.to_string(), source: source.into() })?;
        let select = sqlx::query_scalar("SELECT created_at_utc_ms FROM rooms WHERE name = $1").bind(name);
        let found = bounded(select.fetch_optional(&store.pool)).await;
        store.pool.close().await;
        found?.ok_or(Error::UnknownRoom)
    }

    /// Whether the database answers.
    pub(crate) async fn is_open(&self) -> bool {
        bounded(sqlx::query("SELECT 1").execute(&self.pool)).await.is_ok()
    }

    /// Waits for what is under way and closes the connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that writes: it waits for others here, and not in its middle.
    async fn begin(&self) -> Result<Transaction<'static, Any>, Error> {
        match self.dialect {
            Dialect::Sqlite => Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?),
            Dialect::Postgres => {
                // Each statement sees all that was committed before it, and so what the last writer did.
                let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS_LOCK);
                lock.execute(&mut *transaction).await?;
                Ok(transaction)
            }
        }
    }
}

/// Waits for a request to the database, but not for ever: a connection can die without a word.
async fn bounded<T, E: Into<Error>>(request: impl Future<Output = Result<T, E>>) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_MAX, request).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Error::DatabaseDown(sqlx::Error::Io(ErrorKind::TimedOut.into()))),
    }
}

/// Tries a transaction, and again where it meets others, a bounded number of times.
async fn retried<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for number in 1..ATTEMPTS_MAX {
        match bounded(attempt()).await {
            Err(error) if error.is_conflict() => tokio::time::sleep(BACKOFF * (1 << number)).await,
            done => return done,
        }
    }
    bounded(attempt()).await
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

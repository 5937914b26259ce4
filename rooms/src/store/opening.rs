//! Opening a database: connecting, looking whether it is one that Spillway can use, and bringing its tables up to date.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::MigrateError;
use sqlx::{AnyPool, ConnectOptions as _, Executor as _};

use super::{Dialect, Store, migrations};
use crate::DatabaseUrl;

/// Connections at once.
const CONNECTIONS_MAX: u32 = 4;
/// How long somebody waits for a connection: as long as SQLite's statements wait for each other.
const CONNECTING_MAX: Duration = Duration::from_secs(5);
/// The oldest PostgreSQL that Spillway is tested with, as `server_version_num` has it.
const POSTGRES_VERSION_MIN: i64 = 150_000;
/// A commit is on the disk.
const SQLITE_DURABILITY: &str = "PRAGMA synchronous = FULL";
/// Bounds within the server, so that a process which is cut off in the middle holds up nobody for long. Milliseconds.
const POSTGRES_BOUNDS: &str = "SET lock_timeout = 5000; SET statement_timeout = 8000; \
    SET idle_in_transaction_session_timeout = 8000";
/// A migration may take long, and another process may be at it.
const NO_POSTGRES_BOUNDS: &str = "SET lock_timeout = 0; SET statement_timeout = 0";

/// Why a database is not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("its folder cannot be created")]
    Folder(#[source] std::io::Error),
    #[error("connecting to it failed")]
    Connecting(#[source] sqlx::Error),
    #[error("PostgreSQL {0} is too old: 15 or later is needed")]
    TooOld(String),
    #[error("its texts are encoded as {0}, and must be as UTF8")]
    Encoding(String),
    #[error(
        "a later version of Spillway has changed its tables (migration {found}); this one knows them up to {known}"
    )]
    Newer { found: i64, known: i64 },
    #[error("its tables cannot be brought up to date")]
    Migration(#[source] MigrateError),
}

pub(super) async fn open(database: &DatabaseUrl) -> Result<Store, Refusal> {
    if let Some(folder) = database.as_file().and_then(|path| path.parent())
        && !folder.as_os_str().is_empty()
    {
        std::fs::create_dir_all(folder).map_err(Refusal::Folder)?;
    }
    let store = connect(database, false, CONNECTIONS_MAX).await?;
    if store.dialect == Dialect::Sqlite {
        store.pool.execute("PRAGMA journal_mode = WAL").await.map_err(Refusal::Connecting)?;
    }
    migrate(&store).await?;
    Ok(store)
}

/// Changes nothing, not even tables of an earlier version.
pub(super) async fn open_to_read(database: &DatabaseUrl) -> Result<Store, Refusal> {
    connect(database, true, 1).await
}

async fn connect(database: &DatabaseUrl, is_read_only: bool, connections_max: u32) -> Result<Store, Refusal> {
    install_default_drivers();
    let options = database.connect_options(is_read_only).map_err(Refusal::Connecting)?;
    let dialect = if database.as_file().is_some() { Dialect::Sqlite } else { Dialect::Postgres };
    let pool = match pool(&options, dialect, connections_max).await {
        Ok(pool) => pool,
        Err(error) => return Err(Refusal::Connecting(reason(error, &options).await)),
    };
    if dialect == Dialect::Postgres {
        let setting = async |name: &'static str| {
            let select = sqlx::query_scalar("SELECT current_setting($1)").bind(name);
            select.fetch_one(&pool).await.map_err(Refusal::Connecting)
        };
        let [version, number] = [setting("server_version").await?, setting("server_version_num").await?];
        check_server(version, &number, setting("server_encoding").await?)?;
    }
    Ok(Store { pool, dialect })
}

/// Why there is no connection. The pool tries again while a server refuses, and then says only that time is up.
async fn reason(error: sqlx::Error, options: &AnyConnectOptions) -> sqlx::Error {
    match (error, tokio::time::timeout(CONNECTING_MAX, options.connect()).await) {
        (sqlx::Error::PoolTimedOut, Ok(Err(reason))) => reason,
        (error, _) => error,
    }
}

async fn pool(options: &AnyConnectOptions, dialect: Dialect, connections_max: u32) -> Result<AnyPool, sqlx::Error> {
    let pool = AnyPoolOptions::new().max_connections(connections_max).acquire_timeout(CONNECTING_MAX);
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move {
            let settings = match dialect {
                Dialect::Sqlite => SQLITE_DURABILITY,
                Dialect::Postgres => POSTGRES_BOUNDS,
            };
            connection.execute(settings).await.map(drop)
        })
    });
    pool.connect_with(options.clone()).await
}

fn check_server(version: String, number: &str, encoding: String) -> Result<(), Refusal> {
    if number.parse::<i64>().is_ok_and(|number| number < POSTGRES_VERSION_MIN) {
        return Err(Refusal::TooOld(version));
    }
    if encoding == "UTF8" { Ok(()) } else { Err(Refusal::Encoding(encoding)) }
}

/// On a connection of its own, which ends if that fails: sqlx's lock of PostgreSQL ends with it.
async fn migrate(store: &Store) -> Result<(), Refusal> {
    let mut connection = store.pool.acquire().await.map_err(Refusal::Connecting)?.detach();
    if store.dialect == Dialect::Postgres {
        connection.execute(NO_POSTGRES_BOUNDS).await.map_err(Refusal::Connecting)?;
    }
    let migrator = migrations::migrator(store.dialect);
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    let done = migrator.run(&mut connection).await;
    let _ = sqlx::Connection::close(connection).await;
    done.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > known => Refusal::Newer { found, known },
        other => Refusal::Migration(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_are_too_old_or_no_utf8_are_refused_in_a_sentence() {
        let check = |version: &str, number, encoding: &str| {
            let checked = check_server(version.into(), number, encoding.into());
            checked.map_err(|refusal| refusal.to_string())
        };
        assert_eq!(check("15.18 (Debian)", "150018", "UTF8"), Ok(()));
        assert_eq!(check("14.3", "140003", "UTF8"), Err("PostgreSQL 14.3 is too old: 15 or later is needed".into()));
        let encoding = "its texts are encoded as SQL_ASCII, and must be as UTF8".to_owned();
        assert_eq!(check("17.1", "170001", "SQL_ASCII"), Err(encoding));
    }
}

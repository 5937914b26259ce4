//! Others who are at the same database, for tests.

use sqlx::{Any, Transaction};
use tokio::sync::Mutex;

use super::Store;

/// A transaction that holds up all writers until it is dropped.
pub(crate) struct WritersLock(Mutex<Transaction<'static, Any>>);

pub(crate) async fn lock_writers(store: &Store) -> WritersLock {
    WritersLock(Mutex::new(store.begin().await.unwrap()))
}

/// Ends every connection to this PostgreSQL database but the lock's.
pub(crate) async fn end_other_connections(lock: &WritersLock) {
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let count: i64 = sqlx::query_scalar(end).fetch_one(&mut **lock.0.lock().await).await.unwrap();
    assert!(count > 0);
}

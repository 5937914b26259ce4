//! One suite for both databases: each test gets an empty one of its own.

use tempfile::TempDir;
use test_postgres::Postgres;

use crate::DatabaseUrl;

/// An empty database.
pub(crate) struct TestDatabase {
    pub(crate) url: DatabaseUrl,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A file that does not exist, in a folder that does not exist.
    pub(crate) fn sqlite(_test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: DatabaseUrl::file(folder.path().join("deeper/spillway.db")), _folder: Some(folder) }
    }

    /// A database of that name, on the server of this process's tests.
    pub(crate) fn postgres(test: &str) -> Self {
        let url = Postgres::shared().database(test).unwrap();
        Self { url: url.parse().unwrap(), _folder: None }
    }
}

/// Makes two tests of each function: `sqlite::name` and `postgres::name`.
macro_rules! for_each_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::testing::TestDatabase::sqlite(stringify!($name))).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::testing::TestDatabase::postgres(stringify!($name))).await;
            })*
        }
    };
}

pub(crate) use for_each_database;

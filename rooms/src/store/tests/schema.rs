//! The tables, and databases that cannot be opened.

use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

use super::*;
use crate::DatabaseUrl;

for_each_database! {
    database_of_a_later_version_is_refused_and_left_alone,
    database_whose_migration_was_changed_is_refused,
}

/// The causes of an error, in one line.
fn causes(error: &dyn StdError) -> String {
    let next = error.source().map(|source| format!(": {}", causes(source)));
    format!("{error}{}", next.unwrap_or_default())
}

async fn database_of_a_later_version_is_refused_and_left_alone(database: TestDatabase) {
    let store = Store::open(&database.url).await.unwrap();
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        SELECT 9000, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 7";
    sqlx::query(later).execute(&store.pool).await.unwrap();
    store.close().await;
    for _ in 0..2 {
        let said = causes(&Store::open(&database.url).await.unwrap_err());
        assert!(said.contains("later version of Spillway") && said.contains("(migration 9000)"), "{said}");
        assert!(said.contains("up to 9") && said.contains(&database.url.to_string()), "{said}");
    }
}

async fn database_whose_migration_was_changed_is_refused(database: TestDatabase) {
    let store = Store::open(&database.url).await.unwrap();
    let other = sqlx::query("UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 7").bind(vec![0_u8]);
    other.execute(&store.pool).await.unwrap();
    store.close().await;
    let said = causes(&Store::open(&database.url).await.unwrap_err());
    assert!(said.contains("cannot be brought up to date: migration 7 was previously applied"), "{said}");
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let sqlite = "SELECT m.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'bigint' ELSE lower(c.type) END \
        || CASE WHEN c.\"notnull\" = 1 THEN '' ELSE ' null' END || CASE WHEN c.pk = 1 THEN ' key' ELSE '' END \
        FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
        WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%' ORDER BY 1";
    let postgres = "SELECT concat(c.table_name, '.', c.column_name, ' ', c.data_type, \
        CASE c.is_nullable WHEN 'YES' THEN ' null' END, CASE WHEN k.column_name IS NOT NULL THEN ' key' END) COLLATE \"C\" \
        FROM information_schema.columns AS c LEFT JOIN information_schema.key_column_usage AS k \
        ON k.table_name = c.table_name AND k.column_name = c.column_name AND k.table_schema = c.table_schema \
        WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_sqlx%' ORDER BY 1";
    let columns = async |database: TestDatabase, select: &'static str| {
        let store = Store::open(&database.url).await.unwrap();
        sqlx::query_scalar::<_, String>(select).fetch_all(&store.pool).await.unwrap()
    };
    let sqlite = columns(TestDatabase::sqlite("tables"), sqlite).await;
    assert!(sqlite.len() > 20 && sqlite.contains(&"rooms.name text key".to_owned()), "{sqlite:?}");
    assert_eq!(columns(TestDatabase::postgres("tables"), postgres).await, sqlite);
}

#[tokio::test]
async fn server_that_is_not_there_is_named_without_its_password() {
    let database: DatabaseUrl = "postgres://ann:hush@127.0.0.1:9/spillway".parse().unwrap();
    let error = Store::open(&database).await.unwrap_err();
    let said = format!("{} {error:?}", causes(&error));
    assert!(said.contains("postgres://ann@127.0.0.1:9/spillway: connecting"), "{said}");
    assert!(said.contains("Connection refused"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

#[tokio::test]
async fn database_that_does_not_exist_is_refused_by_its_name() {
    let database = TestDatabase::postgres("existing");
    let missing = String::from(database.url.clone()).replace("/existing", "/missing");
    let said = causes(&Store::open(&missing.parse().unwrap()).await.unwrap_err());
    assert!(said.contains("\"missing_") && said.contains("does not exist"), "{said}");
}

/// As PostgreSQL says that a transaction must be tried again.
#[derive(Debug)]
pub(super) struct Conflict;

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl StdError for Conflict {}

impl DatabaseError for Conflict {
    fn message(&self) -> &str {
        "could not serialize access"
    }

    fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
        Some("40001".into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

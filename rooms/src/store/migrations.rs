//! The changes of the tables, in order. A migration that a database has seen may never change: its checksum is kept.
//!
//! PostgreSQL came when SQLite had seven, so its first makes the tables as those leave them. From then on a migration
//! has one number for both, and a file for each.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::Dialect;

type File = (i64, &'static str, &'static str);

const SQLITE: [File; 9] = [
    (1, "rooms", include_str!("../../migrations/sqlite/0001_rooms.sql")),
    (2, "room metadata", include_str!("../../migrations/sqlite/0002_room_metadata.sql")),
    (3, "room limits", include_str!("../../migrations/sqlite/0003_room_limits.sql")),
    (4, "broadcast switch", include_str!("../../migrations/sqlite/0004_broadcast_switch.sql")),
    (5, "ingresses", include_str!("../../migrations/sqlite/0005_ingresses.sql")),
    (6, "room settings", include_str!("../../migrations/sqlite/0006_room_settings.sql")),
    (7, "outbox", include_str!("../../migrations/sqlite/0007_outbox.sql")),
    (8, "audience", include_str!("../../migrations/sqlite/0008_audience.sql")),
    (9, "facts", include_str!("../../migrations/sqlite/0009_facts.sql")),
];

const POSTGRES: [File; 3] = [
    (7, "tables", include_str!("../../migrations/postgres/0007_tables.sql")),
    (8, "audience", include_str!("../../migrations/postgres/0008_audience.sql")),
    (9, "facts", include_str!("../../migrations/postgres/0009_facts.sql")),
];

/// All of them.
pub(super) fn migrator(dialect: Dialect) -> Migrator {
    let files = match dialect {
        Dialect::Sqlite => &SQLITE[..],
        Dialect::Postgres => &POSTGRES[..],
    };
    let migrations = files.iter().map(|(number, name, sql)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_under_its_number() {
        for (dialect, folder) in [(Dialect::Sqlite, "sqlite"), (Dialect::Postgres, "postgres")] {
            let folder = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
            files.sort();
            let listed = migrator(dialect);
            assert_eq!(listed.iter().count(), files.len());
            for (migration, file) in listed.iter().zip(files) {
                let name = format!("{:04}_{}.sql", migration.version, migration.description.replace(' ', "_"));
                assert_eq!(file.file_name().unwrap().to_str(), Some(name.as_str()));
                assert_eq!(migration.sql.as_str(), std::fs::read_to_string(file).unwrap());
            }
        }
    }
}

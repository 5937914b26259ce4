//! Databases of earlier versions.

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;

/// A file as version 5 of the tables left it, with the checksums that it noted.
const VERSION_5: &str = include_str!("version_5.sql");

#[tokio::test]
async fn rooms_of_earlier_versions_stay_on_the_air_unless_nobody_asked_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(VERSION_5).execute(&pool).await.unwrap();
    let insert = "INSERT INTO rooms (name, title, layout, created_at_utc_ms, idle_end_seconds, broadcast_on_at_utc_ms, \
        broadcast_off_at_utc_ms) VALUES (?, '', '\"grid\"', 1, ?, ?, ?)";
    let [never, off_at] = [None, Some(9)];
    for (name, idle_end_seconds, on_at, off_at) in [
        ("rest", 0, 0, never),
        ("rest-off", 0, 0, off_at),
        ("rest-on-again", 0, 7, never),
        ("livekit", 300, 0, never),
        ("livekit-off", 300, 0, off_at),
        ("livekit-egress", 300, 7, never),
    ] {
        let row = sqlx::query(insert).bind(name).bind(idle_end_seconds).bind(on_at).bind(off_at);
        row.execute(&pool).await.unwrap();
    }
    pool.close().await;

    let rooms = Rooms::open(&DatabaseUrl::file(path), ORDERS_MAX).await.unwrap();
    use BroadcastSetting::{Auto, Off, On};
    for (name, broadcast, open) in [
        ("rest", Auto, true),
        ("rest-off", Off, true),
        ("rest-on-again", On, true),
        ("livekit", Off, false),
        ("livekit-off", Off, false),
        ("livekit-egress", On, true),
    ] {
        let room = rooms.get(name).await.unwrap();
        let (visibility, record) = match open {
            true => (Visibility::Public, RecordSetting::On),
            false => (Visibility::Private, RecordSetting::Off),
        };
        assert_eq!((room.broadcast.setting, room.visibility, room.record), (broadcast, visibility, record), "{name}");
        assert_eq!(rooms.access(name).unwrap().is_private(), !open, "{name}");
    }
}

#[tokio::test]
async fn missing_file_is_not_made_by_whoever_only_reads() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let found = Rooms::created_at_utc_ms(&DatabaseUrl::file(&missing), "a").await;
    assert!(matches!(found, Err(Error::OpenDatabase { .. })));
    assert!(!missing.exists());
}

#[tokio::test]
async fn any_path_is_one_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper").join("..").join("50%41 of?mode=memory#x").join("\u{e4}.db");
    std::fs::create_dir(folder.path().join("deeper")).unwrap();
    let rooms = Rooms::open(&DatabaseUrl::file(&path), ORDERS_MAX).await.unwrap();
    rooms.create(room("a"), 9).await.unwrap();
    assert!(path.exists());
}

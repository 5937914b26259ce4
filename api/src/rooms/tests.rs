use super::*;

fn room(name: &str) -> Room {
    let (layout, metadata) = (Layout::Single("ann".into()), "{}".into());
    Room { layout, metadata, idle_end_seconds: 30, participants_max: 9, ..Room::new(name, 7, RoomSettings::REST) }
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
    let [off, on] = [BroadcastSetting::Off, BroadcastSetting::On];
    let changed = Room {
        layout: Layout::ActiveSpeaker,
        broadcast: room("b").broadcast.set(off, 8).set(on, 9).set(off, 10),
        visibility: Visibility::Unlisted,
        record: RecordSetting::On,
        ..room("b")
    };
    rooms.update(&changed).await.unwrap();
    assert_eq!(rooms.get("b").await.unwrap(), changed);
    rooms.delete("b").await.unwrap();
    assert!(matches!(rooms.delete("b").await, Err(Error::UnknownRoom)));
    assert!(matches!(rooms.update(&room("b")).await, Err(Error::UnknownRoom)));
}

#[tokio::test]
async fn access_follows_the_table_and_a_room_made_again_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let rooms = Rooms::open(&path).await.unwrap();
    let private = Room { visibility: Visibility::Private, ..room("a") };
    rooms.create(&private, 9).await.unwrap();
    let access = rooms.access("a").unwrap();
    assert!(access.is_private());
    rooms.update(&Room { visibility: Visibility::Unlisted, ..private.clone() }).await.unwrap();
    assert!(!access.is_private(), "whoever holds it sees the change");
    rooms.update(&private).await.unwrap();
    rooms.close().await;

    let rooms = Rooms::open(&path).await.unwrap();
    let old = rooms.access("a").unwrap();
    assert!(old.is_private());
    rooms.delete("a").await.unwrap();
    assert!(rooms.access("a").is_none());
    rooms.create(&Room { created_at_utc_ms: 8, ..room("a") }, 9).await.unwrap();
    let new = rooms.access("a").unwrap();
    assert_eq!((old.is_private(), old.created_at_utc_ms), (true, 7));
    assert_eq!((new.is_private(), new.created_at_utc_ms), (false, 8));
    let found = Rooms::created_at_utc_ms(&path, "a").await.unwrap();
    assert_eq!(found, 8, "read from another process, while the file is open here");
    assert!(matches!(Rooms::created_at_utc_ms(&path, "b").await, Err(Error::UnknownRoom)));
    let missing = folder.path().join("missing");
    assert!(matches!(Rooms::created_at_utc_ms(&missing, "a").await, Err(Error::OpenDatabase { .. })));
    assert!(!missing.exists());
}

#[tokio::test]
async fn rooms_of_earlier_versions_stay_on_the_air_unless_nobody_asked_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut earlier = sqlx::migrate!("./migrations");
    earlier.migrations = earlier.migrations.iter().filter(|one| one.version <= 5).cloned().collect();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    earlier.run(&pool).await.unwrap();
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

    let rooms = Rooms::open(&path).await.unwrap();
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

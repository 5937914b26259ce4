use super::*;
use crate::testing::{TestDatabase, for_each_database};
use crate::{Room, RoomSettings};

fn room() -> RoomName {
    "a".parse().unwrap()
}

async fn open(database: &TestDatabase) -> Rooms {
    Rooms::open(&database.url, 4).await.unwrap()
}

fn now_utc_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

async fn restart_holds_a_room_for_the_leases_of_before_and_no_longer(database: TestDatabase) {
    let rooms = open(&database).await;
    rooms.create(Room::new(room(), 1, RoomSettings::default()), 9).await.unwrap();
    assert_eq!(rooms.seats_held_until_utc_ms("a"), 0);
    rooms.note_lease(&room(), now_utc_ms()).await.unwrap();
    assert_eq!(rooms.seats_held_until_utc_ms("a"), 0, "this process knows its own leases");
    rooms.close().await;

    let before = now_utc_ms();
    let rooms = open(&database).await;
    let held = rooms.seats_held_until_utc_ms("a");
    assert!((before + LEASE_MS..=now_utc_ms() + LEASE_MS).contains(&held), "no lease of before is younger");
    rooms.close().await;
}

async fn note_reaches_ahead_so_that_a_thousand_leases_are_written_once_a_minute(database: TestDatabase) {
    let rooms = open(&database).await;
    rooms.create(Room::new(room(), 1, RoomSettings::default()), 9).await.unwrap();
    let noted = async || rooms.inner.store.noted_leases(0).await.unwrap()[0].1;
    for second in 0..=60 {
        rooms.note_lease(&room(), second * 1000).await.unwrap();
        assert_eq!(noted().await, LEASE_MS + AHEAD_MS, "second {second}");
    }
    rooms.note_lease(&room(), 60_001).await.unwrap();
    assert_eq!(noted().await, 60_001 + LEASE_MS + AHEAD_MS);
    let nobody = "b".parse().unwrap();
    assert!(matches!(rooms.note_lease(&nobody, 0).await, Err(Error::UnknownRoom)));
    rooms.end("a", async {}).await.unwrap();
    assert!(matches!(rooms.note_lease(&room(), 60_002).await, Err(Error::UnknownRoom)), "its note went with it");
    rooms.close().await;
}

for_each_database! {
    restart_holds_a_room_for_the_leases_of_before_and_no_longer,
    note_reaches_ahead_so_that_a_thousand_leases_are_written_once_a_minute,
}

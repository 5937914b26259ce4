use std::time::Duration;

use super::*;
use crate::overflow::Thresholds;
use crate::testing::{TestDatabase, for_each_database};
use crate::{BroadcastSetting, Ingress, Layout, RecordSetting, Visibility};

mod doubts;
mod earlier;
mod races;

/// Orders that may wait.
const ORDERS_MAX: u32 = 2;

for_each_database! {
    rooms_survive_a_restart_and_are_bounded,
    access_follows_the_table_and_a_room_made_again_has_its_own,
    ingresses_survive_a_restart_and_are_bounded,
    entering_a_known_room_asks_no_database,
    failing_database_is_no_limit_of_rooms,
    orders_are_told_in_sequence_until_they_are_done_and_a_new_follower_starts_at_the_end,
    follower_that_waits_is_woken_by_the_next_order,
    names_compare_by_their_bytes,
    texts_that_postgresql_cannot_store_are_refused,
}

fn name(text: &str) -> RoomName {
    text.parse().unwrap()
}

fn room(name: &str) -> Room {
    let (layout, metadata) = (Layout::Single("ann".into()), "{}".into());
    Room {
        layout,
        metadata,
        idle_end_seconds: 30,
        audience: Thresholds { seats_max: 9, ..Thresholds::default() },
        ..Room::new(self::name(name), 7, RoomSettings::REST)
    }
}

async fn rooms_survive_a_restart_and_are_bounded(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    rooms.create(room("b"), 2).await.unwrap();
    rooms.create(room("a"), 2).await.unwrap();
    assert!(matches!(rooms.create(room("c"), 2).await, Err(Error::TooManyRooms(2))));
    assert!(matches!(rooms.create(room("a"), 9).await, Err(Error::RoomExists)));
    assert!(matches!(rooms.create(room("a"), 2).await, Err(Error::RoomExists)), "full, but that is not why");
    rooms.close().await;

    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    assert_eq!(rooms.list().await.unwrap(), [room("a"), room("b")]);
    let [off, on] = [BroadcastSetting::Off, BroadcastSetting::On];
    let changed = Room {
        layout: Layout::ActiveSpeaker,
        broadcast: room("b").broadcast.set(off, 8).set(on, 9).set(off, 10),
        visibility: Visibility::Unlisted,
        record: RecordSetting::On,
        ..room("b")
    };
    let wanted = changed.clone();
    rooms.change("b", |room| *room = wanted).await.unwrap();
    assert_eq!(rooms.get("b").await.unwrap(), changed);
    rooms.inner.cache.forget_rows();
    assert_eq!(rooms.get("b").await.unwrap(), changed, "as it was stored");
    rooms.end("b", async {}).await.unwrap();
    assert!(matches!(rooms.end("b", async {}).await, Err(Error::UnknownRoom)));
    assert!(matches!(rooms.change("b", |_| ()).await, Err(Error::UnknownRoom)));
}

async fn access_follows_the_table_and_a_room_made_again_has_its_own(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    let private = Room { visibility: Visibility::Private, ..room("a") };
    rooms.create(private.clone(), 9).await.unwrap();
    let access = rooms.access("a").unwrap();
    assert!(access.is_private());
    rooms.change("a", |room| room.visibility = Visibility::Unlisted).await.unwrap();
    assert!(!access.is_private(), "whoever holds it sees the change");
    rooms.change("a", |room| room.visibility = Visibility::Private).await.unwrap();
    rooms.close().await;

    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    let old = rooms.access("a").unwrap();
    assert!(old.is_private());
    rooms.end("a", async {}).await.unwrap();
    assert!(rooms.access("a").is_none());
    rooms.create(Room { created_at_utc_ms: 8, ..room("a") }, 9).await.unwrap();
    let new = rooms.access("a").unwrap();
    assert_eq!((old.is_private(), old.created_at_utc_ms), (true, 7));
    assert_eq!((new.is_private(), new.created_at_utc_ms), (false, 8));
    let found = Rooms::created_at_utc_ms(&database.url, "a").await.unwrap();
    assert_eq!(found, 8, "read from another process, while the database is open here");
    assert!(matches!(Rooms::created_at_utc_ms(&database.url, "b").await, Err(Error::UnknownRoom)));
}

fn ingress(id: &str, created_at_utc_ms: i64) -> Ingress {
    Ingress {
        id: id.into(),
        name: "camera 1".into(),
        room: name("demo"),
        identity: "ann".into(),
        participant_name: "Ann".into(),
        created_at_utc_ms,
    }
}

async fn ingresses_survive_a_restart_and_are_bounded(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    for (number, id) in ["IN_b", "IN_a"].into_iter().enumerate() {
        rooms.create_ingress(ingress(id, number as i64), 2).await.unwrap();
    }
    let third = rooms.create_ingress(ingress("IN_c", 3), 2).await;
    assert!(matches!(third, Err(Error::TooManyIngresses(2))));
    rooms.close().await;

    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    assert_eq!(rooms.ingresses().await.unwrap(), [ingress("IN_b", 0), ingress("IN_a", 1)]);
    let deleted = rooms.delete_ingress("IN_b", async |ingress| ingress.identity).await.unwrap();
    assert_eq!(deleted, (ingress("IN_b", 0), "ann".to_owned()));
    assert!(matches!(rooms.delete_ingress("IN_b", async |_| ()).await, Err(Error::UnknownIngress)));
    let enter = async |id| rooms.enter(&name("demo"), Some(id), None).await;
    assert!(matches!(enter("IN_b").await, Err(Error::IngressDeleted)));
    assert!(matches!(enter("IN_a").await, Err(Error::UnknownRoom)), "a good key of a room that does not exist");
}

async fn entering_a_known_room_asks_no_database(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    rooms.create(room("a"), 9).await.unwrap();
    rooms.create_ingress(ingress("IN_a", 0), 9).await.unwrap();
    rooms.change("a", |room| room.title = "A".into()).await.unwrap();
    rooms.close().await;
    assert!(matches!(rooms.list().await, Err(Error::Database(_))), "it cannot be asked");
    let entry = rooms.enter(&name("a"), Some("IN_a"), None).await.unwrap();
    assert_eq!(entry.room.title, "A");
    assert!(matches!(rooms.enter(&name("b"), None, None).await, Err(Error::UnknownRoom)));
}

async fn failing_database_is_no_limit_of_rooms(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    rooms.create(room("a"), 1).await.unwrap();
    rooms.close().await;
    assert!(matches!(rooms.create(room("a"), 1).await, Err(Error::RoomExists)));
    assert!(matches!(rooms.create(room("b"), 1).await, Err(Error::Database(_))));
}

async fn orders_are_told_in_sequence_until_they_are_done_and_a_new_follower_starts_at_the_end(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    rooms.create(room("a"), 9).await.unwrap();
    let mut orders = rooms.orders("one").await.unwrap();
    assert_eq!(orders.try_next().await.unwrap(), None);
    let on =
        |setting| Order::Broadcast { room: name("a"), setting, record: false, layout: Layout::Single("ann".into()) };
    let switch = async |to| rooms.change("a", move |room| room.broadcast = room.broadcast.set(to, 1)).await;
    switch(BroadcastSetting::Off).await.unwrap();
    rooms.change("a", |room| room.title = "no news".into()).await.unwrap();
    switch(BroadcastSetting::On).await.unwrap();
    assert!(matches!(rooms.end("a", async {}).await, Err(Error::Busy)), "two wait already");
    assert!(rooms.get("a").await.is_ok(), "what was refused is not done");

    assert_eq!(
        (orders.next().await, orders.next().await),
        (on(BroadcastSetting::Off), on(BroadcastSetting::Off)),
        "it is not done"
    );
    orders.done().await;
    let mut late = rooms.orders("two").await.unwrap();
    rooms.end("a", async {}).await.unwrap();
    assert_eq!(orders.next().await, on(BroadcastSetting::On));
    orders.done().await;
    for orders in [&mut orders, &mut late] {
        assert_eq!(orders.next().await, Order::Deleted { room: name("a") });
        orders.done().await;
        assert_eq!(orders.try_next().await.unwrap(), None);
    }
    let left = rooms.inner.store.order_after(0).await.unwrap();
    assert_eq!(left, None, "what all have done is deleted");
    rooms.close().await;

    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    let mut orders = rooms.orders("one").await.unwrap();
    assert_eq!(orders.try_next().await.unwrap(), None);
}

async fn follower_that_waits_is_woken_by_the_next_order(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    rooms.create(room("a"), 9).await.unwrap();
    let mut orders = rooms.orders("one").await.unwrap();
    let end = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        rooms.end("a", async {}).await.unwrap();
    };
    let woken = tokio::time::timeout(Duration::from_secs(10), orders.next());
    assert_eq!(tokio::join!(woken, end).0.unwrap(), Order::Deleted { room: name("a") });
}

async fn names_compare_by_their_bytes(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    for name in ["b", "a", "B", "a-b", "A", "aB"] {
        rooms.create(room(name), 9).await.unwrap();
    }
    let listed: Vec<_> = rooms.list().await.unwrap().iter().map(|room| room.name.to_string()).collect();
    assert_eq!(listed, ["A", "B", "a", "a-b", "aB", "b"]);
}

async fn texts_that_postgresql_cannot_store_are_refused(database: TestDatabase) {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    let metadata = Room { metadata: "a\0".into(), ..room("a") };
    assert!(matches!(rooms.create(metadata, 9).await, Err(Error::Invalid(_))));
    let participant_name = Ingress { participant_name: "\0".into(), ..ingress("IN_a", 0) };
    assert!(matches!(rooms.create_ingress(participant_name, 9).await, Err(Error::Invalid(_))));
    let emoji = Room { metadata: "\u{1f600}\u{1}".into(), ..room("a") };
    rooms.create(emoji.clone(), 9).await.unwrap();
    rooms.inner.cache.forget_rows();
    assert_eq!(rooms.get("a").await.unwrap(), emoji);
}

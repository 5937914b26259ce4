//! Many writers at one database, as several processes or connections are.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, Row as _};
use tokio::task::JoinSet;

use super::*;
use crate::testing::{TestDatabase, for_each_database};
use crate::{Layout, Room, RoomSettings};

mod schema;

/// Orders that may wait.
const ORDERS_MAX: u32 = 1000;
/// Writers at once.
const WRITERS: usize = 32;

for_each_database! {
    last_of_many_writers_of_a_room_left_row_and_order,
    rooms_that_many_make_and_delete_at_once_are_counted_right,
    limits_hold_however_many_come_at_once,
    order_waits_for_an_earlier_one_that_is_not_committed,
    follower_misses_no_order_of_many_writers,
    followers_that_are_done_at_once_leave_no_order_behind,
}

fn room(name: &str) -> Room {
    Room::new(name.parse().unwrap(), 7, RoomSettings::REST)
}

/// The order to broadcast a room so that it shows one identity.
fn showing(room: &Room, identity: String) -> (Room, crate::Order) {
    let layout = Layout::Single(identity);
    let setting = crate::BroadcastSetting::On;
    let order = crate::Order::Broadcast { room: room.name.clone(), setting, record: false, layout: layout.clone() };
    (Room { layout, ..room.clone() }, order)
}

async fn stores(database: &TestDatabase) -> [Arc<Store>; 2] {
    // One after the other, as the tables are made by the first.
    let first = Store::open(&database.url).await.unwrap();
    [Arc::new(first), Arc::new(Store::open(&database.url).await.unwrap())]
}

async fn orders(store: &Store) -> Vec<(i64, crate::Order)> {
    let (mut cursor, mut found) = (0, vec![]);
    while let Some((seq, body)) = store.order_after(cursor).await.unwrap() {
        cursor = seq;
        found.push((seq, serde_json::from_str(&body).unwrap()));
    }
    found
}

async fn last_of_many_writers_of_a_room_left_row_and_order(database: TestDatabase) {
    let stores = stores(&database).await;
    stores[0].insert_room(&room("a"), 9).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[writer % 2].clone();
        writers.spawn(async move {
            let (room, order) = showing(&room("a"), format!("{writer}"));
            store.update_room(&room, Some(&order), None, ORDERS_MAX).await.unwrap().order.unwrap()
        });
    }
    let mut told = writers.join_all().await;
    told.sort_unstable();
    let orders = orders(&stores[0]).await;
    assert_eq!(orders.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), told);
    let crate::Order::Broadcast { layout, .. } = &orders.last().unwrap().1 else { panic!("{orders:?}") };
    assert_eq!(stores[1].room("a").await.unwrap().layout, *layout);
}

async fn rooms_that_many_make_and_delete_at_once_are_counted_right(database: TestDatabase) {
    let stores = stores(&database).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[writer % 2].clone();
        writers.spawn(async move {
            match writer / 2 % 2 {
                0 => match store.insert_room(&room("a"), 1).await {
                    Ok(()) => 1,
                    Err(Error::RoomExists | Error::TooManyRooms(1)) => 0,
                    Err(error) => panic!("{error:?}"),
                },
                _ => match store.delete_room(&room("a").name, ORDERS_MAX).await {
                    Ok(_) => -1,
                    Err(Error::UnknownRoom) => 0,
                    Err(error) => panic!("{error:?}"),
                },
            }
        });
    }
    let changes = writers.join_all().await;
    let deleted = changes.iter().filter(|change| **change == -1).count();
    assert_eq!(stores[0].rooms().await.unwrap().len() as i32, changes.iter().sum::<i32>());
    assert_eq!(orders(&stores[0]).await.len(), deleted);
}

async fn limits_hold_however_many_come_at_once(database: TestDatabase) {
    let stores = stores(&database).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[writer % 2].clone();
        writers.spawn(async move { store.insert_room(&room(&format!("{writer}")), 5).await.is_ok() });
    }
    assert_eq!(writers.join_all().await.into_iter().filter(|made| *made).count(), 5);
    assert_eq!(stores[0].rooms().await.unwrap().len(), 5);
}

async fn order_waits_for_an_earlier_one_that_is_not_committed(database: TestDatabase) {
    let [first, second] = stores(&database).await;
    let [a, b] = ["a", "b"].map(|name| showing(&room(name), "ann".to_owned()));
    first.insert_room(&a.0, 9).await.unwrap();
    first.insert_room(&b.0, 9).await.unwrap();
    let mut transaction = first.begin().await.unwrap();
    Store::push_order(&mut transaction, &a.1, ORDERS_MAX).await.unwrap();
    let (room, order) = b.clone();
    let later = tokio::spawn(async move { second.update_room(&room, Some(&order), None, ORDERS_MAX).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(first.order_after(0).await.unwrap(), None, "the later one would be read first, the earlier one never");
    assert!(!later.is_finished());
    transaction.commit().await.unwrap();
    later.await.unwrap().unwrap();
    assert_eq!(orders(&first).await.into_iter().map(|(_, order)| order).collect::<Vec<_>>(), [a.1, b.1]);
}

async fn follower_misses_no_order_of_many_writers(database: TestDatabase) {
    const EACH: usize = 6;
    let stores = stores(&database).await;
    for number in 0..WRITERS as u32 {
        stores[0].insert_room(&room(&format!("{number}")), number + 1).await.unwrap();
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[writer % 2].clone();
        writers.spawn(async move {
            for step in 0..EACH {
                let (room, order) = showing(&room(&format!("{writer}")), format!("{writer} {step}"));
                store.update_room(&room, Some(&order), None, ORDERS_MAX).await.unwrap();
            }
        });
    }
    let reader = async {
        let reader = Store::open(&database.url).await.unwrap();
        let (mut cursor, mut steps) = (0, [0; WRITERS]);
        while steps.iter().sum::<usize>() < WRITERS * EACH {
            let Some((seq, body)) = reader.order_after(cursor).await.unwrap() else { continue };
            cursor = seq;
            let crate::Order::Broadcast { layout: Layout::Single(identity), .. } = serde_json::from_str(&body).unwrap()
            else {
                panic!("{body}")
            };
            let (writer, step) = identity.split_once(' ').unwrap();
            let expected = &mut steps[writer.parse::<usize>().unwrap()];
            assert_eq!(step.parse::<usize>().unwrap(), *expected, "an order of writer {writer} is missing");
            *expected += 1;
        }
    };
    let read = async { tokio::time::timeout(Duration::from_secs(60), reader).await };
    let (read, _) = tokio::join!(read, writers.join_all());
    read.expect("the last orders of a writer are missing");
}

async fn followers_that_are_done_at_once_leave_no_order_behind(database: TestDatabase) {
    let stores = stores(&database).await;
    for consumer in ["one", "two"] {
        stores[0].follow_orders(consumer).await.unwrap();
    }
    for round in 0..8 {
        let name = format!("{round}");
        stores[0].insert_room(&room(&name), 99).await.unwrap();
        let seq = stores[0].delete_room(&room(&name).name, ORDERS_MAX).await.unwrap();
        let (one, two) = tokio::join!(stores[0].orders_done("one", seq), stores[1].orders_done("two", seq));
        one.and(two).unwrap();
        assert_eq!(stores[0].order_after(0).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocked_transaction_is_tried_again() {
    let database = TestDatabase::postgres("deadlock");
    let [store, other] = stores(&database).await;
    store.insert_room(&room("a"), 9).await.unwrap();
    // Another client takes the row first and the writers' lock second, and is slower to look for a deadlock.
    let mut transaction = other.pool.begin().await.unwrap();
    sqlx::query("SET LOCAL deadlock_timeout = '1min'").execute(&mut *transaction).await.unwrap();
    sqlx::query("UPDATE rooms SET title = 'x'").execute(&mut *transaction).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.update_room(&Room { title: "y".into(), ..room("a") }, None, None, ORDERS_MAX).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS_LOCK);
    lock.execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(store.room("a").await.unwrap().title, "y");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let mut connection = store.pool.acquire().await.unwrap();
    for _ in 0..100 {
        let counted: i64 = sqlx::query(deadlocks).fetch_one(&mut *connection).await.unwrap().get(0);
        if counted > 0 {
            return;
        }
        connection.ping().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("there was no deadlock");
}

#[tokio::test(start_paused = true)]
async fn transaction_that_always_meets_others_is_given_up() {
    let mut attempts = 0;
    let conflict = || {
        attempts += 1;
        async { Err::<(), _>(Error::DatabaseDown(sqlx::Error::Database(Box::new(schema::Conflict)))) }
    };
    assert!(matches!(retried(conflict).await, Err(Error::DatabaseDown(_))));
    assert_eq!(attempts, ATTEMPTS_MAX);
}

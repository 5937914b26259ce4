//! A change whose answer is lost: the server that would have said that it was made is gone.

use super::*;
use crate::store::Store;
use crate::store::testing::{end_other_connections, lock_writers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_read_again_when_the_answer_to_a_change_is_lost() {
    let database = TestDatabase::postgres("lost_answer");
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    for name in ["stays", "goes"] {
        rooms.create(room(name), 9).await.unwrap();
    }
    let stays = rooms.access("stays").unwrap();
    let other = Store::open(&database.url).await.unwrap();
    let lock = lock_writers(&other).await;
    let lost = tokio::spawn({
        let rooms = rooms.clone();
        async move { rooms.create(room("made"), 9).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    end_other_connections(&lock).await;
    assert!(matches!(lost.await.unwrap(), Err(Error::DatabaseDown(_))));
    assert!(rooms.get("goes").await.is_ok(), "known rooms are known meanwhile");

    // As if it had been made, and more.
    drop(lock);
    other.insert_room(&room("made"), 9).await.unwrap();
    other.delete_room(&name("goes"), 9).await.unwrap();
    other.insert_ingress(&ingress("IN_a", 0), 9).await.unwrap();
    let mut orders = Orders::new(rooms.inner.store.clone(), "one", 0, rooms.inner.newest_order.clone());
    assert_eq!(rooms.get("made").await.unwrap(), room("made"));
    assert!(matches!(rooms.get("goes").await, Err(Error::UnknownRoom)));
    assert!(rooms.enter(&name("stays"), Some("IN_a"), None).await.is_ok());
    assert!(Arc::ptr_eq(&stays, &rooms.access("stays").unwrap()));
    assert_eq!(orders.try_next().await.unwrap(), Some(Order::Deleted { room: name("goes") }));
    assert!(matches!(rooms.create(room("made"), 9).await, Err(Error::RoomExists)));
}

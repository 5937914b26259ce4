//! Who enters while a room ends, or while the ingress is deleted by whose key they enter.

use std::sync::Mutex as Log;

use tokio::time::sleep;

use super::*;

const SHORTLY: Duration = Duration::from_millis(20);

const MAKE: MakeRoom = MakeRoom {
    settings: RoomSettings { visibility: Visibility::Private, ..RoomSettings::REST },
    idle_end_seconds: 30,
    now_utc_ms: 9,
    rooms_max: 9,
};

for_each_database! {
    room_is_made_again_when_its_predecessor_is_closed_and_not_before,
    room_ends_when_those_who_were_entering_are_in_so_that_closing_it_finds_them,
    empty_room_that_somebody_is_entering_is_kept,
    revoked_key_of_an_ingress_is_taken_off_the_stage_or_does_not_get_there,
}

async fn rooms(database: &TestDatabase) -> Rooms {
    let rooms = Rooms::open(&database.url, 64).await.unwrap();
    rooms.create(room("a"), 9).await.unwrap();
    rooms
}

async fn room_is_made_again_when_its_predecessor_is_closed_and_not_before(database: TestDatabase) {
    let rooms = rooms(&database).await;
    let log = Arc::new(Log::new(Vec::new()));
    let close = {
        let log = log.clone();
        async move {
            sleep(SHORTLY).await;
            log.lock().unwrap().push("closed");
        }
    };
    let enter = async {
        sleep(SHORTLY / 2).await;
        let entry = rooms.enter(&name("a"), None, Some(MAKE)).await.unwrap();
        log.lock().unwrap().push("entered");
        entry.room.created_at_utc_ms
    };
    let (ended, made) = tokio::join!(rooms.end("a", close), enter);
    ended.unwrap();
    assert_eq!((made, log.lock().unwrap().as_slice()), (9, &["closed", "entered"][..]));
    assert!(rooms.access("a").unwrap().is_private(), "the new room is there");
}

async fn room_ends_when_those_who_were_entering_are_in_so_that_closing_it_finds_them(database: TestDatabase) {
    let rooms = rooms(&database).await;
    let log = Arc::new(Log::new(Vec::new()));
    let entry = rooms.enter(&name("a"), None, None).await.unwrap();
    let close = {
        let log = log.clone();
        async move { log.lock().unwrap().push("closed") }
    };
    let connect = async {
        sleep(SHORTLY).await;
        log.lock().unwrap().push("connected");
        drop(entry);
    };
    let (ended, ()) = tokio::join!(rooms.end("a", close), connect);
    ended.unwrap();
    assert_eq!(*log.lock().unwrap(), ["connected", "closed"]);
    assert!(matches!(rooms.enter(&name("a"), None, None).await, Err(Error::UnknownRoom)));
}

async fn empty_room_that_somebody_is_entering_is_kept(database: TestDatabase) {
    let rooms = rooms(&database).await;
    let entry = rooms.enter(&name("a"), None, None).await.unwrap();
    let empty = Arc::new(Log::new(true));
    let still = {
        let empty = empty.clone();
        move || *empty.lock().unwrap()
    };
    let connect = async {
        sleep(SHORTLY).await;
        *empty.lock().unwrap() = false;
        drop(entry);
    };
    let (ended, ()) = tokio::join!(rooms.end_if("a", still, async {}), connect);
    assert_eq!(ended.unwrap(), None);
    assert!(rooms.enter(&name("a"), None, None).await.is_ok());
}

async fn revoked_key_of_an_ingress_is_taken_off_the_stage_or_does_not_get_there(database: TestDatabase) {
    let rooms = rooms(&database).await;
    let ingress = Ingress { room: name("a"), ..ingress("IN_a", 0) };
    rooms.create_ingress(ingress, 9).await.unwrap();
    let log = Arc::new(Log::new(Vec::new()));
    let entry = rooms.enter(&name("a"), Some("IN_a"), None).await.unwrap();
    let remove = {
        let log = log.clone();
        async move |ingress: Ingress| log.lock().unwrap().push(format!("{} removed", ingress.identity))
    };
    let publish = async {
        sleep(SHORTLY).await;
        log.lock().unwrap().push("ann published".to_owned());
        drop(entry);
    };
    let (deleted, ()) = tokio::join!(rooms.delete_ingress("IN_a", remove), publish);
    deleted.unwrap();
    assert_eq!(*log.lock().unwrap(), ["ann published", "ann removed"]);
    let again = rooms.enter(&name("a"), Some("IN_a"), Some(MAKE)).await;
    assert!(matches!(again, Err(Error::IngressDeleted)));
    let unmade = rooms.enter(&name("new"), Some("IN_a"), Some(MAKE)).await;
    assert!(matches!(unmade, Err(Error::IngressDeleted)) && rooms.access("new").is_none());
}

//! Over real sockets, with tungstenite as the client.

mod limits;
mod rig;

use std::time::Duration;

use access::{Class, Identity};
use serde_json::{Value, json};

use super::*;
use crate::players::OfRoom;
use rig::{EventsRig, SOON, chat, gift};

#[tokio::test]
async fn newcomer_gets_a_snapshot_and_then_each_event_and_one_who_returns_gets_those_it_missed() {
    let rig = EventsRig::start(|_| {}).await;
    let mut ann = rig.open(&rig.token("ann"), "").await;
    let mut bob = rig.open("", "").await;
    let snapshot = ann.next().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!((&snapshot["offset"], &snapshot["room"]["title"]), (&json!(0), &json!("Demo")));
    assert_eq!((&snapshot["room"]["live"], &snapshot["presence"]["total"]), (&json!(false), &json!(0)));
    let sid = snapshot["you"]["sid"].as_str().unwrap();
    assert_eq!(snapshot["you"], json!({ "identity": "ann", "class": "viewer", "delivery": null, "sid": sid }));
    assert!(rig.parts().players.is_issued(OfRoom { name: "demo", created_at_utc_ms: 0 }, sid));
    let guest = bob.next().await;
    assert!(guest["you"]["identity"].as_str().unwrap().starts_with("guest-"), "{guest}");
    assert_eq!((&guest["you"]["class"], &guest["epoch"]), (&json!("anonymous"), &snapshot["epoch"]));

    for number in 0..5 {
        rig.publish(chat(number));
    }
    assert_eq!((ann.numbers(5).await, bob.numbers(5).await), (vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4]));
    let place = format!("&epoch={}&offset={}", snapshot["epoch"].as_str().unwrap(), ann.offset);
    drop(ann);
    for number in 5..8 {
        rig.publish(gift(number));
    }
    assert_eq!(bob.numbers(3).await, [5, 6, 7]);
    let mut ann = rig.open(&rig.token("ann"), &place).await;
    let resumed = ann.next().await;
    assert_eq!((&resumed["type"], &resumed["offset"]), (&json!("resumed"), &json!(5)));
    rig.publish(gift(8));
    assert_eq!((ann.numbers(4).await, bob.numbers(1).await), (vec![5, 6, 7, 8], vec![8]));
    let mut late = rig.open(&rig.token("eve"), "&epoch=0000000000000001&offset=3").await;
    let fresh = late.next().await;
    assert_eq!((&fresh["type"], &fresh["offset"]), (&json!("snapshot"), &json!(9)));
}

#[tokio::test]
async fn message_for_one_person_reaches_all_their_sockets_and_nobody_else() {
    let rig = EventsRig::start(|_| {}).await;
    let (mut one, mut two) = (rig.open(&rig.token("ann"), "").await, rig.open(&rig.token("ann"), "").await);
    let mut other = rig.open(&rig.token("bob"), "").await;
    for client in [&mut one, &mut two, &mut other] {
        client.next().await;
    }
    let moved = json!({ "type": "delivery", "delivery": "interactive", "reason": "seat" });
    let tell = |identity: &str| rig.hub().tell(&rig.room, &identity.parse::<Identity>().unwrap(), &moved);
    assert!(tell("ann") && !tell("nobody"));
    rig.publish(chat(1));
    assert_eq!((one.next().await, two.next().await), (moved.clone(), moved.clone()));
    assert_eq!(other.next().await["type"], "events", "the message has no place among the events");
}

#[tokio::test]
async fn audience_counts_each_identity_once_by_both_paths_and_wishes_are_heard() {
    let rig = EventsRig::start(|_| {}).await;
    let mut wishes = rig.hub().wishes();
    let mut ann = [rig.open(&rig.token("ann"), "").await, rig.open(&rig.token("ann"), "").await];
    let mut guest = rig.open("", "").await;
    for client in ann.iter_mut().chain([&mut guest]) {
        client.next().await;
        client
            .say(&json!({ "type": "watching", "delivery": "broadcast", "state": "playing", "behind_ms": 3000 }))
            .await;
    }
    let presence = guest.until(|message| message["type"] == "presence" && message["total"] == 2).await;
    assert_eq!((&presence["broadcast"], &presence["by_class"]["anonymous"]), (&json!(2), &json!(1)));

    ann[0].say(&json!({ "type": "seat", "want": true })).await;
    let wish = tokio::time::timeout(SOON, wishes.recv()).await.unwrap().unwrap();
    assert_eq!((wish.identity.as_str(), wish.class, wish.seat), ("ann", Class::Viewer, true));
    let snapshot = rig.hub().audience(&rig.room, 1);
    assert_eq!((snapshot.audience.broadcast, snapshot.on_broadcast.len()), (2, 1));
    assert!(snapshot.on_broadcast[0].asked_for_seat_utc_ms.is_some());

    let seated =
        ["ann", "cid"].map(|name| Seated { identity: name.parse().unwrap(), class: Class::Premium, performs: false });
    *rig.media().seated.lock().unwrap() = seated.into();
    rig.hub().seats_changed(&rig.room);
    let presence = guest.until(|message| message["type"] == "presence" && message["interactive"] == 2).await;
    assert_eq!((&presence["broadcast"], &presence["total"], &presence["peak"]), (&json!(1), &json!(3), &json!(3)));
    drop(ann);
    guest.say(&json!({ "type": "watching", "delivery": "broadcast", "state": "stopped" })).await;
    let presence = guest.until(|message| message["type"] == "presence" && message["broadcast"] == 0).await;
    assert_eq!((&presence["total"], &presence["peak"]), (&json!(2), &json!(3)));
}

#[tokio::test]
async fn thousands_of_sockets_get_every_event_once_and_in_order() {
    const SOCKETS: usize = 2000;
    const EVENTS: u64 = 500;
    let rig = EventsRig::start(|_| {}).await;
    let mut clients = Vec::new();
    for _ in 0..SOCKETS {
        let mut client = rig.open("", "").await;
        assert_eq!(client.next().await["type"], "snapshot");
        clients.push(client);
    }
    let (hub, room) = (rig.hub().clone(), rig.room.clone());
    let publishing = tokio::task::spawn_blocking(move || {
        for number in 0..EVENTS {
            hub.publish(&room, if number % 10 == 0 { gift(number) } else { chat(number) }).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut reading = tokio::task::JoinSet::new();
    for mut client in clients {
        reading.spawn(async move { client.numbers(EVENTS as usize).await });
    }
    publishing.await.unwrap();
    while let Some(numbers) = reading.join_next().await {
        assert_eq!(numbers.unwrap(), (0..EVENTS).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn tls_connection_gets_the_same() {
    let rig = EventsRig::start_tls().await;
    let mut client = rig.open_tls().await;
    assert_eq!(client.next().await["type"], "snapshot");
    for number in 0..200 {
        rig.publish(chat(number));
    }
    assert_eq!(client.numbers(200).await, (0..200).collect::<Vec<_>>());
    client.say_text("nonsense").await;
    assert_eq!(client.next().await["reason"], "malformed");
    rig.hub().close(&rig.room);
    assert_eq!(client.closed().await, Some(1000));
}

#[tokio::test]
async fn changes_of_the_room_are_told_and_its_end_and_strangers_leave_when_it_is_private() {
    let rig = EventsRig::start(|_| {}).await;
    let (happened, events) = tokio::sync::broadcast::channel(16);
    let following = tokio::spawn(follow_rooms(rig.parts(), events));
    let (mut ann, mut guest) = (rig.open(&rig.token("ann"), "").await, rig.open("", "").await);
    ann.next().await;
    guest.next().await;
    rig.set(|room| room.title = "Tonight".into()).await;
    let told = ann.until(|message| message["type"] == "events").await;
    let event = &told["events"][0];
    assert_eq!((&event["type"], &event["room"]["title"]), (&json!("room"), &json!("Tonight")));
    let speaker = interactive_sfu::Speaker {
        identity: "sam".parse().unwrap(),
        name: "Sam".into(),
        session: "s".into(),
        audio: true,
        video: true,
    };
    happened.send(interactive_sfu::RoomEvent::SpeakerJoined { room: rig.room.clone(), speaker }).unwrap();
    let told = ann.until(|message| message["events"][0]["type"] == "stage").await;
    assert_eq!((&told["events"][0]["change"], &told["events"][0]["identity"]), (&json!("joined"), &json!("sam")));

    rig.set(|room| room.visibility = rooms::Visibility::Private).await;
    assert_eq!(guest.closed().await, Some(1008));
    rig.delete().await;
    assert_eq!(ann.closed().await, Some(1000));
    following.abort();
}

fn is_events(message: &Value) -> bool {
    message["type"] == "events"
}

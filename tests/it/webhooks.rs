//! Webhooks of facts that this server alone knows: they outlive it.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};

use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use rig::webhooks::Receiver;
use serde_json::{Value, json};
use tungstenite::WebSocket;

fn start(urls: &[&str], speakers: u32) -> Server {
    let environment = vec![("SPILLWAY__API__WEBHOOK_URLS".into(), json!(urls).to_string())];
    Server::start(Demo { environment, speakers, ..Demo::default() }).unwrap()
}

fn change(server: &Server, room: &str, change: Value) {
    let bearer = format!("Bearer {}", server.keys.mint_moderator(room));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = change.to_string();
    let reply = server.http.request("PATCH", &format!("/v1/rooms/{room}"), &headers, Some(body.as_bytes())).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn set_seats(server: &Server, room: &str, seats_max: u32) {
    change(server, room, json!({ "audience": { "seats_max": seats_max } }));
}

/// The thresholds that a receiver was told and took, in order.
fn seats_told(receiver: &Receiver, room: &str) -> Vec<u64> {
    let of = receiver.taken("room_audience_changed").into_iter().filter(|one| one.json["room"]["name"] == room);
    of.map(|one| one.json["spillway"]["audience"]["seats_max"].as_u64().unwrap()).collect()
}

#[test]
fn facts_told_to_nobody_when_the_server_is_killed_arrive_in_order_from_the_next_one() {
    let receiver = Receiver::start(500).unwrap();
    // Takes connections, and answers nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = start(&[&format!("http://{}/", silent.local_addr().unwrap()), &receiver.url], 0);
    let bearer = format!("Bearer {}", server.keys.mint_admin());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let made = server.http.request("POST", "/v1/rooms", &headers, Some(br#"{"room":"hall"}"#)).unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    for seats_max in 1..=5 {
        set_seats(&server, "demo", seats_max);
        set_seats(&server, "hall", seats_max);
    }
    wait_for_or("an attempt for each room", 10, || match receiver.posted() {
        posted if posted.len() >= 2 => Ok(()),
        posted => Err(format!("{posted:?}")),
    })
    .unwrap();
    server.kill();
    let refused = receiver.posted();
    receiver.answer(200);
    server.start_again().unwrap();
    set_seats(&server, "demo", 6);
    let told = || (seats_told(&receiver, "demo"), seats_told(&receiver, "hall"));
    wait_for_or("all that was not taken", 20, || match told() {
        (demo, hall) if demo.len() >= 6 && hall.len() >= 5 => Ok(()),
        told => Err(format!("{told:?}")),
    })
    .unwrap();
    assert_eq!(told(), ((1..=6).collect(), (1..=5).collect()), "in order, each once");

    let taken = receiver.taken("room_audience_changed");
    let ids: BTreeSet<&str> = taken.iter().map(|one| one.json["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 11);
    assert!(refused.iter().all(|one| ids.contains(one.json["id"].as_str().unwrap())), "an event keeps its id");
    assert!(refused.iter().all(|one| one.status == 500 && one.authorization.split('.').count() == 3));
}

/// Takes a seat by LiveKit's protocol, without media.
fn sit(server: &Server, identity: &str) -> WebSocket<TcpStream> {
    let token = server.viewer_token(identity);
    let url = format!("ws://127.0.0.1:{}/rtc?protocol=16&auto_subscribe=1&access_token={token}", server.port());
    tungstenite::client(url, TcpStream::connect(("127.0.0.1", server.port())).unwrap()).unwrap().0
}

#[test]
fn broadcasts_their_audience_and_moves_are_told_with_the_reason() {
    let receiver = Receiver::start(200).unwrap();
    let mut server = start(&[&receiver.url], 1);
    server.wait_for_broadcast().unwrap();
    let told = |event: &str, count: usize| {
        wait_for_or(&format!("{count} of {event}"), 20, || match receiver.taken(event) {
            taken if taken.len() >= count => Ok(taken),
            _ => Err(format!("{:?}", receiver.posted())),
        })
        .unwrap()
        .remove(count - 1)
        .json
    };
    assert_eq!(told("broadcast_started", 1)["room"]["name"], "demo");
    let counted = told("audience_counted", 1);
    assert_eq!(
        (&counted["spillway"]["interactive"], &counted["spillway"]["by_class"]["speaker"]),
        (&json!(1), &json!(1))
    );

    // Three seats, of which one may be taken for long; people who came are moved after ten seconds at the earliest.
    let demote =
        json!({ "demote": "lowest-class-first", "high_watermark": 50, "low_watermark": 40, "dwell_seconds": 10 });
    change(&server, "demo", json!({ "audience": demote }));
    set_seats(&server, "demo", 3);
    let seated = ["ben", "cleo"].map(|identity| sit(&server, identity));
    let moved = told("viewers_demoted", 1)["spillway"].clone();
    assert_eq!(moved["reason"], "room_full", "{moved}");
    let viewers: BTreeSet<&str> =
        moved["viewers"].as_array().unwrap().iter().map(|one| one["identity"].as_str().unwrap()).collect();
    assert!(!viewers.is_empty() && viewers.is_subset(&BTreeSet::from(["ben", "cleo"])), "{moved}");
    assert!(moved["viewers"].as_array().unwrap().iter().all(|one| one["class"] == "viewer"), "{moved}");
    drop(seated);

    change(&server, "demo", json!({ "broadcast": "off" }));
    assert_eq!(told("broadcast_ended", 1)["spillway"], json!({ "reason": "switched_off" }));
    change(&server, "demo", json!({ "broadcast": "on" }));
    assert_eq!(told("broadcast_started", 2)["spillway"], json!({ "reason": "always_on" }));

    // A server that shuts down may have no time to tell; the next one does.
    server.terminate();
    server.wait_for_end(20).unwrap();
    server.start_again().unwrap();
    assert_eq!(told("broadcast_ended", 2)["spillway"], json!({ "reason": "shutdown" }));
}

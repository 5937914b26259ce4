//! Clients that do not behave, and the end of the server.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::super::framing::MESSAGE_BYTES_MAX;
use super::rig::long;
use super::*;

#[tokio::test]
async fn each_fault_of_a_client_has_its_close_code() {
    let rig = EventsRig::start(|_| {}).await;
    let mut long_text = rig.open("", "").await;
    long_text.say_text(&"x".repeat(MESSAGE_BYTES_MAX + 1)).await;
    assert_eq!(long_text.closed().await, Some(1009));
    let mut binary = rig.open("", "").await;
    binary.say_binary(b"x").await;
    assert_eq!(binary.closed().await, Some(1003));
    let mut unmasked = rig.open("", "").await;
    unmasked.say_raw(b"\x81\x01x").await;
    assert_eq!(unmasked.closed().await, Some(1002));

    let mut babbling = rig.open("", "").await;
    babbling.next().await;
    for _ in 0..3 {
        babbling.say_text("{\"type\":\"dance\"}").await;
        assert_eq!(babbling.next().await["reason"], "malformed");
    }
    babbling.say_text("again").await;
    assert_eq!(babbling.closed().await, Some(1008));
    let mut hasty = rig.open("", "").await;
    for _ in 0..30 {
        hasty.say(&json!({ "type": "seat", "want": false })).await;
    }
    hasty.until(|message| message["reason"] == "too_fast").await;
    assert_eq!(hasty.closed().await, Some(1008));
}

#[tokio::test]
async fn client_that_is_never_heard_is_closed_and_one_that_answers_pings_stays() {
    let rig = EventsRig::start(|config| config.events_ping_interval_ms = 1000).await;
    let mut answering = rig.open("", "").await;
    answering.next().await;
    let mut silent = rig.open_raw().await;
    let mut received = Vec::new();
    let reading = async {
        tokio::select! {
            read = silent.read_to_end(&mut received) => read.map(drop),
            // Reading is what answers pings.
            _ = answering.until(|_| false) => Ok(()),
        }
    };
    timeout(SOON, reading).await.expect("the silent one should have been closed").unwrap();
    let pings = received.windows(2).filter(|bytes| *bytes == b"\x89\x00").count();
    assert!((2..=4).contains(&pings), "{pings}");
    rig.publish(chat(1));
    assert_eq!(answering.numbers(1).await, [1]);
}

#[tokio::test]
async fn client_that_does_not_read_costs_others_nothing_and_misses_chat_but_no_gift() {
    const EVENTS: u64 = 4000;
    let rig = EventsRig::start(|_| {}).await;
    let mut reading = rig.open("", "").await;
    let mut slow = rig.open_through_little().await;
    reading.next().await;
    slow.next().await;
    for number in 0..EVENTS {
        let publish = || rig.hub().publish(&rig.room, long(number, 2000, number % 200 == 0));
        while publish().is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if number % 20 == 19 {
            assert_eq!(reading.numbers(20).await, (number - 19..=number).collect::<Vec<_>>());
        }
    }
    let (mut gifts, mut missed) = (Vec::new(), 0);
    let mut offset = 0;
    while offset < EVENTS {
        let message = slow.next().await;
        let events = message["events"].as_array().cloned().unwrap_or_default();
        let told = message["missed"].as_u64().unwrap_or_default();
        let Some(reached) = message["offset"].as_u64() else { continue };
        assert_eq!(offset + events.len() as u64 + told, reached, "no event is passed over in silence");
        (offset, missed) = (reached, missed + told);
        let numbers = events.iter().filter_map(|event| event["n"].as_u64());
        gifts.extend(numbers.filter(|number| number % 200 == 0));
    }
    assert_eq!(gifts, (0..EVENTS).step_by(200).collect::<Vec<_>>());
    assert!(missed > 0, "it did not read, so something should have been left out");
}

#[tokio::test]
async fn client_that_falls_behind_the_gifts_is_cut() {
    let rig = EventsRig::start(|_| {}).await;
    let mut slow = rig.open_through_little().await;
    slow.next().await;
    let began = Instant::now();
    while rig.hub().connections() > 0 {
        let published = rig.hub().publish(&rig.room, long(0, 15_000, true));
        if published.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(began.elapsed() < 4 * SOON, "it should have been cut");
    }
}

#[tokio::test]
async fn sockets_are_bounded_by_identity_and_in_all() {
    let rig = EventsRig::start(|config| config.events_connections_max = 10).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(rig.open(&rig.token("ann"), "").await);
    }
    assert_eq!(rig.refused(&rig.token("ann")).await, 429);
    open.push(rig.open("", "").await);
    open.push(rig.open("", "").await);
    assert_eq!(rig.refused("").await, 503);
    drop(open);
    let freed = async {
        while rig.hub().connections() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, freed).await.expect("places should be free again");
    rig.open(&rig.token("ann"), "").await.next().await;
}

#[tokio::test]
async fn end_closes_everybody_within_its_bound_and_cuts_those_who_do_not_answer() {
    let rig = EventsRig::start(|_| {}).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = rig.open("", "").await;
        client.next().await;
        clients.push(client);
    }
    let _deaf = rig.open_raw().await;
    let (hub, began) = (rig.hub().clone(), Instant::now());
    let ending = tokio::spawn(async move { hub.end(Duration::from_secs(2)).await });
    for client in &mut clients {
        assert_eq!(client.closed().await, Some(1001));
    }
    timeout(SOON, ending).await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(500), "they should not all be told at once");
    assert_eq!(rig.refused("").await, 503);
}

#[tokio::test]
async fn bytes_that_come_with_the_handshake_are_read() {
    let rig = EventsRig::start(|_| {}).await;
    let mut socket = rig.connect().await;
    // A masked close frame without a code.
    let request = [rig.handshake("", "").as_bytes(), b"\x88\x80\x00\x00\x00\x00"].concat();
    socket.write_all(&request).await.unwrap();
    let mut received = Vec::new();
    timeout(SOON, socket.read_to_end(&mut received)).await.expect("the server should have closed").unwrap();
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with("HTTP/1.1 101") && text.contains("\"snapshot\""), "{text}");
}

use std::net::SocketAddr;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Request;
use interactive_sfu::{NoSeat, SessionId, Speaker};
use rooms::overflow::Thresholds;
use rooms::{BroadcastSetting, Visibility};
use serde_json::{Value, json};

use crate::extract::Caller;
use crate::testing::{Reply, Rig};

const PATH: &str = "/v1/rooms/demo/join";
const JSON_TYPE: (&str, &str) = ("content-type", "application/json");

async fn join(rig: &Rig, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut all = vec![("host", "a.example")];
    all.extend(headers);
    if !body.is_empty() {
        all.push(JSON_TYPE);
    }
    rig.send("POST", PATH, &all, body).await
}

/// `delivery`, `reason` and the class, or the type of the problem.
fn line(reply: &Reply) -> String {
    let json = reply.json();
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    match reply.status {
        200 => format!("{} {} {}", text("delivery"), text("reason"), text("class")),
        status => format!("{status} {}", text("type").rsplit(':').next().unwrap_or_default()),
    }
}

fn speak(rig: &Rig) {
    let identity = "ann".parse().unwrap();
    let speaker = Speaker { identity, name: "Ann".into(), session: SessionId::from("s"), audio: true, video: false };
    rig.media.speakers.lock().unwrap().push(speaker);
}

#[tokio::test]
async fn stranger_joins_a_public_room_as_a_guest_who_stays_the_same() {
    let rig = Rig::new().await;
    let first = join(&rig, &[], "").await;
    assert_eq!(line(&first), "interactive seat anonymous");
    let answer = first.json();
    assert_eq!((&answer["url"], &answer["whep"]), (&json!("ws://a.example"), &json!("http://a.example/whep/demo")));
    assert_eq!(answer["lease_expires_at"], "2027-01-15T08:00:00.000Z");
    let token = answer["token"].as_str().unwrap();
    assert_eq!(answer["events"], json!(format!("ws://a.example/v1/rooms/demo/events?access_token={token}")));
    let again = join(&rig, &[("authorization", &format!("Bearer {token}"))], "").await;
    assert_eq!((line(&again).as_str(), &again.json()["identity"]), ("interactive seat anonymous", &answer["identity"]));
    let other = join(&rig, &[], "{}").await.json();
    assert_ne!(other["identity"], answer["identity"]);
    assert_eq!(first.header("cache-control"), "no-store");
}

#[tokio::test]
async fn class_comes_from_the_token_and_not_from_the_body() {
    let rig = Rig::new().await;
    for (grants, class) in [("subscribe", "viewer"), ("publish subscribe", "speaker"), ("admin subscribe", "host")] {
        let (name, token) = rig.bearer("demo", grants);
        assert_eq!(line(&join(&rig, &[(name, &token)], "").await), format!("interactive seat {class}"));
    }
    assert_eq!(line(&join(&rig, &[], r#"{"class":"premium"}"#).await), "422 invalid");
    let (name, token) = rig.bearer("demo", "publish");
    assert_eq!(line(&join(&rig, &[(name, &token)], "").await), "403 forbidden", "who may publish alone");
    let (name, token) = rig.bearer("other", "subscribe");
    assert_eq!(line(&join(&rig, &[(name, &token)], "").await), "403 forbidden");
    assert_eq!(line(&join(&rig, &[("authorization", "Bearer x.y.z")], "").await), "401 token-invalid");
}

#[tokio::test]
async fn full_room_sends_viewers_to_the_broadcast_and_starts_it() {
    let rig = Rig::new().await;
    speak(&rig);
    for (no_seat, reason) in [
        (NoSeat::RoomFull, "room_full"),
        (NoSeat::ClassReserved, "class_reserved"),
        (NoSeat::NodeDrains, "node_drains"),
        (NoSeat::NodeBusy, "node_busy"),
    ] {
        *rig.media.no_seat.lock().unwrap() = Some(no_seat);
        let reply = join(&rig, &[], "").await;
        assert_eq!(line(&reply), format!("broadcast {reason} anonymous"));
        let answer = reply.json();
        assert_eq!((&answer["ready"], &answer["retry_after_ms"]), (&json!(false), &json!(1000)));
        assert_eq!(answer["playlist"], "http://a.example/live/demo/index.m3u8");
        assert!(answer["url"].is_null() && answer["token"].is_string() && answer["detail"].is_string());
    }
    assert_eq!(rig.demand.waited_for(std::time::Instant::now()).len(), 1);
    rig.broadcast(None);
    let answer = join(&rig, &[], "").await.json();
    assert_eq!((&answer["ready"], &answer["retry_after_ms"]), (&json!(true), &Value::Null));
    assert_eq!(line(&join(&rig, &[], r#"{"delivery":"interactive"}"#).await), "503 node-busy");
}

#[tokio::test]
async fn room_without_a_broadcast_refuses_whom_it_cannot_seat() {
    let rig = Rig::new().await;
    rig.set(|room| room.broadcast = room.broadcast.set(BroadcastSetting::Off, 1)).await;
    *rig.media.no_seat.lock().unwrap() = Some(NoSeat::RoomFull);
    let reply = join(&rig, &[], "").await;
    assert_eq!((line(&reply).as_str(), reply.header("retry-after")), ("409 room-full", "10"));
    assert_eq!(line(&join(&rig, &[], r#"{"delivery":"broadcast"}"#).await), "409 not-on-air");
    *rig.media.no_seat.lock().unwrap() = None;
    assert_eq!(line(&join(&rig, &[], "").await), "interactive seat anonymous");
}

#[tokio::test]
async fn asked_for_broadcast_takes_no_seat() {
    let rig = Rig::new().await;
    speak(&rig);
    assert_eq!(line(&join(&rig, &[], r#"{"delivery":"broadcast"}"#).await), "broadcast asked_for_broadcast anonymous");
    assert!(rig.media.asked.lock().unwrap().is_empty(), "the SFU was not asked");
}

#[tokio::test]
async fn private_room_is_joined_with_a_token_and_hides_itself_from_strangers() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    *rig.media.no_seat.lock().unwrap() = Some(NoSeat::RoomFull);
    assert_eq!(line(&join(&rig, &[], "").await), "404 unknown-room");
    let token = rig.playback_token("demo", 0, None);
    let answer = join(&rig, &[("authorization", &format!("Bearer {token}"))], "").await;
    assert_eq!(line(&answer), "broadcast room_full anonymous");
    let playlist = answer.json()["playlist"].as_str().unwrap().to_owned();
    assert!(playlist.starts_with("http://a.example/live/t/") && playlist.ends_with("/demo/index.m3u8"), "{playlist}");
    let (name, token) = rig.bearer("demo", "subscribe");
    assert_eq!(line(&join(&rig, &[(name, &token)], "").await), "broadcast room_full viewer");
}

#[tokio::test]
async fn rooms_that_are_gone_or_were_never_made_are_not_joined_by_guests() {
    let rig = Rig::new().await;
    let token = join(&rig, &[], "").await.json()["token"].as_str().unwrap().to_owned();
    rig.delete().await;
    assert_eq!(line(&join(&rig, &[], "").await), "404 unknown-room");
    let bearer = format!("Bearer {token}");
    assert_eq!(line(&join(&rig, &[("authorization", &bearer)], "").await), "404 unknown-room", "a guest makes no room");
}

/// Tries every way in with a token, from an address. Returns the statuses of a join, WHEP, LiveKit's socket, the events
/// socket and the room's data.
async fn ways_in(rig: &Rig, token: &str, address: &str) -> [u16; 5] {
    let caller = Caller { address: SocketAddr::new(address.parse().unwrap(), 1), tls: false };
    let send = async |method: &str, path: &str, content_type: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("host", "a.example").extension(caller);
        let request = request.header("authorization", format!("Bearer {token}")).header("content-type", content_type);
        rig.answer(request.body(body.to_owned().into()).unwrap()).await.status
    };
    let events = format!("/v1/rooms/demo/events?access_token={token}");
    [
        send("POST", PATH, "application/json", "{}").await,
        send("POST", "/whep/demo", "application/sdp", "v=0").await,
        send("GET", "/rtc/validate", "", "").await,
        send("GET", &events, "", "").await,
        send("GET", "/v1/rooms/demo", "", "").await,
    ]
}

/// No request here opens a WebSocket, which is asked for last: 400.
const LET_IN: [u16; 5] = [200, 201, 200, 400, 200];

#[tokio::test]
async fn guests_token_is_worthless_while_the_room_is_private() {
    let rig = Rig::new().await;
    let token = join(&rig, &[], "").await.json()["token"].as_str().unwrap().to_owned();
    let again = join(&rig, &[("authorization", &format!("Bearer {token}"))], "").await.json();
    for token in [token.as_str(), again["token"].as_str().unwrap()] {
        assert_eq!(ways_in(&rig, token, "192.0.2.1").await, LET_IN);
        rig.set(|room| room.visibility = Visibility::Private).await;
        assert_eq!(ways_in(&rig, token, "192.0.2.1").await, [404; 5]);
        rig.set(|room| room.visibility = Visibility::Unlisted).await;
    }
    rig.set(|room| room.visibility = Visibility::Private).await;
    let (_, known) = rig.bearer("demo", "subscribe");
    assert_eq!(ways_in(&rig, known.trim_start_matches("Bearer "), "192.0.2.1").await, LET_IN);
    let list = rig.get("/v1/rooms", &[("authorization", &format!("Bearer {token}"))]).await.json();
    assert_eq!(list["rooms"], json!([]), "nor is the room listed");
}

#[tokio::test]
async fn guest_who_came_by_a_playback_token_is_let_in_from_its_addresses_alone() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    let playback = rig.playback_token("demo", 0, Some("192.0.2.0/24"));
    let join_from = async |address: &str, token: &str, body: &str| {
        let caller = Caller { address: SocketAddr::new(address.parse().unwrap(), 1), tls: false };
        let request = Request::post(PATH).header("host", "a.example").extension(caller);
        let request = request.header("authorization", format!("Bearer {token}")).header(JSON_TYPE.0, JSON_TYPE.1);
        rig.answer(request.body(body.to_owned().into()).unwrap()).await
    };
    assert_eq!(join_from("192.0.3.1", &playback, "{}").await.status, 404);
    let token = join_from("192.0.2.1", &playback, "{}").await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(ways_in(&rig, &token, "192.0.2.9").await, LET_IN);
    assert_eq!(ways_in(&rig, &token, "192.0.3.1").await, [404; 5]);
    // Nor does the playlist that it leads to hold for more addresses.
    speak(&rig);
    let answer = join_from("192.0.2.1", &token, r#"{"delivery":"broadcast"}"#).await.json();
    let playlist = answer["playlist"].as_str().unwrap();
    let minted = playlist.split('/').nth(5).unwrap();
    let verify = |from: &str| rig.playback.verify(minted, "demo", Some(from.parse().unwrap()), SystemTime::now());
    assert!(verify("192.0.2.9").is_some() && verify("192.0.3.1").is_none(), "{playlist}");
}

#[tokio::test]
async fn lease_in_the_token_is_passed_on_when_its_holder_joins_again() {
    let rig = Rig::new().await;
    let token = join(&rig, &[], "").await.json()["token"].as_str().unwrap().to_owned();
    join(&rig, &[("authorization", &format!("Bearer {token}"))], "").await;
    assert_eq!(*rig.media.leases.lock().unwrap(), [None, Some(1_800_000_000_000)]);
}

#[tokio::test]
async fn nonsense_is_refused_by_name() {
    let rig = Rig::new().await;
    for (body, refusal) in [
        ("{", "400 malformed"),
        ("7", "422 invalid"),
        (r#"{"delivery":"both"}"#, "422 invalid"),
        (r#"{"seat":true}"#, "422 invalid"),
    ] {
        assert_eq!(line(&join(&rig, &[], body).await), refusal, "{body}");
    }
    let reply = rig.send("POST", PATH, &[("host", "a.example"), ("content-type", "text/plain")], "{}").await;
    assert_eq!(reply.status, 415);
}

#[tokio::test]
async fn room_is_asked_for_a_seat_within_its_limits() {
    let rig = Rig::new().await;
    rig.set(|room| room.audience = Thresholds { seats_max: 7, ..room.audience }).await;
    join(&rig, &[], "").await;
    let asked = rig.media.asked.lock().unwrap().join(" ");
    assert!(asked.contains("seat demo guest-") && asked.ends_with("anonymous 7"), "{asked}");
}

#[tokio::test]
async fn guest_with_a_playback_token_watches_no_longer_than_that() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    let playback = rig.playback_token("demo", 0, None);
    let answer = join(&rig, &[("authorization", &format!("Bearer {playback}"))], r#"{"delivery":"interactive"}"#).await;
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let good_for_s = claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap();
    assert!(good_for_s <= 60, "{good_for_s} s, and the playback token is good for a minute");
    speak(&rig);
    let answer = join(&rig, &[("authorization", &format!("Bearer {playback}"))], r#"{"delivery":"broadcast"}"#).await;
    assert_eq!(answer.json()["playlist"], json!(format!("http://a.example/live/t/{playback}/demo/index.m3u8")));
}

use interactive_sfu::{SessionId, Speaker};
use packager::NotServed;
use rooms::{BroadcastSetting, Order};
use serde_json::json;

use super::*;
use crate::Config;
use crate::testing::Rig;

mod private;

const JSON_TYPE: (&str, &str) = ("content-type", "application/json");

fn order(on: bool, layout: Layout) -> Order {
    let setting = if on { BroadcastSetting::On } else { BroadcastSetting::Off };
    Order::Broadcast { room: "demo".parse().unwrap(), setting, record: false, layout }
}

fn speaker() -> Speaker {
    let identity = "ann".parse().unwrap();
    Speaker { identity, name: "Ann".into(), session: SessionId::from("s"), audio: true, video: false }
}

#[tokio::test]
async fn the_lobby_learns_what_is_live_without_a_token() {
    let rig = Rig::new().await;
    let before = rig.get("/v1/rooms", &[]).await;
    assert_eq!((before.status, before.header("cache-control")), (200, "no-store"));
    let room = &before.json()["rooms"][0];
    assert_eq!((&room["room"], &room["title"], &room["live"]), (&json!("demo"), &json!("Demo"), &json!(false)));
    assert_eq!((&room["live_since"], &room["playlist"]), (&json!(null), &json!(null)));

    rig.broadcast(Some(Err(NotServed::NotFound)));
    rig.media.speakers.lock().unwrap().push(speaker());
    let room = rig.get("/v1/rooms/demo", &[]).await.json();
    assert_eq!((&room["live"], &room["live_since"]), (&json!(true), &json!("1970-01-01T00:00:00.000Z")));
    assert_eq!((&room["speakers"], &room["playlist"]), (&json!(1), &json!("/live/demo/index.m3u8")));
    assert_eq!(room["stage"], json!([{"identity": "ann", "name": "Ann", "audio": true, "video": false}]));
    assert_eq!(rig.get("/v1/rooms/nobody", &[]).await.status, 404);
}

#[tokio::test]
async fn the_operator_decides_what_strangers_see_and_a_token_sees_all() {
    for (lobby, strangers) in [(Lobby::All, 1), (Lobby::Live, 0), (Lobby::None, 0)] {
        let rig = Rig::with(Config { lobby, ..Config::default() }, false).await;
        let seen = |reply: crate::testing::Reply| reply.json()["rooms"].as_array().unwrap().len();
        assert_eq!(seen(rig.get("/v1/rooms", &[]).await), strangers, "{lobby:?}");
        let (name, token) = rig.bearer("demo", "list");
        assert_eq!(seen(rig.get("/v1/rooms", &[(name, &token)]).await), 1);
        let (name, token) = rig.bearer("demo", "publish");
        assert_eq!(seen(rig.get("/v1/rooms", &[(name, &token)]).await), strangers);
    }
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/rooms", &[("authorization", "Bearer x.y.z")]).await.status, 401);
}

#[tokio::test]
async fn playlists_are_handed_out_at_the_cdns_address() {
    let config = Config { playlist_base_url: Some("https://cdn.example".into()), ..Config::default() };
    let rig = Rig::with(config, false).await;
    rig.broadcast(Some(Err(NotServed::NotFound)));
    let room = rig.get("/v1/rooms/demo", &[]).await.json();
    assert_eq!(room["playlist"], "https://cdn.example/live/demo/index.m3u8");
}

#[tokio::test]
async fn rooms_are_created_by_those_who_may() {
    let rig = Rig::with(Config { rooms_max: 2, ..Config::default() }, false).await;
    let (name, token) = rig.bearer("x", "create");
    let auth = (name, token.as_str());
    for (body, status) in [
        (r#"{"room":"a b"}"#, 422),
        (r#"{"room":"a","colour":"red"}"#, 422),
        (r#"{"room":"a","layout":{"single":""}}"#, 422),
        (r#"{"room":"a","title":"x\ny"}"#, 422),
        ("[", 400),
        (r#"{"room":"demo"}"#, 409),
        (r#"{"room":"a","title":"A","layout":"active-speaker"}"#, 201),
        (r#"{"room":"b"}"#, 507),
    ] {
        let reply = rig.send("POST", "/v1/rooms", &[auth, JSON_TYPE], body).await;
        assert_eq!(reply.status, status, "{body}");
        if status == 201 {
            assert_eq!((reply.header("location"), &reply.json()["title"]), ("/v1/rooms/a", &json!("A")));
        }
    }
    assert_eq!(rig.send("POST", "/v1/rooms", &[JSON_TYPE], r#"{"room":"c"}"#).await.status, 401);
    let (name, token) = rig.bearer("c", "publish admin list");
    assert_eq!(rig.send("POST", "/v1/rooms", &[(name, &token), JSON_TYPE], r#"{"room":"c"}"#).await.status, 403);
}

#[tokio::test]
async fn a_change_of_layout_is_stored_and_told() {
    let mut rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "admin");
    let auth = (name, token.as_str());
    let body = r#"{"layout":{"single":"ann"}}"#;
    let reply = rig.send("PATCH", "/v1/rooms/demo", &[auth, JSON_TYPE], body).await;
    assert_eq!((reply.status, &reply.json()["layout"]), (200, &json!({"single": "ann"})));
    // Nobody took the first order, and there is room for one.
    let busy = rig.send("PATCH", "/v1/rooms/demo", &[auth, JSON_TYPE], r#"{"layout":"grid"}"#).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, "5"));
    let layout = Layout::Single("ann".into());
    assert_eq!(rig.rooms.get("demo").await.unwrap().layout, layout, "what was refused is not stored");
    let setting = BroadcastSetting::Auto;
    let order = Order::Broadcast { room: "demo".parse().unwrap(), setting, record: false, layout };
    assert_eq!(rig.orders.recv().await, Some(order));

    let reply = rig.send("PATCH", "/v1/rooms/demo", &[auth, JSON_TYPE], r#"{"title":"New"}"#).await;
    assert_eq!(reply.json()["title"], "New");
    assert!(rig.orders.try_recv().await.is_none(), "a title is no news to the broadcast");
    for (room, grants, status) in
        [("other", "admin", 403), ("demo", "create list publish", 403), ("other", "operator", 200)]
    {
        let (name, token) = rig.bearer(room, grants);
        let reply = rig.send("PATCH", "/v1/rooms/demo", &[(name, &token), JSON_TYPE], r#"{"title":"A"}"#).await;
        assert_eq!(reply.status, status, "{grants} of {room}");
    }
}

#[tokio::test]
async fn a_broadcast_is_on_until_it_is_switched_off_and_told_of_each_switch_once() {
    let mut rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "admin");
    let headers = [(name, token.as_str()), JSON_TYPE];
    assert_eq!(rig.get("/v1/rooms/demo", &[]).await.json()["broadcast"], "auto");
    for on in [false, true] {
        let body = json!({ "broadcast": on }).to_string();
        for told in [true, false] {
            let reply = rig.send("PATCH", "/v1/rooms/demo", &headers, &body).await;
            assert_eq!((reply.status, &reply.json()["broadcast"]), (200, &json!(if on { "on" } else { "off" })));
            assert_eq!(rig.rooms.get("demo").await.unwrap().broadcast.is_on(), on);
            let order = order(on, Layout::Grid);
            assert_eq!(rig.orders.try_recv().await, told.then_some(order), "{on}");
        }
    }
}

#[tokio::test]
async fn changes_at_once_all_come_to_pass() {
    let mut rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "admin");
    let headers = [(name, token.as_str()), JSON_TYPE];
    for round in 0..10 {
        let on = round % 2 == 1;
        let (title, metadata) = (format!("title {round}"), format!("metadata {round}"));
        let (titled, switched) = (json!({ "title": title }).to_string(), json!({ "broadcast": on }).to_string());
        let replies = tokio::join!(
            rig.send("PATCH", "/v1/rooms/demo", &headers, &titled),
            rig.send("PATCH", "/v1/rooms/demo", &headers, &switched),
            rig.twirp("RoomService/UpdateRoomMetadata", "admin", json!({"room": "demo", "metadata": metadata})),
        );
        assert_eq!([replies.0.status, replies.1.status, replies.2.status], [200; 3]);
        let room = rig.rooms.get("demo").await.unwrap();
        assert_eq!((room.title, room.metadata, room.broadcast.is_on()), (title, metadata, on), "{round}");
        assert!(rig.orders.try_recv().await.is_some());
    }
}

#[tokio::test]
async fn deleting_a_room_ends_its_sessions_and_its_broadcast() {
    let mut rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "admin");
    assert_eq!(rig.send("DELETE", "/v1/rooms/demo", &[(name, &token)], "").await.status, 403);
    let (name, token) = rig.bearer("x", "create");
    assert_eq!(rig.send("DELETE", "/v1/rooms/demo", &[(name, &token)], "").await.status, 204);
    assert_eq!(
        *rig.media.moderated.lock().unwrap(),
        [interactive_sfu::Command::CloseRoom(interactive_sfu::CloseRoom("demo".parse().unwrap()))]
    );
    assert_eq!(rig.orders.recv().await, Some(Order::Deleted { room: "demo".parse().unwrap() }));
    assert_eq!(rig.send("DELETE", "/v1/rooms/demo", &[(name, &token)], "").await.status, 404);
    assert_eq!(rig.get("/v1/rooms/demo", &[]).await.status, 404);
}

#[tokio::test]
async fn a_token_for_the_asking_exists_in_development_alone() {
    let body = r#"{"identity":"ann","name":"Ann"}"#;
    let rig = Rig::with(Config::default(), false).await;
    assert_eq!(rig.send("POST", "/v1/rooms/demo/dev-token", &[JSON_TYPE], body).await.status, 404);

    let rig = Rig::new().await;
    let reply = rig.send("POST", "/v1/rooms/demo/dev-token", &[JSON_TYPE], body).await;
    let bearer = format!("Bearer {}", reply.json()["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/sdp")];
    assert_eq!(rig.send("POST", "/whip/demo", &headers, "v=0").await.status, 201);
    assert_eq!(rig.send("POST", "/v1/rooms/demo/dev-token", &[JSON_TYPE], r#"{"identity":""}"#).await.status, 422);
    assert_eq!(rig.send("POST", "/v1/rooms/nobody/dev-token", &[JSON_TYPE], body).await.status, 404);
}

#[tokio::test]
async fn the_three_settings_are_taken_strictly_and_told() {
    let rig = Rig::with(Config { rooms_max: 99, ..Config::default() }, false).await;
    let (name, token) = rig.bearer("demo", "create admin");
    let headers = [(name, token.as_str()), JSON_TYPE];
    let settings = |reply: &crate::testing::Reply| {
        ["broadcast", "visibility", "record"].map(|key| reply.json()[key].as_str().unwrap().to_owned())
    };
    for (number, (body, told)) in [
        (json!({}), ["auto", "public", "off"]),
        (json!({"broadcast": "off", "visibility": "private", "record": "on"}), ["off", "private", "on"]),
        (json!({"broadcast": false, "visibility": "unlisted"}), ["off", "unlisted", "off"]),
        (json!({"broadcast": true}), ["on", "public", "off"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut create = body.clone();
        create["room"] = json!(format!("room-{number}"));
        let reply = rig.send("POST", "/v1/rooms", &headers, &create.to_string()).await;
        assert_eq!((reply.status, settings(&reply)), (201, told.map(str::to_owned)), "{body}");
    }
    let before = rig.rooms.get("demo").await.unwrap();
    for (body, words) in [
        (json!({"broadcast": "sometimes"}), "expected one of `off`, `auto`, `on`"),
        (json!({"broadcast": 1}), "expected one of off, auto, on"),
        (json!({"visibility": "Public"}), "expected one of `public`, `unlisted`, `private`"),
        (json!({"visibility": true}), "expected one of public, unlisted, private"),
        (json!({"record": "auto"}), "expected `off` or `on`"),
        (json!({"record": {}}), "expected one of off, on"),
        (json!({"recorded": "on"}), "unknown field `recorded`"),
    ] {
        let reply = rig.send("PATCH", "/v1/rooms/demo", &headers, &body.to_string()).await;
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!((reply.status, detail.contains(words)), (422, true), "{body}: {detail}");
        let mut create = body.clone();
        create["room"] = json!("new");
        assert_eq!(rig.send("POST", "/v1/rooms", &headers, &create.to_string()).await.status, 422, "{body}");
    }
    assert_eq!(rig.rooms.get("demo").await.unwrap(), before);
    let body = json!({"broadcast": "on", "visibility": "unlisted"}).to_string();
    let reply = rig.send("PATCH", "/v1/rooms/demo", &headers, &body).await;
    assert_eq!(settings(&reply), ["on", "unlisted", "off"]);
    assert_eq!(settings(&rig.get("/v1/rooms/demo", &[]).await), ["on", "unlisted", "off"]);
}

#[tokio::test]
async fn a_change_of_recording_is_told_and_one_of_visibility_is_not() {
    let mut rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "admin");
    let headers = [(name, token.as_str()), JSON_TYPE];
    assert_eq!(rig.send("PATCH", "/v1/rooms/demo", &headers, r#"{"visibility":"private"}"#).await.status, 200);
    assert!(rig.orders.try_recv().await.is_none());
    assert_eq!(rig.send("PATCH", "/v1/rooms/demo", &headers, r#"{"record":"on"}"#).await.status, 200);
    let order = Order::Broadcast {
        room: "demo".parse().unwrap(),
        setting: BroadcastSetting::Auto,
        record: true,
        layout: Layout::Grid,
    };
    assert_eq!(rig.orders.try_recv().await, Some(order));
}

#[tokio::test]
async fn a_room_that_finds_no_air_slot_says_so() {
    let rig = Rig::new().await;
    let reason = async || rig.get("/v1/rooms/demo", &[]).await.json()["reason"].clone();
    assert_eq!(reason().await, "nobody_on_stage");
    rig.media.speakers.lock().unwrap().push(speaker());
    assert_eq!(reason().await, "on_demand");
    rig.origins.hold_slots(["other".to_owned()].into_iter(), 1);
    let room = rig.get("/v1/rooms/demo", &[]).await.json();
    assert_eq!((&room["on_air"], &room["reason"]), (&json!(false), &json!("air_slots_taken")));
    rig.broadcast(Some(Err(NotServed::NotFound)));
    let room = rig.get("/v1/rooms/demo", &[]).await.json();
    assert_eq!((&room["on_air"], &room["reason"]), (&json!(true), &json!(null)));
}

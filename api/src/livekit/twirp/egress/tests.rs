use std::time::SystemTime;

use prost::Message as _;
use rooms::{BroadcastSetting, BroadcastSwitch, Order, RoomSettings};
use serde_json::{Value, json};

use super::*;
use crate::Config;
use crate::testing::{Reply, Rig};

async fn call(rig: &Rig, method: &str, body: Value) -> Reply {
    rig.twirp(&format!("Egress/{method}"), "record", body).await
}

async fn listed(rig: &Rig, body: Value) -> Vec<Value> {
    call(rig, "ListEgress", body).await.json()["items"].as_array().cloned().unwrap_or_default()
}

fn order(on: bool, layout: Layout) -> Order {
    let setting = if on { BroadcastSetting::On } else { BroadcastSetting::Off };
    Order::Broadcast { room: "demo".parse().unwrap(), setting, record: false, layout }
}

fn on_air(rig: &Rig) {
    rig.broadcast_since(None, SystemTime::now());
}

#[test]
fn egress_lasts_from_switching_on_to_switching_off() {
    let switch = |on_at_utc_ms, off_at_utc_ms: Option<i64>| {
        let setting = if off_at_utc_ms.is_some() { BroadcastSetting::Off } else { BroadcastSetting::On };
        BroadcastSwitch { setting, on_at_utc_ms, off_at_utc_ms }
    };
    let run = |since_utc_ms, live| Some(Run { since_utc_ms, live });
    let table = [
        (switch(0, None), None, Status::EgressStarting, (0, 0)),
        (switch(0, None), run(20, true), Status::EgressActive, (20, 0)),
        (switch(0, None), run(20, false), Status::EgressStarting, (0, 0)),
        (switch(0, Some(90)), run(20, true), Status::EgressEnding, (20, 90)),
        (switch(0, Some(90)), run(20, false), Status::EgressComplete, (20, 90)),
        (switch(50, Some(90)), run(20, false), Status::EgressComplete, (0, 90)),
        (switch(50, None), run(20, true), Status::EgressStarting, (0, 0)),
        (switch(50, None), run(60, true), Status::EgressActive, (60, 0)),
    ];
    for (broadcast, run, status, (started_ms, ended_ms)) in table {
        let room = Room { broadcast, ..Room::new("a_b".parse().unwrap(), 10, RoomSettings::REST) };
        let info = told(&room, run, "https://cdn/live/a_b/index.m3u8".into());
        assert_eq!(
            (info.status(), info.started_at, info.ended_at),
            (status, started_ms * 1_000_000, ended_ms * 1_000_000)
        );
        assert_eq!(info.segment_results[0].playlist_location, "https://cdn/live/a_b/index.m3u8");
        assert_eq!(room_of(&info.egress_id), Some("a_b"));
        assert_eq!(info.egress_id == "EG_a_b_a", broadcast.on_at_utc_ms == 0, "{}", info.egress_id);
    }
}

#[tokio::test]
async fn an_egress_is_started_listed_and_stopped() {
    let mut rig = Rig::new().await;
    assert_eq!(listed(&rig, json!({})).await, [] as [Value; 0], "nobody asked for it, and nobody is on stage");
    let started = call(&rig, "StartRoomCompositeEgress", json!({"roomName": "demo", "layout": "speaker-dark"})).await;
    assert_eq!(started.status, 200, "{}", started.json());
    let (started, id) = (started.json(), started.json()["egressId"].clone());
    assert_eq!(
        (&started["status"], &started["roomName"]),
        (&json!(null), &json!("demo")),
        "EGRESS_STARTING is the default"
    );
    let layout = Layout::ActiveSpeaker;
    assert_eq!(rig.orders.recv().await, Some(order(true, layout)));
    let again = call(&rig, "StartRoomCompositeEgress", json!({"roomName": "demo"})).await.json();
    assert_eq!(again["egressId"], id, "there is one broadcast");

    on_air(&rig);
    for request in [json!({}), json!({"roomName": "demo"}), json!({ "egressId": id }), json!({"active": true})] {
        let items = listed(&rig, request.clone()).await;
        assert_eq!((items.len(), &items[0]["egressId"], &items[0]["status"]), (1, &id, &json!("EGRESS_ACTIVE")));
        let playlist = &items[0]["segmentResults"][0]["playlistLocation"];
        assert_eq!(playlist, "http://live.example/live/demo/index.m3u8");
    }
    for request in [json!({"roomName": "other"}), json!({"egressId": "EG_demo_1"})] {
        assert!(listed(&rig, request).await.is_empty());
    }

    let stopped = call(&rig, "StopEgress", json!({ "egressId": id })).await.json();
    assert_eq!(
        (&stopped["egressId"], &stopped["status"]),
        (&id, &json!("EGRESS_ENDING")),
        "its players have yet to be told"
    );
    let layout = Layout::ActiveSpeaker;
    assert_eq!(rig.orders.recv().await, Some(order(false, layout)));
    let twice = call(&rig, "StopEgress", json!({ "egressId": id })).await;
    assert_eq!((twice.status, &twice.json()["code"]), (412, &json!("failed_precondition")));
    let old = rig.origins.retire("demo").unwrap();
    rig.origins.forget("demo", &old);
    assert_eq!(listed(&rig, json!({})).await[0]["status"], "EGRESS_COMPLETE");
    assert!(listed(&rig, json!({"active": true})).await.is_empty());

    let next = call(&rig, "StartRoomCompositeEgress", json!({"roomName": "demo"})).await.json();
    assert_ne!(next["egressId"], id);
    let unknown = call(&rig, "StopEgress", json!({ "egressId": id })).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("not_found")), "it has ended");
}

#[tokio::test]
async fn a_running_egress_changes_its_layout() {
    let mut rig = Rig::new().await;
    on_air(&rig);
    let id = listed(&rig, json!({})).await[0]["egressId"].clone();
    let changed = call(&rig, "UpdateLayout", json!({"egressId": id, "layout": "speaker"})).await.json();
    assert_eq!((&changed["egressId"], &changed["roomComposite"]["layout"]), (&id, &json!("speaker")));
    let layout = Layout::ActiveSpeaker;
    let order =
        Order::Broadcast { room: "demo".parse().unwrap(), setting: BroadcastSetting::Auto, record: false, layout };
    assert_eq!(rig.orders.recv().await, Some(order));
}

#[tokio::test]
async fn egress_with_another_output_is_refused_as_unimplemented() {
    let rig = Rig::new().await;
    let table = [
        json!({"fileOutputs": [{"filepath": "a.mp4"}]}),
        json!({"file": {"filepath": "a.mp4"}}),
        json!({"streamOutputs": [{"protocol": "RTMP", "urls": ["rtmp://a/b"]}]}),
        json!({"segmentOutputs": [{"filenamePrefix": "a", "s3": {"bucket": "b"}}]}),
        json!({"segments": {"s3": {"bucket": "b"}}}),
        json!({"imageOutputs": [{}]}),
        json!({"customBaseUrl": "https://a"}),
        json!({"audioOnly": true}),
        json!({"preset": "H264_1080P_30"}),
        json!({"layout": "single-speaker"}),
    ];
    for mut body in table {
        body["roomName"] = json!("demo");
        let reply = call(&rig, "StartRoomCompositeEgress", body.clone()).await;
        assert_eq!((reply.status, &reply.json()["code"]), (501, &json!("unimplemented")), "{body}");
    }
    for method in ["StartTrackEgress", "StartWebEgress", "StartEgress", "UpdateStream"] {
        let reply = call(&rig, method, json!({})).await;
        assert_eq!((reply.status, &reply.json()["code"]), (501, &json!("unimplemented")), "{method}");
        assert!(reply.json()["msg"].as_str().unwrap().contains("LL-HLS"));
    }
    assert!(!rig.rooms.get("demo").await.unwrap().broadcast.was_turned());
    let segments = json!({"roomName": "demo", "segmentOutputs": [{"filenamePrefix": "a", "playlistName": "p"}]});
    assert_eq!(call(&rig, "StartRoomCompositeEgress", segments).await.status, 200);
}

#[tokio::test]
async fn egress_needs_its_grant_and_a_room_and_takes_json_and_protobuf() {
    let config = Config { playlist_base_url: Some("https://cdn.example".into()), ..Config::default() };
    let rig = Rig::with(config, false).await;
    let start = "Egress/StartRoomCompositeEgress";
    for (grants, room, status, code) in
        [("admin create list ingress", "demo", 403, "permission_denied"), ("record", "other", 404, "not_found")]
    {
        let reply = rig.twirp(start, grants, json!({ "roomName": room })).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)));
    }
    assert_eq!(rig.twirp("Egress/MakeCoffee", "record", json!({})).await.json()["code"], "bad_route");

    let (name, token) = rig.bearer("demo", "record");
    let headers = [(name, token.as_str()), ("content-type", "application/protobuf"), ("host", "live.example")];
    let request = proto::RoomCompositeEgressRequest { room_name: "demo".into(), ..Default::default() };
    let reply = rig.send_raw("POST", &format!("/twirp/livekit.{start}"), &headers, request.encode_to_vec()).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/protobuf"));
    let info = proto::EgressInfo::decode(reply.body).unwrap();
    assert_eq!(info.segment_results[0].playlist_location, "https://cdn.example/live/demo/index.m3u8");
}

#[tokio::test]
async fn room_that_is_switched_off_has_no_egress_until_one_is_started() {
    let mut rig = Rig::new().await;
    rig.set(|room| room.broadcast = BroadcastSwitch::new(BroadcastSetting::Off)).await;
    let id = egress_id(&rig.rooms.get("demo").await.unwrap());
    for request in [json!({}), json!({ "egressId": id })] {
        assert_eq!(listed(&rig, request).await, [] as [Value; 0], "there has been none");
    }
    assert_eq!(call(&rig, "StopEgress", json!({ "egressId": id })).await.status, 404);
    let started = call(&rig, "StartRoomCompositeEgress", json!({"roomName": "demo"})).await;
    assert_eq!(started.status, 200);
    assert_eq!(rig.orders.recv().await, Some(order(true, Layout::Grid)));
    let id = started.json()["egressId"].clone();
    assert_eq!(call(&rig, "StopEgress", json!({ "egressId": id })).await.status, 200);
    assert_eq!(rig.orders.recv().await, Some(order(false, Layout::Grid)));
}

#[tokio::test]
async fn egress_without_a_free_air_slot_is_refused_and_switches_nothing() {
    let rig = Rig::new().await;
    rig.set(|room| room.broadcast = BroadcastSwitch::new(BroadcastSetting::Off)).await;
    rig.origins.hold_slots(["other".to_owned()].into_iter(), 1);
    let refused = call(&rig, "StartRoomCompositeEgress", json!({"roomName": "demo"})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("resource_exhausted")));
    assert!(!rig.rooms.get("demo").await.unwrap().broadcast.is_on());
    rig.origins.hold_slots(["demo".to_owned()].into_iter(), 1);
    assert_eq!(call(&rig, "StartRoomCompositeEgress", json!({"roomName": "demo"})).await.status, 200);
}

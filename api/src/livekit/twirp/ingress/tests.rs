use interactive_sfu::{Command, SessionId, Speaker};
use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::Config;
use crate::testing::{Reply, Rig};

async fn call(rig: &Rig, method: &str, body: Value) -> Reply {
    rig.twirp(&format!("Ingress/{method}"), "ingress", body).await
}

fn way_in(room: &str) -> Value {
    json!({"inputType": "WHIP_INPUT", "name": "OBS", "roomName": room, "participantIdentity": "bob", "participantName": "Bob"})
}

async fn publish(rig: &Rig, key: &Value, room: &str) -> u16 {
    let bearer = format!("Bearer {}", key.as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/sdp")];
    rig.send("POST", &format!("/whip/{room}"), &headers, "v=0").await.status
}

#[tokio::test]
async fn ingress_leads_to_the_stage_until_it_is_deleted() {
    let rig = Rig::new().await;
    let made = call(&rig, "CreateIngress", way_in("demo")).await;
    assert_eq!(made.status, 200, "{}", made.json());
    let made = made.json();
    assert_eq!((&made["url"], &made["enabled"]), (&json!("http://live.example/whip/demo"), &json!(true)));
    assert_eq!(publish(&rig, &made["streamKey"], "demo").await, 201);
    assert_eq!(rig.media.asked.lock().unwrap().last().unwrap(), "publish demo bob None v=0");
    assert_eq!(publish(&rig, &made["streamKey"], "other").await, 403);

    let (identity, name) = ("bob".parse().unwrap(), "Bob".to_owned());
    let bob = Speaker { identity, name, session: SessionId::from("s"), audio: true, video: true };
    rig.media.speakers.lock().unwrap().push(bob);
    let id = &made["ingressId"];
    for request in [json!({}), json!({"roomName": "demo"}), json!({ "ingressId": id })] {
        let listed = call(&rig, "ListIngress", request).await.json()["items"].clone();
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["ingressId"]), (1, id));
        assert_eq!(listed[0]["state"]["status"], "ENDPOINT_PUBLISHING");
        assert_eq!(publish(&rig, &listed[0]["streamKey"], "demo").await, 201);
    }
    let others = call(&rig, "ListIngress", json!({"roomName": "other"})).await.json();
    assert_eq!(others["items"].as_array().map_or(0, Vec::len), 0);

    let gone = call(&rig, "DeleteIngress", json!({ "ingressId": id })).await;
    assert_eq!((gone.status, &gone.json()["ingressId"]), (200, id));
    let (room, identity) = ("demo".to_owned(), "bob".to_owned());
    let who = proto::RoomParticipantIdentity { room, identity, ..Default::default() };
    assert_eq!(*rig.media.moderated.lock().unwrap(), [Command::Remove(who)]);
    assert_eq!(publish(&rig, &made["streamKey"], "demo").await, 401);
    let twice = call(&rig, "DeleteIngress", json!({ "ingressId": id })).await;
    assert_eq!((twice.status, &twice.json()["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn ingress_without_a_speaker_can_be_deleted() {
    let rig = Rig::new().await;
    let id = call(&rig, "CreateIngress", way_in("demo")).await.json()["ingressId"].clone();
    *rig.media.other.lock().unwrap() = Some(SfuError::UnknownParticipant);
    assert_eq!(call(&rig, "DeleteIngress", json!({ "ingressId": id })).await.status, 200);
}

#[tokio::test]
async fn stream_key_publishes_by_whip_and_opens_no_other_route() {
    let rig = Rig::new().await;
    let key = call(&rig, "CreateIngress", way_in("demo")).await.json()["streamKey"].clone();
    let bearer = format!("Bearer {}", key.as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/sdp")];
    assert_eq!(rig.send("POST", "/whep/demo", &headers, "v=0").await.status, 403);
    assert_eq!(rig.send_raw("GET", "/rtc/validate", &headers, vec![]).await.status, 403);
    assert_eq!(rig.send("DELETE", "/v1/rooms/demo", &headers, "").await.status, 403);
}

#[tokio::test]
async fn stream_key_makes_its_missing_room_only_if_auto_create_rooms_is_on() {
    for (auto_create_rooms, status) in [(true, 201), (false, 404)] {
        let rig = Rig::with(Config { auto_create_rooms, ..Config::default() }, false).await;
        let key = call(&rig, "CreateIngress", way_in("new")).await.json()["streamKey"].clone();
        assert_eq!(publish(&rig, &key, "new").await, status);
    }
}

#[tokio::test]
async fn ingress_that_whip_cannot_serve_or_beyond_the_limit_is_refused() {
    let rig = Rig::with(Config { ingresses_max: 1, ..Config::default() }, false).await;
    let table = [
        (json!({"inputType": "RTMP_INPUT"}), 501, "unimplemented"),
        (json!({"inputType": "URL_INPUT", "url": "https://a"}), 501, "unimplemented"),
        (json!({"enableTranscoding": true}), 501, "unimplemented"),
        (json!({"video": {"preset": "H264_720P_30FPS_1_LAYER"}}), 501, "unimplemented"),
        (json!({"participantMetadata": "m"}), 501, "unimplemented"),
        (json!({"enabled": false}), 501, "unimplemented"),
        (json!({"roomName": "a b"}), 400, "invalid_argument"),
        (json!({"participantIdentity": ""}), 400, "invalid_argument"),
        (json!({"participantIdentity": "x".repeat(257)}), 400, "invalid_argument"),
        (json!({"enableTranscoding": false, "enabled": true, "bypassTranscoding": true}), 200, ""),
        (json!({}), 429, "resource_exhausted"),
    ];
    for (more, status, code) in table {
        let mut body = way_in("demo");
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = call(&rig, "CreateIngress", body).await;
        assert_eq!(reply.status, status, "{more} {}", reply.json());
        assert!(status == 200 || reply.json()["code"] == code, "{more} {}", reply.json());
    }
    assert_eq!(call(&rig, "UpdateIngress", json!({})).await.json()["code"], "unimplemented");
    assert_eq!(call(&rig, "MakeCoffee", json!({})).await.json()["code"], "bad_route");
}

#[tokio::test]
async fn ingress_needs_its_grant_and_takes_json_and_protobuf() {
    let config = Config { public_url: Some("https://live.example".into()), ..Config::default() };
    let rig = Rig::with(config, false).await;
    let refused = rig.twirp("Ingress/ListIngress", "admin create list record", json!({})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("permission_denied")));

    let (name, token) = rig.bearer("demo", "ingress");
    let headers = [(name, token.as_str()), ("content-type", "application/protobuf")];
    let request = proto::CreateIngressRequest {
        input_type: proto::IngressInput::WhipInput.into(),
        room_name: "demo".into(),
        participant_identity: "bob".into(),
        ..Default::default()
    };
    let path = "/twirp/livekit.Ingress/CreateIngress";
    let reply = rig.send_raw("POST", path, &headers, request.encode_to_vec()).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/protobuf"));
    let info = proto::IngressInfo::decode(reply.body).unwrap();
    assert_eq!((info.url.as_str(), info.reusable), ("https://live.example/whip/demo", true));
}

use interactive_sfu::{Command, SfuError, TellRoom};
use livekit_protocol as proto;
use prost::Message as _;
use rooms::{Order, Room, RoomSettings};
use serde_json::{Value, json};

use crate::livekit::room::as_livekit;
use crate::testing::{Reply, Rig};

async fn call(rig: &Rig, method: &str, grants: &str, body: Value) -> Reply {
    rig.twirp(&format!("RoomService/{method}"), grants, body).await
}

/// A room as nobody has set it: off the air, private, not recorded.
fn closed(room: &Room) -> Room {
    Room::new(room.name.clone(), room.created_at_utc_ms, RoomSettings::default())
}

fn ann() -> proto::ParticipantInfo {
    proto::ParticipantInfo {
        sid: "PA_1".into(),
        identity: "ann".into(),
        joined_at: 1,
        is_publisher: true,
        tracks: vec![proto::TrackInfo { sid: "TR_A".into(), ..Default::default() }],
        ..Default::default()
    }
}

#[tokio::test]
async fn rooms_are_made_once_listed_described_and_deleted() {
    let mut rig = Rig::new().await;
    let made = call(&rig, "CreateRoom", "create", json!({"name": "new", "metadata": "m", "emptyTimeout": 60})).await;
    assert_eq!((made.status, made.header("content-type")), (200, "application/json"));
    assert_eq!((&made.json()["name"], &made.json()["metadata"]), (&json!("new"), &json!("m")));
    let again = call(&rig, "CreateRoom", "create", json!({"name": "new", "metadata": "other"})).await.json();
    assert_eq!(again, made.json(), "there is one: it is told as it is");
    let new = rig.rooms.get("new").await.unwrap();
    assert_eq!(new, Room { idle_end_seconds: 60, metadata: "m".into(), ..closed(&new) });

    rig.media.participants.lock().unwrap().push(ann());
    let listed = call(&rig, "ListRooms", "list", json!({"names": ["demo"]})).await.json();
    let room = &listed["rooms"][0];
    assert_eq!(
        (&room["name"], &room["numParticipants"], &room["numPublishers"]),
        (&json!("demo"), &json!(1), &json!(1))
    );
    assert_eq!(call(&rig, "ListRooms", "list", json!({})).await.json()["rooms"].as_array().unwrap().len(), 2);

    let changed = call(&rig, "UpdateRoomMetadata", "admin", json!({"room": "demo", "metadata": "changed"})).await;
    assert_eq!((changed.status, &changed.json()["metadata"]), (200, &json!("changed")));
    assert_eq!(rig.rooms.get("demo").await.unwrap().metadata, "changed");

    assert_eq!(call(&rig, "DeleteRoom", "create", json!({"room": "demo"})).await.status, 200);
    assert_eq!(rig.orders.recv().await, Some(Order::Deleted { room: "demo".parse().unwrap() }));
    let gone = call(&rig, "DeleteRoom", "create", json!({"room": "demo"})).await;
    assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn participants_are_listed_and_removed_in_protobuf_too() {
    let rig = Rig::new().await;
    rig.media.participants.lock().unwrap().push(ann());
    let (name, token) = rig.bearer("demo", "admin");
    let headers = [(name, token.as_str()), ("content-type", "application/protobuf")];
    let request = proto::RoomParticipantIdentity { room: "demo".into(), identity: "ann".into(), ..Default::default() };
    let send = |method: &str| {
        let path = format!("/twirp/livekit.RoomService/{method}");
        let (rig, headers, body) = (&rig, &headers, request.encode_to_vec());
        async move { rig.send_raw("POST", &path, headers, body).await }
    };
    let told = send("GetParticipant").await;
    assert_eq!((told.status, told.header("content-type")), (200, "application/protobuf"));
    let told = proto::ParticipantInfo::decode(told.body).unwrap();
    assert_eq!(told, ann());

    assert_eq!(send("RemoveParticipant").await.status, 200);
    assert_eq!(*rig.media.moderated.lock().unwrap(), [Command::Remove(request.clone())]);
    rig.media.participants.lock().unwrap().clear();
    *rig.media.other.lock().unwrap() = Some(SfuError::UnknownParticipant);
    for method in ["GetParticipant", "RemoveParticipant"] {
        let reply = send(method).await;
        assert_eq!((reply.status, reply.header("content-type")), (404, "application/json"), "{method}");
    }
}

#[tokio::test]
async fn call_without_its_grant_is_refused_in_the_form_of_twirp() {
    let rig = Rig::new().await;
    let (big, empty) = ("x".repeat(40_000), json!({}));
    let room = json!({"room": "demo"});
    let table = [
        ("CreateRoom", "list", json!({"name": "new"}), 403, "permission_denied"),
        ("CreateRoom", "create", json!({"name": "a b"}), 400, "invalid_argument"),
        ("CreateRoom", "create", json!({"name": "big", "metadata": big}), 400, "invalid_argument"),
        ("CreateRoom", "create", json!({"name": 5}), 400, "malformed"),
        ("ListRooms", "create", empty.clone(), 403, "permission_denied"),
        ("DeleteRoom", "admin", room.clone(), 403, "permission_denied"),
        ("ListParticipants", "publish", room.clone(), 403, "permission_denied"),
        ("ListParticipants", "admin", json!({"room": "other"}), 403, "permission_denied"),
        ("ListParticipants", "operator", json!({"room": "other"}), 404, "not_found"),
        ("ListParticipants", "create list", room.clone(), 403, "permission_denied"),
        ("RemoveParticipant", "create list", json!({"room": "demo", "identity": "ann"}), 403, "permission_denied"),
        ("SendData", "create list", room.clone(), 403, "permission_denied"),
        ("SendData", "publish", room.clone(), 403, "permission_denied"),
        ("MoveParticipant", "admin", room, 501, "unimplemented"),
        ("MakeCoffee", "admin", empty, 404, "bad_route"),
    ];
    for (method, grants, body, status, code) in table {
        let reply = call(&rig, method, grants, body.clone()).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{method} {grants} {}", reply.json());
    }
    let path = "/twirp/livekit.RoomService/ListRooms";
    let nobody = rig.send_raw("POST", path, &[("content-type", "application/json")], "{}".into()).await;
    assert_eq!((nobody.status, &nobody.json()["code"]), (401, &json!("unauthenticated")));
    let text = rig.send_raw("POST", path, &[("content-type", "text/plain")], "{}".into()).await;
    assert_eq!((text.status, &text.json()["code"]), (404, &json!("bad_route")));
    let bytes = rig.send_raw("POST", path, &[("content-type", "application/protobuf")], vec![0xff; 9]).await;
    assert_eq!(bytes.status, 401, "who asks comes before what");
}

#[tokio::test]
async fn body_is_not_read_before_the_token_is_verified() {
    let rig = Rig::new().await;
    for service in ["RoomService/ListRooms", "Egress/ListEgress", "Ingress/ListIngress"] {
        let path = format!("/twirp/livekit.{service}");
        let (json, host) = (("content-type", "application/json"), ("host", "live.example"));
        let reply = rig.send_without_end("POST", &path, &[json, host]).await;
        assert_eq!(reply.map(|reply| reply.status), Some(401), "{service}");
        let (name, token) = rig.bearer("demo", "list record ingress");
        let headers = [(name, token.as_str()), json, host];
        assert!(rig.send_without_end("POST", &path, &headers).await.is_none(), "{service}: it is waited for");
    }
}

#[tokio::test]
async fn participants_are_muted_changed_subscribed_and_sent_messages() {
    let rig = Rig::new().await;
    let who = |more: Value| {
        let mut body = json!({"room": "demo", "identity": "ann"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let (room, identity) = ("demo".to_owned(), "ann".to_owned());
    let mute = proto::MuteRoomTrackRequest {
        room: room.clone(),
        identity: identity.clone(),
        track_sid: "TR_A".into(),
        muted: true,
    };
    let update = proto::UpdateParticipantRequest {
        room: room.clone(),
        identity: identity.clone(),
        name: "Ann".into(),
        ..Default::default()
    };
    let subscribe = proto::UpdateSubscriptionsRequest {
        room: room.clone(),
        identity,
        track_sids: vec!["TR_B".into()],
        ..Default::default()
    };
    let message = proto::SendDataRequest { room, data: vec![1, 2], ..Default::default() };
    let told = as_livekit(&Room { metadata: "m".into(), ..rig.rooms.get("demo").await.unwrap() });
    let table = [
        ("MutePublishedTrack", who(json!({"trackSid": "TR_A", "muted": true})), Command::MuteTrack(mute)),
        ("UpdateParticipant", who(json!({"name": "Ann"})), Command::UpdateParticipant(update)),
        ("UpdateSubscriptions", who(json!({"trackSids": ["TR_B"]})), Command::UpdateSubscriptions(subscribe)),
        ("SendData", json!({"room": "demo", "data": "AQI="}), Command::SendData(message)),
        ("UpdateRoomMetadata", json!({"room": "demo", "metadata": "m"}), Command::TellRoom(TellRoom(told))),
    ];
    for (method, body, asked) in table {
        assert_eq!(call(&rig, method, "admin", body).await.status, 200, "{method}");
        assert_eq!(rig.media.moderated.lock().unwrap().pop(), Some(asked));
    }
    *rig.media.other.lock().unwrap() = Some(SfuError::UnknownTrack);
    let unknown = call(&rig, "MutePublishedTrack", "admin", who(json!({}))).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("not_found")));
}

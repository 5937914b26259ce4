//! Moderation by the server's API, as LiveKit's own browser client shows it.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::gst::{Publisher, Speaker};
use rig::livekit_clients::{OTHERS, track};
use rig::livekit_pair::LivekitPair;
use rig::server::Server;
use serde_json::{Value, json};

/// Ann and Ben in a room; Ben sees Ann's camera.
fn pair() -> LivekitPair {
    let mut pair = LivekitPair::start("").unwrap();
    pair.ann("window.rig.camera()").unwrap();
    pair.ben_sees("ann", "camera", 10).unwrap();
    pair
}

/// Calls the API about a participant.
fn call(server: &Server, method: &str, identity: &str, more: Value) -> Value {
    let mut body = json!({ "room": server.room, "identity": identity });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    twirp(server, method, body)
}

fn twirp(server: &Server, method: &str, body: Value) -> Value {
    let token = format!("Bearer {}", server.keys.mint_moderator(&server.room));
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let path = format!("/twirp/livekit.RoomService/{method}");
    let reply = server.http.request("POST", &path, &headers, Some(body.to_string().as_bytes())).unwrap();
    assert_eq!(reply.status, 200, "{method}: {}", reply.text());
    reply.json()
}

/// Ann's permissions, with or without publishing.
fn permission(can_publish: bool) -> Value {
    json!({ "permission": { "canSubscribe": true, "canPublish": can_publish, "canPublishData": true } })
}

#[test]
fn camera_muted_by_the_server_is_back_once_its_publisher_unmutes() {
    let mut pair = pair();
    let told = call(&pair.server, "GetParticipant", "ann", json!({}));
    let mute = json!({ "trackSid": told["tracks"][0]["sid"], "muted": true });
    assert_eq!(call(&pair.server, "MutePublishedTrack", "ann", mute)["track"]["muted"], true);
    let is_muted =
        |muted: bool| move |others: &Value| track(others, "ann", "camera").is_some_and(|t| t["muted"] == muted);
    pair.ben_has("ann's camera muted", 10, OTHERS, is_muted(true)).unwrap();
    let unmute = "window.rig.room.localParticipant.setCameraEnabled(true)";
    pair.ann(unmute).unwrap();
    let others = pair.ben_has("ann's camera unmuted", 10, OTHERS, is_muted(false)).unwrap();
    let before = track(&others, "ann", "camera").unwrap()["frames"].as_u64().unwrap();
    pair.ben_sees("ann", "camera", before + 10).unwrap();
}

#[test]
fn publisher_loses_the_camera_with_the_permission_and_may_publish_again() {
    let mut pair = pair();
    call(&pair.server, "UpdateParticipant", "ann", permission(false));
    let gone = |others: &Value| others[0]["identity"] == "ann" && track(others, "ann", "camera").is_none();
    pair.ben_has("ann's camera gone", 10, OTHERS, gone).unwrap();
    let may = "window.rig.room.localParticipant.permissions.canPublish";
    pair.ann_has("that ann may not publish", 10, may, |may| may == false).unwrap();
    call(&pair.server, "UpdateParticipant", "ann", permission(true));
    pair.ann_has("that ann may publish", 10, may, |may| may == true).unwrap();
    pair.ann("window.rig.camera()").unwrap();
    pair.ben_sees("ann", "camera", 10).unwrap();
    let ends = "window.rig.events.filter((e) => e.startsWith('Disconnected')).length";
    assert_eq!(pair.ann(ends).unwrap(), 0);
}

#[test]
fn participant_renamed_by_the_server_is_shown_to_others_by_the_new_name() {
    let mut pair = pair();
    let mut named = permission(true);
    named["name"] = json!("Ann B.");
    call(&pair.server, "UpdateParticipant", "ann", named);
    pair.ben_has("ann's new name", 10, OTHERS, |others| others[0]["name"] == "Ann B.").unwrap();
}

#[test]
fn message_sent_by_the_server_to_one_participant_arrives() {
    let mut pair = pair();
    let message = json!({ "data": "aGk=", "kind": "RELIABLE", "destinationIdentities": ["ben"] });
    let mut body = json!({ "room": pair.server.room });
    body.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    twirp(&pair.server, "SendData", body);
    let got = |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == "hi"));
    pair.ben_has("the server's message", 10, "window.rig.messages", got).unwrap();
}

#[test]
fn participant_removed_by_the_server_is_disconnected_and_gone_for_others() {
    let mut pair = pair();
    call(&pair.server, "RemoveParticipant", "ann", json!({}));
    let is_out = |state: &Value| state == "disconnected";
    pair.ann_has("ann's end", 10, "window.rig.state()", is_out).unwrap();
    pair.ben_has("that ben is alone", 10, OTHERS, |others| others == &json!([])).unwrap();
}

#[test]
fn whip_speaker_muted_by_the_server_goes_on_once_unmuted() {
    let mut pair = pair();
    let whip = pair.server.http.url(&format!("/whip/{}", pair.server.room));
    let _obs = Publisher::start(&Speaker::new(&whip, &pair.server.speaker_token("obs"))).unwrap();
    // Long enough for every estimate to have had its say.
    pair.ann_sees("obs", "camera", 400).unwrap();
    let told = call(&pair.server, "GetParticipant", "obs", json!({}));
    let camera = told["tracks"].as_array().unwrap().iter().find(|track| track["source"] == "CAMERA").unwrap();
    for muted in [true, false] {
        let answer =
            call(&pair.server, "MutePublishedTrack", "obs", json!({ "trackSid": camera["sid"], "muted": muted }));
        assert_eq!(answer["track"]["muted"].as_bool().unwrap_or(false), muted, "what is false is left out");
        let told = |others: &Value| track(others, "obs", "camera").is_some_and(|t| t["muted"] == muted);
        pair.ann_has("what became of obs's camera", 10, OTHERS, told).unwrap();
    }
    let others = pair.ann(OTHERS).unwrap();
    let before = track(&others, "obs", "camera").unwrap()["frames"].as_u64().unwrap();
    pair.ann_sees("obs", "camera", before + 10).unwrap();
}

//! What the server's API does to participants, as LiveKit's own browser client shows it.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::{Browser, Page};
use rig::gst::{Publisher, Speaker};
use rig::livekit_clients::{OTHERS, join, sees, track, without_broadcast};
use rig::server::{Demo, Server};
use serde_json::{Value, json};

/// Ann and Ben in a room; Ben sees Ann's camera.
struct Meeting {
    server: Server,
    browser: Browser,
    ann: Page,
    ben: Page,
}

impl Meeting {
    fn start() -> Self {
        let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
        let mut browser = Browser::start().unwrap();
        let ann = join(&mut browser, &server, &server.http, "ann", "").unwrap();
        let ben = join(&mut browser, &server, &server.http, "ben", "").unwrap();
        browser.evaluate(ann, "window.rig.camera()").unwrap();
        sees(&mut browser, ben, "ann", "camera", 10).unwrap();
        Self { server, browser, ann, ben }
    }

    /// Calls the API about a participant.
    fn call(&self, method: &str, identity: &str, more: Value) -> Value {
        let mut body = json!({ "room": self.server.room, "identity": identity });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        twirp(&self.server, method, body)
    }

    /// Waits until Ben's client says so of the others.
    fn ben_is_told(&mut self, what: &str, told: impl Fn(&Value) -> bool) -> Value {
        self.browser.wait_until(self.ben, what, 10, OTHERS, told).unwrap()
    }
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
fn camera_muted_by_the_server_is_shown_again_once_its_publisher_unmutes_it() {
    let mut meeting = Meeting::start();
    let told = meeting.call("GetParticipant", "ann", json!({}));
    let mute = json!({ "trackSid": told["tracks"][0]["sid"], "muted": true });
    assert_eq!(meeting.call("MutePublishedTrack", "ann", mute)["track"]["muted"], true);
    let is_muted =
        |muted: bool| move |others: &Value| track(others, "ann", "camera").is_some_and(|t| t["muted"] == muted);
    meeting.ben_is_told("ann's camera muted", is_muted(true));
    let unmute = "window.rig.room.localParticipant.setCameraEnabled(true)";
    meeting.browser.evaluate(meeting.ann, unmute).unwrap();
    let others = meeting.ben_is_told("ann's camera unmuted", is_muted(false));
    let before = track(&others, "ann", "camera").unwrap()["frames"].as_u64().unwrap();
    sees(&mut meeting.browser, meeting.ben, "ann", "camera", before + 10).unwrap();
}

#[test]
fn publisher_without_permission_loses_the_camera_and_with_it_publishes_again_in_the_same_session() {
    let mut meeting = Meeting::start();
    meeting.call("UpdateParticipant", "ann", permission(false));
    let gone = |others: &Value| others[0]["identity"] == "ann" && track(others, "ann", "camera").is_none();
    meeting.ben_is_told("ann's camera gone", gone);
    let may = "window.rig.room.localParticipant.permissions.canPublish";
    meeting.browser.wait_until(meeting.ann, "that ann may not publish", 10, may, |may| may == false).unwrap();
    meeting.call("UpdateParticipant", "ann", permission(true));
    meeting.browser.wait_until(meeting.ann, "that ann may publish", 10, may, |may| may == true).unwrap();
    meeting.browser.evaluate(meeting.ann, "window.rig.camera()").unwrap();
    sees(&mut meeting.browser, meeting.ben, "ann", "camera", 10).unwrap();
    let ends = "window.rig.events.filter((e) => e.startsWith('Disconnected')).length";
    assert_eq!(meeting.browser.evaluate(meeting.ann, ends).unwrap(), 0);
}

#[test]
fn participant_renamed_by_the_server_is_shown_to_others_by_the_new_name() {
    let mut meeting = Meeting::start();
    let mut named = permission(true);
    named["name"] = json!("Ann B.");
    meeting.call("UpdateParticipant", "ann", named);
    meeting.ben_is_told("ann's new name", |others| others[0]["name"] == "Ann B.");
}

#[test]
fn message_sent_by_the_server_to_one_participant_arrives() {
    let mut meeting = Meeting::start();
    let message = json!({ "data": "aGk=", "kind": "RELIABLE", "destinationIdentities": ["ben"] });
    let mut body = json!({ "room": meeting.server.room });
    body.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    twirp(&meeting.server, "SendData", body);
    let got = |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == "hi"));
    meeting.browser.wait_until(meeting.ben, "the server's message", 10, "window.rig.messages", got).unwrap();
}

#[test]
fn participant_removed_by_the_server_is_disconnected_and_gone_for_others() {
    let mut meeting = Meeting::start();
    meeting.call("RemoveParticipant", "ann", json!({}));
    let is_out = |state: &Value| state == "disconnected";
    meeting.browser.wait_until(meeting.ann, "ann's end", 10, "window.rig.state()", is_out).unwrap();
    meeting.ben_is_told("that ben is alone", |others| others == &json!([]));
}

#[test]
fn whip_speaker_muted_by_the_server_is_told_muted_and_goes_on_once_unmuted() {
    let mut meeting = Meeting::start();
    let whip = meeting.server.http.url(&format!("/whip/{}", meeting.server.room));
    let _obs = Publisher::start(&Speaker::new(&whip, &meeting.server.speaker_token("obs"))).unwrap();
    // Long enough for every estimate to have had its say.
    sees(&mut meeting.browser, meeting.ann, "obs", "camera", 400).unwrap();
    let told = meeting.call("GetParticipant", "obs", json!({}));
    let camera = told["tracks"].as_array().unwrap().iter().find(|track| track["source"] == "CAMERA").unwrap();
    for muted in [true, false] {
        let answer = meeting.call("MutePublishedTrack", "obs", json!({ "trackSid": camera["sid"], "muted": muted }));
        assert_eq!(answer["track"]["muted"].as_bool().unwrap_or(false), muted, "what is false is left out");
        let told = |others: &Value| track(others, "obs", "camera").is_some_and(|t| t["muted"] == muted);
        meeting.browser.wait_until(meeting.ann, "what became of obs's camera", 10, OTHERS, told).unwrap();
    }
    let others = meeting.browser.evaluate(meeting.ann, OTHERS).unwrap();
    let before = track(&others, "obs", "camera").unwrap()["frames"].as_u64().unwrap();
    sees(&mut meeting.browser, meeting.ann, "obs", "camera", before + 10).unwrap();
}

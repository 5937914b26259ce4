//! LiveKit's own unmodified browser client, in Chromium.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::Path;
use std::process::{Command, Stdio};

use rig::browser::{Browser, Page};
use rig::gst::{Publisher, Speaker};
use rig::livekit_clients::{self, OTHERS, TWO_CONNECTIONS, python, track, without_broadcast};
use rig::server::{Demo, Server, end_with_us, outside_address};
use serde_json::{Value, json};

/// Opens a page whose participant has joined.
fn join(browser: &mut Browser, server: &Server, identity: &str, query: &str) -> Page {
    livekit_clients::join(browser, server, &server.http, identity, query).unwrap()
}

/// Waits until `page` has seen so many frames of a track.
fn sees(browser: &mut Browser, page: Page, identity: &str, source: &str, frames: u64) -> Value {
    livekit_clients::sees(browser, page, identity, source, frames).unwrap()
}

fn twirp(server: &Server, method: &str, body: Value) -> Value {
    let token = format!("Bearer {}", server.keys.mint_moderator(&server.room));
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let path = format!("/twirp/livekit.RoomService/{method}");
    let reply = server.http.request("POST", &path, &headers, Some(body.to_string().as_bytes())).unwrap();
    assert_eq!(reply.status, 200, "{method}: {}", reply.text());
    reply.json()
}

#[test]
fn two_participants_see_hear_and_message_each_other_and_whoever_comes_by_whip() {
    let server = Server::start(Demo::default()).unwrap();
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let _obs = Publisher::start(&Speaker::new(&whip, &server.speaker_token("obs"))).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "");
    let ben = join(&mut browser, &server, "ben", TWO_CONNECTIONS);
    sees(&mut browser, ann, "obs", "camera", 10);

    browser.evaluate(ann, "window.rig.camera()").unwrap();
    browser.evaluate(ann, "window.rig.microphone()").unwrap();
    sees(&mut browser, ben, "ann", "camera", 30);
    let sent = |layers: &Value| {
        let layers = layers.as_array().map_or(&[][..], Vec::as_slice);
        layers.len() == 3 && layers.iter().all(|layer| layer["packets"].as_u64() > Some(0))
    };
    browser.wait_until(ann, "three layers that are sent", 20, "window.rig.layers()", sent).unwrap();
    let opus_bytes = browser.evaluate(ann, "window.rig.opusBytes()").unwrap().as_f64().unwrap();
    let heard = |sound: &Value| {
        let of = sound.as_array().into_iter().flatten().find(|sound| sound["identity"] == "ann");
        of.is_some_and(|sound| sound["energy"].as_f64() > Some(0.0) && sound["bytes"].as_f64() > Some(1.5 * opus_bytes))
    };
    browser.wait_until(ben, "ann's tone, with redundancy", 20, "window.rig.sound()", heard).unwrap();
    let spoke = |events: &Value| events.as_array().is_some_and(|all| all.iter().any(|e| e == "Speakers ann"));
    browser.wait_until(ben, "that ann speaks", 20, "window.rig.events", spoke).unwrap();
    // Both are on stage, and the broadcast shows them.
    server.wait_for_speakers(2).unwrap();
    server.wait_for_broadcast().unwrap();

    browser.evaluate(ann, "window.rig.screen()").unwrap();
    sees(&mut browser, ben, "ann", "screen_share", 10);

    browser.evaluate(ann, "window.rig.send('to all', { reliable: true, topic: 't' })").unwrap();
    browser.evaluate(ben, "window.rig.send('to ann', { reliable: false, destinationIdentities: ['ann'] })").unwrap();
    let got = |text: &'static str, from: &'static str| {
        move |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == text && m["from"] == from))
    };
    browser.wait_until(ben, "ann's message", 10, "window.rig.messages", got("to all", "ann")).unwrap();
    browser.wait_until(ann, "ben's message", 10, "window.rig.messages", got("to ann", "ben")).unwrap();

    // Long enough for every estimate to have had its say.
    sees(&mut browser, ann, "obs", "camera", 400);
    // Who came by WHIP is muted by the server alone.
    let of_obs = json!({ "room": server.room, "identity": "obs" });
    let told = twirp(&server, "GetParticipant", of_obs.clone());
    let camera = told["tracks"].as_array().unwrap().iter().find(|track| track["source"] == "CAMERA").unwrap();
    for muted in [true, false] {
        let mut mute = of_obs.clone();
        mute["trackSid"] = camera["sid"].clone();
        mute["muted"] = json!(muted);
        let track_muted = twirp(&server, "MutePublishedTrack", mute)["track"]["muted"].as_bool();
        assert_eq!(track_muted.unwrap_or(false), muted, "what is false is left out");
        let told = |others: &Value| track(others, "obs", "camera").is_some_and(|t| t["muted"] == muted);
        browser.wait_until(ann, "what became of obs's camera", 10, OTHERS, told).unwrap();
    }
    let others = browser.evaluate(ann, OTHERS).unwrap();
    let before = track(&others, "obs", "camera").unwrap()["frames"].as_u64().unwrap();
    sees(&mut browser, ann, "obs", "camera", before + 10);
    sees(&mut browser, ben, "ann", "camera", 400);
    browser.evaluate(ann, "window.rig.room.disconnect()").unwrap();
    let alone =
        |others: &Value| others.as_array().is_some_and(|all| all.iter().all(|other| other["identity"] != "ann"));
    browser.wait_until(ben, "that ann is gone", 10, OTHERS, alone).unwrap();
    server.wait_for_speakers(1).unwrap();
}

#[test]
fn a_participant_is_muted_silenced_allowed_again_described_and_removed_by_the_server() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "");
    let ben = join(&mut browser, &server, "ben", "");
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    sees(&mut browser, ben, "ann", "camera", 10);
    let of_ann = json!({ "room": server.room, "identity": "ann" });
    let with = |more: Value| {
        let mut body = of_ann.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };

    let told = twirp(&server, "GetParticipant", of_ann.clone());
    let sid = told["tracks"][0]["sid"].clone();
    assert_eq!(
        twirp(&server, "MutePublishedTrack", with(json!({ "trackSid": sid, "muted": true })))["track"]["muted"],
        true
    );
    let muted = |others: &Value| track(others, "ann", "camera").is_some_and(|t| t["muted"] == true);
    browser.wait_until(ben, "ann's camera muted", 10, OTHERS, muted).unwrap();
    browser.evaluate(ann, "window.rig.room.localParticipant.setCameraEnabled(true)").unwrap();
    let unmuted = |others: &Value| track(others, "ann", "camera").is_some_and(|t| t["muted"] == false);
    let others = browser.wait_until(ben, "ann's camera unmuted", 10, OTHERS, unmuted).unwrap();
    let before = track(&others, "ann", "camera").unwrap()["frames"].as_u64().unwrap();
    sees(&mut browser, ben, "ann", "camera", before + 10);

    let silent = json!({ "permission": { "canSubscribe": true, "canPublish": false, "canPublishData": true } });
    twirp(&server, "UpdateParticipant", with(silent));
    let gone = |others: &Value| others[0]["identity"] == "ann" && track(others, "ann", "camera").is_none();
    browser.wait_until(ben, "ann's camera gone", 10, OTHERS, gone).unwrap();
    let may = "window.rig.room.localParticipant.permissions.canPublish";
    browser.wait_until(ann, "that ann may not publish", 10, may, |may| may == false).unwrap();
    let speaks =
        json!({ "permission": { "canSubscribe": true, "canPublish": true, "canPublishData": true }, "name": "Ann B." });
    twirp(&server, "UpdateParticipant", with(speaks));
    browser.wait_until(ann, "that ann may publish", 10, may, |may| may == true).unwrap();
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    sees(&mut browser, ben, "ann", "camera", 10);
    let named = |others: &Value| others[0]["name"] == "Ann B.";
    browser.wait_until(ben, "ann's new name", 10, OTHERS, named).unwrap();
    assert_eq!(
        browser.evaluate(ann, "window.rig.events.filter((e) => e.startsWith('Disconnected')).length").unwrap(),
        0
    );

    let message = json!({ "room": server.room, "data": "aGk=", "kind": "RELIABLE", "destinationIdentities": ["ben"] });
    twirp(&server, "SendData", message);
    let got = |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == "hi"));
    browser.wait_until(ben, "the server's message", 10, "window.rig.messages", got).unwrap();

    twirp(&server, "RemoveParticipant", of_ann);
    browser.wait_until(ann, "ann's end", 10, "window.rig.state()", |state| state == "disconnected").unwrap();
    browser.wait_until(ben, "that ben is alone", 10, OTHERS, |others| others == &json!([])).unwrap();
}

#[test]
fn a_native_participant_gets_the_right_pictures_sound_messages_and_calls_beside_a_browsers() {
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "dynacast=1");
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    let active = |layers: &Value, wanted: bool| {
        let layers = layers.as_array().map_or(&[][..], Vec::as_slice);
        layers.len() == 3 && layers.iter().all(|layer| layer["active"] == wanted)
    };
    let unwatched = |layers: &Value| active(layers, false);
    browser.wait_until(ann, "a camera that nobody watches to rest", 20, "window.rig.layers()", unwatched).unwrap();

    let said = python(&server, &server.http, "participants.py", &[]).unwrap();
    assert!(said.contains("ann's picture"), "{said}");
}

#[test]
fn participants_in_firefox_and_chromium_see_and_message_each_other() {
    // Firefox reaches 127.0.0.1 from no address of its own.
    let Some(address) = outside_address() else {
        return eprintln!("not run: this machine has no address but loopback's");
    };
    let addresses = ("SPILLWAY__SFU__ADDRESSES".into(), format!("[\"{address}\"]"));
    let environment = vec![without_broadcast(), addresses];
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "");
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    let url = server.http.url(&format!("/__rig/livekit.html?token={}", server.speaker_token("fox")));
    let mut firefox = Command::new("node");
    firefox.args(["firefox.mjs", &url]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"));
    let firefox = end_with_us(firefox.stdout(Stdio::piped()).stderr(Stdio::piped())).spawn().unwrap();
    sees(&mut browser, ann, "fox", "camera", 30);
    let got = |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == "from firefox"));
    browser.wait_until(ann, "the fox's message", 25, "window.rig.messages", got).unwrap();
    browser.evaluate(ann, "window.rig.send('to firefox', { reliable: true })").unwrap();
    let output = firefox.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    assert!(output.status.success() && said.contains("done"), "{said}");
}

/// Switches of a run that is one test among many; `make switches` makes a thousand.
const SWITCHES: &str = "25";

#[test]
fn random_switches_between_layers_never_show_a_broken_picture() {
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    let switches = std::env::var("SWITCHES").unwrap_or_else(|_| SWITCHES.into());
    let seed = std::env::var("SEED").unwrap_or_else(|_| std::process::id().to_string());
    for codec in ["vp8", "vp9", "av1"] {
        eprintln!("{}", python(&server, &server.http, "layers.py", &[&switches, &seed, codec]).unwrap());
    }
}

#[test]
fn a_session_survives_its_socket_and_a_second_of_the_same_identity_does_not() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", TWO_CONNECTIONS);
    let ben = join(&mut browser, &server, "ben", "");
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    let frames = sees(&mut browser, ben, "ann", "camera", 10)["frames"].as_u64().unwrap();
    for cut in [ben, ann] {
        browser.evaluate(cut, "window.rig.cut()").unwrap();
        let again = |events: &Value| events.as_array().is_some_and(|all| all.iter().any(|e| e == "Reconnected"));
        browser.wait_until(cut, "a connection that is resumed", 20, "window.rig.events", again).unwrap();
    }
    sees(&mut browser, ben, "ann", "camera", frames + 60);
    let left = "window.rig.events.filter((e) => e.startsWith('Participant') && !e.includes('Permissions')).join()";
    assert_eq!(browser.evaluate(ann, left).unwrap(), "ParticipantConnected ben", "nobody saw anybody go");
    browser.evaluate(ben, "window.rig.send('still here', { reliable: true })").unwrap();
    let got = |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == "still here"));
    browser.wait_until(ann, "a message after that", 10, "window.rig.messages", got).unwrap();

    let second = join(&mut browser, &server, "ben", "");
    browser.wait_until(ben, "the first one's end", 10, "window.rig.state()", |state| state == "disconnected").unwrap();
    sees(&mut browser, second, "ann", "camera", 10);
}

#[test]
fn a_small_element_gets_a_small_picture_and_tracks_are_taken_by_choice() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "");
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    for connections in ["", TWO_CONNECTIONS] {
        takes_what_it_has_use_for(&mut browser, &server, connections);
    }
}

#[test]
fn layers_within_one_stream_are_chosen_like_streams_of_their_own() {
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    let mut browser = Browser::start().unwrap();
    for (codec, connections) in [("vp9", ""), ("av1", ""), ("av1", TWO_CONNECTIONS)] {
        let ann = join(&mut browser, &server, "ann", "");
        browser.evaluate(ann, &format!("window.rig.camera({{ videoCodec: '{codec}', backupCodec: false }})")).unwrap();
        takes_what_it_has_use_for(&mut browser, &server, connections);
        let mime_type =
            "window.rig.room.localParticipant.getTrackPublication('camera').trackInfo.mimeType.toLowerCase()";
        assert_eq!(browser.evaluate(ann, mime_type).unwrap(), format!("video/{codec}"));
        let ben = join(&mut browser, &server, "ben", &format!("adaptive=1&{connections}"));
        let all = per_second(&mut browser, ben);
        browser.evaluate(ben, &format!("{CAMERA_OF_ANN}.setVideoFPS(7)")).unwrap();
        browser.wait_until(ben, "few pictures a second", 20, RATE, |rate| rate.as_f64() < Some(12.0)).unwrap();
        browser.evaluate(ben, &format!("{CAMERA_OF_ANN}.setVideoFPS(30)")).unwrap();
        let again = |rate: &Value| rate.as_f64() > Some(all * 0.7);
        browser.wait_until(ben, "as many as before", 20, RATE, again).unwrap();
    }
}

#[test]
fn who_cannot_decode_a_codec_gets_the_picture_in_another_and_everybody_else_in_the_first() {
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "dynacast=1");
    browser.evaluate(ann, "window.rig.camera({ videoCodec: 'vp9', backupCodec: { codec: 'vp8' } })").unwrap();
    let ben = join(&mut browser, &server, "ben", "");
    sees(&mut browser, ben, "ann", "camera", 10);
    for (identity, connections) in [("cat", ""), ("dan", TWO_CONNECTIONS)] {
        let other = join(&mut browser, &server, identity, &format!("without=vp9&{connections}"));
        sees(&mut browser, other, "ann", "camera", 10);
        assert_eq!(browser.evaluate(other, "window.rig.codecs('ann')").unwrap(), json!(["video/VP8"]), "{identity}");
    }
    assert_eq!(browser.evaluate(ben, "window.rig.codecs('ann')").unwrap(), json!(["video/VP9"]));
}

/// Ann's camera, as a page has it.
const CAMERA_OF_ANN: &str = "window.rig.room.remoteParticipants.get('ann').getTrackPublication('camera')";
/// Frames of hers that come in a second.
const RATE: &str = "window.rig.rate('ann-camera')";

/// Waits until it is at least half of what she sends.
fn per_second(browser: &mut Browser, page: Page) -> f64 {
    browser.wait_until(page, "ann's pictures", 25, RATE, |rate| rate.as_f64() > Some(15.0)).unwrap().as_f64().unwrap()
}

/// Ben watches Ann in elements of several sizes, and not at all, and again.
fn takes_what_it_has_use_for(browser: &mut Browser, server: &Server, connections: &str) {
    let ben = join(browser, server, "ben", &format!("adaptive=1&auto=0&{connections}"));
    let published = |others: &Value| track(others, "ann", "camera").is_some_and(|t| t["subscribed"] == false);
    browser.wait_until(ben, "a track that is not taken", 10, OTHERS, published).unwrap();
    browser.evaluate(ben, &format!("{CAMERA_OF_ANN}.setSubscribed(true)")).unwrap();
    sees(browser, ben, "ann", "camera", 10);
    for (css, width) in [(160, 320), (1200, 1280), (500, 640)] {
        let resize =
            format!("document.querySelector('video').style.cssText = 'width:{css}px;height:{}px'", css * 9 / 16);
        browser.evaluate(ben, &resize).unwrap();
        let good = |others: &Value| track(others, "ann", "camera").is_some_and(|t| t["width"] == width);
        browser.wait_until(ben, &format!("{width} pixels in {css}"), 20, OTHERS, good).unwrap();
    }
    browser.evaluate(ben, &format!("{CAMERA_OF_ANN}.setSubscribed(false)")).unwrap();
    browser.wait_until(ben, "a track that is given up", 10, OTHERS, published).unwrap();
    browser.evaluate(ben, &format!("{CAMERA_OF_ANN}.setSubscribed(true)")).unwrap();
    sees(browser, ben, "ann", "camera", 10);
}

//! LiveKit's own unmodified browser client, in Chromium and Firefox, and its native one.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::{Browser, Page};
use rig::gst::{Publisher, Speaker};
use rig::livekit_clients::{self, OTHERS, TWO_CONNECTIONS, python, without_broadcast};
use rig::livekit_pair::LivekitPair;
use rig::server::{Demo, Server, outside_address};
use serde_json::Value;

/// Opens a page whose participant has joined.
fn join(browser: &mut Browser, server: &Server, identity: &str, query: &str) -> Page {
    livekit_clients::join(browser, server, &server.http, identity, query).unwrap()
}

/// Waits until `page` has seen so many frames of a track.
fn sees(browser: &mut Browser, page: Page, identity: &str, source: &str, frames: u64) -> Value {
    livekit_clients::sees(browser, page, identity, source, frames).unwrap()
}

/// Ann on one peer connection and Ben on two.
fn pair() -> LivekitPair {
    LivekitPair::start(TWO_CONNECTIONS).unwrap()
}

/// Three layers of a camera, each of which is sent.
fn are_sent(layers: &Value) -> bool {
    let layers = layers.as_array().map_or(&[][..], Vec::as_slice);
    layers.len() == 3 && layers.iter().all(|layer| layer["packets"].as_u64() > Some(0))
}

/// Whether a message with this text has come from somebody.
fn got(text: &'static str, from: &'static str) -> impl Fn(&Value) -> bool {
    move |all| all.as_array().is_some_and(|all| all.iter().any(|m| m["text"] == text && m["from"] == from))
}

#[test]
fn camera_is_sent_in_three_layers_and_seen_on_two_connections() {
    let mut pair = pair();
    pair.ann("window.rig.camera()").unwrap();
    pair.ben_sees("ann", "camera", 30).unwrap();
    let layers = "window.rig.layers()";
    pair.ann_has("three layers that are sent", 20, layers, are_sent).unwrap();
    pair.ben_sees("ann", "camera", 400).unwrap();
}

#[test]
fn microphone_is_heard_with_redundancy_and_named_as_speaking() {
    let mut pair = pair();
    pair.ann("window.rig.microphone()").unwrap();
    // A codec has a payload once the track is negotiated.
    let opus_bytes = pair.ann_has("ann's codec", 20, "window.rig.opusBytes()", Value::is_number).unwrap();
    let opus_bytes = opus_bytes.as_f64().unwrap();
    let heard = |sound: &Value| {
        let of = sound.as_array().into_iter().flatten().find(|sound| sound["identity"] == "ann");
        of.is_some_and(|sound| sound["energy"].as_f64() > Some(0.0) && sound["bytes"].as_f64() > Some(1.5 * opus_bytes))
    };
    pair.ben_has("ann's tone, with redundancy", 20, "window.rig.sound()", heard).unwrap();
    let spoke = |events: &Value| events.as_array().is_some_and(|all| all.iter().any(|e| e == "Speakers ann"));
    pair.ben_has("that ann speaks", 20, "window.rig.events", spoke).unwrap();
}

#[test]
fn screen_shared_beside_a_camera_is_seen() {
    let mut pair = pair();
    pair.ann("window.rig.camera()").unwrap();
    pair.ben_sees("ann", "camera", 10).unwrap();
    pair.ann("window.rig.screen()").unwrap();
    pair.ben_sees("ann", "screen_share", 10).unwrap();
}

#[test]
fn messages_to_all_and_to_one_arrive_and_name_their_sender() {
    let mut pair = pair();
    pair.ann("window.rig.send('to all', { reliable: true, topic: 't' })").unwrap();
    let to_ann = "window.rig.send('to ann', { reliable: false, destinationIdentities: ['ann'] })";
    pair.browser.evaluate(pair.ben, to_ann).unwrap();
    pair.ben_has("ann's message", 10, "window.rig.messages", got("to all", "ann")).unwrap();
    pair.ann_has("ben's message", 10, "window.rig.messages", got("to ann", "ben")).unwrap();
}

#[test]
fn whip_speaker_and_participant_are_seen_and_broadcast_together() {
    let mut pair = LivekitPair::start_on(Demo::default(), TWO_CONNECTIONS).unwrap();
    let whip = pair.server.http.url(&format!("/whip/{}", pair.server.room));
    let _obs = Publisher::start(&Speaker::new(&whip, &pair.server.speaker_token("obs"))).unwrap();
    pair.ann_sees("obs", "camera", 10).unwrap();
    pair.ann("window.rig.camera()").unwrap();
    pair.ann("window.rig.microphone()").unwrap();
    pair.ben_sees("ann", "camera", 10).unwrap();
    pair.server.wait_for_speakers(2).unwrap();
    pair.server.wait_for_broadcast().unwrap();
}

#[test]
fn participant_who_disconnects_is_gone_for_others_and_off_the_stage() {
    let mut pair = pair();
    pair.ann("window.rig.camera()").unwrap();
    pair.ben_sees("ann", "camera", 10).unwrap();
    pair.server.wait_for_speakers(1).unwrap();
    pair.ann("window.rig.room.disconnect()").unwrap();
    let alone =
        |others: &Value| others.as_array().is_some_and(|all| all.iter().all(|other| other["identity"] != "ann"));
    pair.ben_has("that ann is gone", 10, OTHERS, alone).unwrap();
    pair.server.wait_for_speakers(0).unwrap();
}

#[test]
fn native_participant_gets_pictures_sound_messages_and_calls() {
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

/// Whether Firefox has decoded more than thirty of Ann's pictures.
const DECODED: &str = r#"(async () => {
    const track = window.rig.room.remoteParticipants.get("ann")?.getTrackPublication("camera")?.track;
    let frames = 0;
    (await track?.getRTCStatsReport())?.forEach((s) => (frames = Math.max(frames, s.framesDecoded ?? 0)));
    return frames > 30 || frames;
})()"#;

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
    let mut firefox = Browser::start_firefox().unwrap();
    let url = server.http.url(&format!("/__rig/livekit.html?token={}", server.speaker_token("fox")));
    let fox = firefox.open(&url).unwrap();
    assert_eq!(firefox.evaluate(fox, "window.joined").unwrap(), "joined");
    for script in ["window.rig.camera()", "window.rig.microphone()"] {
        firefox.evaluate(fox, script).unwrap();
    }
    firefox.wait_until(fox, "three layers that are sent", 20, "window.rig.layers()", are_sent).unwrap();
    firefox.wait_until(fox, "ann's pictures", 20, DECODED, |decoded| decoded == true).unwrap();
    sees(&mut browser, ann, "fox", "camera", 30);
    firefox.evaluate(fox, "window.rig.send('from firefox', { reliable: true })").unwrap();
    let messages = "window.rig.messages";
    browser.wait_until(ann, "the fox's message", 25, messages, got("from firefox", "fox")).unwrap();
    browser.evaluate(ann, "window.rig.send('to firefox', { reliable: true })").unwrap();
    firefox.wait_until(fox, "ann's message", 20, messages, got("to firefox", "ann")).unwrap();
    firefox.evaluate(fox, "window.rig.room.disconnect()").unwrap();
}

#[test]
fn session_survives_its_socket_and_ends_with_a_second_of_its_identity() {
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

//! Participants of LiveKit's protocol who do what they should not: it costs nobody else anything.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::thread;
use std::time::Duration;

use rig::browser::{Browser, Page};
use rig::livekit::Signal;
use rig::livekit_clients::{OTHERS, TWO_CONNECTIONS, join, sees, without_broadcast};
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use serde_json::{Value, json};

/// Counts what the SFU threw away, by reason.
const DROPPED: &str = "spillway_sfu_dropped_total";
/// The longest payload that an application may put into one message, bytes.
const PAYLOAD_BYTES_MAX: usize = 64_000;
/// LiveKit's kinds of data channels.
const RELIABLE: u32 = 0;
const LOSSY: u32 = 1;
/// The server waits 20 s for a word.
const SILENCE_MAX: Duration = Duration::from_secs(35);

/// The lengths of what `page` got, in order.
const LENGTHS: &str = "window.rig.messages.map((m) => m.text.length)";

/// Sends a message that the client itself would refuse to: a `DataPacket` whose `user` (field 2) has a `payload` (field
/// 2) of `len`.
fn send_by_force(browser: &mut Browser, page: Page, len: usize, kind: u32) {
    let script = format!(
        "(() => {{
            const field = (of) => [0x12, (of & 0x7f) | 0x80, ((of >> 7) & 0x7f) | 0x80, of >> 14];
            const head = [...field({len} + 4), ...field({len})];
            const bytes = new Uint8Array(head.length + {len});
            bytes.set(head);
            window.rig.room.engine.dataChannelForKind({kind}).send(bytes);
        }})()"
    );
    browser.evaluate(page, &script).unwrap();
}

#[test]
fn silent_participant_is_cut_off_and_oversized_message_dropped_without_harm() {
    let mut environment = vec![without_broadcast()];
    // A participant who is cut off may resume for one second only, and is then gone.
    environment.push(("SPILLWAY__SFU__RESUME_MS_MAX".into(), "1000".into()));
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, &server.http, "ann", "").unwrap();
    let ben = join(&mut browser, &server, &server.http, "ben", TWO_CONNECTIONS).unwrap();
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    sees(&mut browser, ben, "ann", "camera", 10).unwrap();

    // Is told of Ann's camera, offered a peer connection, and never heard of again.
    let (mut mute, _) = Signal::join(&server.http, &server.speaker_token("mute"), true).unwrap();
    let silent = thread::spawn(move || mute.wait_for_end(SILENCE_MAX));
    for page in [ann, ben] {
        let there = |others: &Value| others.as_array().is_some_and(|all| all.iter().any(|o| o["identity"] == "mute"));
        browser.wait_until(page, "the silent one", 10, OTHERS, there).unwrap();
    }

    let dropped = || server.metrics().unwrap().sum(DROPPED, &["reason=\"data_too_large\""]) as u64;
    let before = dropped();
    for (from, to, count) in [(ann, ben, 2), (ben, ann, 4)] {
        // The client opens its channels with its first message.
        browser.evaluate(from, "window.rig.send('1', { reliable: true })").unwrap();
        for kind in [RELIABLE, LOSSY] {
            send_by_force(&mut browser, from, PAYLOAD_BYTES_MAX + 1, kind);
        }
        wait_for_or("large messages to be dropped", 10, || match dropped() - before {
            seen if seen == count => Ok(()),
            seen => Err(seen.to_string()),
        })
        .unwrap();
        send_by_force(&mut browser, from, PAYLOAD_BYTES_MAX, RELIABLE);
        browser.evaluate(from, "window.rig.send('22', { reliable: true })").unwrap();
        let last = |lengths: &Value| lengths.as_array().is_some_and(|all| all.last() == Some(&json!(2)));
        let lengths = browser.wait_until(to, "what is not too large", 10, LENGTHS, last).unwrap();
        assert_eq!(lengths, json!([1, PAYLOAD_BYTES_MAX, 2]));
    }

    let end = silent.join().unwrap().unwrap();
    assert!(end > SILENCE_MAX / 3, "let go after {end:?} already");
    for page in [ann, ben] {
        let gone = |others: &Value| others.as_array().is_some_and(|all| all.len() == 1);
        browser.wait_until(page, "the silent one's end", 10, OTHERS, gone).unwrap();
        let bad = "window.rig.events.filter((e) => /onnecting|Reconnected|^Disconnected/.test(e))";
        assert_eq!(browser.evaluate(page, bad).unwrap(), json!([]), "ann and ben stay connected");
    }
    let frames = sees(&mut browser, ben, "ann", "camera", 0).unwrap()["frames"].as_u64().unwrap();
    sees(&mut browser, ben, "ann", "camera", frames + 60).unwrap();
}

//! LiveKit's own unmodified clients on a bad network, the same one for the same seed.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::time::Duration;

use rig::browser::{Browser, Page};
use rig::livekit_clients::{TWO_CONNECTIONS, join, python, sees, switch_layers, without_broadcast};
use rig::livekit_proxy::Proxy;
use rig::relay::{Hole, Impairment};
use rig::server::{Demo, Server};
use serde_json::{Value, json};

/// One datagram in twenty lost, some out of order, some twice; both ways.
const BAD: Impairment = Impairment {
    loss: 0.05,
    reorder: 0.05,
    reorder_by_max: Duration::from_millis(20),
    duplicate: 0.02,
    ..Impairment::NONE
};

const MESSAGES: u32 = 200;

fn start() -> (Server, Proxy) {
    let mut demo = Demo::with_one_port();
    demo.environment.push(without_broadcast());
    let server = Server::start(demo).unwrap();
    let proxy = Proxy::start(&server.http).unwrap();
    (server, proxy)
}

/// Checks that the proxy lost at least half of `share` of its packets, and saw enough of them to say so.
fn check_losses(proxy: &Proxy, share: f64) {
    let (relayed, lost) = proxy.relayed_and_lost();
    let expected = (relayed + lost) as f64 * share;
    assert!(expected > 50.0 && lost as f64 > expected / 2.0, "{lost} lost, {relayed} relayed: too few to say anything");
}

/// Begins to send numbered messages, one every `interval_ms`; `window.sent` is how many went.
fn send(browser: &mut Browser, page: Page, topic: &str, reliable: bool, interval_ms: u32) {
    let options = json!({ "topic": topic, "reliable": reliable });
    let script = format!(
        "(() => {{ window.sent = 0; const next = async () => {{
            await window.rig.send(String(window.sent), {options});
            window.sent += 1;
            if (window.sent < {MESSAGES}) setTimeout(next, {interval_ms});
        }}; next().catch((error) => {{ window.sent = String(error); }}); }})()"
    );
    browser.evaluate(page, &script).unwrap();
}

/// The numbers that came with a topic, in order of coming.
fn numbers(topic: &str) -> String {
    format!("window.rig.messages.filter((m) => m.topic === '{topic}').map((m) => Number(m.text))")
}

fn at_least(count: u32) -> impl Fn(&Value) -> bool {
    move |numbers| numbers.as_array().is_some_and(|all| all.len() >= count as usize)
}

/// Waits until all that were sent reliably are there; each once, and in order.
fn arrives_whole(browser: &mut Browser, page: Page, topic: &str) {
    let what = format!("all of {topic}");
    let all = browser.wait_until(page, &what, 60, &numbers(topic), at_least(MESSAGES)).unwrap();
    assert_eq!(all, json!((0..MESSAGES).collect::<Vec<_>>()), "{topic}");
}

#[test]
fn browsers_on_one_connection_and_on_two_see_hear_and_message_each_other() {
    let (server, proxy) = start();
    proxy.impair(BAD);
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, &proxy.http, "ann", "").unwrap();
    let ben = join(&mut browser, &server, &proxy.http, "ben", TWO_CONNECTIONS).unwrap();

    browser.evaluate(ann, "window.rig.camera()").unwrap();
    browser.evaluate(ann, "window.rig.microphone()").unwrap();
    sees(&mut browser, ben, "ann", "camera", 30).unwrap();
    let heard = |sound: &Value| {
        let of = sound.as_array().into_iter().flatten().find(|sound| sound["identity"] == "ann");
        of.is_some_and(|sound| sound["energy"].as_f64() > Some(0.0))
    };
    browser.wait_until(ben, "ann's voice", 20, "window.rig.sound()", heard).unwrap();
    browser.evaluate(ben, "window.rig.camera()").unwrap();
    sees(&mut browser, ann, "ben", "camera", 30).unwrap();
    for page in [ann, ben] {
        let sent = |layers: &Value| {
            let layers = layers.as_array().map_or(&[][..], Vec::as_slice);
            layers.len() == 3 && layers.iter().all(|layer| layer["packets"].as_u64() > Some(0))
        };
        browser.wait_until(page, "three layers that are sent", 20, "window.rig.layers()", sent).unwrap();
    }
    browser.evaluate(ben, "window.rig.screen()").unwrap();
    sees(&mut browser, ann, "ben", "screen_share", 10).unwrap();

    for (from, to, name) in [(ann, ben, "ann"), (ben, ann, "ben")] {
        let (sure, lossy) = (format!("{name}-sure"), format!("{name}-lossy"));
        send(&mut browser, from, &sure, true, 0);
        arrives_whole(&mut browser, to, &sure);
        send(&mut browser, from, &lossy, false, 10);
        browser.wait_until(from, "all to be sent", 20, "window.sent", |sent| *sent == MESSAGES).unwrap();
        let most = at_least(MESSAGES / 2);
        let came = browser.wait_until(to, "most of what may be lost", 10, &numbers(&lossy), most).unwrap();
        eprintln!("{} of {MESSAGES} messages of {lossy} arrived", came.as_array().map_or(0, Vec::len));
    }
    // Pictures still come, after all of that.
    for (page, whom) in [(ben, "ann"), (ann, "ben")] {
        let before = sees(&mut browser, page, whom, "camera", 0).unwrap()["frames"].as_u64().unwrap();
        sees(&mut browser, page, whom, "camera", before + 100).unwrap();
    }
    check_losses(&proxy, BAD.loss);
}

/// Datagrams of DTLS each way until messages flow, at most.
const HANDSHAKE_DATAGRAMS: u32 = 8;

#[test]
fn no_lost_datagram_of_a_handshake_keeps_anybody_out() {
    let (server, proxy) = start();
    let holes = [true, false].map(|to_server| (0..HANDSHAKE_DATAGRAMS).map(move |nth| Hole { to_server, nth }));
    let mut failed = vec![];
    for hole in holes.into_iter().flatten() {
        proxy.lose(hole);
        match python(&server, &proxy.http, "handshake.py", &[]) {
            Ok(said) => eprintln!("{hole:?}: {}", said.lines().find(|line| line.ends_with("done")).unwrap_or_default()),
            Err(error) => {
                eprintln!("{hole:?}: {error}");
                failed.push(hole);
            }
        }
    }
    assert_eq!(failed, [], "lost these and did not meet");
}

#[test]
fn native_participants_get_the_right_pictures_sound_messages_and_calls() {
    let (server, proxy) = start();
    proxy.impair(BAD);
    eprintln!("{}", python(&server, &proxy.http, "participants.py", &[]).unwrap());
    check_losses(&proxy, BAD.loss);
}

#[test]
fn no_message_is_lost_or_comes_twice_when_sockets_are_cut() {
    let (server, proxy) = start();
    proxy.impair(BAD);
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, &proxy.http, "ann", "").unwrap();
    let ben = join(&mut browser, &server, &proxy.http, "ben", TWO_CONNECTIONS).unwrap();
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    let frames = sees(&mut browser, ben, "ann", "camera", 10).unwrap()["frames"].as_u64().unwrap();
    for (from, topic) in [(ann, "ann-around"), (ben, "ben-around")] {
        send(&mut browser, from, topic, true, 20);
    }
    for page in [ann, ben] {
        browser.wait_until(page, "a quarter to be sent", 20, "window.sent", |sent| sent.as_u64() > Some(50)).unwrap();
    }
    proxy.cut();
    for page in [ann, ben] {
        let again = |events: &Value| events.as_array().is_some_and(|all| all.iter().any(|e| e == "Reconnected"));
        browser.wait_until(page, "a connection that is resumed", 30, "window.rig.events", again).unwrap();
    }
    arrives_whole(&mut browser, ben, "ann-around");
    arrives_whole(&mut browser, ann, "ben-around");
    sees(&mut browser, ben, "ann", "camera", frames + 100).unwrap();
    let left = "window.rig.events.filter((e) => e.startsWith('ParticipantDisconnected')).length";
    for page in [ann, ben] {
        assert_eq!(browser.evaluate(page, left).unwrap(), 0, "nobody saw anybody go");
    }
    check_losses(&proxy, BAD.loss);
}

#[test]
fn random_switches_on_a_lossy_network_show_no_broken_picture() {
    let (server, proxy) = start();
    let light = Impairment { loss: 0.02, ..Impairment::default() };
    proxy.impair(light);
    eprintln!("{}", switch_layers(&server, &proxy.http, "vp8", 15).unwrap());
    check_losses(&proxy, light.loss);
}

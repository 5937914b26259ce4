//! Which of a picture's layers, and in which codec, LiveKit's own clients get.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::{Browser, Page};
use rig::livekit_clients::{self, OTHERS, TWO_CONNECTIONS, switch_layers, track, without_broadcast};
use rig::server::{Demo, Server};
use serde_json::{Value, json};

/// Opens a page whose participant has joined.
fn join(browser: &mut Browser, server: &Server, identity: &str, query: &str) -> Page {
    livekit_clients::join(browser, server, &server.http, identity, query).unwrap()
}

/// Waits until `page` has seen so many frames of a track.
fn sees(browser: &mut Browser, page: Page, identity: &str, source: &str, frames: u64) -> Value {
    livekit_clients::sees(browser, page, identity, source, frames).unwrap()
}

/// Switches of a run that is one test among many; `make switches` makes a thousand.
const SWITCHES: u32 = 25;

#[test]
fn random_switches_between_layers_show_no_broken_picture() {
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    for codec in ["vp8", "vp9", "av1"] {
        eprintln!("{}", switch_layers(&server, &server.http, codec, SWITCHES).unwrap());
    }
}

#[test]
fn adaptive_viewer_gets_the_size_of_its_element_and_only_subscribed_tracks() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, "ann", "");
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    for connections in ["", TWO_CONNECTIONS] {
        takes_what_it_has_use_for(&mut browser, &server, connections);
    }
}

#[test]
fn viewer_of_layers_within_one_stream_gets_size_and_rate_as_asked() {
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
fn viewer_without_a_codec_gets_the_backup_and_others_the_first() {
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

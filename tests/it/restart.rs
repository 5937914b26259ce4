//! The server's end and its return.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::{Browser, Page};
use rig::hls::renditions;
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use serde_json::Value;

/// The longest time that `spillway demo` promises to need for its end, seconds.
const DRAIN_MAX_S: u64 = 15;

/// A broadcast of one synthetic speaker.
fn live_server() -> Server {
    let server = Server::start(Demo { speakers: 1, ..Demo::default() }).unwrap();
    server.wait_for_broadcast().unwrap();
    server
}

/// Frames shown so far: goes on over a reconnect, because the page counts them.
const FRAMES: &str = "(() => {
  const video = document.querySelector('video');
  if (!video) return 0;
  if (!window.shown) {
    window.shown = 1;
    const count = () => { window.shown += 1; video.requestVideoFrameCallback(count); };
    video.requestVideoFrameCallback(count);
  }
  return window.shown;
})()";

fn wait_for_frames(browser: &mut Browser, page: Page, what: &str, seconds: u64, more: u64) {
    let before = browser.evaluate(page, FRAMES).unwrap().as_u64().unwrap_or(0);
    let enough = |frames: &Value| frames.as_u64() >= Some(before + more);
    browser.wait_until(page, what, seconds, FRAMES, enough).unwrap();
}

#[test]
fn a_viewer_recovers_from_a_restart_of_the_origin_by_itself() {
    let mut server = live_server();
    let mut browser = Browser::start().unwrap();
    let page = browser.open(&server.http.url(&format!("/watch/{}?delivery=broadcast", server.room))).unwrap();
    wait_for_frames(&mut browser, page, "the first pictures", 30, 30);
    let epoch = renditions(&server.http, &server.playlist()).unwrap().remove(0).path;

    server.kill();
    server.start_again().unwrap();
    let again = server.wait_for_broadcast();
    assert_ne!(again.unwrap().remove(0).path, epoch, "media URIs of the old epoch came back");
    wait_for_frames(&mut browser, page, "pictures after the restart", 40, 30);
}

#[test]
fn sigterm_ends_the_broadcast_with_endlist_and_then_the_process() {
    let mut server = live_server();
    let rendition = renditions(&server.http, &server.playlist()).unwrap().remove(0);
    wait_for_or("the first segment", 15, || {
        let text = server.http.text(&rendition.path).map_err(|e| e.to_string())?;
        if text.contains("#EXTINF") { Ok(()) } else { Err(text) }
    })
    .unwrap();
    let (http, path) = (server.http.clone(), rendition.path.clone());
    let last = std::thread::spawn(move || {
        let mut last = String::new();
        while let Ok(text) = http.text(&path) {
            last = text;
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        last
    });
    server.terminate();
    let status = server.wait_for_end(DRAIN_MAX_S).unwrap();
    assert!(status.success(), "{status}");
    let served = last.join().unwrap();
    let stored = playlists_below(&server.data());
    assert!(served.contains("#EXT-X-ENDLIST"), "last served: {served}");
    assert!(
        !stored.is_empty()
            && stored.iter().all(|text| text.contains("#EXT-X-ENDLIST") || text.contains("#EXT-X-STREAM-INF")),
        "{stored:?}"
    );
}

#[test]
fn deleted_room_ends_for_viewers_and_its_name_can_be_used_anew() {
    let server = live_server();
    let old = renditions(&server.http, &server.playlist()).unwrap().remove(0).path;
    let authorization = format!("Bearer {}", server.keys.mint_admin());
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let room = format!("/v1/rooms/{}", server.room);

    let deleted = server.http.request("DELETE", &room, &headers, None).unwrap();
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    wait_for_or("the end of the playlist", 10, || {
        let text = server.http.text(&old).map_err(|e| e.to_string())?;
        if text.contains("#EXT-X-ENDLIST") { Ok(()) } else { Err(text) }
    })
    .unwrap();
    assert_eq!(server.http.get(&room).unwrap().status, 404);

    let body = format!(r#"{{"room":"{}"}}"#, server.room);
    let made = server.http.request("POST", "/v1/rooms", &headers, Some(body.as_bytes())).unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = made.json();
    assert!(shown["live"] == false && shown["playlist"].is_null(), "{shown}");
    // The synthetic speaker comes back by itself.
    wait_for_or("a broadcast of the new room", 30, || {
        let now = renditions(&server.http, &server.playlist()).map_err(|e| e.to_string())?.remove(0).path;
        if now == old { Err(now) } else { Ok(()) }
    })
    .unwrap();
}

fn playlists_below(folder: &std::path::Path) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(playlists_below(&path));
        } else if path.extension().is_some_and(|kind| kind == "m3u8") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
    found
}

//! Every way that media may come and go by: TCP where UDP is blocked, IPv6, a path that changes under way.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::net::SocketAddr;

use rig::browser::{Browser, Page};
use rig::flow::flow;
use rig::peer::{Credentials, Peer, Request, SrtpOffer, signal};
use rig::relay::{Impairment, Relay};
use rig::sdp::Direction;
use rig::server::{Demo, Server};
use rig::vp8::Vp8Stream;
use serde_json::Value;

/// Checks that a viewer gets further pictures and sound within `seconds`.
fn check_media(browser: &mut Browser, viewer: Page, what: &str, seconds: u64) {
    let number = |stats: &Value, name: &str| stats[name].as_u64().unwrap_or(0);
    let before = browser.evaluate(viewer, "window.rig.stats()").unwrap();
    let more = |s: &Value, name: &str, count: u64| number(s, name) >= number(&before, name) + count;
    let good = |s: &Value| more(s, "frames", 40) && more(s, "audioPackets", 40);
    browser.wait_until(viewer, what, seconds, "window.rig.stats()", good).unwrap();
}

#[test]
fn speaker_and_viewer_meet_over_tcp_alone() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let speaker =
        browser.open_peer(&server, "kind=whip&codec=VP8&transport=tcp", &server.speaker_token("eve")).unwrap();
    server.wait_for_speakers(1).unwrap();
    let viewer = browser.open_peer(&server, "kind=whep&transport=tcp", &server.viewer_token("seat")).unwrap();
    check_media(&mut browser, viewer, "media over TCP", 20);
    for page in [speaker, viewer] {
        let stats = browser.evaluate(page, "window.rig.stats()").unwrap();
        assert_eq!(stats["protocol"], "tcp", "{stats}");
    }
}

/// A server that speaks IPv6, or `None` on a machine without.
fn server_with_ipv6() -> Option<Server> {
    std::net::UdpSocket::bind("[::1]:0").ok()?;
    let addresses = ("SPILLWAY__SFU__ADDRESSES".into(), r#"["127.0.0.1","::1"]"#.into());
    Some(Server::start(Demo { environment: vec![addresses], ..Demo::default() }).unwrap())
}

/// Joins by the server's candidate of IPv6.
fn join_over_ipv6(server: &Server, credentials: &Credentials, request: &Request) -> Peer {
    let mut signalled = signal(&server.http, credentials, request).unwrap();
    let candidate = signalled.answer.candidates.iter().find(|candidate| candidate.is_ipv6());
    signalled.via = Some(*candidate.unwrap_or_else(|| panic!("no candidate of IPv6 in {}", signalled.answer.text)));
    Peer::connect(credentials, signalled).unwrap()
}

/// Checks that a viewer gets the packets that a publisher sends.
fn check_forwarding(publisher: &mut Peer, ssrc: u32, viewer: &mut Peer) {
    let mut stream = Vp8Stream::new(ssrc, publisher.answer.video_pt, 300);
    flow(publisher, &mut stream, viewer, 20, 8).unwrap();
}

#[test]
fn media_goes_over_ipv6() {
    let Some(server) = server_with_ipv6() else { return eprintln!("no IPv6 on this machine") };
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let request = |side: &str, token: String, direction| {
        Request::vp8(&format!("/{side}/{}", server.room), Some(token), direction)
    };
    let publish = request("whip", server.speaker_token("eve"), Direction::Publish);
    let mut publisher = join_over_ipv6(&server, &credentials, &publish);
    server.wait_for_speakers(1).unwrap();
    let watch = request("whep", server.viewer_token("seat"), Direction::Watch);
    let mut viewer = join_over_ipv6(&server, &credentials, &watch);
    assert!(viewer.socket.peer_addr().is_ok_and(|address| address.is_ipv6()));
    check_forwarding(&mut publisher, publish.ssrc, &mut viewer);
}

#[test]
fn client_without_aes_gcm_and_client_with_it_exchange_media() {
    let server = Server::start(Demo::default()).unwrap();
    let join = |offer, side: &str, token, direction| {
        let credentials = Credentials::new(offer).unwrap();
        let request = Request::vp8(&format!("/{side}/{}", server.room), Some(token), direction);
        (Peer::join(&server.http, &credentials, &request).unwrap(), request.ssrc)
    };
    let (mut publisher, ssrc) = join(SrtpOffer::CmOnly, "whip", server.speaker_token("old"), Direction::Publish);
    server.wait_for_speakers(1).unwrap();
    let (mut viewer, _) = join(SrtpOffer::Gcm, "whep", server.viewer_token("seat"), Direction::Watch);
    assert_eq!(format!("{:?}", publisher.profile), "Aes128CmHmacSha1_80");
    assert_eq!(format!("{:?}", viewer.profile), "AeadAes128Gcm");
    check_forwarding(&mut publisher, ssrc, &mut viewer);
}

/// The UDP address at which the server takes media.
fn media_address(server: &Server) -> SocketAddr {
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let request =
        Request::vp8(&format!("/whip/{}", server.room), Some(server.speaker_token("probe")), Direction::Publish);
    let mut signalled = signal(&server.http, &credentials, &request).unwrap();
    signalled.session.leave(&server.http).unwrap();
    signalled.answer.udp
}

#[test]
fn ice_restart_moves_speaker_and_viewer_to_another_path() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let address = media_address(&server);
    let [old, new] = [(); 2].map(|()| Relay::start(address).unwrap());
    let (old_port, new_port) = (old.address().port(), new.address().port());
    let mut browser = Browser::start().unwrap();
    let via = format!("codec=VP8&via={old_port}");
    let speaker = browser.open_peer(&server, &format!("kind=whip&{via}"), &server.speaker_token("eve")).unwrap();
    server.wait_for_speakers(1).unwrap();
    let viewer = browser.open_peer(&server, &format!("kind=whep&{via}"), &server.viewer_token("seat")).unwrap();
    check_media(&mut browser, viewer, "media over the first path", 20);

    old.impair(Impairment::lossy(1.0));
    for page in [speaker, viewer] {
        let restarted = browser.evaluate(page, &format!("window.rig.restart({new_port})")).unwrap();
        assert!(restarted["etag"].as_str().is_some_and(|etag| etag.len() > 2), "{restarted}");
    }
    check_media(&mut browser, viewer, "media over the second path", 20);
    assert!(new.relayed_and_lost().0 > 100);
    server.wait_for_speakers(1).unwrap();
}

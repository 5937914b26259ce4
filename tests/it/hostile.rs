//! Bad input over HTTP and UDP: each gets the answer it deserves, is counted, and costs nobody else anything.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::net::{SocketAddr, UdpSocket};

use rig::flow::flow;
use rig::http::Reply;
use rig::ice::binding_request;
use rig::peer::{Credentials, Peer, Request, SrtpOffer, signal};
use rig::prometheus::Metrics;
use rig::sdp::{Direction, Offer, Video};
use rig::server::{Demo, Server};
use rig::token::KeyPair;
use rig::vp8::Vp8Stream;
use rig::wait::wait_for_or;

/// Counts datagrams that the SFU threw away, by reason.
const DROPPED: &str = "spillway_sfu_dropped_total";

fn offer(direction: Direction) -> String {
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let (ufrag, pwd) = ("abcd".into(), "abcdefghijklmnopqrstuvwx".into());
    let fingerprint = credentials.fingerprint().to_owned();
    Offer { direction, video: Some(Video::Vp8), audio: false, data: false, ufrag, pwd, fingerprint, ssrc: 7 }.print()
}

fn is_problem(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let kind = reply.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/problem+json"), "{status} comes as {kind}: {}", reply.text());
    assert_eq!(reply.json()["status"], status, "{}", reply.text());
}

/// A publisher that works shows that the server still does.
fn still_serves(server: &Server) {
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let request =
        Request::vp8(&format!("/whip/{}", server.room), Some(server.speaker_token("good")), Direction::Publish);
    let mut peer = Peer::join(&server.http, &credentials, &request).unwrap();
    peer.session.leave(&server.http).unwrap();
}

#[test]
fn bad_requests_are_refused_by_the_status_that_names_the_fault() {
    let server = Server::start(Demo::default()).unwrap();
    let (room, good) = (format!("/whip/{}", server.room), offer(Direction::Publish));
    let token = server.speaker_token("bad");
    let post = |path: &str, token: Option<&str>, body: &str| server.http.offer(path, token, body.as_bytes()).unwrap();

    for malformed in ["", "hello", "v=0\r\n", "\0\0\0", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=video"] {
        is_problem(&post(&room, Some(&token), malformed), 400);
    }
    // SDP that no server of WebRTC can accept: no fingerprint; no codec that anyone knows.
    let without_fingerprint: String =
        good.lines().filter(|line| !line.starts_with("a=fingerprint")).map(|line| format!("{line}\r\n")).collect();
    for unacceptable in [without_fingerprint, good.replace("VP8/90000", "SNOW/90000")] {
        is_problem(&post(&room, Some(&token), &unacceptable), 422);
    }
    let other_room = server.keys.mint("nowhere", "bad", true);
    is_problem(&post("/whip/nowhere", Some(&other_room), &good), 404);
    is_problem(&server.http.get("/v1/rooms/nowhere").unwrap(), 404);

    let forged = KeyPair { secret: "guessed".into(), ..server.keys.clone() }.mint(&server.room, "bad", true);
    let expired = server.keys.mint_expiring(&server.room, "bad", true, -3600);
    for token in [None, Some("x"), Some("a.b.c"), Some(forged.as_str()), Some(expired.as_str())] {
        is_problem(&post(&room, token, &good), 401);
    }
    // A viewer's token does not publish, and no room's token opens another.
    for token in [server.viewer_token("bad"), other_room] {
        is_problem(&post(&room, Some(&token), &good), 403);
    }
    let head = format!(
        "POST {room} HTTP/1.1\r\nHost: rig\r\nAuthorization: Bearer {token}\r\nContent-Type: application/sdp\r\n"
    );
    // Too long by what it says, and too long without saying so.
    let chunk = "a=x\r\n".repeat(20_000);
    for body in [
        "Content-Length: 50000000\r\n\r\n",
        &format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n", chunk.len()),
    ] {
        assert_eq!(server.http.raw_status(format!("{head}{body}").as_bytes()).unwrap(), 413);
    }
    let bearer = format!("Bearer {token}");
    for (headers, status) in [
        (&[("Content-Type", "text/plain")][..], 401),
        (&[("Content-Type", "text/plain"), ("Authorization", bearer.as_str())], 415),
    ] {
        is_problem(&server.http.request("POST", &room, headers, Some(good.as_bytes())).unwrap(), status);
    }
    still_serves(&server);
}

#[test]
fn peer_with_another_certificate_than_it_offered_gets_no_media() {
    let server = Server::start(Demo::default()).unwrap();
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let foreign = Credentials::new(SrtpOffer::Gcm).unwrap();
    let mut request =
        Request::vp8(&format!("/whip/{}", server.room), Some(server.speaker_token("bad")), Direction::Publish);
    request.fingerprint = Some(foreign.fingerprint().to_owned());
    // The client may or may not have finished its side when the server turns it away.
    if let Ok(mut peer) = Peer::join(&server.http, &credentials, &request) {
        let mut stream = rig::vp8::Vp8Stream::new(request.ssrc, peer.answer.video_pt, 500);
        let mut packet = vec![];
        for n in 0..50 {
            stream.next_frame(3000);
            stream.packet(&mut packet, true, true, n == 0, 1);
            peer.send_rtp(&packet).unwrap();
        }
    }
    let room = server.http.get(&format!("/v1/rooms/{}", server.room)).unwrap().json();
    assert_eq!(room["stage"].as_array().map(Vec::len), Some(0), "{room}");
    still_serves(&server);
}

/// The UDP address of a new session, and its ICE credentials.
fn udp_address(server: &Server) -> (SocketAddr, String, String) {
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let request =
        Request::vp8(&format!("/whip/{}", server.room), Some(server.speaker_token("probe")), Direction::Publish);
    let signalled = signal(&server.http, &credentials, &request).unwrap();
    (signalled.answer.udp, signalled.answer.ufrag, signalled.answer.pwd)
}

/// Datagrams that the server may have to read at a time: its receive buffer holds them, so none is lost before it is
/// counted.
const UNREAD_MAX: u32 = 100;

/// Waits until exactly so many drops more than `before` are counted.
fn wait_for_drops(server: &Server, before: f64, sent: u32) -> Metrics {
    let counted = wait_for_or("the drops' count", 10, || {
        let metrics = server.metrics().map_err(|e| e.to_string())?;
        let dropped = metrics.sum(DROPPED, &[]) - before;
        if dropped >= f64::from(sent) { Ok(metrics) } else { Err(format!("{dropped} of {sent}")) }
    })
    .unwrap();
    assert_eq!(counted.sum(DROPPED, &[]) - before, f64::from(sent), "a datagram is counted once");
    counted
}

#[test]
fn unauthenticated_and_malformed_datagrams_are_dropped_and_counted() {
    let server = Server::start(Demo::default()).unwrap();
    let (address, ufrag, pwd) = udp_address(&server);
    let provider = rtc_srtp::crypto::providers::AwsLcRsProvider::new();
    let crypto = rtc_srtp::crypto::RTCCryptoProvider::crypto(&provider);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let before = server.metrics().unwrap().sum(DROPPED, &[]);

    let wrong_pwd = binding_request(&format!("{ufrag}:rig"), "xxxxxxxxxxxxxxxxxxxxxxxx", crypto).unwrap();
    let unknown = binding_request("nobody:rig", &pwd, crypto).unwrap();
    let good = binding_request(&format!("{ufrag}:rig"), &pwd, crypto).unwrap();
    let mut sent = 0;
    let mut send = |datagram: &[u8]| {
        socket.send_to(datagram, address).unwrap();
        sent += 1;
        if sent % UNREAD_MAX == 0 {
            wait_for_drops(&server, before, sent);
        }
    };
    for datagram in [&wrong_pwd, &unknown] {
        send(datagram);
    }
    for len in 0..good.len() {
        send(&good[..len]);
    }
    let mut answer = [0; 1500];
    assert!(socket.recv(&mut answer).is_err(), "the server answered a request that it could not trust");
    // Every first byte, so every branch of the demultiplexer (RFC 7983): STUN, ZRTP, DTLS, TURN, RTP and RTCP.
    let mut noise = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    for first in 0..=255u8 {
        for len in [1, 2, 3, 11, 12, 13, 19, 20, 21, 60, 1200] {
            let mut datagram: Vec<u8> = (0..len).map(|_| rand::Rng::random(&mut noise)).collect();
            datagram[0] = first;
            send(&datagram);
        }
    }
    let counted = wait_for_drops(&server, before, sent);
    let reasons: Vec<&str> =
        counted.series(DROPPED).filter(|(_, value)| *value > 0.0).map(|(labels, _)| labels).collect();
    assert!(reasons.len() >= 2 && reasons.iter().all(|labels| labels.contains("reason=")), "{reasons:?}");
    still_serves(&server);
}

/// Makes something bad of a sealed packet.
type Spoil = fn(Vec<u8>) -> Vec<u8>;

/// A reason for which a drop is counted (empty: any), and a function that spoils a packet so.
const SPOILT: [(&str, Spoil); 5] = [
    ("srtp_short", |sealed| sealed[..20].to_vec()),
    // Fifteen contributing sources that are not there.
    ("malformed_rtp", |sealed| [&[0x8f], &sealed[1..16]].concat()),
    ("srtp_unauthenticated", |sealed| [&sealed[..sealed.len() - 1], &[sealed[sealed.len() - 1] ^ 1]].concat()),
    ("", |sealed| [sealed, vec![0; 60_000]].concat()),
    ("srtp_replayed", |sealed| sealed),
];

#[test]
fn spoilt_packets_of_a_speaker_are_dropped_and_counted() {
    let server = Server::start(Demo::default()).unwrap();
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let request =
        Request::vp8(&format!("/whip/{}", server.room), Some(server.speaker_token("bad")), Direction::Publish);
    let mut peer = Peer::join(&server.http, &credentials, &request).unwrap();
    let mut stream = Vp8Stream::new(request.ssrc, peer.answer.video_pt, 200);
    let mut packet = vec![];
    for (reason, spoil) in SPOILT {
        let label = format!("reason=\"{reason}");
        let dropped = |server: &Server| server.metrics().unwrap().sum(DROPPED, &[&label]);
        let before = dropped(&server);
        for _ in 0..20 {
            stream.next_frame(3000);
            stream.packet(&mut packet, true, true, true, 1);
            let sealed = peer.tx.encrypt_rtp(&packet).unwrap().to_vec();
            if reason == "srtp_replayed" {
                peer.socket.send(&sealed).unwrap();
            }
            peer.socket.send(&spoil(sealed)).unwrap();
        }
        wait_for_or(&format!("the count of {label}"), 5, || match dropped(&server) - before {
            20.0.. => Ok(()),
            fewer => Err(format!("{fewer} of 20")),
        })
        .unwrap();
    }
    server.wait_for_speakers(1).unwrap();
    still_serves(&server);
}

/// Joins as a publisher or viewer.
fn join(server: &Server, identity: &str, direction: Direction) -> (Peer, Vp8Stream) {
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let (side, token) = match direction {
        Direction::Publish => ("whip", server.speaker_token(identity)),
        Direction::Watch => ("whep", server.viewer_token(identity)),
    };
    let request = Request::vp8(&format!("/{side}/{}", server.room), Some(token), direction);
    let peer = Peer::join(&server.http, &credentials, &request).unwrap();
    let stream = Vp8Stream::new(request.ssrc, peer.answer.video_pt, 300);
    (peer, stream)
}

#[test]
fn peers_that_send_well_sealed_nonsense_cost_the_others_nothing() {
    let server = Server::start(Demo::default()).unwrap();
    let (mut speaker, mut stream) = join(&server, "good", Direction::Publish);
    server.wait_for_speakers(1).unwrap();
    let watch = Request {
        path: format!("/whep/{}?participant=good", server.room),
        ..Request::vp8("", Some(server.viewer_token("seat")), Direction::Watch)
    };
    let mut viewer = Peer::join(&server.http, &Credentials::new(SrtpOffer::Gcm).unwrap(), &watch).unwrap();
    flow(&mut speaker, &mut stream, &mut viewer, 20, 8).unwrap();

    let (mut mad_speaker, mut mad_stream) = join(&server, "mad", Direction::Publish);
    server.wait_for_speakers(2).unwrap();
    let (mut mad_viewer, _) = join(&server, "mad-too", Direction::Watch);
    let mut noise = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(2);
    let mut packet = vec![];
    for n in 0..3000 {
        // A header that is right, or nearly so, and anything behind it.
        mad_stream.next_frame(900);
        mad_stream.packet(&mut packet, true, true, true, 1);
        packet.truncate(rand::Rng::random_range(&mut noise, 12..80));
        packet.iter_mut().skip(12).for_each(|byte| *byte = rand::Rng::random(&mut noise));
        packet[0] |= [0, 0x10, 0x20][n % 3];
        let _ = mad_speaker.send_rtp(&packet);
        // A report's header, and lengths and contents that are anything.
        let mut report: Vec<u8> =
            (0..rand::Rng::random_range(&mut noise, 8..120)).map(|_| rand::Rng::random(&mut noise)).collect();
        report[0] = 0x80 | report[0] & 0x3f;
        report[1] = 200 + report[1] % 8;
        for peer in [&mut mad_speaker, &mut mad_viewer] {
            let _ = peer.send_rtcp(&report);
        }
        // DTLS records of no sense.
        report[0] = 20 + report[0] % 44;
        mad_viewer.socket.send(&report).unwrap();
        if n % 100 == 0 {
            flow(&mut speaker, &mut stream, &mut viewer, 2, 4).unwrap();
        }
    }
    flow(&mut speaker, &mut stream, &mut viewer, 50, 8).unwrap();
    still_serves(&server);
}

//! The cheapest attacks: by TCP without ICE, by signalling without media, by pictures too large to decode. Each is
//! counted, and costs nobody else anything.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rig::floods::Target;
use rig::floods::sessions::offer_to_watch;
use rig::floods::tcp::{self, connect_from, exchange, tcp_candidate};
use rig::flow::flow;
use rig::ice::{binding_request, is_binding_success};
use rig::peer::{Credentials, DATAGRAM_BYTES_MAX, Peer, Request, SrtpOffer, signal};
use rig::pictures::Pictures;
use rig::process::resident_bytes;
use rig::rtcp::is_rtcp;
use rig::sdp::{Direction, Video};
use rig::server::{Demo, Server};
use rig::vp8::{Vp8Stream, sent_ns};
use rig::wait::wait_for_or;

/// Counts what the SFU threw away and whom it turned away, by reason.
const DROPPED: &str = "spillway_sfu_dropped_total";

fn credentials() -> Credentials {
    Credentials::new(SrtpOffer::Gcm).unwrap()
}

fn dropped(server: &Server, reason: &str) -> f64 {
    server.metrics().unwrap().sum(DROPPED, &[&format!("reason=\"{reason}\"")])
}

/// Waits until so many more were counted.
fn wait_for_drops(server: &Server, reason: &str, before: f64, count: f64) {
    wait_for_or(&format!("the count of {reason}"), 15, || match dropped(server, reason) - before {
        more if more >= count => Ok(()),
        fewer => Err(format!("{fewer} of {count}")),
    })
    .unwrap();
}

fn publisher(server: &Server, identity: &str, video: Video) -> (Peer, u32) {
    let token = server.speaker_token(identity);
    let mut request = Request::vp8(&format!("/whip/{}", server.room), Some(token), Direction::Publish);
    request.video = Some(video);
    (Peer::join(&server.http, &credentials(), &request).unwrap(), request.ssrc)
}

fn request_to_watch(server: &Server, identity: &str, publisher: &str, video: Video) -> Request {
    let path = format!("/whep/{}?participant={publisher}", server.room);
    let request = Request::vp8(&path, Some(server.viewer_token(identity)), Direction::Watch);
    Request { video: Some(video), ..request }
}

fn viewer(server: &Server, identity: &str, publisher: &str, video: Video) -> Peer {
    Peer::join(&server.http, &credentials(), &request_to_watch(server, identity, publisher, video)).unwrap()
}

/// Publishes so many packets, numbered, a hundred a second; each viewer must get every one.
fn all_arrive(publisher: &mut Peer, stream: &mut Vp8Stream, viewers: &mut [Peer], count: u64) {
    let (mut packet, mut datagram) = (vec![], [0; DATAGRAM_BYTES_MAX]);
    viewers.iter().for_each(|viewer| viewer.socket.set_nonblocking(true).unwrap());
    let mut got = vec![HashSet::new(); viewers.len()];
    let until = Instant::now() + Duration::from_secs(30);
    for n in 0.. {
        if n < count {
            stream.next_frame(900);
            stream.packet(&mut packet, true, true, n == 0, n + 1);
            publisher.send_rtp(&packet).unwrap();
        }
        for (viewer, got) in viewers.iter_mut().zip(&mut got) {
            while let Ok(len) = viewer.socket.recv(&mut datagram) {
                if datagram[0] >> 6 == 2
                    && !is_rtcp(&datagram[..len])
                    && let Ok(plain) = viewer.rx.decrypt_rtp(&datagram[..len])
                {
                    got.extend(sent_ns(&plain).filter(|n| (1..=count).contains(n)));
                }
            }
        }
        if got.iter().all(|got| got.len() as u64 == count) {
            return;
        }
        assert!(Instant::now() < until, "of {count} came {:?}", got.iter().map(HashSet::len).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An address of this machine that is nobody else's.
fn local(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

#[test]
fn strangers_on_tcp_cost_neither_udp_nor_other_clients_on_tcp_anything() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let (mut speaker, ssrc) = publisher(&server, "eve", Video::Vp8);
    let mut stream = Vp8Stream::new(ssrc, speaker.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let mut viewers: Vec<Peer> = (0..5).map(|n| viewer(&server, &format!("seat-{n}"), "eve", Video::Vp8)).collect();
    viewers.iter_mut().for_each(|viewer| flow(&mut speaker, &mut stream, viewer, 5, 10).unwrap());
    let media: SocketAddr = tcp_candidate(&speaker.answer.text).expect("a candidate of TCP");

    // Of no bytes, of bytes that are nothing, and of what looks like STUN and is not.
    let target = |last| Target {
        http: server.http.clone(),
        from: local(last),
        room: server.room.clone(),
        publisher: "eve".into(),
        keys: server.keys.clone(),
    };
    let attacks =
        [&[0, 0][..], &[0, 1, 0xff], &[0, 4, 0, 1, 0, 0]].map(|frame| tcp::frames(&target(2), media, frame, 2));
    let silence = tcp::silence(&target(3), media, 300);
    all_arrive(&mut speaker, &mut stream, &mut viewers, 300);
    // A client whose way in is TCP, while all that goes on.
    let signalled = signal(&server.http, &credentials(), &request_to_watch(&server, "tcp", "eve", Video::Vp8)).unwrap();
    let provider = rtc_srtp::crypto::providers::AwsLcRsProvider::new();
    let crypto = rtc_srtp::crypto::RTCCryptoProvider::crypto(&provider);
    let username = format!("{}:rig", signalled.answer.ufrag);
    let check = binding_request(&username, &signalled.answer.pwd, crypto).unwrap();
    let mut connection = connect_from(local(4), media).unwrap();
    assert!(is_binding_success(&exchange(&mut connection, &check).unwrap()));
    all_arrive(&mut speaker, &mut stream, &mut viewers, 100);
    assert!(is_binding_success(&exchange(&mut connection, &check).unwrap()), "its connection stays");

    for attack in &attacks {
        assert!(attack.counts().tries.load(Relaxed) > 2, "{:?}", attack.counts());
    }
    assert!(silence.counts().tries.load(Relaxed) > 100, "{:?}", silence.counts());
    wait_for_drops(&server, "tcp_stranger", 0.0, 3.0);
    wait_for_drops(&server, "tcp_evicted", 0.0, 10.0);
    drop((attacks, silence));
    all_arrive(&mut speaker, &mut stream, &mut viewers, 100);
}

#[test]
fn a_peers_connection_that_brings_nonsense_is_closed_and_so_is_its_oldest_of_too_many() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let (speaker, _) = publisher(&server, "eve", Video::Vp8);
    server.wait_for_speakers(1).unwrap();
    let media = tcp_candidate(&speaker.answer.text).expect("a candidate of TCP");
    let signalled = signal(&server.http, &credentials(), &request_to_watch(&server, "tcp", "eve", Video::Vp8)).unwrap();
    let provider = rtc_srtp::crypto::providers::AwsLcRsProvider::new();
    let crypto = rtc_srtp::crypto::RTCCryptoProvider::crypto(&provider);
    let check = || binding_request(&format!("{}:rig", signalled.answer.ufrag), &signalled.answer.pwd, crypto).unwrap();
    let connect = || {
        let mut connection = connect_from(local(1), media).unwrap();
        assert!(is_binding_success(&exchange(&mut connection, &check()).unwrap()));
        connection
    };
    let is_closed = |connection: &mut std::net::TcpStream| {
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        match std::io::Read::read(connection, &mut [0; 100]) {
            Ok(0) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
            Ok(_) => false,
        }
    };
    let mut connections: Vec<_> = (0..5).map(|_| connect()).collect();
    assert!(is_closed(&mut connections[0]));
    wait_for_drops(&server, "tcp_too_many_of_peer", 0.0, 1.0);
    let last = connections.last_mut().unwrap();
    let _ = std::io::Write::write_all(last, &[0; 2000]);
    assert!(is_closed(last));
    wait_for_drops(&server, "tcp_nonsense", 0.0, 1.0);
    assert!(is_binding_success(&exchange(&mut connections[1], &check()).unwrap()), "the others stay");
}

#[test]
fn one_token_that_asks_and_never_comes_keeps_nobody_out() {
    let server = Server::start(Demo::default()).unwrap();
    let (mut speaker, ssrc) = publisher(&server, "eve", Video::Vp8);
    let mut stream = Vp8Stream::new(ssrc, speaker.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let (path, token) = (format!("/whep/{}", server.room), server.viewer_token("flood"));
    let offer = offer_to_watch(&credentials());
    let replies: Vec<_> = (0..400).map(|_| server.http.offer(&path, Some(&token), offer.as_bytes()).unwrap()).collect();
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert!(count(201) >= 50 && count(429) >= 100 && count(201) + count(429) == 400, "{} {}", count(201), count(429));
    let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse().is_ok_and(|s: u32| s >= 1)));
    let crowded_out = server.metrics().unwrap().sum("spillway_sfu_crowded_out_total", &[]);
    assert_eq!(crowded_out, count(201) as f64 - 4.0, "four of one identity may be pending");
    let mut viewer = viewer(&server, "seat", "eve", Video::Vp8);
    flow(&mut speaker, &mut stream, &mut viewer, 20, 10).unwrap();
}

#[test]
fn sessions_that_never_connect_make_way_where_the_server_is_full() {
    let full = [("SPILLWAY__SFU__SESSIONS_MAX", "12"), ("SPILLWAY__SFU__PUBLISHERS_PER_ROOM_MAX", "2")];
    let environment = full.map(|(name, value)| (name.into(), value.into())).to_vec();
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let offer = |identity: &str, side: &str, token: String| {
        let mut sdp = offer_to_watch(&credentials());
        if side == "whip" {
            sdp = sdp.replace("a=recvonly", "a=sendonly\r\na=msid:rig video\r\na=ssrc:9 cname:rig");
        }
        let reply = server.http.offer(&format!("/{side}/{}", server.room), Some(&token), sdp.as_bytes()).unwrap();
        assert_eq!(reply.status, 201, "{identity} {}", reply.text());
    };
    // The stage is full of those who never come, and makes way for those who do.
    for n in 0..5 {
        offer("ghost", "whip", server.speaker_token(&format!("ghost-{n}")));
    }
    let (mut speaker, ssrc) = publisher(&server, "eve", Video::Vp8);
    let mut stream = Vp8Stream::new(ssrc, speaker.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let mut seats = vec![viewer(&server, "seat", "eve", Video::Vp8)];
    for n in 0..40 {
        offer("flood", "whep", server.viewer_token(&format!("flood-{n}")));
    }
    seats.push(viewer(&server, "late", "eve", Video::Vp8));
    seats.iter_mut().for_each(|seat| flow(&mut speaker, &mut stream, seat, 20, 10).unwrap());
    // Those who are there are never crowded out: at last there is no room.
    seats.extend((0..20).map_while(|n| {
        let request = request_to_watch(&server, &format!("crowd-{n}"), "eve", Video::Vp8);
        Peer::join(&server.http, &credentials(), &request).ok()
    }));
    assert!((6..=11).contains(&seats.len()), "{}", seats.len());
    let reply = server.http.offer(
        &format!("/whep/{}", server.room),
        Some(&server.viewer_token("more")),
        offer_to_watch(&credentials()).as_bytes(),
    );
    assert_eq!(reply.unwrap().status, 503);
    flow(&mut speaker, &mut stream, &mut seats[0], 20, 10).unwrap();
}

#[test]
fn clients_of_a_trusted_proxy_are_limited_each_by_their_own_address() {
    let server = Server::start(Demo::default()).unwrap();
    let path = format!("/whep/{}", server.room);
    let ask = |client: &str| {
        let headers = [("Content-Type", "application/sdp"), ("X-Forwarded-For", client)];
        server.http.request("POST", &path, &headers, Some(b"v=0")).unwrap().status
    };
    // Without a token there is nothing but an address.
    let flood: Vec<u16> = (0..1500).map(|_| ask("192.0.2.66, 198.51.100.1")).collect();
    assert!(flood.iter().all(|status| [401, 429].contains(status)), "{flood:?}");
    assert!(flood.iter().filter(|status| **status == 401).count() >= 500 && flood.contains(&429));
    assert_eq!((ask("198.51.100.1, 198.51.100.2"), ask("198.51.100.1")), (401, 429));
    let limited = server.metrics().unwrap().sum("spillway_joins_limited_total", &["by=\"address\""]);
    assert!(limited >= 1.0);
}

/// More than any decoder should be asked for.
const HUGE: (u32, u32) = (16_383, 16_383);

/// What comes of a viewer's stream until it is silent for a second: media packets.
fn drain(viewer: &Peer) -> usize {
    viewer.socket.set_nonblocking(false).unwrap();
    viewer.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    let until = Instant::now() + Duration::from_secs(3);
    let mut count = 0;
    while Instant::now() < until {
        match viewer.socket.recv(&mut datagram) {
            Ok(len) => count += usize::from(datagram[0] >> 6 == 2 && !is_rtcp(&datagram[..len])),
            Err(_) => break,
        }
    }
    count
}

#[test]
fn pictures_too_large_to_decode_are_not_forwarded_and_others_are() {
    // Viewers of ours say nothing for longer than clients do.
    let environment = vec![("SPILLWAY__SFU__SILENCE_MS_MAX".into(), "600000".into())];
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let (mut good, ssrc) = publisher(&server, "good", Video::Vp8);
    let mut stream = Vp8Stream::new(ssrc, good.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let mut seat = viewer(&server, "seat", "good", Video::Vp8);
    flow(&mut good, &mut stream, &mut seat, 20, 10).unwrap();
    for (n, codec) in (2..).zip([Video::Vp8, Video::Vp9, Video::H264, Video::Av1]) {
        let identity = format!("{codec:?}");
        let (mut bad, ssrc) = publisher(&server, &identity, codec);
        let mut pictures = Pictures::new(codec, ssrc, bad.answer.video_pt);
        server.wait_for_speakers(n).unwrap();
        let watching = viewer(&server, &format!("seat-{identity}"), &identity, codec);
        drain(&watching);
        let before = dropped(&server, "picture_too_large");
        for _ in 0..30 {
            bad.send_rtp(&pictures.keyframe(HUGE.0, HUGE.1)).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        wait_for_drops(&server, "picture_too_large", before, 30.0);
        assert_eq!(drain(&watching), 0, "{codec:?}");
        flow(&mut good, &mut stream, &mut seat, 20, 10).unwrap();
        // Within bounds it goes on.
        let until = Instant::now() + Duration::from_secs(10);
        while drain(&watching) == 0 {
            assert!(Instant::now() < until, "{codec:?} within bounds does not come");
            for _ in 0..30 {
                bad.send_rtp(&pictures.keyframe(640, 368)).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[test]
fn the_broadcast_decodes_no_picture_that_is_too_large_for_it() {
    // The SFU lets them pass, so that it is the broadcast's own limit that holds.
    let environment =
        [("SPILLWAY__SFU__PICTURE_PIXELS_MAX", "4000000000"), ("SPILLWAY__SFU__PICTURE_SIDE_MAX", "65536")];
    let environment = environment.map(|(name, value)| (name.into(), value.into())).to_vec();
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    for codec in [Video::Vp8, Video::Vp9, Video::H264] {
        let (mut bad, ssrc) = publisher(&server, "bad", codec);
        let mut pictures = Pictures::new(codec, ssrc, bad.answer.video_pt);
        server.wait_for_broadcast().unwrap();
        let memory = resident_bytes(server.pid()).unwrap();
        let refused = |server: &Server| {
            server.metrics().unwrap().sum("spillway_ingest_pictures_refused_total", &["reason=\"picture_too_large\""])
        };
        let before = refused(&server);
        wait_for_or(&format!("{codec:?} to be refused"), 30, || {
            (0..5).for_each(|_| bad.send_rtp(&pictures.keyframe(HUGE.0, HUGE.1)).unwrap());
            match refused(&server) - before {
                20.0.. => Ok(()),
                fewer => Err(format!("{fewer} pictures")),
            }
        })
        .unwrap();
        let grown = resident_bytes(server.pid()).unwrap().saturating_sub(memory);
        assert!(grown < 150 << 20, "{codec:?}: {} MiB more", grown >> 20);
        bad.session.leave(&server.http).unwrap();
        server.wait_for_speakers(0).unwrap();
    }
}

//! The cheapest attacks: by TCP without ICE, by signalling without media. Each is counted, and costs nobody else
//! anything. `floods.rs` has those that go on.

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
use rig::peer::{Credentials, DATAGRAM_BYTES_MAX, Peer, SrtpOffer, signal};
use rig::rtcp::is_rtcp;
use rig::sdp::Video;
use rig::seats::{publisher, request_to_watch, viewer};
use rig::server::{Demo, Server};
use rig::vp8::{Vp8Stream, sent_ns};

fn credentials() -> Credentials {
    Credentials::new(SrtpOffer::Gcm).unwrap()
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
fn strangers_on_tcp_slow_neither_udp_nor_other_tcp_clients() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let (mut speaker, ssrc) = publisher(&server, "eve", Video::Vp8).unwrap();
    let mut stream = Vp8Stream::new(ssrc, speaker.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let mut viewers: Vec<Peer> =
        (0..5).map(|n| viewer(&server, &format!("seat-{n}"), "eve", Video::Vp8).unwrap()).collect();
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
    server.wait_for_drops("tcp_stranger", 0.0, 3.0).unwrap();
    server.wait_for_drops("tcp_evicted", 0.0, 10.0).unwrap();
    drop((attacks, silence));
    all_arrive(&mut speaker, &mut stream, &mut viewers, 100);
}

#[test]
fn tcp_connection_is_closed_for_nonsense_and_the_oldest_of_too_many() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let (speaker, _) = publisher(&server, "eve", Video::Vp8).unwrap();
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
    server.wait_for_drops("tcp_too_many_of_peer", 0.0, 1.0).unwrap();
    let last = connections.last_mut().unwrap();
    let _ = std::io::Write::write_all(last, &[0; 2000]);
    assert!(is_closed(last));
    server.wait_for_drops("tcp_nonsense", 0.0, 1.0).unwrap();
    assert!(is_binding_success(&exchange(&mut connections[1], &check()).unwrap()), "the others stay");
}

#[test]
fn unconnected_offers_of_one_token_keep_nobody_out() {
    let server = Server::start(Demo::default()).unwrap();
    let (mut speaker, ssrc) = publisher(&server, "eve", Video::Vp8).unwrap();
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
    let mut viewer = viewer(&server, "seat", "eve", Video::Vp8).unwrap();
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
    let (mut speaker, ssrc) = publisher(&server, "eve", Video::Vp8).unwrap();
    let mut stream = Vp8Stream::new(ssrc, speaker.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let mut seats = vec![viewer(&server, "seat", "eve", Video::Vp8).unwrap()];
    for n in 0..40 {
        offer("flood", "whep", server.viewer_token(&format!("flood-{n}")));
    }
    seats.push(viewer(&server, "late", "eve", Video::Vp8).unwrap());
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
    assert_eq!(ask("198.51.100.1, 198.51.100.2"), 401, "another client is not limited");
    // Its allowance grows by one in 20 ms, which a busy machine takes for a request.
    assert!((0..20).any(|_| ask("198.51.100.1") == 429), "the flood's address is limited still");
    let limited = server.metrics().unwrap().sum("spillway_joins_limited_total", &["by=\"address\""]);
    assert!(limited >= 1.0);
}

//! Publishers whose SSRCs change: by an encoder that restarts, and by one track after the other.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rig::browser::Browser;
use rig::livekit_clients::{self, TWO_CONNECTIONS, without_broadcast};
use rig::peer::{Credentials, DATAGRAM_BYTES_MAX, Peer, Request, SrtpOffer};
use rig::rtcp::is_rtcp;
use rig::sdp::Direction;
use rig::server::{Demo, Server};
use rig::vp8::{Vp8Stream, sent_ns};

/// Encoders that follow each other.
const RESTARTS: usize = 12;
/// Packets that each is seen by.
const PACKETS: usize = 15;
/// Screens that one participant shares in a row.
const SCREENS: usize = 20;

/// The packets that a viewer got: each sequence number with the mark of its packet.
#[derive(Default)]
struct Seen(HashMap<u16, u64>);

impl Seen {
    /// Publishes pictures of one packet until `viewer` has got [`PACKETS`] of them. Every mark is used once.
    fn round(&mut self, publisher: &mut Peer, stream: &mut Vp8Stream, viewer: &mut Peer, mark: &mut u64) {
        let (mut packet, mut datagram, mut got) = (vec![], [0; DATAGRAM_BYTES_MAX], 0);
        let (first, until) = (*mark, Instant::now() + Duration::from_secs(15));
        while got < PACKETS {
            assert!(Instant::now() < until, "{got} of {PACKETS} packets of this encoder arrived");
            stream.next_frame(900);
            stream.packet(&mut packet, true, true, true, *mark);
            *mark += 1;
            publisher.send_rtp(&packet).unwrap();
            while let Ok(n) = viewer.socket.recv(&mut datagram) {
                if datagram[0] >> 6 != 2 || is_rtcp(&datagram[..n]) {
                    continue;
                }
                let plain = viewer.rx.decrypt_rtp(&datagram[..n]).unwrap();
                let Some(sent) = sent_ns(&plain) else { continue };
                let sequence = u16::from_be_bytes([plain[2], plain[3]]);
                let before = *self.0.entry(sequence).or_insert(sent);
                assert_eq!(before, sent, "one number, and so one nonce, for two packets");
                got += usize::from(sent >= first);
            }
        }
    }
}

#[test]
fn restarted_encoder_is_seen_again_and_no_number_is_used_twice() {
    let seed = std::env::var("SPILLWAY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("SPILLWAY_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let join = |path: &str, token, direction| {
        Peer::join(
            &server.http,
            &credentials,
            &Request::vp8(&format!("/{path}/{}", server.room), Some(token), direction),
        )
        .unwrap()
    };
    let mut publisher = join("whip", server.speaker_token("ann"), Direction::Publish);
    server.wait_for_speakers(1).unwrap();
    let mut viewer = join("whep", server.viewer_token("ben"), Direction::Watch);
    viewer.socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (mut seen, mut mark, mut ssrc) = (Seen::default(), 1, random.random::<u32>() >> 1 | 1);
    for _ in 0..RESTARTS {
        let mut stream = Vp8Stream::new(ssrc, publisher.answer.video_pt, 100);
        seen.round(&mut publisher, &mut stream, &mut viewer, &mut mark);
        // The rig's first sequence number follows from the low bits: the same numbers again, or any others.
        ssrc = if random.random_bool(0.5) {
            ssrc ^ 1 << random.random_range(16..31)
        } else {
            random.random::<u32>() >> 1 | 1
        };
    }
    assert!(seen.0.len() >= RESTARTS * PACKETS);
}

#[test]
fn each_of_twenty_screen_shares_in_a_row_is_seen() {
    let server = Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = livekit_clients::join(&mut browser, &server, &server.http, "ann", "").unwrap();
    let ben = livekit_clients::join(&mut browser, &server, &server.http, "ben", TWO_CONNECTIONS).unwrap();
    // Cat decodes no VP9: ann is asked for the backup, and sends both.
    let cat = livekit_clients::join(&mut browser, &server, &server.http, "cat", "without=vp9").unwrap();
    browser.evaluate(ann, "window.rig.camera({ videoCodec: 'vp9', backupCodec: true })").unwrap();
    for page in [ben, cat] {
        livekit_clients::sees(&mut browser, page, "ann", "camera", 5).unwrap();
    }
    for screen in 0..SCREENS {
        eprintln!("screen {screen}");
        browser.evaluate(ann, "window.rig.screen()").unwrap();
        livekit_clients::sees(&mut browser, ben, "ann", "screen_share", 5).unwrap();
        browser.evaluate(ann, "window.rig.unshare()").unwrap();
        let gone = "document.getElementById('ann-screen_share') === null";
        browser.wait_until(ben, "that the screen is gone", 15, gone, |gone| gone == true).unwrap();
    }
    for page in [ben, cat] {
        let before = livekit_clients::sees(&mut browser, page, "ann", "camera", 5).unwrap()["frames"].as_u64().unwrap();
        livekit_clients::sees(&mut browser, page, "ann", "camera", before + 5).unwrap();
    }
    let refused = server.metrics().unwrap().sum("spillway_sfu_dropped_total", &["reason=\"too_many_ssrcs\""]);
    assert_eq!(refused, 0.0);
}

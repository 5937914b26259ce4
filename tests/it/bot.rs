//! The `webrtc` crate's own peer connection as publisher and viewer, in either role of DTLS.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::bot::{DtlsRole, Participant, Publisher, Received, Viewer};
use rig::livekit_clients::without_broadcast;
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;

/// Every pairing of roles that a publisher and a viewer may have.
const ROLES: [(DtlsRole, DtlsRole); 4] = [
    (DtlsRole::Own, DtlsRole::Own),
    (DtlsRole::Client, DtlsRole::Client),
    (DtlsRole::Server, DtlsRole::Server),
    (DtlsRole::Client, DtlsRole::Server),
];

fn start() -> Server {
    Server::start(Demo { environment: vec![without_broadcast()], ..Demo::default() }).unwrap()
}

/// Waits for so many more whole frames of picture and of sound.
fn wait_for_frames(what: &str, more: u64, received: impl Fn() -> Vec<Received>) {
    let sum = |video| received().iter().filter(|track| track.video == video).map(|track| track.frames).sum::<u64>();
    let before = (sum(true), sum(false));
    wait_for_or(what, 20, || {
        let enough = sum(true) >= before.0 + more && sum(false) >= before.1 + more;
        if enough { Ok(()) } else { Err(format!("{:?}", received())) }
    })
    .unwrap();
}

/// The role that an answer gives the server.
fn setup(answer: &str) -> &str {
    answer.lines().find_map(|line| line.strip_prefix("a=setup:")).unwrap()
}

#[test]
fn whip_and_whep_work_in_either_dtls_role_across_an_ice_restart() {
    let server = start();
    for (publishes, watches) in ROLES {
        let what = |when| format!("media {when}, publisher {publishes:?}, viewer {watches:?}");
        let token = server.speaker_token("eve");
        let mut publisher =
            Publisher::start(&server.http, &format!("/whip/{}", server.room), &token, publishes).unwrap();
        server.wait_for_speakers(1).unwrap();
        let token = server.viewer_token("seat");
        let mut viewer = Viewer::start(&server.http, &format!("/whep/{}", server.room), &token, watches).unwrap();
        for (answer, role) in [(publisher.answer(), publishes), (viewer.answer(), watches)] {
            let expected = if role == DtlsRole::Server { "active" } else { "passive" };
            assert_eq!(setup(answer), expected, "{role:?}");
        }
        wait_for_frames(&what("at first"), 30, || viewer.received());
        assert!(viewer.received().iter().any(|track| track.keyframes > 0), "{:?}", viewer.received());
        publisher.restart_ice().unwrap();
        wait_for_frames(&what("after the publisher's restart"), 30, || viewer.received());
        viewer.restart_ice().unwrap();
        wait_for_frames(&what("after the viewer's restart"), 30, || viewer.received());
        drop((publisher, viewer));
        server.wait_for_speakers(0).unwrap();
    }
}

/// Each hears from the other, by both ways of sending.
fn check_data(one: &mut Participant, other: &mut Participant, from: &str, round: usize) {
    for reliable in [true, false] {
        for n in 0..5 {
            one.send(reliable, &format!("{round}.{n}")).unwrap();
        }
        let of_round = |participant: &Participant| {
            let all = participant.messages();
            let theirs = all.into_iter().filter(|m| m.identity == from && m.reliable == reliable);
            theirs.map(|m| m.text).filter(|text| text.starts_with(&format!("{round}."))).collect::<Vec<_>>()
        };
        let sent: Vec<String> = (0..5).map(|n| format!("{round}.{n}")).collect();
        wait_for_or(&format!("{from}'s data, reliable: {reliable}"), 10, || {
            let came = of_round(other);
            // No lossy message need arrive, but on loopback some do.
            if came == sent || (!reliable && !came.is_empty()) { Ok(()) } else { Err(format!("{came:?}")) }
        })
        .unwrap();
    }
}

#[test]
fn participants_meet_in_either_dtls_role_and_after_resuming() {
    let server = start();
    for (first, second) in ROLES {
        let what = |when: &str, who: &str| format!("{who}'s media {when}, roles {first:?} and {second:?}");
        let mut ann = Participant::join(&server.http, &server.speaker_token("ann"), first).unwrap();
        ann.publish().unwrap();
        let mut ben = Participant::join(&server.http, &server.speaker_token("ben"), second).unwrap();
        ben.publish().unwrap();
        for round in 0..3 {
            let when = ["at first", "after ann resumed", "after ben resumed"][round];
            wait_for_frames(&what(when, "ann"), 30, || ben.received("ann"));
            wait_for_frames(&what(when, "ben"), 30, || ann.received("ben"));
            check_data(&mut ann, &mut ben, "ann", round);
            check_data(&mut ben, &mut ann, "ben", round);
            match round {
                0 => ann.resume().unwrap(),
                1 => ben.resume().unwrap(),
                _ => {}
            }
        }
        assert_eq!((ann.error(), ben.error()), (None, None));
        drop((ann, ben));
        server.wait_for_speakers(0).unwrap();
    }
}

#[test]
fn whip_publisher_is_watched_by_a_participant_and_a_participant_by_whep() {
    let server = start();
    let whip = format!("/whip/{}", server.room);
    let eve = Publisher::start(&server.http, &whip, &server.speaker_token("eve"), DtlsRole::Own).unwrap();
    let mut ann = Participant::join(&server.http, &server.speaker_token("ann"), DtlsRole::Own).unwrap();
    wait_for_frames("eve's media", 30, || ann.received("eve"));
    drop(eve);
    ann.publish().unwrap();
    server.wait_for_speakers(1).unwrap();
    let whep = format!("/whep/{}?participant=ann", server.room);
    let viewer = Viewer::start(&server.http, &whep, &server.viewer_token("seat"), DtlsRole::Own).unwrap();
    wait_for_frames("ann's media", 30, || viewer.received());
}

//! Meetings of sixty: LiveKit's own unmodified browser client among native participants with camera and microphone.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::net::UdpSocket;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rig::browser::{Browser, Page};
use rig::livekit_clients::without_broadcast;
use rig::meeting::Meeting;
use rig::meeting_page::{self, Way};
use rig::server::{Demo, Server};

/// Participants with camera and microphone; `PARTICIPANTS` in the environment makes it another number.
const PARTICIPANTS: usize = 60;
/// Tracks that are switched at a time.
const SWITCHED: usize = 20;
/// Participants who come late, and who leave.
const LATE: usize = 5;
/// Participants of Firefox's meeting: 121 sections. With 129, Firefox 153 ESR received nothing.
const FIREFOX_MAX: usize = 60;
/// With sixty pictures in each of two browsers, two cores leave their pages no time to answer. `make meetings` has as
/// many as Firefox can have.
const BESIDE_FIREFOX: usize = 40;
/// No measurement, only a bound that something broken exceeds, seconds.
const WHOLE_MAX_S: u64 = 120;
/// The same for tracks that are to go on. A receiver that was short of processor estimates little of its path, and a
/// picture paused for that is tried again after 10 s, and again.
const GO_ON_MAX_S: u64 = 60;
/// Sixty pictures in each browser are as much as two cores decode: one meeting at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn from_environment<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn participants() -> usize {
    from_environment("PARTICIPANTS", PARTICIPANTS)
}

/// A server for one big meeting, at these addresses.
fn start(addresses: &str) -> Server {
    let addresses = ("SPILLWAY__SFU__ADDRESSES".to_owned(), addresses.to_owned());
    let environment = vec![without_broadcast(), addresses];
    Server::start(Demo { environment, ..Demo::default() }).unwrap()
}

/// Joins `count` native participants to the server's room.
fn meet(server: &Server, count: usize) -> Meeting {
    let mut meeting = Meeting::start(&server.http, &server.keys, &server.room).unwrap();
    (0..count).for_each(|n| meeting.join(&format!("native-{n}")).unwrap());
    meeting
}

fn join(browser: &mut Browser, server: &Server, identity: &str, way: Way) -> Page {
    meeting_page::join(browser, &server.http, &server.viewer_token(identity), way).unwrap()
}

/// Everything comes, nothing was refused, and nobody was sent away.
fn whole(browser: &mut Browser, page: Page, meeting: &Meeting, count: usize) {
    let from = Instant::now();
    let state = meeting_page::wait_until_whole(browser, page, count, WHOLE_MAX_S).unwrap();
    eprintln!("{count} participants after {:.1} s", from.elapsed().as_secs_f64());
    // A browser that has no processor for longer than a ping may take resumes its signal connection; media goes on
    // meanwhile.
    let events: Vec<_> =
        state.events.iter().filter(|event| !["SignalReconnecting", "Reconnected"].contains(&event.as_str())).collect();
    assert!(events.is_empty() && meeting.lost().is_empty(), "{events:?} {:?}", meeting.lost());
    meeting_page::wait_until_all_go_on(browser, page, GO_ON_MAX_S).unwrap();
}

/// Some come, some go, and tracks are switched off and on again.
fn changes(browser: &mut Browser, page: Page, meeting: &mut Meeting, count: usize, seed: u32) {
    (0..LATE).for_each(|n| meeting.join(&format!("late-{seed}-{n}")).unwrap());
    whole(browser, page, meeting, count + LATE);
    (0..LATE).for_each(|n| meeting.leave(&format!("late-{seed}-{n}")).unwrap());
    whole(browser, page, meeting, count);
    let off = meeting_page::switch(browser, page, false, SWITCHED, seed).unwrap();
    assert_eq!(off.len(), SWITCHED.min(2 * count));
    meeting_page::wait_until_all_go_on(browser, page, GO_ON_MAX_S).unwrap();
    let state = meeting_page::state(browser, page).unwrap();
    assert_eq!(state.taken, 2 * count - off.len());
    let on = meeting_page::switch(browser, page, true, SWITCHED, seed).unwrap();
    assert_eq!(on.len(), off.len());
    whole(browser, page, meeting, count);
}

#[test]
fn chromium_gets_all_media_while_others_come_go_and_switch_tracks() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start("[\"127.0.0.1\"]");
    let count = participants();
    let mut meeting = meet(&server, count);
    let mut browser = Browser::start().unwrap();
    let seed: u32 = from_environment("SEED", std::process::id());
    let rounds: u32 = from_environment("ROUNDS", 1);
    for way in Way::ALL.into_iter().take(from_environment("WAYS", 2)) {
        eprintln!("{way:?}, seed {seed}");
        let page = join(&mut browser, &server, "ann", way);
        whole(&mut browser, page, &meeting, count);
        (0..rounds).for_each(|n| changes(&mut browser, page, &mut meeting, count, seed.wrapping_add(n)));
        browser.close(page).unwrap();
    }
}

#[test]
fn firefox_and_chromium_get_all_media_of_one_meeting() {
    // Firefox reaches 127.0.0.1 from no address of its own.
    let probe = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9").map(|()| socket));
    let Ok(address) = probe.and_then(|socket| socket.local_addr()) else {
        return eprintln!("not run: this machine has no address but loopback's");
    };
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start(&format!("[\"{}\"]", address.ip()));
    let count = from_environment("PARTICIPANTS", BESIDE_FIREFOX).min(FIREFOX_MAX);
    let mut meeting = meet(&server, count);
    let (mut chromium, mut firefox) = (Browser::start().unwrap(), Browser::start_firefox().unwrap());
    let fox = join(&mut firefox, &server, "fox", Way::default());
    whole(&mut firefox, fox, &meeting, count);
    let ann = join(&mut chromium, &server, "ann", Way::default());
    whole(&mut chromium, ann, &meeting, count);
    // Each change takes Firefox a negotiation of all sections, at seconds of a core.
    meeting.leave("native-0").unwrap();
    whole(&mut firefox, fox, &meeting, count - 1);
    meeting.join("late").unwrap();
    whole(&mut firefox, fox, &meeting, count);
    whole(&mut chromium, ann, &meeting, count);
}

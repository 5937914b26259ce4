//! The rig's own bad network for UDP and TCP alike: it does what it is asked to, and the server's clients live on it.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

mod network {
    pub(super) mod capacity;
    pub(super) mod echo;
    pub(super) mod leftovers;
}

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use network::echo::{Echo, arrivals, socket};
use rig::Error;
use rig::browser::Browser;
use rig::link::{Fate, Impairment, Limit, Link, Namespace, Way, possible};
use rig::server::{Demo, Server};
use serde_json::Value;

const MS: Duration = Duration::from_millis(1);
/// Bytes of IPv4's and UDP's headers.
const HEADERS: usize = 28;

/// The seed of links whose fates are told in advance.
const SEED: u64 = 7;

fn seeded() -> Link {
    Link::between(Namespace::new().unwrap(), Namespace::new().unwrap(), SEED).unwrap()
}

/// The numbers among `sent` that arrive, as the seed has it, once for each copy.
fn expected(link: &Link, way: Way, impairment: &Impairment, sent: &[u32]) -> Vec<u32> {
    let (mut path, now) = (link.path(way), Instant::now());
    let copies = |n: &u32| match path.send(impairment, 4 + HEADERS, now) {
        Fate::Delivered { again, .. } => vec![*n; 1 + usize::from(again.is_some())],
        _ => vec![],
    };
    sent.iter().flat_map(copies).collect()
}

#[test]
fn echoes_take_the_delay_and_are_lost_as_the_seed_says() {
    if !possible() {
        return;
    }
    let link = seeded();
    let bad = Impairment { loss: 0.02, ..Impairment::slow(30 * MS) };
    link.impair(bad);
    let echo = Echo::start(&link).unwrap();
    let numbers: Vec<u32> = (0..500).collect();
    let there = expected(&link, Way::Down, &bad, &numbers);
    let back = expected(&link, Way::Up, &bad, &there);
    let mut echoes = echo.ask(&numbers, 2 * MS, back.len());
    assert_eq!(echoes.iter().map(|echo| echo.number).collect::<Vec<_>>(), back);
    let [down, up] = [Way::Down, Way::Up].map(|way| link.counts(way).lost as usize);
    assert_eq!((down, up), (numbers.len() - there.len(), there.len() - back.len()));
    // Of 986 expected packets and more, 2 % are 20; five standard deviations are 22.
    assert!((1..42).contains(&(down + up)), "{down} and {up} lost");
    echoes.sort_by_key(|echo| echo.took);
    assert!(echoes[0].took >= 60 * MS, "an echo after {:?}", echoes[0].took);
    let median = echoes[echoes.len() / 2].took;
    // Broad, for the machine may be busy: it is the delay that takes the time, not the link.
    assert!(median < 180 * MS, "half of the echoes took longer than {median:?}");
}

#[test]
fn packets_are_reordered_and_repeated_as_asked_and_jitter_alone_keeps_their_order() {
    if !possible() {
        return;
    }
    let link = seeded();
    let numbers: Vec<u32> = (0..300).collect();
    let bad = Impairment { reorder: 0.2, reorder_by_max: 40 * MS, duplicate: 0.1, ..Impairment::NONE };
    let steady = Impairment { delay: 10 * MS, jitter: 30 * MS, ..Impairment::NONE };
    link.impair_way(Way::Down, bad);
    let mut came = arrivals(&link, &numbers, MS);
    let overtaken = came.windows(2).filter(|two| two[1] < two[0]).count();
    assert!(overtaken > 10, "{overtaken} overtaken");
    came.sort_unstable();
    assert_eq!(came, expected(&link, Way::Down, &bad, &numbers));
    let counts = link.counts(Way::Down);
    assert_eq!((counts.carried, counts.repeated), (300, came.len() as u64 - 300));
    assert!(counts.repeated > 10, "{} repeated", counts.repeated);
    assert!((30..90).contains(&counts.held_back), "{} held back", counts.held_back);
    link.impair_way(Way::Down, steady);
    assert_eq!(arrivals(&link, &numbers, MS), numbers);
}

#[test]
fn tcp_arrives_whole_and_no_faster_than_the_limit_allows() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    // The queue is shorter than the ten packets that TCP begins with.
    let limit = Some(Limit { bits_per_second: 5_000_000, queue: 15 * MS });
    let narrow = Impairment { limit, ..Impairment::slow(10 * MS) };
    link.impair_way(Way::Down, narrow);
    link.impair_way(Way::Up, Impairment::slow(10 * MS));
    let sent: Vec<u8> = (0..1_200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let listening = || TcpListener::bind((link.near_address(), 0)).map_err(Error::io("listening"));
    let listener = link.near().within(listening).unwrap();
    let address = listener.local_addr().unwrap();
    let start = Instant::now();
    let came = thread::scope(|scope| {
        scope.spawn(|| listener.accept().unwrap().0.write_all(&sent).unwrap());
        let connecting = || TcpStream::connect(address).map_err(Error::io("connecting"));
        let mut client = link.far().within(connecting).unwrap();
        let mut came = vec![];
        client.read_to_end(&mut came).unwrap();
        came
    });
    let shortest = Duration::from_secs_f64(sent.len() as f64 * 8.0 / 5e6);
    assert!(start.elapsed() >= shortest, "1.2 MB in {:?}", start.elapsed());
    assert!(came == sent, "{} bytes of {} came, or others", came.len(), sent.len());
    assert!(link.counts(Way::Down).overflowed > 0, "TCP has not filled the queue");
}

#[test]
fn large_sends_that_the_kernel_cuts_arrive_as_single_packets_with_right_checksums() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    let (from, to) = (socket(link.near(), link.near_address()), socket(link.far(), link.far_address()));
    let segment: libc::c_int = 1100;
    // SAFETY: the option is an int, which lives through the call.
    let set = unsafe {
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        libc::setsockopt(from.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, (&raw const segment).cast(), size)
    };
    assert_eq!(set, 0);
    let sent: Vec<u8> = (0..20_000_u32).map(|n| (n / 1100 + n) as u8).collect();
    from.send_to(&sent, to.local_addr().unwrap()).unwrap();
    let mut datagram = [0; 2000];
    for piece in sent.chunks(1100) {
        let size = to.recv(&mut datagram).unwrap();
        assert!(datagram[..size] == *piece, "a datagram of {size} bytes");
    }
    assert_eq!(link.counts(Way::Down).carried, 19);
}

#[test]
fn a_change_takes_effect_while_packets_flow() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    let echo = Echo::start(&link).unwrap();
    assert_eq!(echo.ask(&[1], MS, 1).len(), 1);
    link.impair_way(Way::Down, Impairment::lossy(1.0));
    assert!(echo.ask(&[2, 3, 4], MS, 1).is_empty());
    assert_eq!(link.counts(Way::Down).lost, 3);
    link.impair(Impairment::slow(80 * MS));
    let echoes = echo.ask(&[5], MS, 1);
    assert!(echoes[0].took >= 160 * MS, "an echo after {:?}", echoes[0].took);
    link.impair(Impairment::NONE);
    assert_eq!(echo.ask(&[6], MS, 1)[0].number, 6);
}

#[test]
fn links_do_not_mix_and_two_may_share_their_near_end() {
    if !possible() {
        return;
    }
    let (bad, good) = (Link::start().unwrap(), Link::start().unwrap());
    let beside = bad.start_beside().unwrap();
    bad.impair(Impairment::lossy(1.0));
    let [to_bad, to_good, to_beside] = [&bad, &good, &beside].map(|link| Echo::start(link).unwrap());
    for echo in [&to_good, &to_beside] {
        assert_eq!(echo.ask(&[1, 2], MS, 2).len(), 2);
    }
    assert!(to_bad.ask(&[1], MS, 1).is_empty());
    assert_eq!(
        [&bad, &good, &beside].map(|link| (link.counts(Way::Down).carried, link.counts(Way::Down).lost)),
        [(0, 1), (2, 0), (2, 0)]
    );
    // One link's addresses are nobody's on the other: the packet goes out and is lost there.
    let stranger = socket(bad.far(), bad.far_address());
    stranger.send_to(b"x", (good.near_address(), 9)).unwrap();
    assert_eq!(good.counts(Way::Up), good.counts(Way::Down));
}

#[tokio::test]
async fn tokio_speaks_by_sockets_of_both_ends() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    link.impair(Impairment::slow(5 * MS));
    let made = |namespace: &Namespace, address| {
        tokio::net::UdpSocket::from_std({
            let socket: UdpSocket = socket(namespace, address);
            socket.set_nonblocking(true).unwrap();
            socket
        })
    };
    let near = made(link.near(), link.near_address()).unwrap();
    let far = made(link.far(), link.far_address()).unwrap();
    near.send_to(b"hello", far.local_addr().unwrap()).await.unwrap();
    let mut datagram = [0; 16];
    let (size, from) = far.recv_from(&mut datagram).await.unwrap();
    assert_eq!((&datagram[..size], from), (&b"hello"[..], near.local_addr().unwrap()));
}

/// Pictures that the watch page's player has decoded, and whether it plays.
const WATCHED: &str = "(() => {
  const video = document.querySelector('video');
  return { frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0, time: video?.currentTime ?? 0 };
})()";

#[test]
fn chromium_watches_in_the_audience_and_from_a_seat_over_thirty_milliseconds_and_two_percent_loss() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    let _inside = link.near().enter().unwrap();
    let server = Server::start(Demo { speakers: 1, ..Demo::at(link.near_address()) }).unwrap();
    server.wait_for_broadcast().unwrap();
    link.impair(Impairment { loss: 0.02, ..Impairment::slow(30 * MS) });
    let mut browser = link.far().within(|| Browser::start_for(&server)).unwrap();

    let page = browser.open(&server.http.url(&format!("/watch/{}?delivery=broadcast", server.room))).unwrap();
    assert_eq!(browser.evaluate(page, "isSecureContext").unwrap(), true);
    let plays = |at_least: u64| move |watched: &Value| watched["frames"].as_u64() > Some(at_least);
    let first = browser.wait_until(page, "pictures in the audience", 40, WATCHED, plays(30)).unwrap();
    let so_far = first["frames"].as_u64().unwrap();
    browser.wait_until(page, "pictures that go on", 30, WATCHED, plays(so_far + 90)).unwrap();
    browser.close(page).unwrap();

    let seat = browser.open_peer(&server, "kind=whep", &server.viewer_token("seat")).unwrap();
    let good = |s: &Value| s["frames"].as_u64() > Some(60) && s["energy"].as_f64() > Some(0.0);
    let stats =
        browser.wait_until(seat, "a seated viewer's pictures and sound", 30, "window.rig.stats()", good).unwrap();
    let counts = [Way::Down, Way::Up].map(|way| link.counts(way));
    assert!(counts.iter().all(|counts| counts.carried > 200), "{counts:?}, {stats}");
    assert!(counts.iter().any(|counts| counts.lost > 0), "{counts:?}: the link did not disturb anything");
}

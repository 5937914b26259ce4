//! How much a link carries on this machine, and how much delay it adds. A measurement:
//! `cargo test -p spillway-tests --test network capacity -- --ignored --nocapture`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use rig::Error;
use rig::link::{Impairment, Link, Way, possible};

use super::echo::{Echo, socket};

/// A round's length.
const ROUND: Duration = Duration::from_secs(3);
/// A video packet's payload, bytes.
const PAYLOAD: usize = 1172;

#[test]
#[ignore = "a measurement"]
fn capacity() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    for impairment in [Impairment::NONE, Impairment::slow(Duration::from_millis(30))] {
        link.impair(impairment);
        println!("one-way delay {:?}:", impairment.delay);
        round_trips(&link, impairment.delay);
        [10_000, 40_000, 80_000, 160_000].into_iter().for_each(|rate| datagrams(&link, rate));
        tcp(&link);
    }
}

/// Echoes at a gentle pace, against the delay that is asked for.
fn round_trips(link: &Link, delay: Duration) {
    let echo = Echo::start(link).unwrap();
    let numbers: Vec<u32> = (0..1000).collect();
    let mut answers = echo.ask(&numbers, Duration::from_millis(2), numbers.len());
    answers.sort_by_key(|answer| answer.took);
    let added = |share: f64| answers[((answers.len() - 1) as f64 * share) as usize].took.saturating_sub(delay * 2);
    println!("  there and back, added: p50 {:?}, p95 {:?}, p99 {:?}", added(0.5), added(0.95), added(0.99));
}

/// Datagrams at a steady rate, one way.
fn datagrams(link: &Link, rate: u32) {
    let (near, far) = (socket(link.near(), link.near_address()), socket(link.far(), link.far_address()));
    roomy(&far);
    let to = far.local_addr().unwrap();
    let before = link.counts(Way::Down).carried;
    let start = Instant::now();
    let (sent, came) = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while start.elapsed() < ROUND {
                while f64::from(sent) < start.elapsed().as_secs_f64() * f64::from(rate) {
                    near.send_to(&[7; PAYLOAD], to).unwrap();
                    sent += 1;
                }
                thread::sleep(Duration::from_micros(500));
            }
            sent
        });
        let came = std::iter::from_fn(|| far.recv(&mut [0; 2000]).ok()).count();
        (sending.join().unwrap(), came)
    });
    let carried = link.counts(Way::Down).carried - before;
    let per_second = |count: f64| count / ROUND.as_secs_f64();
    println!(
        "  {rate} datagrams a second asked: {:.0} sent, {:.0} carried ({:.0} Mbit/s), {:.0} received",
        per_second(f64::from(sent)),
        per_second(carried as f64),
        per_second(carried as f64) * (PAYLOAD + 28) as f64 * 8.0 / 1e6,
        per_second(came as f64),
    );
}

/// Gives a socket room for what comes while its reader waits for the CPU.
fn roomy(socket: &UdpSocket) {
    let bytes: libc::c_int = 32 * 1024 * 1024;
    // SAFETY: the option is an int, which lives through the call.
    let set = unsafe {
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, (&raw const bytes).cast(), size)
    };
    assert_eq!(set, 0);
}

/// As much as one TCP connection brings over.
fn tcp(link: &Link) {
    let listening = || TcpListener::bind((link.near_address(), 0)).map_err(Error::io("listening"));
    let listener = link.near().within(listening).unwrap();
    let address = listener.local_addr().unwrap();
    let start = Instant::now();
    let came = thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = listener.accept().unwrap().0;
            while start.elapsed() < ROUND {
                server.write_all(&[7; 64 * 1024]).unwrap();
            }
        });
        let connecting = || TcpStream::connect(address).map_err(Error::io("connecting"));
        let mut client = link.far().within(connecting).unwrap();
        let (mut buffer, mut came) = (vec![0; 64 * 1024], 0);
        while let Ok(size @ 1..) = client.read(&mut buffer) {
            came += size;
        }
        came
    });
    println!("  one TCP connection: {:.0} Mbit/s", came as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e6);
}

//! Floods: one attacker who does one thing as fast as the server lets it, within [`BITS_PER_SECOND_MAX`].
//!
//! Each flood runs in threads of its own until it is dropped, and counts what it did. Its connections come from
//! [`Target::from`], which is none of loopback's addresses where this machine has another: servers exempt loopback from
//! limits an address.
//!
//! | module | floods by |
//! |---|---|
//! | [`data`] | messages on data channels: small ones to a whole room, large ones to one slow victim |
//! | [`signals`] | requests on LiveKit's signal connection |
//! | [`sessions`] | WHEP offers that never connect |
//! | [`tcp`] | ICE-TCP: frames of no use, connections that say nothing |
//! | [`http`], [`h2`] | HTTP: readers who do not read, heads that never end, connections that are only held |

pub mod data;
pub mod h2;
pub mod http;
pub mod sessions;
pub mod signals;
pub mod tcp;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::Http;
use crate::server::outside_address;
use crate::token::KeyPair;

/// A flood sends no more than this, all its threads together.
pub const BITS_PER_SECOND_MAX: f64 = 1e9;
/// The allowance that may have gathered while nothing was sent, seconds.
const GATHERED_S_MAX: f64 = 0.01;
/// After a refusal an attacker waits so long, so that its own CPU is not all that is measured.
const REFUSED_WAIT: Duration = Duration::from_millis(1);

/// Whom to attack, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server's HTTP surface, at an address that is reached from [`Target::from`].
    pub http: Http,
    /// Where connections come from.
    pub from: IpAddr,
    /// The room that the innocents are in.
    pub room: String,
    /// The identity of the participant whom the innocents watch.
    pub publisher: String,
    /// The server's key pair: attackers have valid tokens.
    pub keys: KeyPair,
}

impl Target {
    /// A server that listens on `port` of all addresses: reached by this machine's outside address, or by loopback
    /// where there is none.
    pub fn of_port(port: u16, room: &str, publisher: &str, keys: KeyPair) -> Self {
        let outside = outside_address().filter(IpAddr::is_ipv4);
        let (at, from) = match outside {
            Some(address) => (address, address),
            None => (IpAddr::V4(Ipv4Addr::LOCALHOST), ATTACKER_ON_LOOPBACK),
        };
        let http = Http::new(&format!("http://{at}:{port}"));
        Self { http, from, room: room.to_owned(), publisher: publisher.to_owned(), keys }
    }

    /// Where TCP connections of the server's HTTP surface go.
    fn address(&self) -> Option<SocketAddr> {
        self.http.origin().strip_prefix("http://")?.parse().ok()
    }

    /// Our address towards `to`: loopback reaches loopback alone.
    fn source_towards(&self, to: SocketAddr) -> IpAddr {
        if to.ip().is_loopback() == self.from.is_loopback() { self.from } else { ATTACKER_ON_LOOPBACK }
    }
}

/// An address of this machine that innocents do not use.
const ATTACKER_ON_LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// What a flood has done so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections made, requests or messages sent.
    pub tries: AtomicU64,
    /// Those that the server refused, and connections that it closed.
    pub refused: AtomicU64,
    /// Bytes that it took.
    pub bytes: AtomicU64,
    /// Times that a victim was ended, where the flood has one.
    pub victims_ended: AtomicU64,
    /// Bytes that reached victims.
    pub victims_bytes: AtomicU64,
}

impl Counts {
    fn tried(&self) {
        self.tries.fetch_add(1, Relaxed);
    }

    fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }
}

/// What the threads of a flood share.
pub struct Course {
    /// What was done.
    pub counts: Counts,
    over: AtomicBool,
    /// Bytes that may be sent now, and since when.
    allowance: Mutex<(f64, Instant)>,
}

impl Course {
    fn new() -> Self {
        Self { counts: Counts::default(), over: AtomicBool::new(false), allowance: Mutex::new((0.0, Instant::now())) }
    }

    /// Whether to return.
    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Waits until so many bytes may be sent.
    pub fn take(&self, bytes: usize) {
        let bytes_per_second = BITS_PER_SECOND_MAX / 8.0;
        let wait = {
            let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
            let (left, since) = &mut *allowance;
            let gathered = since.elapsed().as_secs_f64() * bytes_per_second;
            *since = Instant::now();
            *left = (*left + gathered).min(GATHERED_S_MAX * bytes_per_second) - bytes as f64;
            (-*left / bytes_per_second).max(0.0)
        };
        if wait > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(wait));
        }
    }

    /// Counts a refusal, and waits a moment.
    fn refuse(&self) {
        self.counts.refused();
        std::thread::sleep(REFUSED_WAIT);
    }
}

/// A running flood; dropped, it ends.
pub struct Attack {
    course: Arc<Course>,
    threads: Vec<JoinHandle<()>>,
}

impl Attack {
    /// `step` is called again and again, in so many threads, until the flood is over.
    fn start(threads: usize, step: impl Fn(&Course) + Send + Sync + 'static) -> Self {
        let (course, step) = (Arc::new(Course::new()), Arc::new(step));
        let threads = (0..threads).map(|_| {
            let (course, step) = (course.clone(), step.clone());
            std::thread::spawn(move || {
                while !course.is_over() {
                    step(&course);
                }
            })
        });
        let threads = threads.collect();
        Self { threads, course }
    }

    /// What it has done so far.
    pub fn counts(&self) -> &Counts {
        &self.course.counts
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.course.over.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_at_full_rate_sends_at_most_a_gigabit_a_second() {
        let (course, start) = (Course::new(), Instant::now());
        let mut sent = 0;
        while start.elapsed() < Duration::from_millis(200) {
            course.take(64 * 1024);
            sent += 64 * 1024;
        }
        let most = BITS_PER_SECOND_MAX / 8.0 * (start.elapsed().as_secs_f64() + 2.0 * GATHERED_S_MAX);
        assert!(f64::from(sent) <= most, "{sent} bytes in {:?}", start.elapsed());
    }

    #[test]
    fn attack_dropped_has_ended_all_its_threads() {
        let attack = Attack::start(3, |course| course.counts.tried());
        let course = attack.course.clone();
        while course.counts.tries.load(Relaxed) < 3 {
            std::thread::yield_now();
        }
        drop(attack);
        assert_eq!(Arc::strong_count(&course), 1);
    }
}

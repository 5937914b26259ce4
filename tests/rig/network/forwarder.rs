//! Carries IP packets between the two devices of a [`Link`], each when its fate says so.
//!
//! One thread, which waits in the kernel for packets or for the next that is due. It comes before other programs (in
//! real time, as `sched(7)` has it): a network does not wait for anybody's CPU.
//!
//! [`Link`]: crate::link::Link

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::network::held::Held;
use crate::network::impairment::{Fate, Impairment, Path};
use crate::network::tun::MTU;

/// Packets on their way in both directions; what comes beyond them is dropped, and counted as overflowed. 10,000 a
/// second that take three seconds.
const HELD_MAX: usize = 32_768;
/// Packets read from one device before the other has its turn.
const TURN_PACKETS: usize = 64;
/// How often the thread looks whether it should end.
const LOOK: Duration = Duration::from_millis(20);
/// The least of the real-time priorities: before all ordinary programs.
const PRIORITY: libc::c_int = 1;

/// One direction's counts so far, packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that arrive at least once.
    pub carried: u64,
    /// Lost on the way.
    pub lost: u64,
    /// Dropped by the full queue of a limit.
    pub overflowed: u64,
    /// Held back, so that others might overtake them.
    pub held_back: u64,
    /// Delivered twice.
    pub repeated: u64,
}

/// What the thread shares with its [`Link`](crate::link::Link). Direction 0 is from the first device to the second.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) impairments: Mutex<[Impairment; 2]>,
    pub(super) stop: AtomicBool,
    counters: [Counters; 2],
}

#[derive(Default)]
struct Counters {
    carried: AtomicU64,
    lost: AtomicU64,
    overflowed: AtomicU64,
    held_back: AtomicU64,
    repeated: AtomicU64,
}

impl Shared {
    pub(super) fn impairments(&self) -> MutexGuard<'_, [Impairment; 2]> {
        self.impairments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counts(&self, direction: usize) -> Counts {
        let Counters { carried, lost, overflowed, held_back, repeated } = &self.counters[direction];
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        Counts {
            carried: count(carried),
            lost: count(lost),
            overflowed: count(overflowed),
            held_back: count(held_back),
            repeated: count(repeated),
        }
    }
}

/// A packet on its way.
struct Packet {
    direction: usize,
    bytes: Vec<u8>,
}

pub(super) struct Forwarder {
    devices: [File; 2],
    paths: [Path; 2],
    held: Held<Packet>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    shared: Arc<Shared>,
}

impl Forwarder {
    pub(super) fn new(devices: [File; 2], paths: [Path; 2], shared: Arc<Shared>) -> Self {
        Self { devices, paths, held: Held::default(), spare: vec![], shared }
    }

    /// Runs until it is to stop. The devices go with it.
    pub(super) fn run(mut self) {
        hurry();
        while !self.shared.stop.load(Relaxed) {
            self.wait();
            let impairments = *self.shared.impairments();
            for (direction, impairment) in impairments.iter().enumerate() {
                self.read(direction, impairment);
            }
            self.deliver();
        }
    }

    /// Waits until there is something to read, or a packet is due.
    fn wait(&self) {
        let now = Instant::now();
        let due = self.held.next_due().map_or(LOOK, |due| due.saturating_duration_since(now).min(LOOK));
        let timeout = libc::timespec { tv_sec: 0, tv_nsec: due.as_nanos() as libc::c_long };
        let mut ready = self.devices.each_ref().map(|device| libc::pollfd {
            fd: device.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: both structures live through the call, and the length is theirs. Interrupted, it is as over.
        unsafe { libc::ppoll(ready.as_mut_ptr(), ready.len() as libc::nfds_t, &raw const timeout, std::ptr::null()) };
    }

    fn read(&mut self, direction: usize, impairment: &Impairment) {
        for _ in 0..TURN_PACKETS {
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.resize(MTU, 0);
            let Ok(size) = (&self.devices[direction]).read(&mut bytes) else {
                self.spare.push(bytes);
                return;
            };
            bytes.truncate(size);
            if is_unicast_ipv4(&bytes) {
                self.take(direction, bytes, impairment);
            } else {
                self.spare.push(bytes);
            }
        }
    }

    fn take(&mut self, direction: usize, bytes: Vec<u8>, impairment: &Impairment) {
        let counters = &self.shared.counters[direction];
        let mut fate = self.paths[direction].send(impairment, bytes.len(), Instant::now());
        if self.held.len() >= HELD_MAX && matches!(fate, Fate::Delivered { .. }) {
            fate = Fate::Overflowed;
        }
        match fate {
            Fate::Lost => count(&counters.lost, true),
            Fate::Overflowed => count(&counters.overflowed, true),
            Fate::Delivered { at, again, held_back } => {
                count(&counters.carried, true);
                count(&counters.held_back, held_back);
                count(&counters.repeated, again.is_some());
                if let Some(again) = again {
                    self.held.push(again, Packet { direction, bytes: bytes.clone() });
                }
                self.held.push(at, Packet { direction, bytes });
                return;
            }
        }
        self.spare.push(bytes);
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(Packet { direction, bytes }) = self.held.pop(now) {
            // A device that refuses a packet is about to go.
            let _ = (&self.devices[1 - direction]).write(&bytes);
            if self.spare.len() < TURN_PACKETS {
                self.spare.push(bytes);
            }
        }
    }
}

fn count(counter: &AtomicU64, is: bool) {
    counter.fetch_add(u64::from(is), Relaxed);
}

/// Whether a link carries this packet. What the kernel and programs tell all their neighbours by themselves (IPv6's
/// router solicitations, mDNS) must not take part in the draws.
fn is_unicast_ipv4(packet: &[u8]) -> bool {
    // RFC 791 §3.1: the version is in the first four bits, the destination at 16.
    packet.first().is_some_and(|first| first >> 4 == 4) && packet.get(16).is_some_and(|first| *first < 224)
}

/// The calling thread's timers are exact to the microsecond, and it goes before others.
fn hurry() {
    let first = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: the parameters live through the call. Where one call is refused, timing is looser, and all else the same.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1000);
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_ipv4_from_one_to_one() {
        let mut packet = [0; 20];
        for (first, destination, carried) in
            [(0x45, 10, true), (0x60, 10, false), (0x45, 224, false), (0x45, 255, false)]
        {
            (packet[0], packet[16]) = (first, destination);
            assert_eq!(is_unicast_ipv4(&packet), carried, "{first:x} to {destination}");
        }
        assert!(!is_unicast_ipv4(&[0x45; 16]));
    }

    #[test]
    fn packets_on_their_way_are_bounded() {
        let devices = [(); 2].map(|()| File::open("/dev/null").unwrap());
        let mut forwarder = Forwarder::new(devices, [1, 2].map(Path::new), Arc::default());
        for _ in 0..=HELD_MAX {
            forwarder.take(1, vec![0; 20], &Impairment::slow(LOOK));
        }
        let counts = forwarder.shared.counts(1);
        assert_eq!((counts.carried, counts.overflowed), (HELD_MAX as u64, 1));
    }
}

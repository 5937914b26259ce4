//! A bad network: a UDP relay between peers and the server that loses, reorders and repeats datagrams.
//!
//! Which datagram meets which fate follows from the seed and the order of arrival alone. A relay stands for the
//! server's candidate: a peer (or the test page) sends everything to [`Relay::address`]. Up to [`PEERS_MAX`] peers;
//! further ones are not served. Held-back datagrams are bounded; beyond, they are let through.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::network::held::Held;
pub use crate::network::impairment::Impairment;
use crate::network::impairment::{Fate, Path};
use crate::network::seed;

/// Peers a relay serves.
pub const PEERS_MAX: usize = 64;
/// Datagrams held back at a time.
const HELD_MAX: usize = 1024;
/// How long a socket is waited on.
const TURN: Duration = Duration::from_millis(2);

/// One datagram that every peer loses: the `nth` of DTLS (RFC 7983 §7) that way, counted from nought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// From the peer, not to it.
    pub to_server: bool,
    /// Which.
    pub nth: u32,
}

/// What a relay did.
#[derive(Debug, Default)]
struct Counters {
    relayed: AtomicU64,
    lost: AtomicU64,
    held: AtomicU64,
    repeated: AtomicU64,
}

/// A running relay. Ends when dropped.
pub struct Relay {
    address: SocketAddr,
    seed: u64,
    impairment: Arc<Mutex<Impairment>>,
    hole: Arc<Mutex<Option<Hole>>>,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay to `server`. Perfect at first: see [`Relay::impair`]. Prints its seed, which `SPILLWAY_SEED`
    /// sets.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let seed = seed();
        eprintln!("relay to {server}: SPILLWAY_SEED={seed}");
        let front = UdpSocket::bind(("127.0.0.1", 0)).map_err(Error::io("binding a relay"))?;
        front.set_nonblocking(true).map_err(Error::io("setting up a relay"))?;
        let address = front.local_addr().map_err(Error::io("reading a relay's address"))?;
        let (impairment, counters) = (Arc::<Mutex<Impairment>>::default(), Arc::<Counters>::default());
        let hole = Arc::<Mutex<Option<Hole>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let mut worker = Worker {
            front,
            server,
            peers: vec![],
            paths: [seed, !seed].map(Path::new),
            impairment: impairment.clone(),
            hole: hole.clone(),
            counters: counters.clone(),
            held: Held::default(),
        };
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Relaxed) {
                worker.turn();
            }
        });
        Ok(Self { address, seed, impairment, hole, counters, stop, thread: Some(thread) })
    }

    /// Where peers send.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The seed of its draws.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// From now on the network is like this, both ways.
    pub fn impair(&self, impairment: Impairment) {
        *self.impairment.lock().unwrap_or_else(PoisonError::into_inner) = impairment;
    }

    /// From now on every new peer loses this datagram.
    pub fn lose(&self, hole: Hole) {
        *self.hole.lock().unwrap_or_else(PoisonError::into_inner) = Some(hole);
    }

    /// Datagrams delivered at least once, and lost, so far.
    pub fn relayed_and_lost(&self) -> (u64, u64) {
        (self.counters.relayed.load(Relaxed), self.counters.lost.load(Relaxed))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let Counters { relayed, lost, held, repeated } = &*self.counters;
        let (relayed, lost, held, repeated) = (count(relayed), count(lost), count(held), count(repeated));
        eprintln!(
            "relay with SPILLWAY_SEED={}: {relayed} relayed, {lost} lost, {held} held back, {repeated} repeated",
            self.seed
        );
    }
}

/// A datagram on its way.
struct Datagram {
    peer: usize,
    to_server: bool,
    bytes: Vec<u8>,
}

struct Peer {
    address: SocketAddr,
    /// Stands for it towards the server.
    back: UdpSocket,
    /// Datagrams of DTLS so far: from it, and to it.
    dtls: [u32; 2],
}

struct Worker {
    front: UdpSocket,
    server: SocketAddr,
    peers: Vec<Peer>,
    /// To the server, and from it.
    paths: [Path; 2],
    impairment: Arc<Mutex<Impairment>>,
    hole: Arc<Mutex<Option<Hole>>>,
    counters: Arc<Counters>,
    held: Held<Datagram>,
}

impl Worker {
    fn turn(&mut self) {
        let mut datagram = [0; 2048];
        let mut idle = true;
        while let Ok((n, from)) = self.front.recv_from(&mut datagram) {
            idle = false;
            if let Some(peer) = self.peer(from) {
                self.take(peer, true, &datagram[..n]);
            }
        }
        for peer in 0..self.peers.len() {
            while let Ok(n) = self.peers[peer].back.recv(&mut datagram) {
                idle = false;
                self.take(peer, false, &datagram[..n]);
            }
        }
        let now = Instant::now();
        while let Some(Datagram { peer, to_server, bytes }) = self.held.pop(now) {
            self.deliver(peer, to_server, &bytes);
        }
        if idle {
            thread::sleep(TURN);
        }
    }

    fn peer(&mut self, from: SocketAddr) -> Option<usize> {
        if let Some(known) = self.peers.iter().position(|peer| peer.address == from) {
            return Some(known);
        }
        if self.peers.len() == PEERS_MAX {
            return None;
        }
        let back = UdpSocket::bind(("127.0.0.1", 0)).ok()?;
        back.connect(self.server).ok()?;
        back.set_nonblocking(true).ok()?;
        self.peers.push(Peer { address: from, back, dtls: [0; 2] });
        Some(self.peers.len() - 1)
    }

    fn take(&mut self, peer: usize, to_server: bool, datagram: &[u8]) {
        let impairment = *self.impairment.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fate = self.paths[usize::from(!to_server)].send(&impairment, datagram.len(), now);
        let Fate::Delivered { at, again, .. } = fate else {
            self.counters.lost.fetch_add(1, Relaxed);
            return;
        };
        if self.falls_into_hole(peer, to_server, datagram) {
            self.counters.lost.fetch_add(1, Relaxed);
            return;
        }
        self.counters.relayed.fetch_add(1, Relaxed);
        self.counters.repeated.fetch_add(u64::from(again.is_some()), Relaxed);
        for due in [Some(at), again].into_iter().flatten() {
            if due <= now || self.held.len() >= HELD_MAX {
                self.deliver(peer, to_server, datagram);
            } else {
                self.counters.held.fetch_add(1, Relaxed);
                self.held.push(due, Datagram { peer, to_server, bytes: datagram.to_vec() });
            }
        }
    }

    fn falls_into_hole(&mut self, peer: usize, to_server: bool, datagram: &[u8]) -> bool {
        if !datagram.first().is_some_and(|first| (20..64).contains(first)) {
            return false;
        }
        let count = &mut self.peers[peer].dtls[usize::from(!to_server)];
        let nth = std::mem::replace(count, *count + 1);
        *self.hole.lock().unwrap_or_else(PoisonError::into_inner) == Some(Hole { to_server, nth })
    }

    fn deliver(&self, peer: usize, to_server: bool, datagram: &[u8]) {
        let Peer { address, back, .. } = &self.peers[peer];
        // What a full buffer or a closed port takes is lost, as on any network.
        let _ = if to_server { back.send(datagram) } else { self.front.send_to(datagram, address) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_pass_both_ways_and_each_peer_keeps_its_own_address() {
        let server = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let relay = Relay::start(server.local_addr().unwrap()).unwrap();
        let peers = [(); 2].map(|()| UdpSocket::bind(("127.0.0.1", 0)).unwrap());
        let mut datagram = [0; 8];
        for (name, peer) in [b"a", b"b"].into_iter().zip(&peers) {
            peer.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            peer.send_to(name, relay.address()).unwrap();
            let (n, from) = server.recv_from(&mut datagram).unwrap();
            assert_eq!(&datagram[..n], name);
            server.send_to(name, from).unwrap();
            assert_eq!(peer.recv_from(&mut datagram).unwrap(), (1, relay.address()));
        }
        relay.impair(Impairment::lossy(1.0));
        peers[0].send_to(b"c", relay.address()).unwrap();
        server.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(server.recv_from(&mut datagram).is_err());
        assert_eq!(relay.relayed_and_lost(), (4, 1));
        relay.impair(Impairment::default());
        relay.lose(Hole { to_server: true, nth: 1 });
        for nth in 0..3 {
            peers[1].send_to(&[22, nth], relay.address()).unwrap();
        }
        let came = [(); 2].map(|()| server.recv(&mut datagram).map(|_| datagram[1]).unwrap());
        assert_eq!(came, [0, 2]);
    }
}

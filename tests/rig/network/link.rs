//! A network of two ends that is as bad as a test asks, for UDP and TCP alike, and the same for the same seed.
//!
//! Each end is a network namespace with a TUN device; a thread carries IPv4 packets from one to the other
//! (`forwarder.rs`), as an [`Impairment`] for each direction says. The server goes into the near end, clients into the
//! far end:
//!
//! ```no_run
//! # use rig::{browser::Browser, link::{Impairment, Link}, server::{Demo, Server}};
//! # fn main() -> rig::Result<()> {
//! let link = Link::start()?;
//! link.impair(Impairment { loss: 0.02, delay: std::time::Duration::from_millis(30), ..Impairment::default() });
//! let _inside = link.near().enter()?; // The test's own thread talks to the server without going over the link.
//! let server = Server::start(Demo::at(link.near_address()))?;
//! let browser = link.far().within(|| Browser::start_for(&server))?;
//! let status = link.far().command("curl").arg(server.http.url("/healthz")).status();
//! # Ok(())
//! # }
//! ```
//!
//! Needs root: see [`possible`]. Whatever ends a link, or the process, ends its devices and namespaces.

use std::fs::File;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result};
pub use crate::network::forwarder::Counts;
use crate::network::forwarder::{Forwarder, Shared};
pub use crate::network::impairment::{Bursts, Fate, Impairment, Limit, Path};
pub use crate::network::namespace::{Namespace, possible};
use crate::network::{seed, tun};

/// Links that this process has made.
static LINKS: AtomicU16 = AtomicU16::new(0);

/// A direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the near end to the far one: to clients.
    Down,
    /// From the far end to the near one: to the server.
    Up,
}

/// Both of them.
pub const WAYS: [Way; 2] = [Way::Down, Way::Up];

/// A running link. Ends when dropped.
pub struct Link {
    near: Namespace,
    far: Namespace,
    addresses: [Ipv4Addr; 2],
    seed: u64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Starts a link between two new namespaces. Perfect at first: see [`Link::impair`]. Prints its seed, which
    /// `SPILLWAY_SEED` sets.
    pub fn start() -> Result<Self> {
        Self::between(Namespace::new()?, Namespace::new()?, seed())
    }

    /// Starts a further link from the same near end, to another far end: two clients whose networks differ.
    pub fn start_beside(&self) -> Result<Self> {
        Self::between(self.near.clone(), Namespace::new()?, seed())
    }

    /// Starts a link between two namespaces.
    pub fn between(near: Namespace, far: Namespace, seed: u64) -> Result<Self> {
        let [high, low] = LINKS.fetch_add(1, Relaxed).to_be_bytes();
        // 10.64.0.0/10 has room for as many as are ever there at a time.
        let addresses = [1, 2].map(|end| Ipv4Addr::new(10, 64 + high % 64, low, end));
        let [local, peer] = addresses;
        let devices = [device(&near, local, peer)?, device(&far, peer, local)?];
        let shared = Arc::<Shared>::default();
        let forwarder = Forwarder::new(devices, WAYS.map(|way| path(seed, way)), shared.clone());
        let thread = thread::Builder::new().name("link".into()).spawn(|| forwarder.run());
        let thread = Some(thread.map_err(Error::io("starting a link's thread"))?);
        eprintln!("link {local} to {peer}, {} to {}: SPILLWAY_SEED={seed}", near.path(), far.path());
        Ok(Self { near, far, addresses, seed, shared, thread })
    }

    /// The server's end.
    pub fn near(&self) -> &Namespace {
        &self.near
    }

    /// The clients' end.
    pub fn far(&self) -> &Namespace {
        &self.far
    }

    /// The near end's address, which the far end reaches.
    pub fn near_address(&self) -> Ipv4Addr {
        self.addresses[0]
    }

    /// The far end's address, which the near end reaches.
    pub fn far_address(&self) -> Ipv4Addr {
        self.addresses[1]
    }

    /// From now on the network is like this, both ways. Packets on their way arrive as they were to.
    pub fn impair(&self, impairment: Impairment) {
        *self.shared.impairments() = [impairment; 2];
    }

    /// As [`Link::impair`], in one direction.
    pub fn impair_way(&self, way: Way, impairment: Impairment) {
        self.shared.impairments()[way as usize] = impairment;
    }

    /// One direction's packets so far.
    pub fn counts(&self, way: Way) -> Counts {
        self.shared.counts(way as usize)
    }

    /// One direction as it was at the link's start, to tell what becomes of its packets.
    pub fn path(&self, way: Way) -> Path {
        path(self.seed, way)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let [down, up] = WAYS.map(|way| self.counts(way));
        eprintln!("link with SPILLWAY_SEED={}: down {down:?}, up {up:?}", self.seed);
    }
}

fn device(namespace: &Namespace, local: Ipv4Addr, peer: Ipv4Addr) -> Result<File> {
    namespace.within(|| tun::open(local, peer).map_err(Error::io("making a TUN device (needs root)")))
}

fn path(seed: u64, way: Way) -> Path {
    Path::new(match way {
        Way::Down => seed,
        Way::Up => !seed,
    })
}

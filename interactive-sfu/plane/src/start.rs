//! Sockets, threads, and what connects them: the one place that puts the plane together.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use mio::net::TcpListener;
use mio::{Poll, Waker};

use crate::config::Config;
use crate::error::StartError;
use crate::handle::Handle;
use crate::report::Report;
use crate::shard::inbox::{Inbox, Inboxes, ShardTask};
use crate::shard::{Runner, ShardSetup, WAKER};
use crate::supervise::spawn_supervised;
use crate::transport::association::Fingerprint;
use crate::transport::dtls::{self, Dtls, HandshakeTask, Identity};
use crate::transport::{interfaces, udp};

/// Send buffers are for bursts alone; what does not fit is dropped.
const SEND_BUFFER_BYTES: u32 = 4 << 20;
/// Attempts to find a port that is free for every address, UDP and TCP.
const FREE_PORT_ATTEMPTS: usize = 20;

/// The running plane. Its threads run until [`Plane::join`].
pub struct Plane {
    handle: Handle,
    inboxes: Inboxes,
    dtls: Dtls,
    fingerprint: Fingerprint,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    dtls_threads: Mutex<Vec<JoinHandle<()>>>,
    media_threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Plane {
    /// Binds the sockets and starts the threads. `reports` is dropped when they have ended.
    pub fn start(config: Config, reports: Sender<Report>) -> Result<Self, StartError> {
        config.validate()?;
        let system = |doing| move |source| StartError::System { doing, source };
        let addresses = if config.addresses.is_empty() {
            interfaces::addresses().map_err(system("listing this machine's addresses"))?
        } else {
            config.addresses.clone()
        };
        let count = config.shard_count();
        let sockets = (0..count).map(|i| bind(&config, &addresses, i)).collect::<Result<Vec<_>, _>>()?;
        let ports = sockets.iter().map(|s| s.port).collect();
        let polls = (0..count).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>();
        let polls = polls.map_err(system("making an event queue"))?;
        let wakers = polls.iter().map(|p| Waker::new(p.registry(), WAKER)).collect::<io::Result<Vec<_>>>();
        let (inboxes, inbox_ends) = Inboxes::new(wakers.map_err(system("making an event queue"))?);
        let identity = Arc::new(Identity::generate()?);
        let fingerprint = identity.fingerprint;
        let (dtls, dtls_threads) = dtls::start(identity, inboxes.clone(), reports.clone())?;
        let config = Arc::new(config);
        let mut media_threads = Vec::new();
        for (index, ((poll, sockets), inbox)) in (0u16..).zip(polls.into_iter().zip(sockets).zip(inbox_ends)) {
            let make = Making { index, config: &config, inboxes: &inboxes, dtls: &dtls, reports: &reports };
            media_threads.push(make.shard(poll, sockets, inbox)?);
        }
        Ok(Self {
            handle: Handle::new(inboxes.clone(), dtls.clone()),
            inboxes,
            dtls,
            fingerprint,
            addresses,
            ports,
            dtls_threads: Mutex::new(dtls_threads.into()),
            media_threads: Mutex::new(media_threads),
        })
    }

    /// The way in for orders.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Of the certificate that this server presents to every peer.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The addresses that every shard's sockets are bound to.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Each shard's port, UDP and TCP, the same at all addresses.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Stops the threads, in the order in which they need each other, and waits until they have ended. Media stops at
    /// once: remove the peers before.
    pub fn join(&self) {
        let take =
            |threads: &Mutex<Vec<_>>| std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
        self.dtls.tell(HandshakeTask::Stop);
        // Their last datagrams reach the shards before they are told to stop.
        take(&self.dtls_threads).into_iter().for_each(ended);
        for shard in 0..self.inboxes.len() {
            self.inboxes.tell(shard, ShardTask::Stop);
        }
        take(&self.media_threads).into_iter().for_each(ended);
    }
}

fn ended(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the media plane has panicked");
    }
}

/// The sockets of one shard: one of each kind for each of our addresses.
struct Sockets {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    port: u16,
}

/// The parts a shard's thread is made with.
struct Making<'a> {
    index: u16,
    config: &'a Arc<Config>,
    inboxes: &'a Inboxes,
    dtls: &'a Dtls,
    reports: &'a Sender<Report>,
}

impl Making<'_> {
    fn shard(&self, poll: Poll, sockets: Sockets, inbox: Inbox) -> Result<JoinHandle<()>, StartError> {
        let system = |source| StartError::System { doing: "starting a media thread", source };
        let parts = ShardSetup {
            index: self.index,
            config: self.config.clone(),
            poll,
            sockets: sockets.udp,
            listeners: sockets.tcp,
            inbox,
            inboxes: self.inboxes.clone(),
            dtls: self.dtls.clone(),
            reports: self.reports.clone(),
        };
        let runner = Runner::new(parts).map_err(system)?;
        let core = self.config.pin_shards.then_some(usize::from(self.index));
        let run = move || {
            if let Some(core) = core {
                pin(core);
            }
            runner.run();
        };
        spawn_supervised(format!("sfu-media-{}", self.index), run).map_err(system)
    }
}

fn bind(config: &Config, addresses: &[IpAddr], index: u16) -> Result<Sockets, StartError> {
    if config.port != 0 {
        return bind_port(config, addresses, config.port + index);
    }
    // A port that is free for the first address may be taken for another.
    let mut last = bind_port(config, addresses, 0);
    for _ in 0..FREE_PORT_ATTEMPTS {
        if last.is_ok() {
            break;
        }
        last = bind_port(config, addresses, 0);
    }
    last
}

/// `port` 0: whichever is free at the first address, and then the same at the others.
fn bind_port(config: &Config, addresses: &[IpAddr], mut port: u16) -> Result<Sockets, StartError> {
    let (mut udp, mut tcp) = (Vec::new(), Vec::new());
    for ip in addresses {
        let address = SocketAddr::new(*ip, port);
        let failed = |source| StartError::Bind { address, source };
        let socket = UdpSocket::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        udp::set_buffers(&socket, config.socket_buffer_bytes, SEND_BUFFER_BYTES);
        port = socket.local_addr().map_err(failed)?.port();
        udp.push(socket);
        if config.tcp {
            let address = SocketAddr::new(*ip, port);
            tcp.push(TcpListener::bind(address).map_err(|source| StartError::Bind { address, source })?);
        }
    }
    Ok(Sockets { udp, tcp, port })
}

/// Keeps this thread on a core.
fn pin(core: usize) {
    // SAFETY: cpu_set_t is plain bits, for which zeros are valid; CPU_SET stays within them.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core % libc::CPU_SETSIZE as usize, &mut set);
        if libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) != 0 {
            tracing::warn!(core, "a media thread could not be pinned");
        }
    }
}

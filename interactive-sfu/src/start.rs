//! Sockets, threads, and what connects them: the one place that puts the SFU together.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::Keys;
use mio::net::TcpListener;
use mio::{Poll, Waker};

use crate::config::Config;
use crate::error::StartError;
use crate::room::address::{OurEnd, ShardCandidates};
use crate::room::authority::Authority;
use crate::room::report::Report;
use crate::shard::inbox::{Inbox, Inboxes, Order};
use crate::shard::{Runner, ShardSetup, WAKER};
use crate::transport::dtls::{self, Dtls, Identity, Task};
use crate::transport::{interfaces, udp};

/// Send buffers are for bursts alone; what does not fit is dropped.
const SEND_BUFFER_BYTES: u32 = 4 << 20;
/// How often the authority looks after what is due.
const AUTHORITY_TICK: Duration = Duration::from_millis(100);
/// Attempts to find a port that is free for every address, UDP and TCP.
const FREE_PORT_ATTEMPTS: usize = 20;

/// A running SFU.
pub(crate) struct Running {
    pub authority: Arc<Authority>,
    pub inboxes: Inboxes,
    pub dtls: Dtls,
    pub dtls_thread: Mutex<Option<JoinHandle<()>>>,
    pub media_threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Running {
    /// Stops the threads, in the order in which they need each other. Blocks until they have ended.
    pub(crate) fn join(&self) {
        self.dtls.tell(Task::Stop);
        let take = |slot: &Mutex<Option<JoinHandle<()>>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = |thread: JoinHandle<()>| {
            if thread.join().is_err() {
                tracing::error!("a thread of the SFU has panicked");
            }
        };
        // Its last datagrams reach the shards before they are told to stop.
        take(&self.dtls_thread).into_iter().for_each(ended);
        for shard in 0..self.authority.shards() {
            self.inboxes.order(shard, Order::Stop);
        }
        let threads = std::mem::take(&mut *self.media_threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.into_iter().for_each(ended);
    }
}

/// The sockets of one shard: one of each kind for each of our addresses.
struct Sockets {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    port: u16,
}

pub(crate) fn start(config: Config, keys: Keys) -> Result<Running, StartError> {
    config.validate().map_err(StartError::Config)?;
    let system = |doing| move |source| StartError::System { doing, source };
    let addresses = if config.addresses.is_empty() {
        interfaces::addresses().map_err(system("listing this machine's addresses"))?
    } else {
        config.addresses.clone()
    };
    let count = config.shard_count();
    let sockets = (0..count).map(|i| bind(&config, &addresses, i)).collect::<Result<Vec<_>, _>>()?;
    let shards = sockets.iter().map(|s| ShardCandidates::new(&config, &addresses, s.port)).collect();

    let polls =
        (0..count).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>().map_err(system("making an event queue"))?;
    let wakers = polls.iter().map(|p| Waker::new(p.registry(), WAKER)).collect::<io::Result<Vec<_>>>();
    let (inboxes, inbox_ends) = Inboxes::new(wakers.map_err(system("making an event queue"))?);
    let identity = Arc::new(Identity::generate()?);
    let our_end = OurEnd { fingerprint: identity.fingerprint, shards };
    let (reports, reports_end) = channel();
    let (dtls, dtls_thread) = dtls::start(identity, inboxes.clone(), reports.clone())?;
    let config = Arc::new(config);
    let authority =
        Arc::new(Authority::new(config.clone(), keys, inboxes.clone(), dtls.clone(), our_end, Instant::now()));

    let mut media_threads = vec![listen(authority.clone(), reports_end)?];
    for (index, ((poll, sockets), inbox)) in (0u16..).zip(polls.into_iter().zip(sockets).zip(inbox_ends)) {
        let make = Making { index, config: &config, inboxes: &inboxes, dtls: &dtls, reports: &reports };
        media_threads.push(make.shard(poll, sockets, inbox)?);
    }
    Ok(Running {
        authority,
        inboxes,
        dtls,
        dtls_thread: Mutex::new(Some(dtls_thread)),
        media_threads: Mutex::new(media_threads),
    })
}

/// What a shard's thread is made with.
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
        let thread = std::thread::Builder::new().name(format!("sfu-media-{}", self.index));
        let run = move || {
            if let Some(core) = core {
                pin(core);
            }
            runner.run();
        };
        thread.spawn(run).map_err(system)
    }
}

/// The thread that takes the shards' reports. It ends when they do.
fn listen(authority: Arc<Authority>, reports: Receiver<Report>) -> Result<JoinHandle<()>, StartError> {
    let thread = std::thread::Builder::new().name("sfu-authority".into());
    let run = move || {
        let mut tick_at = Instant::now() + AUTHORITY_TICK;
        loop {
            match reports.recv_timeout(tick_at.saturating_duration_since(Instant::now())) {
                Ok(report) => authority.report(report),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            if now >= tick_at {
                tick_at = now + AUTHORITY_TICK;
                authority.tick(now);
            }
        }
    };
    thread.spawn(run).map_err(|source| StartError::System { doing: "starting the authority's thread", source })
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

//! One media thread: its sockets, its peers, and the tracks it fans out.
//!
//! Everything here belongs to the thread, so nothing is locked. A wake-up receives what is there, decides packet by
//! packet, and sends once: fan-outs last, subscriber by subscriber. `demux` finds the peer of a datagram, `orders`
//! carries out what the rest of the server wants, `choosing` picks layers, `timers` does what is due.

mod choosing;
mod counters;
mod demux;
mod fanout;
mod following;
mod head;
pub(crate) mod inbox;
mod layer;
mod net;
mod orders;
mod paths;
mod peer;
pub(crate) mod peers;
mod publisher;
mod subscriber;
mod subscription;
#[cfg(test)]
mod tests;
mod timers;
mod track;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::config::Config;
use crate::dropped::Dropped;
use crate::ids::TrackId;
use crate::report::Report;
use crate::transport::dtls::{Dtls, HandshakeTask};
use crate::transport::tcp::{ConnectionId, Connections, Subject};
use crate::transport::udp::{Inlet, Outlet};
use counters::Counters;
use fanout::Fanout;
use head::{Stamp, wall_clock_ntp};
use inbox::{Inbox, Inboxes};
use net::{Net, RemoteSource};
use peers::Peers;

/// The waker's token; sockets and listeners follow.
pub(crate) const WAKER: Token = Token(0);
/// How often missing packets and keyframe requests are looked after.
const TICK: Duration = Duration::from_millis(10);
/// Batches from one socket before the others have their turn.
const BATCHES_MAX: usize = 8;
/// Tasks, and packets from other shards, before the sockets have their turn. Of tasks there are as many as clients ask
/// for.
const TASKS_MAX: usize = 256;
const RELAYED_MAX: usize = 2048;
/// Turns of TCP connections before the sockets have theirs.
const TCP_TURNS_MAX: usize = 8;

/// The parts a shard is made of.
pub(crate) struct ShardSetup {
    pub index: u16,
    pub config: Arc<Config>,
    pub poll: Poll,
    /// One for each of our addresses, non-blocking.
    pub sockets: Vec<UdpSocket>,
    pub listeners: Vec<TcpListener>,
    pub inbox: Inbox,
    pub inboxes: Inboxes,
    pub dtls: Dtls,
    pub reports: Sender<Report>,
}

/// A media thread's state.
pub(crate) struct Shard {
    index: u16,
    config: Arc<Config>,
    now: Instant,
    net: Net,
    peers: Peers,
    fanouts: HashMap<TrackId, Fanout>,
    /// Slot of each track's publisher on this shard.
    homes: HashMap<TrackId, usize>,
    /// Tracks with packets to send before this wake-up ends.
    pending: Vec<TrackId>,
    /// Slots of subscribers whose layers are to be chosen anew.
    undecided: BTreeSet<usize>,
    /// Slots of peers that are sent checks.
    checking: BTreeSet<usize>,
    counters: Counters,
    inboxes: Inboxes,
    dtls: Dtls,
    reports: Sender<Report>,
    /// Which tenth of a second it is: peers are looked after in ten groups.
    phase: usize,
    stopped: bool,
}

/// The thread's other half: what the system is asked with.
pub(crate) struct Runner {
    shard: Shard,
    poll: Poll,
    sockets: Vec<UdpSocket>,
    inbox: Inbox,
    scratch: Box<[u8; 64 * 1024]>,
}

impl Runner {
    /// Registers everything. The waker of `parts.poll` has token [`WAKER`].
    pub(crate) fn new(parts: ShardSetup) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        let ShardSetup { index, config, poll, sockets, listeners, inbox, inboxes, dtls, reports } = parts;
        for (i, socket) in sockets.iter().enumerate() {
            poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(WAKER.0 + 1 + i), Interest::READABLE)?;
        }
        let outlets = sockets.iter().map(|s| s.try_clone().map(Outlet::new)).collect::<io::Result<Vec<_>>>()?;
        let connections = Connections::new(listeners, WAKER.0 + 1 + sockets.len(), poll.registry())?;
        let shard = Shard {
            index,
            config,
            now: Instant::now(),
            net: Net::new(outlets, connections),
            peers: Peers::default(),
            fanouts: HashMap::new(),
            homes: HashMap::new(),
            pending: Vec::new(),
            undecided: BTreeSet::new(),
            checking: BTreeSet::new(),
            counters: Counters::default(),
            inboxes,
            dtls,
            reports,
            phase: 0,
            stopped: false,
        };
        Ok(Self { shard, poll, sockets, inbox, scratch: Box::new([0; 64 * 1024]) })
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        let (mut events, mut inlet) = (Events::with_capacity(256), Inlet::new());
        let mut ready = Ready::default();
        let mut tick_at = Instant::now() + TICK;
        while !self.shard.stopped {
            let idle = ready.is_empty() && self.shard.net.connections.is_idle();
            let wait = if idle { tick_at.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "waiting for media");
                std::thread::sleep(TICK);
            }
            self.shard.now = Instant::now();
            for event in &events {
                self.event(event, &mut ready);
            }
            ready.inbox = self.look_at_inbox();
            for socket in std::mem::take(&mut ready.sockets) {
                if self.receive(socket, &mut inlet) {
                    ready.sockets.push(socket);
                }
            }
            for listener in std::mem::take(&mut ready.listeners) {
                if self.accept(listener) {
                    ready.listeners.push(listener);
                }
            }
            self.take_tcp_turns();
            self.shard.send_pending();
            if self.shard.now >= tick_at {
                tick_at = self.shard.now + TICK;
                self.shard.tick();
                self.shard.send_pending();
            }
        }
    }

    fn event(&mut self, event: &mio::event::Event, ready: &mut Ready) {
        if let Some(socket) = event.token().0.checked_sub(WAKER.0 + 1).filter(|s| *s < self.sockets.len()) {
            return Ready::note(&mut ready.sockets, socket);
        }
        let connections = &mut self.shard.net.connections;
        match connections.subject(event.token()) {
            Some(Subject::Listener(listener)) => Ready::note(&mut ready.listeners, listener),
            Some(Subject::Connection(connection)) => {
                if event.is_writable() {
                    connections.writable(connection);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    connections.readable(connection);
                }
            }
            None => {}
        }
    }

    /// Takes some of what others sent. Returns whether there may be more.
    fn look_at_inbox(&mut self) -> bool {
        self.inbox.looking();
        let tasks = std::iter::from_fn(|| self.inbox.task()).take(TASKS_MAX);
        let tasks = tasks.map(|task| self.shard.task(task)).count();
        let relayed = std::iter::from_fn(|| self.inbox.relayed()).take(RELAYED_MAX);
        let relayed = relayed.map(|relayed| self.shard.relayed(relayed)).count();
        tasks == TASKS_MAX || relayed == RELAYED_MAX
    }

    /// Takes some batches of datagrams. Returns whether there may be more.
    fn receive(&mut self, socket: usize, inlet: &mut Inlet) -> bool {
        for _ in 0..BATCHES_MAX {
            let Some(from) = self.sockets.get(socket) else { return false };
            let (count, more) = inlet.receive(from);
            self.shard.now = Instant::now();
            for i in 0..count {
                let (source, datagram) = inlet.datagram(i);
                // Why it was dropped has been counted.
                let _ = self.shard.datagram(RemoteSource::Udp(socket, source), source, datagram);
            }
            self.shard.send_pending();
            if !more {
                return false;
            }
        }
        true
    }

    /// Takes some of those who connect. Returns whether there may be more.
    fn accept(&mut self, listener: usize) -> bool {
        let shard = &mut self.shard;
        let accepted = shard.net.connections.accept(listener, self.poll.registry(), shard.now);
        shard.counters.drop_many(Dropped::TcpRefused, accepted.refused);
        shard.counters.drop_many(Dropped::TcpEvicted, accepted.evicted);
        accepted.more
    }

    fn take_tcp_turns(&mut self) {
        for _ in 0..TCP_TURNS_MAX {
            let Some(connection) = self.shard.net.connections.next_turn() else { return };
            self.shard.turn_of(connection, &mut self.scratch[..]);
        }
    }
}

/// Sources to look at again without waiting: an event comes once, so a source stays here until it is empty.
#[derive(Default)]
struct Ready {
    /// Others may have sent more.
    inbox: bool,
    sockets: Vec<usize>,
    listeners: Vec<usize>,
}

impl Ready {
    fn is_empty(&self) -> bool {
        !self.inbox && self.sockets.is_empty() && self.listeners.is_empty()
    }

    fn note(ready: &mut Vec<usize>, index: usize) {
        if !ready.contains(&index) {
            ready.push(index);
        }
    }
}

impl Shard {
    /// Sends every fan-out's packets, and whatever else waits.
    fn send_pending(&mut self) {
        if !self.pending.is_empty() {
            let stamp = Stamp::new(self.now, wall_clock_ntp());
            for track in std::mem::take(&mut self.pending) {
                if let Some(fanout) = self.fanouts.get_mut(&track) {
                    self.counters.forwarded += fanout.flush(&mut self.peers, &mut self.net, &stamp);
                }
            }
            self.net.flush();
            crate::metrics::latency(self.now.elapsed().as_secs_f64());
        }
        self.net.flush();
    }

    fn close_connection(&mut self, connection: ConnectionId) {
        self.peers.unbind(RemoteSource::Tcp(connection));
        self.net.connections.close(connection);
    }

    /// Ends a peer: closes DTLS, and forgets it when that is done. `why` is counted.
    fn leave(&mut self, slot: usize, why: &'static str) {
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        peer.leaving = true;
        let id = peer.id;
        self.dtls.tell(HandshakeTask::Close { peer: id });
        // The receiver of reports outlives the shards.
        let _ = self.reports.send(Report::Gone { peer: id, why });
    }
}

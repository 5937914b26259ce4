//! The thread of established associations: data channels inside DTLS, and the end of associations.
//!
//! Messages wait in `outbox` and are delivered in turn with the datagrams that come, so many of each at a time.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};

use super::REMOTE;
use super::handle::{DataTask, Datagram, Message};
use super::outbox::{Delivery, Outbox};
use super::timers::Timers;
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::metrics;
use crate::report::Report;
use crate::shard::inbox::{Inboxes, ShardTask};
use crate::transport::data::{DataEvent, DataTransport, NotSent};

/// Tasks that are taken before messages are delivered, and deliveries before tasks are taken.
const TASKS_AT_ONCE: usize = 64;
const DELIVERIES_AT_ONCE: usize = 64;

/// An association whose handshake is complete.
pub(crate) struct Peer {
    endpoint: Endpoint,
    data: Option<Box<DataTransport>>,
    /// When it stands in the timers.
    due: Option<Instant>,
}

impl Peer {
    /// From a finished handshake, and with the peer's data channels, if there are any.
    pub(super) fn new(endpoint: Endpoint, data: Option<Box<DataTransport>>) -> Self {
        Self { endpoint, data, due: None }
    }
}

/// The thread's state.
pub(super) struct Established {
    shards: Inboxes,
    reports: Sender<Report>,
    peers: HashMap<PeerId, Peer>,
    outbox: Outbox,
    timers: Timers,
}

impl Established {
    pub(super) fn new(shards: Inboxes, reports: Sender<Report>) -> Self {
        Self { shards, reports, peers: HashMap::new(), outbox: Outbox::default(), timers: Timers::default() }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self, tasks: &Receiver<DataTask>) {
        loop {
            let wait = if self.outbox.is_empty() { self.timers.wait(Instant::now()) } else { Duration::ZERO };
            let first = match tasks.recv_timeout(wait) {
                Ok(task) => Some(task),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut taken = first.into_iter().chain(tasks.try_iter()).take(TASKS_AT_ONCE);
            if taken.any(|task| self.stops_at(task)) {
                return;
            }
            for _ in 0..DELIVERIES_AT_ONCE {
                let Some(delivery) = self.outbox.next() else { break };
                self.deliver(&delivery);
            }
            self.due();
        }
    }

    /// Does what is asked. Returns whether that was to end.
    fn stops_at(&mut self, task: DataTask) -> bool {
        match task {
            DataTask::Established { peer, association, early } => self.begin(peer, *association, early),
            DataTask::Datagram(datagram) => self.datagram(datagram),
            DataTask::Send(message) => self.send(message),
            DataTask::Close { peer } => self.close(peer),
            DataTask::Stop => return true,
        }
        false
    }

    fn begin(&mut self, id: PeerId, mut peer: Peer, early: Vec<Bytes>) {
        if let Some(data) = &mut peer.data {
            data.start(Instant::now());
        }
        self.peers.insert(id, peer);
        early.into_iter().for_each(|datagram| self.data(id, datagram));
        self.transmit(id);
    }

    fn datagram(&mut self, datagram: Datagram) {
        let Datagram { peer: id, bytes, .. } = datagram;
        let Some(peer) = self.peers.get_mut(&id) else { return };
        // An error concerns this datagram.
        let events = peer.endpoint.read(Instant::now(), REMOTE, None, bytes).unwrap_or_default();
        for event in events {
            match event {
                EndpointEvent::PeerClosed => return self.gone(id),
                EndpointEvent::ApplicationData(datagram) => self.data(id, datagram.freeze()),
                _ => {}
            }
        }
        self.transmit(id);
    }

    fn data(&mut self, id: PeerId, datagram: Bytes) {
        let Some(data) = self.peers.get_mut(&id).and_then(|peer| peer.data.as_mut()) else { return };
        let mut events = Vec::new();
        data.receive(Instant::now(), datagram, &mut events);
        self.tell(id, events);
    }

    fn tell(&mut self, id: PeerId, events: Vec<DataEvent>) {
        for event in events {
            // Whoever takes the reports outlives this thread.
            let _ = self.reports.send(match event {
                DataEvent::Opened(channel) => Report::DataOpened { peer: id, channel },
                DataEvent::Message(channel, message) => Report::Data { peer: id, channel, message },
                DataEvent::TooManyStreams => {
                    metrics::dropped(Dropped::DataTooManyStreams, 1);
                    return self.finish(id);
                }
            });
        }
    }

    /// Charges a message to its sender, and puts it with those that wait.
    fn send(&mut self, message: Message) {
        let sender = message.from.and_then(|from| self.peers.get_mut(&from)?.data.as_mut());
        if let Some(data) = sender {
            data.charge(message.bytes.len(), message.to.len(), Instant::now());
        }
        self.outbox.push(message);
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let Delivery { from, to, channel, bytes } = delivery;
        let Some(data) = self.peers.get_mut(to).and_then(|peer| peer.data.as_mut()) else { return };
        match data.send(Instant::now(), *from, *channel, bytes) {
            Ok(()) => self.transmit(*to),
            Err(NotSent::TooLarge) => metrics::dropped(Dropped::DataTooLarge, 1),
            Err(NotSent::NotOpen) => metrics::dropped(Dropped::DataNotOpen, 1),
            Err(NotSent::Full) => metrics::dropped(Dropped::DataFull, 1),
            Err(NotSent::Stalled) => {
                metrics::dropped(Dropped::DataFull, 1);
                self.finish(*to);
            }
        }
    }

    /// Ends a peer for good.
    fn finish(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            drop(peer.endpoint.stop(Instant::now(), REMOTE));
        }
        self.gone(id);
    }

    /// The library's association is over. Whatever comes later finds no peer.
    fn gone(&mut self, id: PeerId) {
        self.transmit(id);
        self.forget(id);
        self.shards.tell(id.shard, ShardTask::Closed { peer: id });
    }

    fn close(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            drop(peer.endpoint.stop(Instant::now(), REMOTE));
            self.transmit(id);
            self.forget(id);
        }
        self.shards.tell(id.shard, ShardTask::Forget { peer: id });
    }

    fn forget(&mut self, id: PeerId) {
        if let Some(mut peer) = self.peers.remove(&id) {
            self.timers.set(id, &mut peer.due, None);
        }
    }

    /// Sends what there is to send, and notes when the peer is to be looked after again.
    fn transmit(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let now = Instant::now();
        let inner = peer.data.as_mut();
        for packet in inner.into_iter().flat_map(|data| std::iter::from_fn(|| data.poll_transmit(now))).flatten() {
            drop(peer.endpoint.write(now, REMOTE, &packet));
        }
        while let Some(transmit) = peer.endpoint.poll_transmit() {
            self.shards.tell(id.shard, ShardTask::Datagram { peer: id, datagram: transmit.message });
        }
        let due = peer.data.as_ref().and_then(|data| data.poll_timeout());
        self.timers.set(id, &mut peer.due, due);
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.timers.pop(now) {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.due = None;
            let mut events = Vec::new();
            if let Some(data) = &mut peer.data {
                data.handle_timeout(now, &mut events);
            }
            self.tell(id, events);
            self.transmit(id);
        }
    }
}

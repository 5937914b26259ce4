//! The thread of established associations: data channels inside DTLS, and the end of associations.
//!
//! Messages wait in `outbox` and are delivered in turn with the datagrams that come, so many of each at a time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_dtls::endpoint::EndpointEvent;

use super::REMOTE;
use super::association::Association;
use super::outbox::{Delivery, Outbox};
use super::peers::{Peer as _, Peers};
use super::tasks::{DataTask, Datagram, Message};
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::metrics;
use crate::report::Report;
use crate::shard::inbox::{Inboxes, ShardTask};
use crate::transport::data::{DataEvent, DataTransport, NotSent};

/// Tasks that are taken before messages are delivered, and deliveries before tasks are taken.
const TASKS_AT_ONCE: usize = 64;
const DELIVERIES_AT_ONCE: usize = 64;

/// The thread's state.
pub(super) struct Established {
    reports: Sender<Report>,
    peers: Peers<Association>,
    outbox: Outbox,
}

impl Established {
    pub(super) fn new(shards: Inboxes, reports: Sender<Report>) -> Self {
        Self { reports, peers: Peers::new(shards), outbox: Outbox::default() }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self, tasks: &Receiver<DataTask>) {
        loop {
            let wait = if self.outbox.is_empty() { self.peers.wait() } else { Duration::ZERO };
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
            DataTask::Established { peer, association, early } => self.begin(peer, association, early),
            DataTask::Datagram(datagram) => self.datagram(datagram),
            DataTask::Send(message) => self.send(message),
            DataTask::Close { peer } => {
                if !self.peers.close(peer) {
                    self.peers.tell(peer, ShardTask::Forget { peer });
                }
            }
            DataTask::Stop => return true,
        }
        false
    }

    fn begin(&mut self, id: PeerId, mut association: Box<Association>, early: Vec<Bytes>) {
        if let Some(data) = &mut association.data {
            data.start(Instant::now());
        }
        self.peers.insert(id, association);
        early.into_iter().for_each(|datagram| self.data(id, datagram));
        self.peers.transmit(id);
    }

    fn datagram(&mut self, datagram: Datagram) {
        let Datagram { peer: id, bytes, .. } = datagram;
        let Some(association) = self.peers.get_mut(id) else { return };
        // An error concerns this datagram.
        let events = association.endpoint().read(Instant::now(), REMOTE, None, bytes).unwrap_or_default();
        for event in events {
            match event {
                EndpointEvent::PeerClosed => return self.peers.gone(id),
                EndpointEvent::ApplicationData(datagram) => self.data(id, datagram.freeze()),
                _ => {}
            }
        }
        self.peers.transmit(id);
    }

    /// The data channels of a peer that has some.
    fn channels(&mut self, id: PeerId) -> Option<&mut DataTransport> {
        self.peers.get_mut(id)?.data.as_deref_mut()
    }

    fn data(&mut self, id: PeerId, datagram: Bytes) {
        let Some(data) = self.channels(id) else { return };
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
                    return self.peers.finish(id);
                }
            });
        }
    }

    /// Charges a message to its sender, and puts it with those that wait.
    fn send(&mut self, message: Message) {
        if let Some(data) = message.from.and_then(|from| self.channels(from)) {
            data.charge(message.bytes.len(), message.to.len(), Instant::now());
        }
        self.outbox.push(message);
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let Delivery { from, to, channel, bytes } = delivery;
        let Some(data) = self.channels(*to) else { return };
        match data.send(Instant::now(), *from, *channel, bytes) {
            Ok(()) => _ = self.peers.transmit(*to),
            Err(NotSent::TooLarge) => metrics::dropped(Dropped::DataTooLarge, 1),
            Err(NotSent::NotOpen) => metrics::dropped(Dropped::DataNotOpen, 1),
            Err(NotSent::Full) => metrics::dropped(Dropped::DataFull, 1),
            Err(NotSent::Stalled) => {
                metrics::dropped(Dropped::DataFull, 1);
                self.peers.finish(*to);
            }
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.peers.pop_due(now) {
            let mut events = Vec::new();
            if let Some(data) = self.channels(id) {
                data.handle_timeout(now, &mut events);
            }
            self.tell(id, events);
            self.peers.transmit(id);
        }
    }
}

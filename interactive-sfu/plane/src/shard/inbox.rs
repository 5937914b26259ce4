//! Queues into a media thread.
//!
//! Tasks are orders, and what the DTLS threads and other shards want. They are never lost; whoever makes them bounds
//! them, and a shard takes so many of them before its sockets have their turn. Media from other shards comes through a
//! bounded queue; when it is full packets are dropped and counted, and NACKs mend that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use bytes::BytesMut;
use mio::Waker;

use crate::ids::{PeerId, TrackId};
use crate::media::layers::LayerInfo;
use crate::media::packet::Packet;
use crate::media::report::ClockMapping;
use crate::order::Order;
use crate::transport::srtp::{Opener, Sealer};

/// Packets that wait for a shard.
const RELAY_QUEUE: usize = 8192;

/// A task for a shard.
pub(crate) enum ShardTask {
    /// An order from outside the plane.
    Order(Order),
    /// DTLS to send.
    Datagram { peer: PeerId, datagram: BytesMut },
    /// DTLS is complete.
    Keys { peer: PeerId, keys: Box<(Sealer, Opener)> },
    /// The peer has closed DTLS, or must not go on.
    Closed { peer: PeerId },
    /// DTLS is closed, and the last datagram sent.
    Forget { peer: PeerId },
    /// Another shard has subscribers of a track of ours, or has no more of them.
    Follow { track: TrackId, follower: u16, wanted: bool },
    /// A subscriber on another shard cannot decode this layer.
    WantKeyframe { track: TrackId, layer: usize },
    /// End the thread.
    Stop,
}

/// News of a track from its publisher's shard. Any of it may be lost.
pub(crate) enum Relayed {
    /// A packet of one published sequence.
    Packet { track: TrackId, source: usize, packet: Arc<Packet> },
    /// Sizes and rates of the layers.
    Layers { track: TrackId, infos: Arc<[LayerInfo]> },
    /// The wall-clock time of one published sequence's timestamps.
    Clock { track: TrackId, source: usize, clock: ClockMapping },
}

/// The way to every shard.
#[derive(Clone)]
pub(crate) struct Inboxes(Arc<[Entrance]>);

struct Entrance {
    tasks: Sender<ShardTask>,
    relayed: SyncSender<Relayed>,
    waker: Waker,
    /// The shard has been woken and has not looked yet.
    rung: Arc<AtomicBool>,
}

/// A shard's end.
pub(crate) struct Inbox {
    tasks: Receiver<ShardTask>,
    relayed: Receiver<Relayed>,
    rung: Arc<AtomicBool>,
}

impl Inboxes {
    /// One inbox for each waker.
    pub(crate) fn new(wakers: Vec<Waker>) -> (Self, Vec<Inbox>) {
        let pairs = wakers.into_iter().map(|waker| {
            let (tasks, tasks_end) = channel();
            let (relayed, relayed_end) = sync_channel(RELAY_QUEUE);
            let rung = Arc::new(AtomicBool::new(false));
            let inbox = Inbox { tasks: tasks_end, relayed: relayed_end, rung: rung.clone() };
            (Entrance { tasks, relayed, waker, rung }, inbox)
        });
        let (entrances, inboxes): (Vec<_>, Vec<_>) = pairs.unzip();
        (Self(entrances.into()), inboxes)
    }

    /// The number of shards.
    pub(crate) fn len(&self) -> u16 {
        self.0.len() as u16
    }

    pub(crate) fn tell(&self, shard: u16, task: ShardTask) {
        if let Some(entrance) = self.0.get(usize::from(shard)) {
            // A shard that has ended needs no tasks.
            drop(entrance.tasks.send(task));
            entrance.ring();
        }
    }

    /// `false`: the queue is full, and it was dropped.
    pub(crate) fn relay(&self, shard: u16, relayed: Relayed) -> bool {
        let Some(entrance) = self.0.get(usize::from(shard)) else { return true };
        let taken = entrance.relayed.try_send(relayed).is_ok();
        entrance.ring();
        taken
    }
}

impl Entrance {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // It fails when the counter behind it is full, and then the shard wakes anyway.
            drop(self.waker.wake());
        }
    }
}

impl Inbox {
    /// To be called before looking: what comes from now on rings again.
    pub(crate) fn looking(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn task(&self) -> Option<ShardTask> {
        self.tasks.try_recv().ok()
    }

    pub(crate) fn relayed(&self) -> Option<Relayed> {
        self.relayed.try_recv().ok()
    }
}

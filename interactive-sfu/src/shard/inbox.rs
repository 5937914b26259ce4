//! What a media thread is told, and by whom.
//!
//! Orders come from the authority, from the DTLS thread and from other shards; they are never lost, and as few as there
//! are peers and DTLS datagrams, which are bounded where they arise. Media from other shards comes through a bounded
//! queue; when it is full packets are dropped and counted, and NACKs mend that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use bytes::BytesMut;
use mio::Waker;

use crate::ids::{PeerId, TrackId};
use crate::media::codec::VideoCodec;
use crate::media::layers::{LayerInfo, Limit};
use crate::media::packet::Packet;
use crate::media::report::ClockMapping;
use crate::transport::ice::{LocalIce, local_ice};
use crate::transport::srtp::{Opener, Sealer};

/// Packets that wait for a shard.
const RELAY_QUEUE: usize = 8192;

/// What a shard is told.
pub(crate) enum Order {
    /// A peer is expected.
    Add(Box<NewPeer>),
    /// A peer is to go.
    Remove(PeerId),
    /// Our new credentials; the old ones hold until the new ones are used.
    RestartIce(PeerId, LocalIce),
    /// From now on, send this on that section; or nothing.
    Attach(PeerId, usize, Option<Box<Source>>),
    /// The most that a subscriber has use for, on one of its sections or on all.
    LimitLayer(PeerId, Option<usize>, Limit),
    /// It was agreed that the peer publishes this too.
    AddTrack(PeerId, Box<NewTrack>),
    /// The peer publishes this no more.
    RemoveTrack(PeerId, TrackId),
    /// Somebody speaks, and this is their picture; or no more. Where not everything fits it comes first.
    Prefer(TrackId, bool),
    /// Drop what comes of a track; or no more.
    Mute(PeerId, TrackId, bool),
    /// A section to send on: one more, after those there are, or in place of one that carries nothing.
    SetSection(PeerId, usize, Box<NewSection>),
    /// DTLS to send.
    Datagram(PeerId, BytesMut),
    /// DTLS is complete.
    Keys(PeerId, Box<(Sealer, Opener)>),
    /// The peer has closed DTLS, or must not go on.
    Closed(PeerId),
    /// DTLS is closed, and the last datagram sent.
    Forget(PeerId),
    /// That shard has subscribers of a track of ours; or no more.
    Follow(TrackId, u16, bool),
    /// A subscriber on another shard cannot decode.
    WantKeyframe(TrackId, usize),
    /// End the thread.
    Stop,
}

/// What shards pass on of a track. All of it may be lost.
pub(crate) enum Relayed {
    Packet(TrackId, usize, Arc<Packet>),
    Layers(TrackId, Arc<[LayerInfo]>),
    Clock(TrackId, usize, ClockMapping),
}

/// A peer, with what was agreed so far that it publishes and what it is sent.
pub(crate) struct NewPeer {
    pub id: PeerId,
    pub ice: LocalIce,
    pub tracks: Vec<NewTrack>,
    pub sections: Vec<NewSection>,
}

impl NewPeer {
    /// One that neither publishes nor is sent anything yet.
    pub(crate) fn bare(id: PeerId) -> Self {
        Self { id, ice: local_ice(id.serial), tracks: Vec::new(), sections: Vec::new() }
    }
}

/// A track as negotiated with its publisher.
pub(crate) struct NewTrack {
    pub id: TrackId,
    /// `None`: audio.
    pub video: Option<VideoCodec>,
    pub clock_hz: u32,
    pub payload_type: u8,
    pub rtx_payload_type: Option<u8>,
    pub red_payload_type: Option<u8>,
    pub nack: bool,
    /// One layer each; empty: one layer without a RID.
    pub rids: Vec<String>,
    /// Of a publisher that announces them.
    pub ssrcs: Vec<u32>,
    /// (media, RTX), of a publisher that announces them.
    pub fid_groups: Vec<(u32, u32)>,
    pub mid: String,
    pub mid_extension: Option<u8>,
    pub rid_extension: Option<u8>,
    pub rrid_extension: Option<u8>,
    pub abs_send_time_extension: Option<u8>,
    pub audio_level_extension: Option<u8>,
    pub dependency_descriptor_extension: Option<u8>,
}

impl NewTrack {
    /// Media comes in this payload type, as it is or with redundancy.
    pub(crate) fn is_media(&self, payload_type: u8) -> bool {
        self.payload_type == payload_type || self.red_payload_type == Some(payload_type)
    }
}

/// A section we send on, as negotiated with its subscriber.
#[derive(Debug)]
pub(crate) struct NewSection {
    pub video: bool,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    pub cname: String,
    pub mid: String,
    pub mid_extension: Option<u8>,
    pub abs_send_time_extension: Option<u8>,
    pub dependency_descriptor_extension: Option<u8>,
    /// Rather nothing than more than the path carries: its receiver is told. Else the smallest layer is sent whatever
    /// happens.
    pub pausable: bool,
}

/// What a section carries.
#[derive(Debug)]
pub(crate) struct Source {
    pub track: TrackId,
    /// Where its publisher is.
    pub shard: u16,
    /// `None`: audio.
    pub video: Option<VideoCodec>,
    pub clock_hz: u32,
    /// As which it is published: its simulcast layers.
    pub sequences: usize,
    /// The subscriber's, for this codec.
    pub payload_type: u8,
    pub rtx_payload_type: Option<u8>,
    pub red_payload_type: Option<u8>,
}

impl Source {
    /// What of a packet its subscriber takes, and as what: who has no payload type for redundancy gets the newest block
    /// alone.
    #[inline]
    pub(crate) fn content<'p>(&self, packet: &'p Packet) -> (u8, &'p [u8]) {
        match (packet.red_primary, self.red_payload_type) {
            (0, _) => (self.payload_type, &packet.payload),
            (_, Some(red)) => (red, &packet.payload),
            (primary, None) => (self.payload_type, packet.payload.get(primary.into()..).unwrap_or_default()),
        }
    }
}

/// The way to every shard.
#[derive(Clone)]
pub(crate) struct Inboxes(Arc<[Entrance]>);

struct Entrance {
    orders: Sender<Order>,
    relayed: SyncSender<Relayed>,
    waker: Waker,
    /// The shard has been woken and has not looked yet.
    rung: Arc<AtomicBool>,
}

/// A shard's end.
pub(crate) struct Inbox {
    orders: Receiver<Order>,
    relayed: Receiver<Relayed>,
    rung: Arc<AtomicBool>,
}

impl Inboxes {
    /// One inbox for each waker.
    pub(crate) fn new(wakers: Vec<Waker>) -> (Self, Vec<Inbox>) {
        let pairs = wakers.into_iter().map(|waker| {
            let (orders, orders_end) = channel();
            let (relayed, relayed_end) = sync_channel(RELAY_QUEUE);
            let rung = Arc::new(AtomicBool::new(false));
            let inbox = Inbox { orders: orders_end, relayed: relayed_end, rung: rung.clone() };
            (Entrance { orders, relayed, waker, rung }, inbox)
        });
        let (entrances, inboxes): (Vec<_>, Vec<_>) = pairs.unzip();
        (Self(entrances.into()), inboxes)
    }

    pub(crate) fn order(&self, shard: u16, order: Order) {
        if let Some(entrance) = self.0.get(usize::from(shard)) {
            // A shard that has ended needs no orders.
            drop(entrance.orders.send(order));
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

    pub(crate) fn order(&self) -> Option<Order> {
        self.orders.try_recv().ok()
    }

    pub(crate) fn relayed(&self) -> Option<Relayed> {
        self.relayed.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::media::packet::LayerPosition;

    #[test]
    fn redundancy_goes_to_whoever_has_a_name_for_it() {
        let packet = |red_primary, payload: &[u8]| Packet {
            sequence: 0,
            timestamp: 0,
            marker: false,
            keyframe: false,
            place: LayerPosition::default(),
            vp8: None,
            red_primary,
            descriptor: None,
            payload: payload.into(),
            arrived: Instant::now(),
        };
        let source = |red_payload_type| Source {
            track: TrackId(1),
            shard: 0,
            video: None,
            clock_hz: 48_000,
            sequences: 1,
            payload_type: 111,
            rtx_payload_type: None,
            red_payload_type,
        };
        let (plain, redundant) = (packet(0, &[7, 8]), packet(2, &[111, 5, 7, 8]));
        assert_eq!(source(None).content(&redundant), (111, &[7, 8][..]));
        assert_eq!(source(Some(63)).content(&redundant), (63, &[111, 5, 7, 8][..]));
        assert_eq!(source(Some(63)).content(&plain), (111, &[7, 8][..]), "a publisher may leave it out");
    }
}

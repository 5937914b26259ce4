//! The media plane as rooms see it: it takes orders, and reports. It checks that each order is for a peer that lives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::Value;
use plane::{Channel, Handle, NewTrack, Order, PeerId, Source, TrackId};
use prost::Message as _;

use crate::control::MOVE_TOPIC;

/// A section on which a peer is sent something.
#[derive(Debug)]
pub(super) struct Section {
    ssrc: u32,
    pub(super) attached: Option<TrackId>,
}

/// A peer as the media plane knows it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) sections: Vec<Section>,
    /// The peer's published tracks, by number.
    pub(super) tracks: BTreeMap<u32, Published>,
    /// The plane knows whom to expect.
    pub(super) expected: bool,
    pub(super) connected: bool,
    /// Its channel for reliable messages is open.
    pub(super) data_open: bool,
    /// Reliable messages that it is to be sent, in this order.
    pub(super) owed: VecDeque<Owed>,
    /// It was told to go.
    pub(super) removed: bool,
    /// It is gone, which was not reported yet.
    pub(super) dead: bool,
}

/// A track as it was added.
#[derive(Debug)]
pub(super) struct Published {
    shard: u16,
    video: bool,
    clock_hz: u32,
    /// Its simulcast layers.
    sequences: usize,
}

impl Published {
    fn new(peer: PeerId, track: &NewTrack) -> Self {
        let sequences = track.rids.len().max(1);
        Self { shard: peer.shard, video: track.video.is_some(), clock_hz: track.clock_hz, sequences }
    }

    fn is(&self, source: &Source) -> bool {
        let same_media = self.video == source.video.is_some() && self.clock_hz == source.clock_hz;
        same_media && self.shard == source.shard && self.sequences == source.sequences
    }
}

/// A reliable message for a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) number: u64,
    /// The message may be dropped: the peer's channel has as many waiting as it may have.
    pub(super) may_be_lost: bool,
}

impl Peer {
    /// A reliable message comes, with that number.
    fn hears(&mut self, number: u64, faults: &mut Vec<String>) {
        while let Some(owed) = self.owed.pop_front() {
            if owed.number == number {
                return;
            }
            if !owed.may_be_lost {
                faults.push(format!("{:?} is sent message {number} before {}", self.id, owed.number));
            }
        }
        faults.push(format!("{:?} is sent message {number}, which it is not to have, or not again", self.id));
    }
}

/// Every thread of the plane.
pub(super) struct Plane {
    orders: Receiver<Order>,
    /// By serial.
    pub(super) peers: BTreeMap<u32, Peer>,
    /// Orders that no media plane could carry out.
    pub(super) faults: Vec<String>,
    /// Orders and tasks since this was last taken.
    pub(super) taken: usize,
    /// Reliable messages that came to peers since this was last taken.
    pub(super) heard: u64,
    /// Somebody has sent bytes that may be any message.
    pub(super) is_garbled: bool,
    /// The message that was sent last, and to whom.
    pub(super) last_message: Option<(Vec<PeerId>, Bytes)>,
}

impl Plane {
    /// The plane, and the way to it.
    pub(super) fn new() -> (Self, Handle) {
        let (handle, orders) = Handle::detached();
        (
            Self {
                orders,
                peers: BTreeMap::new(),
                faults: Vec::new(),
                taken: 0,
                heard: 0,
                is_garbled: false,
                last_message: None,
            },
            handle,
        )
    }

    /// Carries out what was ordered.
    pub(super) fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.taken += 1;
            self.carry_out(order);
        }
    }

    fn with(&mut self, id: PeerId, what: &str, act: impl FnOnce(&mut Peer, &mut Vec<String>)) {
        match self.peers.get_mut(&id.serial) {
            Some(peer) if peer.removed => self.faults.push(format!("{what} after its removal: {id:?}")),
            Some(peer) => act(peer, &mut self.faults),
            None => self.faults.push(format!("{what}, but there is no such peer: {id:?}")),
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Add(new) => {
                let sections = new.sections.iter().map(|section| Section { ssrc: section.ssrc, attached: None });
                let peer = Peer {
                    id: new.id,
                    sections: sections.collect(),
                    tracks: new.tracks.iter().map(|track| (track.id.0, Published::new(new.id, track))).collect(),
                    expected: false,
                    connected: false,
                    data_open: false,
                    owed: VecDeque::new(),
                    removed: false,
                    dead: false,
                };
                if self.peers.insert(new.id.serial, peer).is_some() {
                    self.faults.push(format!("added twice: {:?}", new.id));
                }
            }
            Order::Expect { peer, .. } => self.with(peer, "expected", |peer, _| peer.expected = true),
            Order::Send { to, channel, message, .. } => {
                self.last_message = Some((to.to_vec(), message.clone()));
                self.heard += u64::from(channel == Channel::Reliable) * to.len() as u64;
                let number = if channel == Channel::Reliable && !self.is_garbled { number_of(&message) } else { None };
                for id in to.iter() {
                    self.with(*id, "sent a message", |peer, faults| {
                        if !peer.data_open {
                            faults.push(format!("a message for {id:?}, whose channel is not open"));
                        }
                        number.into_iter().for_each(|number| peer.hears(number, faults));
                    });
                }
            }
            Order::Remove { peer } => self.with(peer, "removed", |peer, _| peer.removed = true),
            Order::RestartIce { peer, .. } => self.with(peer, "ICE restarted", |_, _| {}),
            Order::Attach { peer: id, section: at, source } => {
                if let Some(source) = &source
                    && !self.published(source.track).is_some_and(|published| published.is(source))
                {
                    self.faults.push(format!("{source:?} is attached, and not published so"));
                }
                self.with(id, "attached", |peer, faults| match peer.sections.get_mut(at) {
                    Some(section) => section.attached = source.map(|source| source.track),
                    None => faults.push(format!("attached to section {at} of {id:?}, which has none")),
                })
            }
            Order::LimitLayer { peer: id, section: at, .. } => self.with(id, "limited", |peer, faults| {
                if at.is_some_and(|at| at >= peer.sections.len()) {
                    faults.push(format!("limited section {at:?} of {id:?}, which has none"));
                }
            }),
            Order::SetSection { peer: id, section: at, new } => self.with(id, "given a section", |peer, faults| {
                if peer.sections.iter().any(|section| section.ssrc == new.ssrc) {
                    faults.push(format!("SSRC {} of {id:?} is used twice", new.ssrc));
                }
                let (section, next) = (Section { ssrc: new.ssrc, attached: None }, peer.sections.len());
                match peer.sections.get_mut(at) {
                    Some(old) if old.attached.is_some() => faults.push(format!("section {at} of {id:?} is in use")),
                    Some(old) => *old = section,
                    None if at == next => peer.sections.push(section),
                    None => faults.push(format!("section {at} of {id:?} leaves a hole")),
                }
            }),
            Order::AddTrack { peer: id, track } => self.with(id, "given a track", |peer, faults| {
                if peer.tracks.insert(track.id.0, Published::new(id, &track)).is_some() {
                    faults.push(format!("track {:?} of {id:?} is added twice", track.id));
                }
            }),
            Order::RemoveTrack { peer: id, track } => self.with(id, "deprived of a track", |peer, faults| {
                if peer.tracks.remove(&track.0).is_none() {
                    faults.push(format!("track {track:?} of {id:?} is removed, but not there"));
                }
            }),
            Order::Mute { peer: id, track, .. } => self.with(id, "muted", |peer, faults| {
                if !peer.tracks.contains_key(&track.0) {
                    faults.push(format!("track {track:?} of {id:?} is muted, but not there"));
                }
            }),
            Order::Prefer { .. } => {}
            Order::RemoteIce { peer: id, .. } => self.with(id, "described", |_, _| {}),
        }
    }

    /// A message that a peer was to be sent and was not, though its channel is open.
    pub(super) fn overdue(&self) -> Option<String> {
        let mut open = self.peers.values().filter(|peer| peer.data_open && !peer.removed && !peer.dead);
        open.find_map(|peer| {
            let overdue = peer.owed.iter().find(|owed| !owed.may_be_lost).filter(|_| !self.is_garbled)?;
            Some(format!("{:?} is not sent message {}", peer.id, overdue.number))
        })
    }

    /// Tracks that some living peer publishes.
    pub(super) fn tracks(&self) -> BTreeSet<u32> {
        self.peers.values().filter(|peer| !peer.removed).flat_map(|peer| peer.tracks.keys().copied()).collect()
    }

    fn published(&self, track: TrackId) -> Option<&Published> {
        self.peers.values().filter(|peer| !peer.removed).find_map(|peer| peer.tracks.get(&track.0))
    }

    /// The tracks that a peer is sent, sorted.
    pub(super) fn sent_to(&self, serial: u32) -> Vec<u32> {
        let sections = self.peers.get(&serial).into_iter().flat_map(|peer| &peer.sections);
        let mut tracks: Vec<u32> = sections.filter_map(|section| Some(section.attached?.0)).collect();
        tracks.sort_unstable();
        tracks
    }

    /// A peer whose peer connection can come up now.
    pub(super) fn next_to_connect(&self) -> Option<PeerId> {
        let mut peers = self.peers.values();
        peers.find(|peer| peer.expected && !peer.connected && !peer.removed && !peer.dead).map(|peer| peer.id)
    }

    /// A peer that is gone, and forgotten with this.
    pub(super) fn next_gone(&mut self) -> Option<PeerId> {
        let id = self.peers.values().find(|peer| peer.removed || peer.dead)?.id;
        self.peers.remove(&id.serial);
        Some(id)
    }
}

/// The number that a simulated message begins with; `None`: the server tells somebody to move.
fn number_of(message: &[u8]) -> Option<u64> {
    let packet = proto::DataPacket::decode(message).unwrap();
    let Some(Value::User(user)) = packet.value else { return Some(0) };
    let number = user.payload.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
    (user.topic.as_deref() != Some(MOVE_TOPIC)).then_some(number)
}

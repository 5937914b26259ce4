//! The media plane as rooms see it: it takes orders, and reports. It checks that each order is for a peer that lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use plane::{Handle, Order, PeerId, TrackId};

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
    pub(super) tracks: BTreeSet<u32>,
    /// The plane knows whom to expect.
    pub(super) expected: bool,
    pub(super) connected: bool,
    /// It was told to go.
    pub(super) removed: bool,
    /// It is gone, which was not reported yet.
    pub(super) dead: bool,
}

/// Every thread of the plane.
pub(super) struct Plane {
    orders: Receiver<Order>,
    /// By serial.
    pub(super) peers: BTreeMap<u32, Peer>,
    /// What no media plane could carry out.
    pub(super) faults: Vec<String>,
    /// Orders and tasks since this was last taken.
    pub(super) taken: usize,
    /// The message that was sent last, and to whom.
    pub(super) last_message: Option<(Vec<PeerId>, Bytes)>,
}

impl Plane {
    /// The plane, and the way to it.
    pub(super) fn new() -> (Self, Handle) {
        let (handle, orders) = Handle::detached();
        (Self { orders, peers: BTreeMap::new(), faults: Vec::new(), taken: 0, last_message: None }, handle)
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
                    tracks: new.tracks.iter().map(|track| track.id.0).collect(),
                    expected: false,
                    connected: false,
                    removed: false,
                    dead: false,
                };
                if self.peers.insert(new.id.serial, peer).is_some() {
                    self.faults.push(format!("added twice: {:?}", new.id));
                }
            }
            Order::Expect { peer, .. } => self.with(peer, "expected", |peer, _| peer.expected = true),
            Order::Send { to, message, .. } => {
                self.last_message = Some((to.to_vec(), message));
                for id in to.iter() {
                    self.with(*id, "sent a message", |peer, faults| {
                        if !peer.connected {
                            faults.push(format!("a message for {id:?}, which is not connected"));
                        }
                    });
                }
            }
            Order::Remove { peer } => self.with(peer, "removed", |peer, _| peer.removed = true),
            Order::RestartIce { peer, .. } => self.with(peer, "ICE restarted", |_, _| {}),
            Order::Attach { peer: id, section: at, source } => {
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
                if !peer.tracks.insert(track.id.0) {
                    faults.push(format!("track {:?} of {id:?} is added twice", track.id));
                }
            }),
            Order::RemoveTrack { peer: id, track } => self.with(id, "deprived of a track", |peer, faults| {
                if !peer.tracks.remove(&track.0) {
                    faults.push(format!("track {track:?} of {id:?} is removed, but not there"));
                }
            }),
            Order::Mute { peer: id, track, .. } => self.with(id, "muted", |peer, faults| {
                if !peer.tracks.contains(&track.0) {
                    faults.push(format!("track {track:?} of {id:?} is muted, but not there"));
                }
            }),
            Order::Prefer { .. } => {}
            Order::RemoteIce { peer: id, .. } => self.with(id, "described", |_, _| {}),
        }
    }

    /// Tracks that some living peer publishes.
    pub(super) fn tracks(&self) -> BTreeSet<u32> {
        self.peers.values().filter(|peer| !peer.removed).flat_map(|peer| peer.tracks.iter().copied()).collect()
    }

    /// What a peer is sent, sorted.
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

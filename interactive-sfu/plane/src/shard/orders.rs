//! Carries out orders, and tasks of the DTLS threads and of other shards.

use super::fanout::Fanout;
use super::inbox::ShardTask;
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use super::subscription::Subscription;
use super::{Report, Shard};
use crate::ids::{PeerId, TrackId};
use crate::order::{NewPeer, NewSection, NewTrack, Order, Source};
use crate::transport::dtls::HandshakeTask;
use crate::transport::srtp::{Opener, Sealer};

impl Shard {
    pub(super) fn task(&mut self, task: ShardTask) {
        match task {
            ShardTask::Order(order) => self.order(order),
            ShardTask::Datagram { peer, datagram } => self.with_slot(peer, |shard, slot| {
                let Some(peer) = shard.peers.get_mut(slot) else { return };
                if let Some(path) = peer.paths.path().copied() {
                    peer.paths.handshake_sent();
                    shard.net.push(&path, &datagram);
                }
            }),
            ShardTask::Keys { peer, keys } => self.with_slot(peer, |shard, slot| shard.connected(slot, *keys)),
            ShardTask::Closed { peer } => self.with_slot(peer, |shard, slot| shard.leave(slot, "closed")),
            ShardTask::Forget { peer } => self.with_slot(peer, |shard, slot| shard.forget(slot)),
            ShardTask::Follow { track, follower, wanted } => self.follow(track, follower, wanted),
            ShardTask::WantKeyframe { track, layer } => self.keyframe_at_home(track, layer),
            ShardTask::Stop => self.stopped = true,
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Add(new) => self.add(*new),
            Order::Remove { peer } => self.with_slot(peer, |shard, slot| shard.leave(slot, "left")),
            Order::RestartIce { peer, ice } => self.with_slot(peer, |shard, slot| {
                if let Some(peer) = shard.peers.get_mut(slot) {
                    peer.restart_ice(ice);
                }
            }),
            Order::RemoteIce { peer, ice } => self.with_slot(peer, |shard, slot| {
                if let Some(peer) = shard.peers.get_mut(slot) {
                    peer.learn_ice(ice);
                    shard.check(slot);
                }
            }),
            Order::Attach { peer, section, source } => {
                self.with_slot(peer, |shard, slot| shard.attach(slot, section, source));
            }
            Order::LimitLayer { peer, section, limit } => {
                self.with_slot(peer, |shard, slot| shard.limit_layer(slot, section, limit));
            }
            Order::AddTrack { peer, track } => self.with_slot(peer, |shard, slot| shard.add_track(slot, *track)),
            Order::RemoveTrack { peer, track } => self.with_slot(peer, |shard, slot| shard.remove_track(slot, track)),
            Order::Prefer { track, preferred } => self.prefer(track, preferred),
            Order::Mute { peer, track, muted } => self.with_slot(peer, |shard, slot| {
                if let Some(track) = shard.peers.publisher(slot).and_then(|publisher| publisher.track(track)) {
                    track.mute(muted);
                }
            }),
            Order::SetSection { peer, section, new } => {
                self.with_slot(peer, |shard, slot| shard.set_section(slot, section, *new));
            }
            // By way of the shard, which knows whether the peer is still there.
            Order::Expect { peer, expected } => self.with_slot(peer, |shard, slot| {
                if shard.peers.get_mut(slot).is_some_and(|peer| !peer.leaving) {
                    shard.dtls.tell(HandshakeTask::Expect { peer, expected });
                }
            }),
            // `Handle` sends it to the thread of established associations.
            Order::Send { .. } => {}
        }
    }

    fn with_slot(&mut self, id: PeerId, act: impl FnOnce(&mut Self, usize)) {
        if let Some(slot) = self.peers.slot_of(id) {
            act(self, slot);
        }
    }

    fn add(&mut self, new: NewPeer) {
        let (id, now) = (new.id, self.now);
        self.peers.add(new, &self.config, now);
        let Some(slot) = self.peers.slot_of(id) else { return };
        if let Some(publisher) = self.peers.publisher(slot) {
            self.homes.extend(publisher.tracks.iter().map(|t| (t.id(), slot)));
        }
    }

    fn connected(&mut self, slot: usize, (sealer, opener): (Sealer, Opener)) {
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        (peer.sealer, peer.opener) = (Some(sealer), Some(opener));
        if let Some(subscriber) = &mut peer.subscriber {
            subscriber.connected(self.now);
        }
        peer.paths.secured(self.now);
        let id = peer.id;
        let _ = self.reports.send(Report::Connected { peer: id });
        self.check(slot);
        // Sections attached before can be sent from now on, beginning with a keyframe.
        self.choose_layers(slot);
    }

    /// Frees the slot. DTLS has been closed.
    fn forget(&mut self, slot: usize) {
        self.net.connections.close_peer(slot);
        let Some(peer) = self.peers.remove(slot) else { return };
        for track in peer.publisher.into_iter().flat_map(|publisher| publisher.tracks) {
            self.homes.remove(&track.id());
        }
        let sections = peer.subscriber.into_iter().flat_map(|subscriber| subscriber.sections);
        for (section, subscription) in sections.enumerate() {
            if let Some(source) = subscription.source {
                self.detach(slot, section, &source);
            }
        }
    }

    fn attach(&mut self, slot: usize, section: usize, source: Option<Box<Source>>) {
        let Some(subscriber) = self.peers.subscriber(slot) else { return };
        let Some(subscription) = subscriber.sections.get_mut(section) else { return };
        let before = subscription.source.take();
        if let Some(before) = before {
            self.detach(slot, section, &before);
        }
        if let Some(source) = &source {
            let (track, here) = (source.track, self.index);
            let inboxes = &self.inboxes;
            let fanout = self.fanouts.entry(track).or_insert_with(|| {
                if source.shard != here {
                    let task = ShardTask::Follow { track, follower: here, wanted: true };
                    inboxes.tell(source.shard, task);
                }
                Fanout::new(source)
            });
            fanout.subscribers.push((slot, section));
            if source.shard == here {
                self.catch_up(track);
            }
        }
        if let Some(subscriber) = self.peers.subscriber(slot)
            && let Some(subscription) = subscriber.sections.get_mut(section)
        {
            subscription.attach(source);
        }
        self.choose_layers(slot);
    }

    fn detach(&mut self, slot: usize, section: usize, source: &Source) {
        let Some(fanout) = self.fanouts.get_mut(&source.track) else { return };
        fanout.subscribers.retain(|s| *s != (slot, section));
        if fanout.subscribers.is_empty() {
            let fanout = self.fanouts.remove(&source.track);
            if let Some(fanout) = fanout.filter(|f| f.home != self.index) {
                let task = ShardTask::Follow { track: fanout.track, follower: self.index, wanted: false };
                self.inboxes.tell(fanout.home, task);
            }
        }
    }

    fn add_track(&mut self, slot: usize, track: NewTrack) {
        let id = track.id;
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        match &mut peer.publisher {
            Some(publisher) => publisher.add(track, &self.config),
            none => *none = Some(Box::new(Publisher::new(vec![track], &self.config))),
        }
        self.homes.insert(id, slot);
    }

    fn remove_track(&mut self, slot: usize, id: TrackId) {
        if let Some(publisher) = self.peers.publisher(slot) {
            publisher.remove(id);
            self.homes.remove(&id);
        }
    }

    fn set_section(&mut self, slot: usize, index: usize, section: NewSection) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        let connected = peer.is_connected();
        let subscriber = peer.subscriber.get_or_insert_with(|| {
            let mut subscriber = Subscriber::new(Vec::new());
            if connected {
                subscriber.connected(now);
            }
            Box::new(subscriber)
        });
        let section = Subscription::new(section);
        match subscriber.sections.get_mut(index) {
            Some(old) => *old = section,
            None => subscriber.add(section),
        }
    }
}

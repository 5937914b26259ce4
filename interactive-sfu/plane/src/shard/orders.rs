//! What the plane's orders, the DTLS thread and other shards want of this one.

use super::fanout::Fanout;
use super::inbox::{Relayed, ShardTask};
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use super::subscription::Subscription;
use super::{Report, Shard};
use crate::ids::{PeerId, TrackId};
use crate::media::allocate::{Picture, shares};
use crate::media::layers::{Limit, wanted_rates};
use crate::media::report::ClockMapping;
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
        // What was attached before can be sent from now on, beginning with a keyframe.
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

    /// A fan-out on the publisher's own shard learns at once what is known.
    fn catch_up(&mut self, id: TrackId) {
        let Some(slot) = self.homes.get(&id).copied() else { return };
        let Some(publisher) = self.peers.publisher(slot) else { return };
        let Some(track) = publisher.track(id) else { return };
        let (infos, clocks) = (track.infos(), track.clocks().collect::<Vec<_>>());
        if let Some(fanout) = self.fanouts.get_mut(&id) {
            if infos.iter().any(|i| i.live) {
                fanout.infos = infos;
            }
            clocks.into_iter().for_each(|(layer, clock)| fanout.learn_clock(layer, clock));
        }
    }

    fn limit_layer(&mut self, slot: usize, section: Option<usize>, limit: Limit) {
        let Some(subscriber) = self.peers.subscriber(slot) else { return };
        for (_, subscription) in
            subscriber.sections.iter_mut().enumerate().filter(|(i, _)| section.is_none_or(|wanted| wanted == *i))
        {
            subscription.limit = limit;
        }
        self.choose_layers(slot);
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

    fn set_section(&mut self, slot: usize, at: usize, section: NewSection) {
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
        match subscriber.sections.get_mut(at) {
            Some(old) => *old = section,
            None => subscriber.sections.push(section),
        }
    }

    /// Another shard begins or ends to fan out a track of a publisher here.
    fn follow(&mut self, id: TrackId, follower: u16, wanted: bool) {
        let Some(slot) = self.homes.get(&id).copied() else { return };
        let Some(publisher) = self.peers.publisher(slot) else { return };
        let Some(track) = publisher.track(id) else { return };
        track.followers.retain(|f| *f != follower);
        if wanted {
            track.followers.push(follower);
            let infos = track.infos();
            if infos.iter().any(|i| i.live) {
                self.inboxes.relay(follower, Relayed::Layers { track: id, infos });
            }
            for (source, clock) in track.clocks() {
                self.inboxes.relay(follower, Relayed::Clock { track: id, source, clock });
            }
        }
    }

    pub(super) fn relayed(&mut self, relayed: Relayed) {
        match relayed {
            Relayed::Packet { track, source, packet } => {
                if let Some(fanout) = self.fanouts.get_mut(&track) {
                    if !fanout.has_pending() {
                        self.pending.push(track);
                    }
                    fanout.push(source, &packet);
                }
            }
            Relayed::Layers { track, infos } => {
                if let Some(fanout) = self.fanouts.get_mut(&track).filter(|f| f.layers.len() == infos.len()) {
                    fanout.infos = infos;
                    self.choose_for_track(track);
                }
            }
            Relayed::Clock { track, source, clock } => self.learn_clock(track, source, clock),
        }
    }

    pub(super) fn learn_clock(&mut self, track: TrackId, source: usize, clock: ClockMapping) {
        let Some(fanout) = self.fanouts.get_mut(&track) else { return };
        fanout.learn_clock(source, clock);
        for (slot, section) in &fanout.subscribers {
            if let Some((subscription, _)) = self.peers.subscription(*slot, *section) {
                subscription.learn_clock(&fanout.layers, source, clock);
            }
        }
    }

    /// Decides anew what every section of a subscriber gets.
    pub(super) fn choose_layers(&mut self, slot: usize) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot).filter(|p| p.is_connected()) else { return };
        let id = peer.id;
        let Some(subscriber) = &mut peer.subscriber else { return };
        let shares = subscriber.budget(now).map(|budget| {
            let pictures = subscriber.sections.iter().map(|section| {
                let source = section.source.as_ref().filter(|_| section.video);
                let fanout = source.and_then(|source| self.fanouts.get(&source.track));
                fanout.map_or_else(Picture::default, |fanout| Picture {
                    preferred: fanout.preferred,
                    layers_bits_per_second: wanted_rates(&fanout.infos, section.limit),
                })
            });
            shares(budget, &pictures.collect::<Vec<_>>())
        });
        for (at, subscription) in subscriber.sections.iter_mut().enumerate() {
            let Some(fanout) = subscription.source.as_ref().and_then(|s| self.fanouts.get_mut(&s.track)) else {
                continue;
            };
            let share = shares.as_ref().and_then(|shares| shares.get(at)).copied();
            if subscription.choose(&fanout.infos, &fanout.layers, share, now)
                && let Some(layer) = subscription.target.and_then(|t| fanout.layers.get_mut(t))
            {
                layer.keyframes.request();
            }
            if let Some(paused) = subscription.pause_changed(&fanout.infos) {
                // The authority outlives the shards.
                let _ = self.reports.send(Report::Paused { peer: id, section: at, paused });
            }
        }
    }

    fn prefer(&mut self, track: TrackId, preferred: bool) {
        let Some(fanout) = self.fanouts.get_mut(&track) else { return };
        if std::mem::replace(&mut fanout.preferred, preferred) != preferred {
            self.choose_for_track(track);
        }
    }

    /// What is known of a track changed: with the next tick its subscribers' sections are decided anew. In a meeting of
    /// 150 each second brings 150 such changes to everybody, and one decision covers all those of a tick.
    pub(super) fn choose_for_track(&mut self, track: TrackId) {
        let Some(fanout) = self.fanouts.get(&track) else { return };
        self.undecided.extend(fanout.subscribers.iter().map(|(slot, _)| *slot));
    }

    /// Decides what waited for the tick.
    pub(super) fn choose_undecided(&mut self) {
        for slot in std::mem::take(&mut self.undecided) {
            self.choose_layers(slot);
        }
    }

    /// A subscriber cannot decode what it gets.
    pub(super) fn want_keyframe(&mut self, slot: usize, section: usize) {
        let Some((subscription, _)) = self.peers.subscription(slot, section) else { return };
        let Some(fanout) = subscription.source.as_ref().and_then(|s| self.fanouts.get_mut(&s.track)) else { return };
        if let Some(layer) = subscription.target.and_then(|t| fanout.layers.get_mut(t)) {
            layer.keyframes.request();
        }
    }

    pub(super) fn keyframe_at_home(&mut self, track: TrackId, layer: usize) {
        let Some(slot) = self.homes.get(&track).copied() else { return };
        if let Some(publisher) = self.peers.publisher(slot) {
            publisher.want_keyframe(track, layer);
        }
    }
}

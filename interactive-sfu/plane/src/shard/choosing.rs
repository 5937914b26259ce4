//! Which layer each subscriber is sent, and the keyframes that takes.

use super::Shard;
use crate::ids::TrackId;
use crate::media::allocate::{Picture, shares};
use crate::media::layers::{Limit, wanted_rates};
use crate::report::Report;

impl Shard {
    pub(super) fn limit_layer(&mut self, slot: usize, section: Option<usize>, limit: Limit) {
        let Some(subscriber) = self.peers.subscriber(slot) else { return };
        for (_, subscription) in
            subscriber.sections.iter_mut().enumerate().filter(|(i, _)| section.is_none_or(|wanted| wanted == *i))
        {
            subscription.limit = limit;
        }
        self.choose_layers(slot);
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
        for (index, subscription) in subscriber.sections.iter_mut().enumerate() {
            let Some(fanout) = subscription.source.as_ref().and_then(|s| self.fanouts.get_mut(&s.track)) else {
                continue;
            };
            let share = shares.as_ref().and_then(|shares| shares.get(index)).copied();
            if subscription.choose(&fanout.infos, &fanout.layers, share, now)
                && let Some(layer) = subscription.target.and_then(|t| fanout.layers.get_mut(t))
            {
                layer.keyframes.request();
            }
            if let Some(paused) = subscription.pause_changed(&fanout.infos) {
                // The receiver of reports outlives the shards.
                let _ = self.reports.send(Report::Paused { peer: id, section: index, paused });
            }
        }
    }

    pub(super) fn prefer(&mut self, track: TrackId, preferred: bool) {
        let Some(fanout) = self.fanouts.get_mut(&track) else { return };
        if std::mem::replace(&mut fanout.preferred, preferred) != preferred {
            self.choose_for_track(track);
        }
    }

    /// A track's layers changed: with the next tick its subscribers' sections are decided anew. In a meeting of
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

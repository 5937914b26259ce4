//! Tracks that are published on one shard and fanned out on others too.

use super::Shard;
use super::inbox::Relayed;
use crate::ids::TrackId;
use crate::media::report::ClockMapping;

impl Shard {
    /// A fan-out on the publisher's own shard learns at once what is known.
    pub(super) fn catch_up(&mut self, id: TrackId) {
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

    /// Another shard begins or ends to fan out a track of a publisher here.
    pub(super) fn follow(&mut self, id: TrackId, follower: u16, wanted: bool) {
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
}

//! Work that is due every 10 ms, every tenth of a second, and every second.

use std::time::Duration;

use super::head::Stamp;
use super::head::wall_clock_ntp;
use super::inbox::{Relayed, ShardTask};
use super::subscription::Subscription;
use super::{Report, Shard, TICK};
use crate::dropped::Dropped;
use crate::ids::TrackId;
use crate::media::rtcp::Writer;

/// Ticks of a tenth of a second.
const TICKS_PER_GROUP: usize = 10;
/// Groups of peers, one of them looked after each tenth of a second.
const GROUPS: usize = 10;
/// Of a layer's bit rate: what a path must show before that layer is sent. More than the layer choice asks for.
const PROBE_PERCENT: u64 = 130;

impl Shard {
    pub(super) fn tick(&mut self) {
        self.ask_publishers();
        self.choose_undecided();
        std::mem::take(&mut self.checking).into_iter().for_each(|slot| self.check(slot));
        self.pass_on_keyframe_requests();
        self.phase = (self.phase + 1) % (TICKS_PER_GROUP * GROUPS);
        if self.phase.is_multiple_of(TICKS_PER_GROUP) {
            self.look_after_group(self.phase / TICKS_PER_GROUP);
            let (sent, tcp_full) = self.net.take_sent();
            self.counters.drop_many(Dropped::TcpFull, tcp_full);
            self.counters.drop_many(Dropped::TcpUnauthenticated, self.net.connections.expire(self.now));
            self.counters.hand_over(sent);
        }
    }

    /// Missing packets, keyframes, and news of layers.
    fn ask_publishers(&mut self) {
        let mut homes: Vec<usize> = self.homes.values().copied().collect();
        homes.sort_unstable();
        homes.dedup();
        for slot in homes {
            let now = self.now;
            let Some(peer) = self.peers.get_mut(slot) else { continue };
            let Some(publisher) = &mut peer.publisher else { continue };
            let mut out = Writer::default();
            let (nacked, keyframes) = publisher.ask(now, &mut out);
            self.counters.nacked += nacked;
            self.counters.keyframes_sent += keyframes;
            if let Some(step) = publisher.loudness.poll(now) {
                // The receiver of reports outlives the shards.
                let _ = self.reports.send(Report::Loudness { peer: peer.id, step });
            }
            let mut news = Vec::new();
            for track in &mut publisher.tracks {
                if let Some(infos) = track.changed_infos() {
                    for follower in &track.followers {
                        self.inboxes.relay(*follower, Relayed::Layers { track: track.id(), infos: infos.clone() });
                    }
                    news.push((track.id(), infos));
                }
            }
            if !out.0.is_empty()
                && let Some((path, packet)) = peer.seal_rtcp(out.0)
            {
                self.net.push(&path, &packet);
            }
            for (track, infos) in news {
                if let Some(fanout) = self.fanouts.get_mut(&track) {
                    fanout.infos = infos;
                    self.choose_for_track(track);
                }
            }
        }
    }

    fn pass_on_keyframe_requests(&mut self) {
        let (now, here) = (self.now, self.index);
        let mut due: Vec<(u16, TrackId, usize)> = Vec::new();
        for fanout in self.fanouts.values_mut() {
            let (home, track) = (fanout.home, fanout.track);
            due.extend(fanout.keyframes_due(now).map(|layer| (home, track, layer)));
        }
        for (home, track, layer) in due {
            if home == here {
                self.keyframe_at_home(track, layer);
            } else {
                self.inboxes.tell(home, ShardTask::WantKeyframe { track, layer });
            }
        }
    }

    /// Each peer once a second, a tenth of them at a time.
    fn look_after_group(&mut self, group: usize) {
        for slot in 0..self.peers.slots() {
            if slot % GROUPS == group {
                self.look_after(slot);
            } else if self.peers.get_mut(slot).is_some_and(|peer| peer.awaits_report()) {
                // Sound and picture are in step only once both were reported: not a second late.
                self.report(slot, Subscription::awaits_report);
            }
            self.probe(slot);
            self.net.flush_if_full();
        }
    }

    fn look_after(&mut self, slot: usize) {
        let (now, silence_max) = (self.now, Duration::from_millis(self.config.silence_ms_max.into()));
        let join_max = Duration::from_millis(self.config.join_ms_max.into());
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        if peer.opener.is_none() {
            if now.saturating_duration_since(peer.added) > join_max {
                self.leave(slot, "join_timeout");
            }
            return;
        }
        if now.saturating_duration_since(peer.heard) > silence_max {
            return self.leave(slot, "silent");
        }
        peer.paths.lapse(silence_max, now);
        self.report_reception(slot);
        self.report(slot, |_| true);
        let now = self.now;
        if let Some(subscriber) = self.peers.subscriber(slot) {
            let rate_of = |subscription: &Subscription| {
                let fanout = self.fanouts.get(&subscription.source.as_ref()?.track)?;
                Some(u64::from(fanout.infos.get(subscription.settled(now)?)?.bits_per_second))
            };
            let layers = subscriber.sections.iter().filter_map(rate_of).sum();
            let lost = subscriber.second(layers, now);
            if let Some(peer) = self.peers.get_mut(slot) {
                lost.into_iter().for_each(|fraction| peer.quality.lost(fraction));
            }
        }
        if let Some(peer) = self.peers.get_mut(slot)
            && let Some(quality) = peer.quality.second()
        {
            let _ = self.reports.send(Report::Quality { peer: peer.id, quality });
        }
        // Estimates age, keyframe requests get lost.
        self.choose_layers(slot);
    }

    /// Tells a publisher what came of its media.
    fn report_reception(&mut self, slot: usize) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        let Some(publisher) = &mut peer.publisher else { return };
        let mut out = Writer::default();
        publisher.report(now, &mut out).into_iter().for_each(|fraction| peer.quality.lost(fraction));
        for track in &mut publisher.tracks {
            if let Some(refusal) = track.take_refusal() {
                // The receiver of reports outlives the shards.
                let _ = self.reports.send(Report::Refused { peer: peer.id, track: track.id(), why: refusal.reason() });
            }
        }
        if !out.0.is_empty()
            && let Some((path, packet)) = peer.seal_rtcp(out.0)
        {
            self.net.push(&path, &packet);
        }
    }

    /// Tells a subscriber what the timestamps of its due sections mean.
    fn report(&mut self, slot: usize, is_due: fn(&Subscription) -> bool) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot).filter(|p| !p.leaving) else { return };
        let mut reports = Vec::new();
        // A compound packet each: GStreamer's receiver looks for one sender report, at the beginning.
        if let Some(subscriber) = &mut peer.subscriber {
            let due = subscriber.sections.iter_mut().filter(|section| is_due(section));
            reports.extend(due.filter_map(|subscription| {
                let fanout = self.fanouts.get(&subscription.source.as_ref()?.track)?;
                subscription.report(&fanout.layers, now)
            }));
        }
        for report in reports.into_iter().filter(|report| !report.0.is_empty()) {
            if let Some((path, packet)) = peer.seal_rtcp(report.0) {
                self.net.push(&path, &packet);
            }
        }
    }

    /// Whether a subscriber's path carries the next larger layer.
    fn probe(&mut self, slot: usize) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot).filter(|p| p.is_connected()) else { return };
        let (Some(path), Some(sealer), Some(subscriber)) = (peer.paths.path(), &peer.sealer, &mut peer.subscriber)
        else {
            return;
        };
        let Some(budget) = subscriber.budget(now) else { return };
        let sent_of = |subscription: &Subscription| {
            let fanout = subscription.source.as_ref().and_then(|source| self.fanouts.get(&source.track));
            let layer = fanout.zip(subscription.target).and_then(|(fanout, target)| fanout.infos.get(target));
            layer.map_or(0, |layer| u64::from(layer.bits_per_second))
        };
        let sent: u64 = subscriber.sections.iter().filter(|s| s.video).map(sent_of).sum();
        let wanted = subscriber.sections.iter_mut().filter(|s| s.video).find_map(|subscription| {
            let fanout = self.fanouts.get(&subscription.source.as_ref()?.track)?;
            let next = u64::from(subscription.choice.next_up(&fanout.infos, subscription.limit)?);
            let needed = sent - sent_of(subscription).min(sent) + next * PROBE_PERCENT / 100;
            Some((needed, subscription, fanout))
        });
        let Some((needed, subscription, fanout)) = wanted else {
            subscriber.probe.poll(None, 0, now);
            return;
        };
        let bytes = subscriber.probe.poll(Some(needed).filter(|n| *n > budget), sent, now);
        if bytes > 0 {
            let stamp = Stamp::new(now, wall_clock_ntp());
            let link = super::head::Link { path, sealer };
            self.counters.retransmitted += subscription.probe(bytes, &fanout.layers, &link, &mut self.net, &stamp);
        }
    }
}

/// The tick fits the groups.
const _: () = assert!(TICK.as_millis() as usize * TICKS_PER_GROUP * GROUPS == 1000);

//! From one layer to another: when its receiver can follow, and at which timestamp.
//!
//! Another published sequence begins with a keyframe, at the instant that both sequences' clocks agree on. Another
//! layer of the same sequence goes on with its numbers, at the next picture that allows it.

use std::time::{Duration, Instant};

use super::Subscription;
use crate::media::packet::Packet;
use crate::media::scalability::Variant;
use crate::shard::layer::FanoutLayer;

/// A jump of timestamps at a switch that two layers of one picture do not have.
const JUMP_MAX: Duration = Duration::from_secs(10);
/// An encoder lets receivers have more pictures a second from time to time; later than this it is asked for a keyframe.
const SOON: Duration = Duration::from_secs(2);
/// See [`Subscription::settled`].
const SETTLES: Duration = Duration::from_millis(250);

impl Subscription {
    /// Within a published sequence less comes at once, and more pictures soon.
    pub(super) fn needs_keyframe(&mut self, layers: &[FanoutLayer], now: Instant) -> bool {
        let variant = |layer: Option<usize>| layers.get(layer?).map(|layer| layer.variant);
        let here = variant(self.rewriter.layer()).filter(|_| self.awaits_keyframe());
        let soon = variant(self.target).zip(here).is_some_and(|(to, from)| to.is_of(&from));
        let since = *self.more_since.get_or_insert(now);
        if !soon {
            self.more_since = None;
        }
        self.awaits_keyframe() && (!soon || now.saturating_duration_since(since) > SOON)
    }

    /// Whether the receiver can go on with this packet of another layer.
    pub(super) fn may_enter(&self, layer: usize, packet: &Packet, layers: &[FanoutLayer]) -> bool {
        packet.keyframe || !self.video || self.goes_on(layer, layers, |to, from| to.may_follow(from, &packet.place))
    }

    /// Whether the same packet comes in another variant too, and the switch is to be made there.
    pub(super) fn goes_on_with_target(&self, packet: &Packet, layers: &[FanoutLayer]) -> bool {
        let follows = |to: &Variant, from: &Variant| packet.keyframe || to.may_follow(from, &packet.place);
        let both =
            |to: &Variant, from: &Variant| to.source == from.source && to.keeps(&packet.place) && follows(to, from);
        self.video && self.target.is_some_and(|target| self.goes_on(target, layers, both))
    }

    fn goes_on(&self, layer: usize, layers: &[FanoutLayer], how: impl Fn(&Variant, &Variant) -> bool) -> bool {
        let from = self.rewriter.layer().and_then(|from| layers.get(from));
        layers.get(layer).zip(from).is_some_and(|(to, from)| how(&to.variant, &from.variant))
    }

    /// The stream goes on with `layer`, beginning with `packet`, at the timestamp that this instant has.
    pub(super) fn switch(&mut self, layer: usize, packet: &Packet, layers: &[FanoutLayer]) {
        self.switched_at = Some(packet.arrived);
        if self.goes_on(layer, layers, |to, from| to.source == from.source) {
            return self.rewriter.go_on(layer, packet);
        }
        let clock_hz = self.source.as_ref().map_or(90_000, |s| s.clock_hz);
        let next = layers.get(layer).and_then(|l| l.clock);
        let timestamp = self.rewriter.last_timestamp().map(|last| {
            let elapsed = self.last_arrival.map_or(Duration::ZERO, |at| packet.arrived.saturating_duration_since(at));
            let guessed = ((elapsed.as_micros() * u128::from(clock_hz) / 1_000_000) as u32).max(clock_hz / 1000);
            let known = self.clock.zip(next).zip(self.rewriter.timestamp_offset()).map(|((old, new), offset)| {
                let then = old.translate(&new, packet.timestamp, clock_hz).wrapping_add(offset);
                then.wrapping_sub(last)
            });
            let jump_max = clock_hz * JUMP_MAX.as_secs() as u32;
            let ahead = known.filter(|ahead| (1..jump_max).contains(ahead)).unwrap_or(guessed);
            last.wrapping_add(ahead)
        });
        self.rewriter.switch(layer, packet, timestamp);
        self.clock = next;
    }

    /// The layer that has been sent long enough for its receiver to notice what it takes.
    pub(crate) fn settled(&self, now: Instant) -> Option<usize> {
        let settled = self.switched_at.is_some_and(|at| now.saturating_duration_since(at) >= SETTLES);
        self.rewriter.layer().filter(|layer| settled && self.video && self.target == Some(*layer))
    }
}

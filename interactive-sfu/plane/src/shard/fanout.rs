//! A track as one shard sends it: its last packets, and who gets them.
//!
//! Packets of one wake-up are collected, then sent subscriber by subscriber, so that a frame's packets to one
//! destination leave as one message. The packets themselves are shared; each subscriber's header and encryption are its
//! own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::head::Stamp;
use super::layer::FanoutLayer;
use super::net::Net;
use super::peers::Peers;
use crate::ids::TrackId;
use crate::media::keyframes::KeyframeRequests;
use crate::media::layers::LayerInfo;
use crate::media::packet::Packet;
use crate::media::report::ClockMapping;
use crate::media::ring::Ring;
use crate::media::scalability::{LayerFilter, Variant, variants};
use crate::order::Source;

/// Requests of this shard's subscribers to the publisher's shard, at most one in so long.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(50);

/// A track with subscribers on this shard.
pub(crate) struct Fanout {
    pub track: TrackId,
    /// The publisher's shard.
    pub home: u16,
    pub layers: Vec<FanoutLayer>,
    pub infos: Arc<[LayerInfo]>,
    /// Whoever it shows speaks.
    pub preferred: bool,
    /// Slot of a peer, and its section.
    pub subscribers: Vec<(usize, usize)>,
    pending: Vec<(usize, Arc<Packet>)>,
}

impl Fanout {
    pub(crate) fn new(source: &Source) -> Self {
        let variants = variants(source.video, source.sequences);
        let layer = |variant: &Variant| FanoutLayer {
            variant: *variant,
            thinner: LayerFilter::new(*variant),
            ring: Ring::default(),
            clock: None,
            keyframes: KeyframeRequests::new(KEYFRAME_INTERVAL),
        };
        // Until told otherwise, everything that is published may be there.
        let info =
            |variant: &Variant| LayerInfo { live: variant.is_whole(), variant: *variant, ..LayerInfo::default() };
        Self {
            track: source.track,
            home: source.shard,
            layers: variants.iter().map(layer).collect(),
            infos: variants.iter().map(info).collect(),
            preferred: false,
            subscribers: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// A packet of a published sequence came. It is thinned to each layer that is watched.
    pub(crate) fn push(&mut self, source: usize, packet: &Arc<Packet>) {
        let layers = self.layers.iter_mut().zip(&*self.infos).enumerate();
        for (index, (layer, info)) in layers.filter(|(_, (layer, _))| layer.variant.source == source) {
            if !layer.variant.is_whole() && !info.live {
                continue;
            }
            let Some(packet) = layer.thinner.thin(packet) else { continue };
            if packet.keyframe {
                layer.keyframes.keyframe_came(packet.arrived);
            }
            layer.ring.insert(&packet);
            self.pending.push((index, packet));
        }
    }

    /// A published sequence's clock: the wall-clock time of its timestamps.
    pub(crate) fn learn_clock(&mut self, source: usize, clock: ClockMapping) {
        for layer in self.layers.iter_mut().filter(|layer| layer.variant.source == source) {
            layer.clock = Some(clock);
        }
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Sends what has come to everybody. Returns how many packets went out.
    pub(crate) fn flush(&mut self, peers: &mut Peers, net: &mut Net, stamp: &Stamp) -> u64 {
        let mut sent = 0;
        for (slot, section) in &self.subscribers {
            if let Some((subscription, link)) = peers.subscription(*slot, *section) {
                for (layer, packet) in &self.pending {
                    sent += u64::from(subscription.forward(*layer, packet, &self.layers, &link, net, stamp));
                }
                net.flush_if_full();
            }
        }
        self.pending.clear();
        sent
    }

    /// Published sequences that need a keyframe now.
    pub(crate) fn keyframes_due(&mut self, now: Instant) -> impl Iterator<Item = usize> + '_ {
        self.layers.iter_mut().filter_map(move |layer| layer.keyframes.poll(now).then_some(layer.variant.source))
    }
}

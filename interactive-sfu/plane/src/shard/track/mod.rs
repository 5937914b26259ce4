//! A published track and its layers: what is known of each from what arrived.

mod layer;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use codec_headers::bounds::Refusal;

use crate::config::Config;
use crate::ids::TrackId;
use crate::media::layers::LayerInfo;
use crate::media::report::ClockMapping;
use crate::media::scalability::{Variant, variants};
use crate::order::NewTrack;
pub(super) use layer::Layer;

/// One track.
pub(crate) struct Track {
    pub(super) negotiated: NewTrack,
    pub(super) layers: Vec<Layer>,
    /// The variants it can be sent as.
    variants: Vec<Variant>,
    /// Other shards that have subscribers of it.
    pub followers: Vec<u16>,
    pub(super) infos_changed: bool,
    /// By the server: what comes is dropped.
    pub(super) muted: bool,
    /// It is known that all of its pictures are refused.
    refusal_told: bool,
}

impl Track {
    pub(super) fn new(negotiated: NewTrack, config: &Config) -> Self {
        let rids = if negotiated.rids.is_empty() { vec![String::new()] } else { negotiated.rids.clone() };
        let layer = |rid| Layer::new(rid, negotiated.clock_hz, config);
        let variants = variants(negotiated.video, rids.len());
        let layers = rids.into_iter().map(layer).collect::<Vec<_>>();
        Self {
            negotiated,
            layers,
            variants,
            followers: Vec::new(),
            infos_changed: false,
            muted: false,
            refusal_told: false,
        }
    }

    pub(crate) fn id(&self) -> TrackId {
        self.negotiated.id
    }

    /// Size and rates of its layers, if they changed since the last call.
    pub(crate) fn changed_infos(&mut self) -> Option<Arc<[LayerInfo]>> {
        std::mem::take(&mut self.infos_changed).then(|| self.infos())
    }

    pub(crate) fn infos(&self) -> Arc<[LayerInfo]> {
        let info = |variant: &Variant| self.layers.get(variant.source).map(|layer| layer.info_of(*variant));
        self.variants.iter().filter_map(info).collect()
    }

    /// Drops what comes, or takes it again, and looks anew at whether it is within bounds.
    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
        if !muted {
            self.layers.iter_mut().for_each(|layer| layer.guard.forgive());
            self.refusal_told = false;
        }
    }

    /// Why none of its pictures is forwarded any more, once.
    pub(super) fn take_refusal(&mut self) -> Option<Refusal> {
        let refused = self.layers.iter().find_map(|layer| layer.guard.refused());
        let refused = refused.filter(|_| !self.layers.iter().any(|layer| layer.info.live));
        let known = std::mem::replace(&mut self.refusal_told, refused.is_some());
        refused.filter(|_| !known)
    }

    /// Once a second: which layers lose packets first if the publisher exceeds its limit.
    pub(super) fn rank_layers(&mut self) {
        let rates: Vec<u32> = self.layers.iter().map(|layer| layer.reception.bits_per_second()).collect();
        let highest = rates.len().saturating_sub(1).max(1) as f64;
        for (layer, rate) in self.layers.iter_mut().zip(&rates) {
            layer.height = rates.iter().filter(|other| *other < rate).count() as f64 / highest;
        }
    }

    /// The layers' clocks, for a follower that comes late.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = (usize, ClockMapping)> + '_ {
        self.layers.iter().enumerate().filter_map(|(i, l)| Some((i, l.clock?)))
    }
}

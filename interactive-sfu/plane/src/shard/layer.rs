//! One layer of a track, as one shard sends it.

use crate::media::keyframes::KeyframeRequests;
use crate::media::report::ClockMapping;
use crate::media::ring::Ring;
use crate::media::scalability::{LayerFilter, Variant};

/// The state that all subscribers of the layer share.
pub(crate) struct FanoutLayer {
    pub variant: Variant,
    /// Makes it of what is published.
    pub thinner: LayerFilter,
    pub ring: Ring,
    pub clock: Option<ClockMapping>,
    pub keyframes: KeyframeRequests,
}

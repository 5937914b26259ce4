//! A change of thresholds, setting by setting.

use access::{ByClass, Class};
use serde::Deserialize;

use super::thresholds::{Demotion, Promotion, Thresholds};

/// Changes to a room's [`Thresholds`]. A setting that is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdsChange {
    /// See [`Thresholds::seats_max`].
    pub seats_max: Option<u32>,
    /// See [`Thresholds::reserved`]. Replaces the reservations of all classes.
    pub reserved: Option<ByClass>,
    /// See [`Thresholds::lowest_class`].
    pub lowest_class: Option<Class>,
    /// See [`Thresholds::broadcast_start_at`].
    pub broadcast_start_at: Option<u32>,
    /// See [`Thresholds::high_watermark`].
    pub high_watermark: Option<u32>,
    /// See [`Thresholds::low_watermark`].
    pub low_watermark: Option<u32>,
    /// See [`Thresholds::dwell_seconds`].
    pub dwell_seconds: Option<u32>,
    /// See [`Thresholds::demote`].
    pub demote: Option<Demotion>,
    /// See [`Thresholds::promote`].
    pub promote: Option<Promotion>,
    /// See [`Thresholds::linger_seconds`].
    pub linger_seconds: Option<u32>,
}

impl ThresholdsChange {
    /// `before` with the changes.
    #[must_use]
    pub fn of(self, before: Thresholds) -> Thresholds {
        Thresholds {
            seats_max: self.seats_max.unwrap_or(before.seats_max),
            reserved: self.reserved.unwrap_or(before.reserved),
            lowest_class: self.lowest_class.unwrap_or(before.lowest_class),
            broadcast_start_at: self.broadcast_start_at.unwrap_or(before.broadcast_start_at),
            high_watermark: self.high_watermark.unwrap_or(before.high_watermark),
            low_watermark: self.low_watermark.unwrap_or(before.low_watermark),
            dwell_seconds: self.dwell_seconds.unwrap_or(before.dwell_seconds),
            demote: self.demote.unwrap_or(before.demote),
            promote: self.promote.unwrap_or(before.promote),
            linger_seconds: self.linger_seconds.unwrap_or(before.linger_seconds),
        }
    }
}

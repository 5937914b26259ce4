//! When each peer is to be looked after.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ids::PeerId;

/// How long to wait for a task when no timer runs.
const IDLE: Duration = Duration::from_secs(3600);

/// Peers in order of time; each at most once.
#[derive(Default)]
pub(super) struct Timers(BTreeSet<(Instant, PeerId)>);

impl Timers {
    /// Moves a peer from when it stood to when it is due now.
    pub(super) fn set(&mut self, peer: PeerId, stood: &mut Option<Instant>, due: Option<Instant>) {
        if *stood == due {
            return;
        }
        if let Some(before) = std::mem::replace(stood, due) {
            self.0.remove(&(before, peer));
        }
        self.0.extend(due.map(|at| (at, peer)));
    }

    /// The next peer that is due, taken out.
    pub(super) fn pop(&mut self, now: Instant) -> Option<PeerId> {
        let (_, peer) = *self.0.first().filter(|(at, _)| *at <= now)?;
        self.0.pop_first();
        Some(peer)
    }

    /// How long until one is due.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.0.first().map_or(IDLE, |(at, _)| at.saturating_duration_since(now))
    }
}

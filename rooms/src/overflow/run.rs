//! When a room goes on the air and off it.
//!
//! A run lasts at least a linger, and two runs begin at least a linger apart, however the audience comes and goes. The
//! one exception is a room that must not be broadcast any more: it goes off the air at once.

use super::moves::SETTLE_MS;
use super::proposal::{Proposal, StartReason, StopReason};
use super::snapshot::{BroadcastState, RoomSnapshot};
use super::thresholds::Thresholds;
use crate::BroadcastSetting;

/// The memory of one room's runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// The last proposal, and when it was made; it is made again when it does not show.
    proposed: Option<(Proposal, u64)>,
    /// Since when no snapshot has shown a need for the broadcast that runs.
    unneeded_since_ms: Option<u64>,
}

impl Run {
    /// The change to propose, if any. `overflows`: people are to be moved out of their seats.
    pub(super) fn step(
        &mut self,
        snapshot: &RoomSnapshot,
        thresholds: &Thresholds,
        overflows: bool,
        now_ms: u64,
    ) -> Option<Proposal> {
        let need = need(snapshot, thresholds, overflows);
        let proposal = match snapshot.broadcast {
            BroadcastState::Off { last_started_ms } => {
                self.unneeded_since_ms = None;
                start(snapshot, need, is_over(last_started_ms, thresholds.linger_ms(), now_ms))
            }
            BroadcastState::Ending => None,
            BroadcastState::Starting { started_ms } => self.stop(snapshot, thresholds, need, started_ms, now_ms),
            BroadcastState::OnAir { started_ms, last_viewer_gone_ms } => {
                let busy_ms = started_ms.max(last_viewer_gone_ms.unwrap_or(0));
                self.stop(snapshot, thresholds, need, busy_ms, now_ms)
            }
        }?;
        if self.was_just_made(&proposal, now_ms) {
            return None;
        }
        self.proposed = Some((proposal.clone(), now_ms));
        Some(proposal)
    }

    /// Whether the same was proposed so lately that it may not show yet. Starts are the same whatever their reason.
    fn was_just_made(&self, proposal: &Proposal, now_ms: u64) -> bool {
        self.proposed.as_ref().is_some_and(|(last, at_ms)| {
            let is_same = match (last, proposal) {
                (Proposal::StartBroadcast(_), Proposal::StartBroadcast(_)) => true,
                (last, proposal) => last == proposal,
            };
            is_same && !is_over(Some(*at_ms), SETTLE_MS, now_ms)
        })
    }

    /// `busy_ms`: when the run began, or its last viewer left.
    fn stop(
        &mut self,
        snapshot: &RoomSnapshot,
        thresholds: &Thresholds,
        need: Option<StartReason>,
        busy_ms: u64,
        now_ms: u64,
    ) -> Option<Proposal> {
        if snapshot.is_encrypted {
            return Some(Proposal::StopBroadcast(StopReason::Encrypted));
        }
        if !snapshot.may_run() {
            return Some(Proposal::StopBroadcast(StopReason::SwitchedOff));
        }
        let is_watched = snapshot.setting == BroadcastSetting::Auto && snapshot.audience.people.total() > 0;
        if need.is_some() || is_watched {
            self.unneeded_since_ms = None;
            return None;
        }
        let idle_since_ms = (*self.unneeded_since_ms.get_or_insert(now_ms)).max(busy_ms);
        is_over(Some(idle_since_ms), thresholds.linger_ms(), now_ms)
            .then_some(Proposal::StopBroadcast(StopReason::Unneeded))
    }
}

/// A broadcast without a stage would show nothing, so it waits for somebody on it.
fn start(snapshot: &RoomSnapshot, need: Option<StartReason>, may_start: bool) -> Option<Proposal> {
    let has_stage = snapshot.seats.on_stage > 0;
    need.filter(|_| snapshot.may_run() && has_stage && may_start).map(Proposal::StartBroadcast)
}

/// Whether `since_ms` was `span_ms` ago, or never.
fn is_over(since_ms: Option<u64>, span_ms: u64, now_ms: u64) -> bool {
    since_ms.is_none_or(|since_ms| now_ms.saturating_sub(since_ms) >= span_ms)
}

/// Why the room should be on the air; `None`: it need not.
fn need(snapshot: &RoomSnapshot, thresholds: &Thresholds, overflows: bool) -> Option<StartReason> {
    let start_at = thresholds.broadcast_start_at;
    match snapshot.setting {
        BroadcastSetting::Off => None,
        BroadcastSetting::On => (snapshot.seats.on_stage > 0).then_some(StartReason::AlwaysOn),
        BroadcastSetting::Auto if snapshot.audience.waiting > 0 => Some(StartReason::Waiting),
        BroadcastSetting::Auto if overflows => Some(StartReason::Overflow),
        BroadcastSetting::Auto => (start_at > 0 && snapshot.viewers() >= start_at).then_some(StartReason::Viewers),
    }
}

impl RoomSnapshot {
    /// Whether the room may be on the air at all.
    pub(super) fn may_run(&self) -> bool {
        self.setting != BroadcastSetting::Off && !self.is_encrypted
    }

    /// Everybody who watches, on either path.
    fn viewers(&self) -> u32 {
        let seated = self.seats.occupied().total().saturating_sub(self.seats.on_stage);
        seated.saturating_add(self.audience.people.total())
    }
}

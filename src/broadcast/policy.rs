//! When a room is on the air: the decisions for one room, pure.
//!
//! The first speaker starts the broadcast. It stays, with its slate, when the last one leaves, until nobody has spoken
//! for `idle_end`, it is switched off or the room is deleted. A broadcast that ends by itself while somebody is on
//! stage is started again, with growing pauses. `now` comes in, [`BroadcastOrder`]s come out. Driven by `director.rs`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use interactive_sfu::Speaker;
use rooms::{BroadcastSetting, EndReason};

/// The first pause before a broadcast that failed is started again; doubles up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// A broadcast that ran this long had begun well: the next failure pauses shortly again.
const RAN_WELL: Duration = Duration::from_secs(60);

/// An order to the director.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BroadcastOrder {
    /// Start the broadcast with these speakers.
    Start(Vec<Speaker>),
    /// Tell the broadcast of one more.
    Join(Speaker),
    /// Tell the broadcast of one fewer.
    Leave(Speaker),
    /// End the broadcast, and why. [`BroadcastPolicy::ended`] is expected in answer.
    End(EndReason),
}

/// Why a broadcast that was ordered to start did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// The room's broadcast is switched off, or nobody needs it.
    SwitchedOff,
    /// `rooms_on_air_max` rooms are on the air.
    NoSlot,
    /// Starting it failed, or how the room is set is unknown.
    Failed,
}

/// Whether a room with somebody on stage is to be on the air. `wanted`: the audience needs the broadcast.
pub(crate) fn is_due(setting: BroadcastSetting, wanted: bool) -> bool {
    match setting {
        BroadcastSetting::Off => false,
        BroadcastSetting::Auto => wanted,
        BroadcastSetting::On => true,
    }
}

/// Admits a room to the air if its broadcast is due and fewer than `rooms_on_air_max` others are on the air.
pub(crate) fn admit(is_due: bool, running: usize, rooms_on_air_max: usize) -> Result<(), NotStarted> {
    match is_due {
        false => Err(NotStarted::SwitchedOff),
        true if running >= rooms_on_air_max => Err(NotStarted::NoSlot),
        true => Ok(()),
    }
}

/// The life of a room's broadcast: off, on the air, ending, off again; a pause follows a failure.
#[derive(Debug)]
enum Phase {
    /// The room has no broadcast, and no reason for one.
    Off,
    /// The broadcast was ordered to start. `silent_since`: the stage has been empty since then.
    OnAir { since: Instant, silent_since: Option<Instant> },
    /// The broadcast was ordered to end, and its end has not been reported.
    Ending,
    /// The broadcast failed or did not start, and is tried again.
    Pausing { until: Instant },
}

/// The policy of one room.
#[derive(Debug)]
pub(crate) struct BroadcastPolicy {
    idle_end: Duration,
    /// Whether the room's broadcast is switched on.
    on: bool,
    /// By session, so that an old session's end does not take a new one off the stage.
    stage: BTreeMap<String, Speaker>,
    phase: Phase,
    /// The next pause.
    retry: Duration,
    /// Whether the broadcast pauses because all slots were taken.
    waits_for_slot: bool,
}

impl BroadcastPolicy {
    /// A room off the air, with an empty stage and its broadcast switched on.
    pub(crate) fn new(idle_end: Duration) -> Self {
        Self {
            idle_end,
            on: true,
            stage: BTreeMap::new(),
            phase: Phase::Off,
            retry: RETRY_FIRST,
            waits_for_slot: false,
        }
    }

    /// A speaker has come on stage.
    pub(crate) fn joined(&mut self, speaker: Speaker, now: Instant) -> Option<BroadcastOrder> {
        if self.stage.insert(speaker.session.as_str().to_owned(), speaker.clone()).is_some() {
            return None;
        }
        match &mut self.phase {
            Phase::Off => self.on.then(|| self.start(now)),
            Phase::OnAir { silent_since, .. } => {
                *silent_since = None;
                Some(BroadcastOrder::Join(speaker))
            }
            Phase::Ending | Phase::Pausing { .. } => None,
        }
    }

    /// The session of a speaker has ended.
    pub(crate) fn left(&mut self, session: &str, now: Instant) -> Option<BroadcastOrder> {
        let speaker = self.stage.remove(session)?;
        let empty = self.stage.is_empty();
        let Phase::OnAir { silent_since, .. } = &mut self.phase else { return None };
        *silent_since = empty.then_some(now);
        Some(BroadcastOrder::Leave(speaker))
    }

    /// The stage as the SFU has it, after some of its events were missed.
    pub(crate) fn resync(&mut self, stage: Vec<Speaker>, now: Instant) -> Vec<BroadcastOrder> {
        let gone: Vec<String> = self
            .stage
            .keys()
            .filter(|session| !stage.iter().any(|s| s.session.as_str() == **session))
            .cloned()
            .collect();
        let mut orders: Vec<BroadcastOrder> = gone.iter().filter_map(|session| self.left(session, now)).collect();
        orders.extend(stage.into_iter().filter_map(|speaker| self.joined(speaker, now)));
        orders
    }

    /// The room's broadcast is switched on.
    pub(crate) fn switched_on(&mut self, now: Instant) -> Option<BroadcastOrder> {
        self.on = true;
        (matches!(self.phase, Phase::Off) && !self.stage.is_empty()).then(|| self.start(now))
    }

    /// The room's broadcast is switched off.
    pub(crate) fn switched_off(&mut self, why: EndReason) -> Option<BroadcastOrder> {
        self.on = false;
        match self.phase {
            Phase::OnAir { .. } => {
                self.phase = Phase::Ending;
                Some(BroadcastOrder::End(why))
            }
            Phase::Pausing { .. } => {
                self.phase = Phase::Off;
                None
            }
            Phase::Off | Phase::Ending => None,
        }
    }

    /// The room is gone, and everybody with it. A speaker who comes now comes to a new room of the same name.
    pub(crate) fn deleted(&mut self) -> Option<BroadcastOrder> {
        self.stage.clear();
        self.on = true;
        match self.phase {
            Phase::OnAir { .. } => {
                self.phase = Phase::Ending;
                Some(BroadcastOrder::End(EndReason::RoomDeleted))
            }
            Phase::Ending => None,
            Phase::Off | Phase::Pausing { .. } => {
                self.phase = Phase::Off;
                None
            }
        }
    }

    /// The broadcast is over: as ordered, or by itself, or it could not be started at all.
    pub(crate) fn ended(&mut self, now: Instant) -> Option<BroadcastOrder> {
        match self.phase {
            Phase::Ending => {
                self.phase = Phase::Off;
                (self.on && !self.stage.is_empty()).then(|| self.start(now))
            }
            Phase::OnAir { since, .. } if !self.stage.is_empty() => {
                if now - since >= RAN_WELL {
                    self.retry = RETRY_FIRST;
                }
                self.phase = Phase::Pausing { until: now + self.retry };
                self.retry = (self.retry * 2).min(RETRY_MAX);
                None
            }
            Phase::OnAir { .. } | Phase::Off | Phase::Pausing { .. } => {
                self.phase = Phase::Off;
                None
            }
        }
    }

    /// The broadcast was ordered to start, and did not. Unless it is switched off, it is tried again later.
    pub(crate) fn not_started(&mut self, reason: NotStarted, now: Instant) {
        self.waits_for_slot = reason == NotStarted::NoSlot;
        if reason == NotStarted::SwitchedOff {
            self.switched_off(EndReason::SwitchedOff);
        }
        // There is nothing to order: the broadcast pauses, or it is off.
        self.ended(now);
    }

    /// A room went off the air, so that another one may go on.
    pub(crate) fn slot_is_free(&mut self, now: Instant) {
        if self.waits_for_slot {
            self.hurry(now);
        }
    }

    /// A pause ends now: there is reason to think that the broadcast can be started.
    fn hurry(&mut self, now: Instant) {
        if let Phase::Pausing { until } = &mut self.phase {
            *until = now;
        }
    }

    /// The time of the next [`BroadcastPolicy::poll`]; `None`: no deadline is running.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::OnAir { silent_since, .. } => silent_since.map(|since| since + self.idle_end),
            Phase::Pausing { until } => Some(until),
            Phase::Off | Phase::Ending => None,
        }
    }

    /// Ends an idle broadcast, or a pause, whose time has come.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<BroadcastOrder> {
        if now < self.poll_timeout()? {
            return None;
        }
        match self.phase {
            Phase::OnAir { .. } => {
                self.phase = Phase::Ending;
                Some(BroadcastOrder::End(EndReason::StageEmpty))
            }
            Phase::Pausing { .. } if self.stage.is_empty() => {
                self.phase = Phase::Off;
                None
            }
            Phase::Pausing { .. } => Some(self.start(now)),
            Phase::Off | Phase::Ending => None,
        }
    }

    /// Whether the policy can be forgotten: the room is off the air, and its stage empty.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Off) && self.stage.is_empty()
    }

    fn start(&mut self, now: Instant) -> BroadcastOrder {
        self.waits_for_slot = false;
        self.phase = Phase::OnAir { since: now, silent_since: None };
        BroadcastOrder::Start(self.stage.values().cloned().collect())
    }
}

#[cfg(test)]
mod tests;

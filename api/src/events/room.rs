//! One room's hub: its events, its sockets by identity, and its audience.
//!
//! Frames and newcomers go to the shards under the room's lock, so that each shard has them in the room's order: what a
//! newcomer's greeting does not hold, comes after it. The first event after a silence is sent at once, later ones with
//! the next tick; a tick waits until every shard has sent the last one.

mod sockets;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::{Class, Identity, RoomName};
use serde_json::Value;

use super::core::{Core, Work};
use super::event::Event;
use super::log::{Epoch, Log, Position, TooFast};
use super::presence::{Audience, Delivery, OnBroadcast, Presence};
use super::shard::inbox::Task;
use super::wire::presence_frame;
use crate::metrics;

/// The pause between two ticks of a room.
const TICK: Duration = Duration::from_millis(20);
/// The same for a room of [`CROWD`] sockets or more, which takes longer to send to.
const CROWD_TICK: Duration = Duration::from_millis(40);
const CROWD: u32 = 5_000;
/// A tick that finds the last one still being sent looks again after this.
const TICK_RETRY: Duration = Duration::from_millis(5);
/// The pause between two counts of an audience.
const PRESENCE_PAUSE: Duration = Duration::from_secs(1);
/// Sockets of one identity in a room.
const SOCKETS_PER_IDENTITY_MAX: usize = 8;
/// A hub without sockets is kept for so long, so that connections that come back find their place.
const LINGER: Duration = Duration::from_secs(120);

/// One room's hub.
pub(super) struct RoomHub {
    pub(super) name: RoomName,
    /// Names it to the shards.
    pub(super) number: u64,
    /// Writes of shards that are not done: one a frame and shard.
    passes: AtomicU32,
    state: Mutex<State>,
}

struct State {
    log: Log,
    /// The numbers of the sockets of each identity, and their shards.
    sockets: HashMap<Identity, Vec<(u64, u16)>>,
    /// How many each shard has.
    by_shard: Box<[u32]>,
    presence: Presence,
    /// The audience as told last.
    told: Audience,
    told_at: Option<Instant>,
    presence_is_due: bool,
    /// The room's state as told last.
    view: Option<Value>,
    next_tick_at: Instant,
    tick_is_due: bool,
    empty_since: Option<Instant>,
    /// The room has ended: whoever comes late is sent away.
    has_ended: bool,
}

/// An identity has as many sockets in a room as it may.
pub(super) struct TooManySockets;

impl RoomHub {
    pub(super) fn new(name: RoomName, core: &Core, epoch: Epoch, now: Instant) -> Arc<Self> {
        let state = State {
            log: Log::new(epoch),
            sockets: HashMap::new(),
            by_shard: vec![0; core.inboxes.len()].into(),
            presence: Presence::default(),
            told: Audience::default(),
            told_at: None,
            presence_is_due: false,
            view: None,
            next_tick_at: now,
            tick_is_due: false,
            empty_since: Some(now),
            has_ended: false,
        };
        let hub = Arc::new(Self { name, number: core.number(), passes: AtomicU32::new(0), state: Mutex::new(state) });
        hub.seats_changed(core, now);
        hub
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event, and sends it or has it sent. Returns the place after it.
    pub(super) fn publish(self: &Arc<Self>, core: &Core, event: Event, now: Instant) -> Result<Position, TooFast> {
        let mut state = self.state();
        let position = state.log.append(event)?;
        if !state.tick_is_due {
            self.tick(core, &mut state, now);
        }
        Ok(position)
    }

    /// Sends what waits, or has it sent later.
    fn tick(self: &Arc<Self>, core: &Core, state: &mut State, now: Instant) {
        let is_busy = self.passes.load(Ordering::Acquire) > 0;
        let at = if is_busy { state.next_tick_at.max(now + TICK_RETRY) } else { state.next_tick_at };
        state.tick_is_due = at > now;
        if state.tick_is_due {
            return core.schedule(self, Work::Tick, at);
        }
        while let Some(frame) = state.log.cut() {
            for (inbox, _) in core.inboxes.iter().zip(&state.by_shard).filter(|(_, sockets)| **sockets > 0) {
                self.passes.fetch_add(1, Ordering::AcqRel);
                inbox.put(Task::Tick { room: self.clone(), frame: frame.clone() });
            }
        }
        let crowd = state.by_shard.iter().sum::<u32>() >= CROWD;
        state.next_tick_at = now + if crowd { CROWD_TICK } else { TICK };
    }

    /// A shard has sent a frame to all it has in the room.
    pub(super) fn sent(&self) {
        self.passes.fetch_sub(1, Ordering::AcqRel);
    }

    /// Does work that was scheduled.
    pub(super) fn work(self: &Arc<Self>, core: &Core, work: Work, now: Instant) {
        match work {
            Work::Tick => {
                let mut state = self.state();
                state.tick_is_due = false;
                if state.log.is_pending() {
                    self.tick(core, &mut state, now);
                }
            }
            Work::Presence => {
                let seated = core.seats.seated(&self.name);
                let mut state = self.state();
                state.presence_is_due = false;
                state.presence.seats(&seated);
                let audience = state.presence.audience();
                if audience == state.told {
                    return;
                }
                metrics::events_audience(state.told, audience);
                (state.told, state.told_at) = (audience, Some(now));
                let frame = presence_frame(&audience);
                for (inbox, _) in core.inboxes.iter().zip(&state.by_shard).filter(|(_, sockets)| **sockets > 0) {
                    inbox.put(Task::Presence { room: self.number, frame: frame.clone() });
                }
            }
        }
    }

    /// Somebody came to a seat or left one.
    pub(super) fn seats_changed(self: &Arc<Self>, core: &Core, now: Instant) {
        self.presence_changed(core, &mut self.state(), now);
    }

    fn presence_changed(self: &Arc<Self>, core: &Core, state: &mut State, now: Instant) {
        if !std::mem::replace(&mut state.presence_is_due, true) {
            let at = state.told_at.map_or(now, |told_at| now.max(told_at + PRESENCE_PAUSE));
            core.schedule(self, Work::Presence, at);
        }
    }

    /// Sends a frame to all sockets of an identity. Returns how many they are.
    pub(super) fn tell(&self, core: &Core, identity: &Identity, frame: &bytes::Bytes) -> usize {
        let state = self.state();
        let sockets = state.sockets.get(identity).map(Vec::as_slice).unwrap_or_default();
        let told = sockets.iter().filter(|(number, shard)| {
            core.inboxes[usize::from(*shard)].offer(Task::Tell { socket: *number, frame: frame.clone() })
        });
        told.count()
    }

    /// The room's state, as told from now on. Returns whether it is another than before.
    pub(super) fn view_changed(&self, view: &Value) -> bool {
        let before = self.state().view.replace(view.clone());
        before.is_some_and(|before| before != *view)
    }

    /// The audience, and those on the broadcast, at most `listed_max`.
    pub(super) fn audience(&self, listed_max: usize) -> (Audience, Vec<OnBroadcast>) {
        let state = self.state();
        (state.presence.audience(), state.presence.on_broadcast(listed_max))
    }

    /// How somebody watches, and their class.
    pub(super) fn watches(&self, identity: &Identity) -> Option<(Delivery, Class)> {
        self.state().presence.watches(identity)
    }

    /// The room has ended: a socket that is still being opened is closed when it comes.
    pub(super) fn end(&self) {
        self.state().has_ended = true;
    }

    /// Whether nobody has been here for long.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.state().empty_since.is_some_and(|since| now.duration_since(since) >= LINGER)
    }

    /// Whether anybody is here.
    pub(super) fn has_sockets(&self) -> bool {
        self.state().empty_since.is_none()
    }
}

impl Drop for RoomHub {
    fn drop(&mut self) {
        let told = self.state.get_mut().unwrap_or_else(PoisonError::into_inner).told;
        metrics::events_audience(told, Audience::default());
    }
}

//! The parts that the hub's handle, its threads and its rooms share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::{Class, Identity, RoomName};
use tokio::sync::broadcast;

use super::room::RoomHub;
use super::seats::Seats;
use super::shard::inbox::Inbox;

/// Wishes of clients that a follower may leave unread; then it is told how many it missed.
const WISHES_MAX: usize = 1024;

/// The wish of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The room that the client is in.
    pub room: RoomName,
    /// The identity of the client.
    pub identity: Identity,
    /// Their seat class.
    pub class: Class,
    /// They want a seat; `false`: no more.
    pub seat: bool,
}

/// Shared by the hub, its threads and its rooms.
pub(super) struct Core {
    /// One for each shard.
    pub(super) inboxes: Box<[Inbox]>,
    pub(super) seats: Arc<dyn Seats>,
    pub(super) wishes: broadcast::Sender<Wish>,
    /// Connections that are open or on their way.
    pub(super) connections: AtomicU32,
    pub(super) connections_max: u32,
    /// A connection is silent, sends nothing and is sent nothing for so long before it is pinged.
    pub(super) ping_interval: Duration,
    pub(super) is_closing: AtomicBool,
    /// The number of the next room's hub, or socket.
    next_number: AtomicU64,
    due: Mutex<Due>,
    due_changed: Condvar,
}

/// The work that rooms have later.
#[derive(Default)]
struct Due {
    work: BTreeMap<(Instant, u64), (Weak<RoomHub>, Work)>,
    stopped: bool,
}

/// A piece of a room's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Sends the events that wait.
    Tick,
    /// Counts the audience and tells it.
    Presence,
}

impl Core {
    pub(super) fn new(
        inboxes: Box<[Inbox]>,
        seats: Arc<dyn Seats>,
        connections_max: u32,
        ping_interval: Duration,
    ) -> Self {
        Self {
            inboxes,
            seats,
            wishes: broadcast::Sender::new(WISHES_MAX),
            connections: AtomicU32::new(0),
            connections_max,
            ping_interval,
            is_closing: AtomicBool::new(false),
            next_number: AtomicU64::new(0),
            due: Mutex::default(),
            due_changed: Condvar::new(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Has a room do some work then.
    pub(super) fn schedule(&self, room: &Arc<RoomHub>, work: Work, at: Instant) {
        let key = (at, self.number());
        let mut due = self.due();
        let is_first = due.work.first_key_value().is_none_or(|(first, _)| key < *first);
        due.work.insert(key, (Arc::downgrade(room), work));
        drop(due);
        if is_first {
            self.due_changed.notify_one();
        }
    }

    /// Does the rooms' work when it is due. Runs until [`Core::stop_ticker`].
    pub(super) fn run_ticker(&self) {
        let mut due = self.due();
        while !due.stopped {
            let now = Instant::now();
            due = match due.work.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let (room, work) = first.remove();
                    drop(due);
                    if let Some(room) = room.upgrade() {
                        room.work(self, work, now);
                    }
                    self.due()
                }
                Some(first) => {
                    let pause = first.key().0 - now;
                    self.due_changed.wait_timeout(due, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.due_changed.wait(due).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    pub(super) fn stop_ticker(&self) {
        self.due().stopped = true;
        self.due_changed.notify_all();
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

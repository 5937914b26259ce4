//! The tasks of a shard, put by other threads.
//!
//! Ticks are bounded by their rooms, which have one under way at a time, and joins by the limit of connections.
//! Messages to single sockets are refused beyond [`OFFERED_MAX`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mio::Waker;

use super::transport::Transport;
use crate::events::frame::TickFrame;
use crate::events::log::Missed;
use crate::events::membership::Membership;
use crate::events::room::RoomHub;

/// Tasks that may wait when a message to one socket is offered.
const OFFERED_MAX: usize = 65_536;

/// A socket that comes to its shard.
pub(in crate::events) struct Joining {
    pub(in crate::events) transport: Transport,
    /// Bytes that came after the handshake and were read with it.
    pub(in crate::events) received: Box<[u8]>,
    /// The first message.
    pub(in crate::events) greeting: Bytes,
    /// Frames that follow it.
    pub(in crate::events) missed: Vec<Missed>,
    pub(in crate::events) membership: Membership,
}

/// Work for a shard.
pub(in crate::events) enum Task {
    Join(Box<Joining>),
    /// Sends a tick to the room's sockets.
    Tick {
        room: Arc<RoomHub>,
        frame: Arc<TickFrame>,
    },
    /// Sends the size of the audience to the room's sockets, by the number of its hub.
    Presence {
        room: u64,
        frame: Bytes,
    },
    /// Sends a frame to one socket.
    Tell {
        socket: u64,
        frame: Bytes,
    },
    /// Closes the room's sockets, or those of strangers alone.
    Close {
        room: u64,
        only_strangers: bool,
        code: u16,
        why: &'static str,
    },
    /// Closes all sockets, one after the other within so long, and cuts those that are left after twice that.
    End {
        within: Duration,
    },
    /// Ends the thread.
    Stop,
}

/// A shard's tasks.
pub(in crate::events) struct Inbox {
    tasks: Mutex<Vec<Task>>,
    waker: Waker,
}

impl Inbox {
    pub(in crate::events) fn new(waker: Waker) -> Self {
        Self { tasks: Mutex::default(), waker }
    }

    /// Adds a task.
    pub(in crate::events) fn put(&self, task: Task) {
        self.add(task, usize::MAX);
    }

    /// Adds a task, unless too many wait. Returns whether it did.
    pub(in crate::events) fn offer(&self, task: Task) -> bool {
        self.add(task, OFFERED_MAX)
    }

    fn add(&self, task: Task, waiting_max: usize) -> bool {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = tasks.len();
        if waiting >= waiting_max {
            return false;
        }
        tasks.push(task);
        drop(tasks);
        // The first one wakes the shard, which then takes all.
        if waiting == 0
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "waking a thread of the events sockets");
        }
        true
    }

    /// All tasks that wait.
    pub(super) fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

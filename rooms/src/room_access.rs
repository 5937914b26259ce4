//! `RoomAccess`: the facts in memory that decide about a room's viewers, read by every request of the origin.
//!
//! A broadcast holds its room's [`RoomAccess`], so that a change of visibility counts from the next request on, and a
//! deleted room's last minute is watched by those who could watch it before.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Room, Visibility};

/// The facts about one room.
#[derive(Debug)]
pub struct RoomAccess {
    /// When the room was made, UTC, milliseconds since the Unix epoch. With the name it names this very room: one made
    /// again under the name has another.
    pub created_at_utc_ms: i64,
    private: AtomicBool,
    public: AtomicBool,
}

impl RoomAccess {
    /// As the room is set now.
    pub fn of(room: &Room) -> Self {
        let access = Self {
            created_at_utc_ms: room.created_at_utc_ms,
            private: AtomicBool::default(),
            public: AtomicBool::default(),
        };
        access.follow(room);
        access
    }

    /// Whether strangers are told nothing of it.
    pub fn is_private(&self) -> bool {
        self.private.load(Ordering::Acquire)
    }

    /// Whether it is listed for everybody.
    pub fn is_public(&self) -> bool {
        self.public.load(Ordering::Acquire)
    }

    /// As the room is set from now on.
    pub(crate) fn follow(&self, room: &Room) {
        self.private.store(room.visibility == Visibility::Private, Ordering::Release);
        self.public.store(room.visibility == Visibility::Public, Ordering::Release);
    }
}

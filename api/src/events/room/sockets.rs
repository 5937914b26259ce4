//! The sockets of a room: their coming and going, and the messages of their clients.

use std::sync::Arc;
use std::time::Instant;

use access::Identity;
use chrono::Utc;

use super::{RoomHub, SOCKETS_PER_IDENTITY_MAX, TooManySockets};
use crate::events::core::{Core, Wish};
use crate::events::log::Position;
use crate::events::membership::{Membership, Reserved};
use crate::events::shard::inbox::{Joining, Task};
use crate::events::shard::transport::Transport;
use crate::events::wire::{ClientMessage, Greeting, WatchedBy, You};

impl RoomHub {
    /// Takes a place for one more socket of an identity. Returns its number and where the room's events are.
    pub(in crate::events) fn reserve(
        &self,
        identity: &Identity,
        number: u64,
        shard: u16,
    ) -> Result<Position, TooManySockets> {
        let mut state = self.state();
        let sockets = state.sockets.entry(identity.clone()).or_insert_with(|| Vec::with_capacity(1));
        if sockets.len() >= SOCKETS_PER_IDENTITY_MAX {
            return Err(TooManySockets);
        }
        sockets.push((number, shard));
        state.by_shard[usize::from(shard)] += 1;
        state.empty_since = None;
        Ok(state.log.position())
    }

    /// A socket is gone, or never came.
    pub(in crate::events) fn release(self: &Arc<Self>, core: &Core, identity: &Identity, number: u64, now: Instant) {
        let mut state = self.state();
        let Some(sockets) = state.sockets.get_mut(identity) else { return };
        let Some(at) = sockets.iter().position(|(socket, _)| *socket == number) else { return };
        let (_, shard) = sockets.swap_remove(at);
        let is_last = sockets.is_empty();
        if is_last {
            state.sockets.remove(identity);
            state.presence.asks(identity, false, 0);
        }
        state.by_shard[usize::from(shard)] -= 1;
        let before = state.presence.audience();
        state.presence.leaves(identity, number);
        if state.presence.audience() != before {
            self.presence_changed(core, &mut state, now);
        }
        if state.sockets.is_empty() {
            state.sockets.shrink_to_fit();
            state.empty_since = Some(now);
        }
    }

    /// Hands a socket to its shard, with its greeting and what it missed.
    pub(in crate::events) fn join(self: &Arc<Self>, transport: Transport, received: Box<[u8]>, reserved: Reserved) {
        let Reserved { membership, began, resume, view, session } = reserved;
        let Membership { core, identity, class, shard, .. } = &membership;
        let (core, shard) = (core.clone(), usize::from(*shard));
        let mut state = self.state();
        if state.has_ended {
            // A membership is given back under the lock.
            drop(state);
            return drop(membership);
        }
        let resumed = resume.and_then(|position| state.log.since(position));
        // The view is of then; the events since go with it.
        let (position, missed) = match (&resumed, state.log.since(began)) {
            (Some(_), _) => (resume.unwrap_or(began), resumed.clone().unwrap_or_default()),
            (None, Some(missed)) => (began, missed),
            (None, None) => (state.log.position(), Vec::new()),
        };
        // Later changes are told to those who were greeted with this.
        state.view.get_or_insert_with(|| view.clone());
        let you = You { identity, class: *class, delivery: state.presence.delivery(identity), sid: &session };
        let resumed = resumed.is_some();
        let greeting = Greeting { position, resumed, room: &view, audience: &state.presence.audience(), you };
        let greeting = greeting.frame();
        core.inboxes[shard].put(Task::Join(Box::new(Joining { transport, received, greeting, missed, membership })));
        drop(state);
    }

    /// Follows a client's message.
    pub(in crate::events) fn follow(self: &Arc<Self>, by: &Membership, message: &ClientMessage, now: Instant) {
        let now_utc_ms = Utc::now().timestamp_millis();
        let mut state = self.state();
        match *message {
            ClientMessage::Watching { .. } if by.is_hidden => {}
            ClientMessage::Watching { delivery, state: player } => {
                let playing = if delivery == WatchedBy::Broadcast { player.playing() } else { None };
                let before = state.presence.audience();
                state.presence.plays(&by.identity, by.class, by.number, playing, now_utc_ms);
                if state.presence.audience() != before {
                    self.presence_changed(&by.core, &mut state, now);
                }
            }
            ClientMessage::Seat { want } => {
                state.presence.asks(&by.identity, want, now_utc_ms);
                drop(state);
                let (room, identity) = (self.name.clone(), by.identity.clone());
                // Without a follower there is nobody to grant a wish.
                drop(by.core.wishes.send(Wish { room, identity, class: by.class, seat: want }));
            }
        }
    }
}

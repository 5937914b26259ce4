//! A shard's answers to what its clients say.

use super::Shard;
use super::connection::{Ended, Heard};
use crate::events::framing::{close, pong_frame};
use crate::events::wire::{ClientMessage, error_frame};

impl Shard {
    pub(super) fn hear(&mut self, place: usize, heard: Vec<Heard>) {
        let now_ms = self.now_ms();
        for one in heard {
            let Some(connection) = self.connections.get_mut(place) else { return };
            if connection.cut_at_ms.is_some() && !matches!(one, Heard::Close) {
                continue;
            }
            let may_speak = connection.may_speak(now_ms);
            match one {
                Heard::Close if connection.cut_at_ms.is_some() => {
                    let ended = connection.ended;
                    self.remove(place, ended);
                }
                Heard::Close => {
                    self.close(place, close::NORMAL, "", Ended::ByClient);
                    self.remove(place, Ended::ByClient);
                }
                Heard::Violation(violation) => self.close(place, violation.code(), "", Ended::Violation),
                _ if !may_speak => self.refuse(place, "too_fast", "messages come too fast"),
                Heard::Ping(payload) => self.send(place, pong_frame(&payload)),
                Heard::Text(text) => match serde_json::from_str::<ClientMessage>(&text) {
                    Ok(message) => {
                        let (room, now) = (connection.membership.room.clone(), self.now);
                        room.follow(&connection.membership, &message, now);
                    }
                    Err(error) => self.refuse(place, "malformed", &error.to_string()),
                },
            }
        }
    }

    /// Tells a client that a message is no good; after some, closes it.
    fn refuse(&mut self, place: usize, reason: &str, detail: &str) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        match connection.refuse() {
            true => self.close(place, close::POLICY, "too many messages that are no good", Ended::Violation),
            false => self.send(place, error_frame(reason, detail)),
        }
    }
}

//! The ways to a room's clients.
//!
//! Each signal connection has a queue of [`MESSAGES_MAX`] messages. A full queue loses a message, and from then on its
//! client is told nothing: it is cut off with the next tick, and may resume.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::participant::ParticipantKey;
use crate::signalling::livekit::message::Outgoing;

/// Messages that may wait for a client.
const MESSAGES_MAX: usize = 512;

/// The signal connections of a room, by their numbers.
#[derive(Default)]
pub(super) struct Outboxes {
    all: HashMap<u32, Outbox>,
}

struct Outbox {
    sender: mpsc::Sender<Outgoing>,
    owner: Option<ParticipantKey>,
    /// A message was lost.
    lags: bool,
}

impl Outboxes {
    /// A connection begins. Its client reads the messages at the other end.
    pub(super) fn open(&mut self, connection: u32) -> mpsc::Receiver<Outgoing> {
        let (sender, inbox) = mpsc::channel(MESSAGES_MAX);
        self.all.insert(connection, Outbox { sender, owner: None, lags: false });
        inbox
    }

    /// A connection is a participant's.
    pub(super) fn give(&mut self, connection: u32, owner: ParticipantKey) {
        if let Some(outbox) = self.all.get_mut(&connection) {
            outbox.owner = Some(owner);
        }
    }

    /// A connection ends once its client has read what was sent.
    pub(super) fn close(&mut self, connection: u32) {
        self.all.remove(&connection);
    }

    /// As [`close`](Self::close), if the connection is that participant's.
    pub(super) fn close_own(&mut self, connection: u32, owner: ParticipantKey) {
        if self.all.get(&connection).is_some_and(|outbox| outbox.owner == Some(owner)) {
            self.close(connection);
        }
    }

    /// Puts a message on its way, if its client keeps up.
    pub(super) fn tell(&mut self, connection: u32, message: Outgoing) {
        if let Some(outbox) = self.all.get_mut(&connection).filter(|outbox| !outbox.lags) {
            outbox.lags = outbox.sender.try_send(message).is_err();
        }
    }

    /// The connections of clients that do not keep up, and their participants.
    pub(super) fn lagging(&self) -> Vec<(ParticipantKey, u32)> {
        let lagging = self.all.iter().filter(|(_, outbox)| outbox.lags);
        lagging.filter_map(|(connection, outbox)| Some((outbox.owner?, *connection))).collect()
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol::signal_response::Message;

    use super::*;

    #[test]
    fn client_that_reads_nothing_is_told_a_queue_of_messages_and_lags_with_the_next() {
        let (mut outboxes, key) = (Outboxes::default(), ParticipantKey(7));
        let mut inbox = outboxes.open(1);
        outboxes.give(1, key);
        let pong = |n: usize| Outgoing::from(Message::Pong(n as i64));
        (0..MESSAGES_MAX).for_each(|n| outboxes.tell(1, pong(n)));
        assert_eq!(outboxes.lagging(), []);
        outboxes.tell(1, pong(MESSAGES_MAX));
        assert_eq!(outboxes.lagging(), [(key, 1)]);
        // There is room again, but what the client knows has a hole.
        inbox.try_recv().unwrap();
        outboxes.tell(1, pong(0));
        assert_eq!(inbox.len(), MESSAGES_MAX - 1);
    }

    #[test]
    fn connection_is_closed_by_its_own_participant_alone() {
        let mut outboxes = Outboxes::default();
        let inbox = outboxes.open(1);
        outboxes.close_own(1, ParticipantKey(7));
        outboxes.give(1, ParticipantKey(7));
        outboxes.close_own(1, ParticipantKey(8));
        assert!(!inbox.is_closed());
        outboxes.close_own(1, ParticipantKey(7));
        assert!(inbox.is_closed());
    }
}

//! Messages of data channels that wait to be delivered, in turns: one delivery of each sender, again and again.
//!
//! A sender whose messages go to many receivers delays its own later messages alone. Messages of one sender stay in
//! order. The server's own come first: among them are messages that waited for a receiver's channel, and a sender's
//! later ones must not overtake them. No I/O and no clock. Driven by the thread of established associations.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::tasks::Message;
use crate::ids::PeerId;
use crate::transport::association::Channel;

/// A message to one receiver.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub from: Option<PeerId>,
    pub to: PeerId,
    pub channel: Channel,
    pub bytes: Bytes,
}

/// Messages of all senders.
#[derive(Default)]
pub(super) struct Outbox {
    /// Of each sender, in order; with each message, the index of its next receiver.
    senders: HashMap<Option<PeerId>, VecDeque<(Message, usize)>>,
    /// Senders in order of their turns: those of whom messages wait.
    turns: VecDeque<Option<PeerId>>,
}

impl Outbox {
    pub(super) fn push(&mut self, message: Message) {
        if message.to.is_empty() {
            return;
        }
        let from = message.from;
        let waiting = self.senders.entry(from).or_default();
        if waiting.is_empty() {
            queue_turn(&mut self.turns, from);
        }
        waiting.push_back((message, 0));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The next delivery.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        let from = self.turns.pop_front()?;
        let waiting = self.senders.get_mut(&from)?;
        let (message, index) = waiting.front_mut()?;
        let to = message.to.get(*index).copied();
        *index += 1;
        let delivery = to.map(|to| Delivery { from, to, channel: message.channel, bytes: message.bytes.clone() });
        if *index >= message.to.len() {
            waiting.pop_front();
        }
        if waiting.is_empty() {
            self.senders.remove(&from);
        } else {
            queue_turn(&mut self.turns, from);
        }
        delivery
    }
}

/// Gives `from` the turn after those that wait; the server has the next one.
fn queue_turn(turns: &mut VecDeque<Option<PeerId>>, from: Option<PeerId>) {
    match from {
        None => turns.push_front(from),
        Some(_) => turns.push_back(from),
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiting::Waiting;
    use super::*;

    fn peer(serial: u32) -> PeerId {
        PeerId { shard: 0, serial }
    }

    fn message(from: u32, to: impl IntoIterator<Item = u32>, text: &'static str) -> Message {
        Message {
            from: Some(peer(from)),
            to: to.into_iter().map(peer).collect(),
            channel: Channel::Reliable,
            bytes: Bytes::from_static(text.as_bytes()),
            _place: Waiting::default().enter(0, 0).unwrap(),
        }
    }

    #[test]
    fn message_that_waited_for_the_channel_is_not_overtaken_by_a_later_one_of_its_sender() {
        let mut outbox = Outbox::default();
        outbox.push(message(2, [100; 5], "of another"));
        outbox.push(Message { from: None, ..message(1, [100; 2], "waited") });
        outbox.push(message(1, [100], "later"));
        let texts: Vec<_> = std::iter::from_fn(|| outbox.next()).map(|delivery| delivery.bytes).collect();
        assert_eq!(texts[..2], ["waited", "waited"]);
        assert!(texts[2..].contains(&Bytes::from("later")));
    }

    #[test]
    fn senders_take_turns_and_messages_of_each_stay_in_order() {
        let mut outbox = Outbox::default();
        outbox.push(message(1, 100..110, "flood"));
        outbox.push(message(1, [100], "after the flood"));
        outbox.push(message(2, [100], "first"));
        outbox.push(message(2, [100], "second"));
        outbox.push(message(3, [], "to nobody"));
        let deliveries: Vec<Delivery> = std::iter::from_fn(|| outbox.next()).collect();
        let texts = |from| deliveries.iter().filter(move |d| d.from == Some(peer(from))).map(|d| &d.bytes[..]);
        assert_eq!(texts(2).collect::<Vec<_>>(), [b"first".as_slice(), b"second"]);
        assert_eq!(texts(1).last(), Some(b"after the flood".as_slice()));
        assert_eq!(texts(1).count(), 11);
        let last_of_other = deliveries.iter().rposition(|d| d.from == Some(peer(2)));
        assert_eq!(last_of_other, Some(3), "two turns after it came, not after the flood");
        assert!(outbox.is_empty() && outbox.senders.is_empty());
    }
}

//! The way to the two DTLS threads.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use bytes::{Bytes, BytesMut};

use super::tasks::{DataTask, Datagram, HandshakeTask, Message};
use super::waiting::Waiting;
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::transport::association::Channel;

/// Datagrams that wait for one of the threads, of all peers.
const DATAGRAMS_MAX: usize = 8192;
/// Datagrams of one peer that wait. A handshake's flight has six; a peer in a hurry fills its SCTP window with 220.
const DATAGRAMS_OF_PEER_MAX: usize = 256;
/// Bytes of messages that wait to be delivered, of all senders.
const MESSAGES_BYTES_MAX: usize = 64 << 20;
/// Bytes that each receiver adds to a message's size.
const RECEIVER_BYTES: usize = 64;

/// The way to both threads.
#[derive(Clone)]
pub(crate) struct Dtls {
    handshakes: Sender<HandshakeTask>,
    data: Sender<DataTask>,
    handshakes_waiting: Waiting,
    data_waiting: Waiting,
    messages_waiting: Waiting,
}

impl Dtls {
    pub(crate) fn new(handshakes: Sender<HandshakeTask>, data: Sender<DataTask>) -> Self {
        Self {
            handshakes,
            data,
            handshakes_waiting: Waiting::default(),
            data_waiting: Waiting::default(),
            messages_waiting: Waiting::default(),
        }
    }

    /// A datagram of `peer`, whose handshake is complete or not. Of each peer and of all together a bounded number
    /// waits; `Err`: it is dropped, and DTLS or SCTP will send it again. `waiting`: the peer's.
    pub(crate) fn datagram(
        &self,
        peer: PeerId,
        is_established: bool,
        waiting: &Waiting,
        bytes: &[u8],
    ) -> Result<(), Dropped> {
        let of_all = if is_established { &self.data_waiting } else { &self.handshakes_waiting };
        let of_peer = waiting.enter(1, DATAGRAMS_OF_PEER_MAX).ok_or(Dropped::DtlsFull)?;
        let of_all = of_all.enter(1, DATAGRAMS_MAX).ok_or(Dropped::DtlsFull)?;
        let datagram = Datagram { peer, bytes: BytesMut::from(bytes), _places: (of_peer, of_all) };
        // The threads end when they are told to, and then nobody needs them.
        if is_established {
            drop(self.data.send(DataTask::Datagram(datagram)));
        } else {
            drop(self.handshakes.send(HandshakeTask::Datagram(datagram)));
        }
        Ok(())
    }

    /// A message, delivered in turn with those of other senders. Dropped and counted where too many wait.
    pub(crate) fn send(&self, from: Option<PeerId>, to: Arc<[PeerId]>, channel: Channel, bytes: Bytes) {
        let size = bytes.len() + to.len() * RECEIVER_BYTES;
        let Some(place) = self.messages_waiting.enter(size, MESSAGES_BYTES_MAX) else {
            return crate::metrics::dropped(Dropped::DataOverload, to.len() as u64);
        };
        drop(self.data.send(DataTask::Send(Message { from, to, channel, bytes, _place: place })));
    }

    /// Anything else, which is never dropped.
    pub(crate) fn tell(&self, task: HandshakeTask) {
        drop(self.handshakes.send(task));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const ONE: PeerId = PeerId { shard: 0, serial: 1 };
    const OTHER: PeerId = PeerId { shard: 0, serial: 2 };

    #[test]
    fn peer_that_floods_fills_its_own_places_and_leaves_those_of_others() {
        let ((handshakes, tasks), (data, _data)) = (channel(), channel());
        let (dtls, one, other) = (Dtls::new(handshakes, data), Waiting::default(), Waiting::default());
        let sent = (0..100_000).filter(|_| dtls.datagram(ONE, false, &one, &[22; 100]).is_ok()).count();
        assert_eq!(sent, DATAGRAMS_OF_PEER_MAX);
        assert_eq!(dtls.datagram(OTHER, false, &other, &[22; 100]), Ok(()));
        assert_eq!(dtls.datagram(ONE, false, &one, &[22; 100]), Err(Dropped::DtlsFull));
        drop(tasks.recv());
        assert_eq!(dtls.datagram(ONE, false, &one, &[22; 100]), Ok(()), "one was taken");
    }

    #[test]
    fn flood_of_established_peers_leaves_room_for_handshakes() {
        let ((handshakes, _tasks), (data, _data)) = (channel(), channel());
        let dtls = Dtls::new(handshakes, data);
        for serial in 0..100 {
            let (peer, waiting) = (PeerId { shard: 0, serial }, Waiting::default());
            assert!(
                (0..DATAGRAMS_OF_PEER_MAX).all(|_| dtls.datagram(peer, true, &waiting, &[23; 100]).is_ok())
                    || serial >= 32
            );
        }
        assert_eq!(dtls.datagram(ONE, true, &Waiting::default(), &[23; 100]), Err(Dropped::DtlsFull));
        assert_eq!(dtls.datagram(OTHER, false, &Waiting::default(), &[22; 100]), Ok(()));
    }

    #[test]
    fn message_to_a_thousand_is_one_task_and_waiting_messages_are_bounded() {
        let ((handshakes, _tasks), (data, tasks)) = (channel(), channel());
        let dtls = Dtls::new(handshakes, data);
        let to: Arc<[PeerId]> = (0..1000).map(|serial| PeerId { shard: 0, serial }).collect();
        (0..10_000).for_each(|_| dtls.send(Some(ONE), to.clone(), Channel::Lossy, Bytes::from_static(&[7; 10_000])));
        let waiting = tasks.try_iter().count();
        assert_eq!(waiting, MESSAGES_BYTES_MAX / (10_000 + 1000 * RECEIVER_BYTES));
        dtls.send(Some(ONE), to, Channel::Lossy, Bytes::from_static(b"x"));
        assert_eq!(tasks.try_iter().count(), 1, "the others were taken");
    }
}

//! Reports of the media plane: connections, sound, and messages on data channels.

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::Value;
use plane::{Channel, PeerId, Quality, Report};
use prost::Message as _;

use crate::room::participant::livekit::WAITING_BYTES_MAX;
use crate::room::simulation::plane::Owed;
use crate::room::simulation::step::Message;
use crate::room::simulation::world::World;

/// Bytes of a large message: nine of them are more than may wait for a channel.
const LARGE_BYTES: usize = 60_000;
/// Bytes of the others.
const SMALL_BYTES: usize = 16;
/// Bytes around a message, names and numbers, at most.
const AROUND_BYTES: usize = 500;

impl World {
    pub(super) fn break_peer(&mut self, n: u8) {
        if let Some(peer) = self.some_peer(n).and_then(|id| self.plane.peers.get_mut(&id.serial)) {
            peer.dead = true;
        }
    }

    pub(super) fn tell_loudness(&mut self, n: u8, step: u8) {
        let Some(peer) = self.some_peer(n) else { return };
        self.report(Report::Loudness { peer, step: step % 9 });
        let quality = [Quality::Poor, Quality::Good, Quality::Excellent][usize::from(step % 3)];
        self.report(Report::Quality { peer, quality });
        self.report(Report::Paused { peer, section: usize::from(step % 4), paused: step.is_multiple_of(2) });
        // Nobody's, and one that has no such section.
        let nobody = PeerId { shard: 1, serial: u32::MAX };
        self.report(Report::Loudness { peer: nobody, step: step % 9 });
        self.report(Report::Paused { peer, section: usize::MAX, paused: true });
    }

    fn some_connected_peer(&self, n: u8) -> Option<PeerId> {
        self.some_peer(n).filter(|id| self.plane.peers[&id.serial].connected)
    }

    pub(super) fn open_data(&mut self, n: u8) {
        let Some(id) = self.some_connected_peer(n) else { return };
        if let Some(peer) = self.plane.peers.get_mut(&id.serial) {
            peer.data_open = true;
        }
        self.report(Report::DataOpened { peer: id, channel: Channel::Reliable });
    }

    pub(super) fn send_message(&mut self, n: u8, message: Message) {
        let Some(peer) = self.some_connected_peer(n) else { return };
        self.counter += 1;
        let number = self.counter as u64;
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(if matches!(message, Message::Large) { LARGE_BYTES } else { SMALL_BYTES }, 0);
        let channel = if matches!(message, Message::Lossy) { Channel::Lossy } else { Channel::Reliable };
        let last = self.last_sequence(peer);
        let sequence = match message {
            Message::Numbered => last + 1,
            Message::Again => last,
            Message::Lossy | Message::Reliable | Message::Large => 0,
        };
        let user = proto::UserPacket { payload, ..Default::default() };
        let packet = proto::DataPacket { value: Some(Value::User(user)), sequence, ..Default::default() };
        let comes_again = matches!(message, Message::Again) && last > 0;
        if channel == Channel::Reliable && !comes_again {
            self.owe(peer, number);
        }
        self.report(Report::Data { peer, channel, message: packet.encode_to_vec().into() });
    }

    pub(super) fn send_bytes(&mut self, n: u8, bytes: &[u8]) {
        let Some(peer) = self.some_connected_peer(n) else { return };
        self.plane.is_garbled = true;
        let channel = if n.is_multiple_of(2) { Channel::Reliable } else { Channel::Lossy };
        self.report(Report::Data { peer, channel, message: Bytes::copy_from_slice(bytes) });
    }

    /// The number of the last numbered message that came from whoever has this peer.
    fn last_sequence(&self, peer: PeerId) -> u32 {
        let mut last = 0;
        self.driver.each_room(|_, room| {
            let livekit = room.roster.owner(peer).and_then(|key| Some(room.roster.livekit(key)?.1));
            last = livekit.map_or(last, |livekit| livekit.last_sequence);
        });
        last
    }

    /// Everybody else in the sender's room is to be sent its message, unless too much waits for their channel.
    fn owe(&mut self, sender: PeerId, number: u64) {
        let mut receivers = Vec::new();
        self.driver.each_room(|_, room| {
            let Some(key) = room.roster.owner(sender) else { return };
            let may = room.roster.livekit(key).is_some_and(|(_, livekit)| livekit.permission.can_publish_data);
            let others = room.roster.all_livekit().filter(|(who, _)| may && who.key != key);
            receivers.extend(others.filter_map(|(_, livekit)| {
                let is_full = livekit.waiting_bytes + LARGE_BYTES + AROUND_BYTES > WAITING_BYTES_MAX;
                Some((livekit.links.down()?.peer, !livekit.data_open && is_full))
            }));
        });
        for (receiver, may_be_lost) in receivers {
            if let Some(peer) = self.plane.peers.get_mut(&receiver.serial) {
                peer.owed.push_back(Owed { number, may_be_lost });
            }
        }
    }
}

//! Messages of participants to each other.
//!
//! The application chooses a message's contents; the room says who sent it. A reliable message waits, bounded, for a
//! receiver whose channel is not open yet.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::{Kind, Value};
use plane::{Channel, Order, PeerId};
use prost::Message as _;

use crate::control::MOVE_TOPIC;
use crate::room::machine::Room;
use crate::room::participant::livekit::WAITING_BYTES_MAX;
use crate::room::participant::{ParticipantKey, Who};

/// Bytes of the application in one message, as LiveKit bounds it; around it stand names and a topic.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64_000;

impl Room {
    /// A message of a participant.
    pub(super) fn message(&mut self, key: ParticipantKey, channel: Channel, message: Bytes) {
        let Some((who, livekit)) = self.roster.livekit_mut(key) else { return };
        let Ok(mut packet) = proto::DataPacket::decode(message) else {
            return crate::metrics::dropped("data_malformed", 1);
        };
        if matches!(&packet.value, Some(Value::User(user)) if user.payload.len() > PAYLOAD_BYTES_MAX) {
            return crate::metrics::dropped("data_too_large", 1);
        }
        #[expect(deprecated, reason = "older clients believe it")]
        let claims_who_speaks = matches!(&packet.value, Some(Value::Speaker(_)));
        // Words of the server alone.
        let claims_to_move =
            matches!(&packet.value, Some(Value::User(user)) if user.topic.as_deref() == Some(MOVE_TOPIC));
        if claims_who_speaks || claims_to_move || !livekit.permission.can_publish_data {
            return crate::metrics::dropped("data_not_allowed", 1);
        }
        if channel == Channel::Reliable && packet.sequence > 0 {
            // Sent again after a resume.
            if packet.sequence <= livekit.last_sequence {
                return;
            }
            livekit.last_sequence = packet.sequence;
        }
        let destinations = sign(&mut packet, who, channel);
        let message = Bytes::from(packet.encode_to_vec());
        let receivers = self.receivers(Some(key), &destinations);
        self.deliver(Some(key), &receivers, channel, &message);
    }

    /// Those named, by identity or sid; everybody if nobody is.
    pub(super) fn receivers(&self, except: Option<ParticipantKey>, destinations: &[String]) -> Vec<ParticipantKey> {
        if destinations.is_empty() {
            let keys = self.roster.all_livekit().map(|(who, _)| who.key);
            return keys.filter(|key| Some(*key) != except).collect();
        }
        let named: HashSet<&str> = destinations.iter().map(String::as_str).collect();
        let found = named.into_iter().filter_map(|name| {
            let by_sid = || self.roster.by_session(name).filter(|key| self.roster.livekit(*key).is_some());
            self.roster.by_identity(name).or_else(by_sid)
        });
        let keys: BTreeSet<ParticipantKey> = found.filter(|key| Some(*key) != except).collect();
        keys.into_iter().collect()
    }

    /// A message for participants. It waits for a channel that is not open yet, if it is reliable.
    pub(super) fn deliver(
        &mut self,
        from: Option<ParticipantKey>,
        receivers: &[ParticipantKey],
        channel: Channel,
        message: &Bytes,
    ) {
        let mut to = Vec::new();
        for key in receivers {
            let Some((_, livekit)) = self.roster.livekit_mut(*key) else { continue };
            let waits = channel == Channel::Reliable && livekit.waiting_bytes + message.len() <= WAITING_BYTES_MAX;
            match livekit.links.down() {
                Some(link) if livekit.data_open => to.push(link.peer),
                Some(_) if waits => {
                    livekit.waiting_bytes += message.len();
                    livekit.waiting.push_back(message.clone());
                }
                _ => crate::metrics::dropped("data_not_open", 1),
            }
        }
        if !to.is_empty() {
            let sender = from.and_then(|key| self.roster.livekit(key)?.1.links.up());
            let (from, message) = (sender.map(|link| link.peer), message.clone());
            self.out.order(Order::Send { from, to: to.into(), channel, message });
        }
    }

    /// A participant can be sent messages from now on, if it is the connection for that.
    pub(super) fn data_opened(&mut self, key: ParticipantKey, peer: PeerId) {
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        if livekit.links.down().is_none_or(|link| link.peer != peer) {
            return;
        }
        (livekit.data_open, livekit.waiting_bytes) = (true, 0);
        for message in std::mem::take(&mut livekit.waiting) {
            let to = Arc::new([peer]);
            self.out.order(Order::Send { from: None, to, channel: Channel::Reliable, message });
        }
    }
}

/// Says who sent it, whatever the packet claims. Returns whom it is for: clients write that in either of two places.
fn sign(packet: &mut proto::DataPacket, sender: &Who, channel: Channel) -> Vec<String> {
    let kind = if channel == Channel::Reliable { Kind::Reliable } else { Kind::Lossy };
    packet.participant_sid.clone_from(&sender.sid);
    packet.participant_identity = sender.identity.to_string();
    let mut destinations = std::mem::take(&mut packet.destination_identities);
    #[expect(deprecated, reason = "older clients read and write the user packet's own fields")]
    if let Some(Value::User(user)) = &mut packet.value {
        user.participant_sid.clone_from(&sender.sid);
        user.participant_identity = sender.identity.to_string();
        destinations.append(&mut user.destination_identities);
        destinations.append(&mut user.destination_sids);
    }
    #[expect(deprecated, reason = "older clients read it")]
    {
        packet.kind = kind.into();
    }
    destinations
}

//! Messages of participants to each other.
//!
//! What a message says is the application's; who sent it is ours to say. A reliable message waits, bounded, for a
//! receiver whose channel is not open yet.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::{Kind, Value};
use plane::{Channel, Order, PeerId};
use prost::Message as _;

use super::super::Authority;
use crate::room::member::Member;
use crate::room::state::State;

/// Reliable messages that wait for a channel: further ones are dropped.
const WAITING_BYTES_MAX: usize = 512 * 1024;
/// What an application may put into one message, as LiveKit bounds it; around it stand names and a topic.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64_000;

impl Authority {
    /// A message of a participant.
    pub(in super::super) fn message(&self, state: &mut State, sid: &str, channel: Channel, message: Bytes) {
        let Some(member) = state.members.get_mut(sid) else { return };
        let Ok(mut packet) = proto::DataPacket::decode(message) else {
            return crate::metrics::dropped("data_malformed", 1);
        };
        if matches!(&packet.value, Some(Value::User(user)) if user.payload.len() > PAYLOAD_BYTES_MAX) {
            return crate::metrics::dropped("data_too_large", 1);
        }
        #[expect(deprecated, reason = "older clients believe it")]
        let claims_who_speaks = matches!(&packet.value, Some(Value::Speaker(_)));
        // Which the server says.
        if claims_who_speaks || !member.permission.can_publish_data {
            return crate::metrics::dropped("data_not_allowed", 1);
        }
        if channel == Channel::Reliable && packet.sequence > 0 {
            // Sent again after a resume.
            if packet.sequence <= member.last_sequence {
                return;
            }
            member.last_sequence = packet.sequence;
        }
        let destinations = sign(&mut packet, member, channel);
        let (room, message) = (member.room.clone(), Bytes::from(packet.encode_to_vec()));
        self.deliver(state, &room, Some(sid), &destinations, channel, &message);
    }

    /// To those named, by identity or sid; to everybody if nobody is.
    pub(super) fn deliver(
        &self,
        state: &mut State,
        room: &str,
        except: Option<&str>,
        destinations: &[String],
        channel: Channel,
        message: &Bytes,
    ) {
        let Some(of) = state.rooms.get(room) else { return };
        let mut to = Vec::new();
        let named: HashSet<&str> = destinations.iter().map(String::as_str).collect();
        for sid in &of.members {
            let Some(member) = state.members.get_mut(sid).filter(|member| except != Some(&member.sid)) else {
                continue;
            };
            if !named.is_empty() && !named.contains(&*member.identity) && !named.contains(&*member.sid) {
                continue;
            }
            match member.links.down() {
                Some(link) if member.data_open => to.push(link.peer),
                Some(_)
                    if channel == Channel::Reliable && member.waiting_bytes + message.len() <= WAITING_BYTES_MAX =>
                {
                    member.waiting_bytes += message.len();
                    member.waiting.push_back(message.clone());
                }
                _ => crate::metrics::dropped("data_not_open", 1),
            }
        }
        if !to.is_empty() {
            let from = except.and_then(|sid| state.members.get(sid)?.links.up()).map(|link| link.peer);
            self.plane.order(Order::Send { from, to: to.into(), channel, message: message.clone() });
        }
    }

    /// A participant can be sent messages from now on, if it is the connection for that.
    pub(in super::super) fn data_opened(&self, state: &mut State, sid: &str, peer: PeerId) {
        let Some(member) = state.members.get_mut(sid) else { return };
        if member.links.down().is_none_or(|link| link.peer != peer) {
            return;
        }
        member.data_open = true;
        member.waiting_bytes = 0;
        for message in std::mem::take(&mut member.waiting) {
            let to = Arc::new([peer]);
            self.plane.order(Order::Send { from: None, to, channel: Channel::Reliable, message });
        }
    }
}

/// Says who sent it, whatever the packet claims. Returns whom it is for: clients write that in either of two places.
fn sign(packet: &mut proto::DataPacket, sender: &Member, channel: Channel) -> Vec<String> {
    let kind = if channel == Channel::Reliable { Kind::Reliable } else { Kind::Lossy };
    packet.participant_sid.clone_from(&sender.sid);
    packet.participant_identity.clone_from(&sender.identity);
    let mut destinations = std::mem::take(&mut packet.destination_identities);
    #[expect(deprecated, reason = "older clients read and write the user packet's own fields")]
    if let Some(Value::User(user)) = &mut packet.value {
        user.participant_sid.clone_from(&sender.sid);
        user.participant_identity.clone_from(&sender.identity);
        destinations.append(&mut user.destination_identities);
        destinations.append(&mut user.destination_sids);
    }
    #[expect(deprecated, reason = "older clients read it")]
    {
        packet.kind = kind.into();
    }
    destinations
}

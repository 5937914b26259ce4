//! What clients ask over their signal connection.

use std::collections::HashMap;

use livekit_protocol as proto;
use livekit_protocol::DisconnectReason;
use livekit_protocol::leave_request::Action;
use livekit_protocol::request_response::Reason;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;

use super::super::Authority;
use crate::room::member::Audience;
use crate::room::now::Now;
use crate::room::state::State;
use crate::signalling::livekit::info::unix_time;
use crate::signalling::livekit::message::response;
use crate::signalling::sdp::{Limits, RemoteDescription, SdpError};

/// Tracks that a client may have said something about.
pub(super) const CHOICES_MAX: usize = 1024;
/// Participants that a client may let subscribe, and tracks of each.
const PERMISSIONS_MAX: usize = 1024;
/// Bytes of metadata, and of all attributes together.
const METADATA_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 256;

impl Authority {
    /// A request of a participant's current connection; those of older ones say nothing.
    pub(crate) fn request(&self, sid: &str, connection: u32, request: Request, now: Now) {
        // Before the lock is taken: a description of many sections takes milliseconds to read.
        let description = match &request {
            Request::Offer(sdp) | Request::Answer(sdp) => {
                Some(RemoteDescription::parse_within(&sdp.sdp, Limits::PARTICIPANT))
            }
            _ => None,
        };
        let mut state = self.lock();
        let state = &mut *state;
        let current = state.members.get(sid).and_then(|member| member.signal.as_ref());
        if current.is_none_or(|signal| signal.connection != connection) {
            return;
        }
        match request {
            Request::Ping(_) => self.reply(state, sid, Message::Pong(unix_time(now.utc).1)),
            Request::PingReq(ping) => {
                let timestamp = unix_time(now.utc).1;
                let pong = proto::Pong { last_ping_timestamp: ping.timestamp, timestamp };
                self.reply(state, sid, Message::PongResp(pong));
            }
            Request::Offer(offer) => {
                if let Some(parsed) = self.described(state, sid, description) {
                    self.publisher_offer(state, sid, offer.id, &parsed);
                }
            }
            Request::Answer(answer) => {
                if let Some(parsed) = self.described(state, sid, description) {
                    self.subscriber_answer(state, sid, answer.id, &parsed);
                }
            }
            Request::AddTrack(request) => self.add_track(state, sid, &request),
            Request::Mute(request) => {
                self.mute(state, sid, &request.sid, request.muted);
                if !request.muted {
                    self.enforce_mute(state, sid, &request.sid, false);
                }
            }
            Request::Subscription(request) => self.update_subscription(state, sid, &request),
            Request::TrackSetting(request) => self.update_track_settings(state, sid, &request),
            Request::SubscriptionPermission(request) => self.set_audience(state, sid, request),
            Request::UpdateMetadata(request) => self.update_own_metadata(state, sid, request),
            Request::SyncState(sync) => self.sync(state, sid, &sync),
            Request::Leave(_) => self.dismiss(state, sid, DisconnectReason::ClientInitiated, Action::Disconnect),
            // We are ICE-lite: who can reach us does, and tells us nothing new by its candidates.
            Request::Trickle(_) => {}
            // Statistics, hints, and what this server has no use for.
            _ => {}
        }
    }

    fn reply(&self, state: &State, sid: &str, message: Message) {
        if let Some(member) = state.members.get(sid) {
            member.tell(message);
        }
    }

    /// An offer or answer. One that cannot be served ends the session: neither side would know what holds.
    fn described(
        &self,
        state: &mut State,
        sid: &str,
        description: Option<Result<RemoteDescription, SdpError>>,
    ) -> Option<RemoteDescription> {
        description?
            .inspect_err(|error| {
                tracing::debug!(sid, %error, "a participant's description is refused");
                self.dismiss(state, sid, DisconnectReason::StateMismatch, Action::Reconnect);
            })
            .ok()
    }

    fn set_audience(&self, state: &mut State, sid: &str, request: proto::SubscriptionPermission) {
        let Some(member) = state.members.get_mut(sid) else { return };
        let few = request.track_permissions.len() <= PERMISSIONS_MAX
            && request.track_permissions.iter().all(|of| of.track_sids.len() <= PERMISSIONS_MAX);
        let only = (!request.all_participants).then_some(if few { request.track_permissions } else { Vec::new() });
        let open = only.is_none() && member.audience.only.is_none();
        member.audience = Audience { only };
        let room = member.room.clone();
        // Clients say so when they join, and mostly that everybody may.
        if !open {
            self.stage_changed(state, &room);
        }
    }

    fn update_own_metadata(&self, state: &mut State, sid: &str, request: proto::UpdateParticipantMetadata) {
        let Some(member) = state.members.get(sid) else { return };
        let said = if member.permission.can_update_metadata {
            let proto::UpdateParticipantMetadata { metadata, name, attributes, .. } = request;
            self.describe_member(state, sid, name, metadata, attributes)
        } else {
            Err((Reason::NotAllowed, "the token does not allow changing one's own metadata"))
        };
        let (reason, why) = said.err().unwrap_or((Reason::Ok, ""));
        self.reply(state, sid, response(request.request_id, reason, why));
    }

    /// Changes how a participant is called and what is said of them. An empty name or metadata changes nothing; an
    /// attribute that is set to nothing goes.
    pub(in super::super) fn describe_member(
        &self,
        state: &mut State,
        sid: &str,
        name: String,
        metadata: String,
        attributes: HashMap<String, String>,
    ) -> Result<(), (Reason, &'static str)> {
        let Some(member) = state.members.get_mut(sid) else { return Err((Reason::NotFound, "no such participant")) };
        let mut merged = member.attributes.clone();
        merged.extend(attributes);
        merged.retain(|_, value| !value.is_empty());
        let bytes: usize = merged.iter().map(|(key, value)| key.len() + value.len()).sum();
        if name.len() > NAME_BYTES_MAX || metadata.len() > METADATA_BYTES_MAX || bytes > METADATA_BYTES_MAX {
            return Err((Reason::LimitExceeded, "too long"));
        }
        member.attributes = merged;
        if !name.is_empty() {
            member.name = name;
        }
        if !metadata.is_empty() {
            member.metadata = metadata;
        }
        self.announce(state, sid);
        Ok(())
    }

    /// After a resume the client says what it holds: its choices may have been lost on the way.
    fn sync(&self, state: &mut State, sid: &str, sync: &proto::SyncState) {
        if let Some(subscription) = &sync.subscription {
            self.update_subscription(state, sid, subscription);
        }
    }
}

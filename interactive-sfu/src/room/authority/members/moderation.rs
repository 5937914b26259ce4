//! What the server's API does to participants.

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::{Kind, Value};
use livekit_protocol::signal_response::Message;
use plane::{Channel, Order, TrackId};
use prost::Message as _;

use super::super::Authority;
use super::data::PAYLOAD_BYTES_MAX;
use crate::control::SfuError;
use crate::room::member::Track;
use crate::room::participants::tracks;
use crate::room::state::State;
use crate::signalling::livekit::message::Outgoing;

impl Authority {
    /// Mutes or unmutes a track. The participant is told, and what they send of it is dropped until they unmute it
    /// themselves.
    pub(crate) fn mute_track(&self, request: &proto::MuteRoomTrackRequest) -> Result<proto::TrackInfo, SfuError> {
        let mut state = self.lock();
        let state = &mut *state;
        let Ok(sid) = state.sid_of(&request.room, &request.identity) else {
            return self.mute_session(state, request);
        };
        let member = state.members.get(&sid).ok_or(SfuError::UnknownParticipant)?;
        let known = member.uplink.tracks.iter().any(|track| track.info.sid == request.track_sid);
        if !known {
            return Err(SfuError::UnknownTrack);
        }
        member.tell(Message::Mute(proto::MuteTrackRequest { sid: request.track_sid.clone(), muted: request.muted }));
        self.mute(state, &sid, &request.track_sid, request.muted);
        self.enforce_mute(state, &sid, &request.track_sid, request.muted);
        let tracks = state.members.get(&sid).into_iter().flat_map(|member| &member.uplink.tracks);
        let mut infos = tracks.map(|track| &track.info);
        infos.find(|info| info.sid == request.track_sid).cloned().ok_or(SfuError::UnknownTrack)
    }

    /// None of a track's pictures may be forwarded: it is muted, which its publisher and everybody else are told. They
    /// may unmute it.
    pub(in super::super) fn refuse_pictures(&self, state: &mut State, sid: &str, picture: TrackId, why: &'static str) {
        let Some(member) = state.members.get(sid) else { return };
        tracing::warn!(participant = member.identity, why, "a participant's picture is not forwarded");
        let theirs = member.uplink.tracks.iter().find(|track| track.published().all(|media| media.id == picture));
        let Some(track_sid) = theirs.map(|track| track.info.sid.clone()) else { return };
        member.tell(Message::Mute(proto::MuteTrackRequest { sid: track_sid.clone(), muted: true }));
        self.mute(state, sid, &track_sid, true);
        self.enforce_mute(state, sid, &track_sid, true);
    }

    /// Of who publishes by WHIP, and cannot be told: what they send is dropped until the server unmutes it.
    fn mute_session(
        &self,
        state: &mut State,
        request: &proto::MuteRoomTrackRequest,
    ) -> Result<proto::TrackInfo, SfuError> {
        let theirs = state.sessions_of(&request.room, &request.identity);
        let id = theirs.first().ok_or(SfuError::UnknownParticipant)?;
        let session = state.sessions.get_mut(id).filter(|s| !s.hidden).ok_or(SfuError::UnknownParticipant)?;
        let found = tracks(session).into_iter().find(|(info, _)| info.sid == request.track_sid);
        let (info, media) = found.ok_or(SfuError::UnknownTrack)?;
        session.muted.retain(|muted| *muted != media.id);
        session.muted.extend(request.muted.then_some(media.id));
        self.plane.order(Order::Mute { peer: session.peer, track: media.id, muted: request.muted });
        state.roll_stale(&request.room);
        self.tell_of(state, id);
        Ok(proto::TrackInfo { muted: request.muted, ..info })
    }

    /// Whether the media plane drops what comes of a track.
    pub(super) fn enforce_mute(&self, state: &State, sid: &str, track_sid: &str, muted: bool) {
        let Some(member) = state.members.get(sid) else { return };
        let track = member.uplink.tracks.iter().find(|track| track.info.sid == track_sid);
        if let (Some(up), Some(track)) = (member.links.up(), track) {
            for media in track.published() {
                self.plane.order(Order::Mute { peer: up.peer, track: media.id, muted });
            }
        }
    }

    /// Changes what is said of a participant and what they may do, without a reconnect.
    pub(crate) fn update_participant(
        &self,
        request: proto::UpdateParticipantRequest,
    ) -> Result<proto::ParticipantInfo, SfuError> {
        let mut state = self.lock();
        let state = &mut *state;
        let sid = state.sid_of(&request.room, &request.identity)?;
        let proto::UpdateParticipantRequest { metadata, permission, name, attributes, .. } = request;
        self.describe_member(state, &sid, name, metadata, attributes)
            .map_err(|(_, why)| SfuError::Invalid(format!("name, metadata or attributes: {why}")))?;
        if let Some(permission) = permission {
            self.permit(state, &sid, permission);
        }
        state.members.get(&sid).map(|member| member.info()).ok_or(SfuError::UnknownParticipant)
    }

    /// From now on a participant may do this: what they publish and are sent follows.
    fn permit(&self, state: &mut State, sid: &str, permission: proto::ParticipantPermission) {
        let Some(member) = state.members.get_mut(sid) else { return };
        // Whether somebody is seen is decided once.
        member.permission = proto::ParticipantPermission { hidden: member.permission.hidden, ..permission };
        let revoked: Vec<Track> = member.uplink.revoke(&member.permission);
        for track in &revoked {
            let track_sid = track.info.sid.clone();
            member.tell(Message::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid }));
        }
        let may_publish = member.permission.can_publish;
        self.withdraw(state, sid, &revoked);
        if may_publish {
            state.list(sid);
        }
        self.announce(state, sid);
        if revoked.is_empty() {
            self.resubscribe(state, sid);
        } else {
            self.tracks_changed(state, sid);
        }
    }

    /// Subscribes a participant to tracks, or ends that.
    pub(crate) fn update_subscriptions(&self, request: proto::UpdateSubscriptionsRequest) -> Result<(), SfuError> {
        let mut state = self.lock();
        let sid = state.sid_of(&request.room, &request.identity)?;
        let proto::UpdateSubscriptionsRequest { track_sids, subscribe, participant_tracks, .. } = request;
        let update = proto::UpdateSubscription { track_sids, subscribe, participant_tracks };
        self.update_subscription(&mut state, &sid, &update);
        Ok(())
    }

    /// A message from the server.
    pub(crate) fn send_data(&self, request: proto::SendDataRequest) -> Result<(), SfuError> {
        if request.data.len() > PAYLOAD_BYTES_MAX {
            return Err(SfuError::Invalid(format!("data is longer than {PAYLOAD_BYTES_MAX} bytes")));
        }
        #[expect(deprecated, reason = "older servers still name receivers by sid")]
        let destinations = [request.destination_identities, request.destination_sids].concat();
        let channel = if request.kind == i32::from(Kind::Lossy) { Channel::Lossy } else { Channel::Reliable };
        let user = proto::UserPacket {
            payload: request.data,
            topic: request.topic,
            nonce: request.nonce,
            ..proto::UserPacket::default()
        };
        #[expect(deprecated, reason = "older clients read it")]
        let packet =
            proto::DataPacket { kind: request.kind, value: Some(Value::User(user)), ..proto::DataPacket::default() };
        let message = Bytes::from(packet.encode_to_vec());
        self.deliver(&mut self.lock(), &request.room, None, &destinations, channel, &message);
        Ok(())
    }

    /// Something is new about a room.
    pub(crate) fn tell_room(&self, mut room: proto::Room) {
        let mut state = self.lock();
        room.num_participants = state.count(&room.name);
        let name = room.name.clone();
        if let Some(of) = state.rooms.get_mut(&name) {
            of.about = Some(room.clone());
        }
        let news = Outgoing::from(Message::RoomUpdate(proto::RoomUpdate { room: Some(room) }));
        state.members_of(&name).for_each(|member| member.tell(news.clone()));
    }
}

impl State {
    /// The participant of that identity.
    fn sid_of(&self, room: &str, identity: &str) -> Result<String, SfuError> {
        self.sid_by_identity(room, identity).map(str::to_owned).ok_or(SfuError::UnknownParticipant)
    }
}

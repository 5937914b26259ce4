//! Calls of the server's API about participants.

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::{Kind, Value};
use livekit_protocol::signal_response::Message;
use plane::{Channel, Order, TrackId};
use prost::Message as _;

use super::data::PAYLOAD_BYTES_MAX;
use crate::control::SfuError;
use crate::room::machine::Room;
use crate::room::participant::livekit::Track;
use crate::room::participant::{Participant, ParticipantKey};

impl Room {
    /// Mutes or unmutes a track. Its participant is told, and what it sends of the track is dropped until it unmutes
    /// the track itself. A speaker by WHIP cannot be told, and stays muted until the server unmutes it.
    pub(in crate::room) fn mute_track(
        &mut self,
        request: &proto::MuteRoomTrackRequest,
    ) -> Result<proto::TrackInfo, SfuError> {
        let Some(key) = self.roster.by_identity(&request.identity) else { return self.mute_session(request) };
        let (_, livekit) = self.roster.livekit(key).ok_or(SfuError::UnknownParticipant)?;
        if !livekit.uplink.tracks.iter().any(|track| track.info.sid == request.track_sid) {
            return Err(SfuError::UnknownTrack);
        }
        self.mute_by_server(key, &request.track_sid, request.muted);
        let tracks = self.roster.livekit(key).into_iter().flat_map(|(_, livekit)| &livekit.uplink.tracks);
        let mut infos = tracks.map(|track| &track.info);
        infos.find(|info| info.sid == request.track_sid).cloned().ok_or(SfuError::UnknownTrack)
    }

    fn mute_by_server(&mut self, key: ParticipantKey, track_sid: &str, muted: bool) {
        let connection = self.roster.get(key).and_then(Participant::connection);
        self.out.tell(connection, Message::Mute(proto::MuteTrackRequest { sid: track_sid.to_owned(), muted }));
        self.mute(key, track_sid, muted);
        self.enforce_mute(key, track_sid, muted);
    }

    /// None of a track's pictures may be forwarded: the track is muted, and its publisher and everybody else are told.
    /// The publisher may unmute it.
    pub(super) fn refuse_pictures(&mut self, key: ParticipantKey, picture: TrackId) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let refused = |track: &&Track| track.published().all(|media| media.id == picture);
        let Some(track) = livekit.uplink.tracks.iter().find(refused) else { return };
        let track_sid = track.info.sid.clone();
        self.mute_by_server(key, &track_sid, true);
    }

    fn mute_session(&mut self, request: &proto::MuteRoomTrackRequest) -> Result<proto::TrackInfo, SfuError> {
        let publishes = |one: &&Participant| one.whip_whep().is_some_and(|session| session.publishes());
        let theirs =
            |one: &&Participant| one.who.identity == request.identity.as_str() && !one.who.hidden && publishes(one);
        let key = self.roster.iter().find(theirs).ok_or(SfuError::UnknownParticipant)?.key();
        let participant = self.roster.get(key).ok_or(SfuError::UnknownParticipant)?;
        let found = participant.tracks().into_iter().find(|track| track.info.sid == request.track_sid);
        let (info, media) = found.map(|track| (track.info, track.media.id)).ok_or(SfuError::UnknownTrack)?;
        let (_, session) = self.roster.whip_whep_mut(key).ok_or(SfuError::UnknownParticipant)?;
        session.muted.retain(|muted| *muted != media);
        session.muted.extend(request.muted.then_some(media));
        if let Some(peer) = session.peer {
            self.out.order(Order::Mute { peer, track: media, muted: request.muted });
        }
        self.announce_soon(key);
        Ok(proto::TrackInfo { muted: request.muted, ..info })
    }

    /// Says whether the media plane drops what comes of a track.
    pub(super) fn enforce_mute(&mut self, key: ParticipantKey, track_sid: &str, muted: bool) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let track = livekit.uplink.tracks.iter().find(|track| track.info.sid == track_sid);
        if let (Some(up), Some(track)) = (livekit.links.up(), track) {
            for media in track.published() {
                self.out.order(Order::Mute { peer: up.peer, track: media.id, muted });
            }
        }
    }

    /// Changes what is said of a participant and what it may do, without a reconnect.
    pub(in crate::room) fn update_participant(
        &mut self,
        request: proto::UpdateParticipantRequest,
    ) -> Result<proto::ParticipantInfo, SfuError> {
        let key = self.roster.by_identity(&request.identity).ok_or(SfuError::UnknownParticipant)?;
        let proto::UpdateParticipantRequest { metadata, permission, name, attributes, .. } = request;
        self.describe_participant(key, name, metadata, attributes)
            .map_err(|(_, why)| SfuError::Invalid(format!("name, metadata or attributes: {why}")))?;
        if let Some(permission) = permission {
            self.permit(key, permission);
        }
        self.roster.get(key).map(Participant::info).ok_or(SfuError::UnknownParticipant)
    }

    /// From now on a participant may do this: what it publishes and is sent follows.
    fn permit(&mut self, key: ParticipantKey, permission: proto::ParticipantPermission) {
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        // Whether somebody is seen is decided once.
        livekit.permission = proto::ParticipantPermission { hidden: livekit.permission.hidden, ..permission };
        let revoked: Vec<Track> = livekit.uplink.revoke(&livekit.permission);
        for track in &revoked {
            let told = proto::TrackUnpublishedResponse { track_sid: track.info.sid.clone() };
            self.out.tell(livekit.connection, Message::TrackUnpublished(told));
        }
        let may_publish = livekit.permission.can_publish;
        self.withdraw(key, &revoked);
        if may_publish {
            self.list(key);
        }
        self.announce(key);
        if revoked.is_empty() {
            self.resubscribe(key);
        } else {
            self.tracks_changed(key);
        }
    }

    /// Subscribes a participant to tracks, or ends that.
    pub(in crate::room) fn update_subscriptions(
        &mut self,
        request: proto::UpdateSubscriptionsRequest,
    ) -> Result<(), SfuError> {
        let key = self.roster.by_identity(&request.identity).ok_or(SfuError::UnknownParticipant)?;
        let proto::UpdateSubscriptionsRequest { track_sids, subscribe, participant_tracks, .. } = request;
        self.update_subscription(key, &proto::UpdateSubscription { track_sids, subscribe, participant_tracks });
        Ok(())
    }

    /// A message from the server.
    pub(in crate::room) fn send_data(&mut self, request: proto::SendDataRequest) -> Result<(), SfuError> {
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
        let receivers = self.receivers(None, &destinations);
        self.deliver(None, &receivers, channel, &Bytes::from(packet.encode_to_vec()));
        Ok(())
    }

    /// Something is new about the room.
    pub(in crate::room) fn tell_room(&mut self, mut room: proto::Room) {
        room.num_participants = self.count();
        self.about = Some(room.clone());
        self.tell_everybody(Message::RoomUpdate(proto::RoomUpdate { room: Some(room) }));
    }
}

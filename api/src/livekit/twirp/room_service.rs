//! The calls of `livekit.RoomService`, and the meaning of LiveKit's messages here.

use access::limits::ROOM_METADATA_BYTES_MAX;
use access::{Grants, RoomName};
use chrono::Utc;
use interactive_sfu::{SfuError, TellRoom};
use livekit_protocol as proto;
use rooms::Room;
use rooms::overflow::Thresholds;

use super::failure::Failure;
use crate::app::{App, end_room};
use crate::extract::parsed;
use crate::livekit::room::as_livekit;
use crate::{Error, auth};

/// One caller's view of the rooms.
pub(super) struct RoomService {
    pub(super) app: App,
    pub(super) grants: Grants,
}

impl RoomService {
    /// The room, made if there is none: off the air and private, where the operator has set nothing else. It is closed
    /// when nobody was in it for the longer of the request's timeouts. Egress in the request is not followed.
    pub(super) async fn create_room(&self, request: proto::CreateRoomRequest) -> Result<proto::Room, Failure> {
        auth::may_create(&self.grants)?;
        let name: RoomName = parsed("name", &request.name)?;
        let idle_end_seconds = match request.empty_timeout.max(request.departure_timeout) {
            0 => self.app.config.room_idle_end_seconds,
            seconds => seconds,
        };
        let room = Room {
            metadata: checked(request.metadata)?,
            idle_end_seconds,
            audience: Thresholds { seats_max: request.max_participants, ..Thresholds::default() },
            ..Room::new(name, Utc::now().timestamp_millis(), self.app.config.livekit_rooms)
        };
        match self.app.rooms.create(room, self.app.config.rooms_max).await {
            Ok(room) => Ok(self.room(&room)),
            Err(rooms::Error::RoomExists) => Ok(self.room(&self.app.rooms.get(&request.name).await?)),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists the rooms that are named, or all.
    pub(super) async fn list_rooms(
        &self,
        request: proto::ListRoomsRequest,
    ) -> Result<proto::ListRoomsResponse, Failure> {
        if !self.grants.room_list {
            return Err(Error::Forbidden("the token does not allow listing rooms").into());
        }
        let wanted = |room: &Room| request.names.is_empty() || request.names.iter().any(|name| room.name == **name);
        let rooms = self.app.rooms.list().await?.into_iter().filter(wanted).map(|room| self.room(&room));
        Ok(proto::ListRoomsResponse { rooms: rooms.collect() })
    }

    pub(super) async fn delete_room(
        &self,
        request: proto::DeleteRoomRequest,
    ) -> Result<proto::DeleteRoomResponse, Failure> {
        auth::may_create(&self.grants)?;
        end_room(&self.app, &request.room).await?;
        Ok(proto::DeleteRoomResponse {})
    }

    pub(super) async fn update_room_metadata(
        &self,
        request: proto::UpdateRoomMetadataRequest,
    ) -> Result<proto::Room, Failure> {
        auth::may_administer(&self.grants, &request.room)?;
        let metadata = checked(request.metadata)?;
        let room = self.app.rooms.change(&request.room, |room| room.metadata = metadata).await?;
        self.app.media.ask(TellRoom(as_livekit(&room))).await?;
        Ok(self.room(&room))
    }

    pub(super) async fn list_participants(
        &self,
        request: proto::ListParticipantsRequest,
    ) -> Result<proto::ListParticipantsResponse, Failure> {
        let room = self.administered(&request.room).await?;
        let participants = self.app.media.participants(&room.name, true);
        Ok(proto::ListParticipantsResponse { participants })
    }

    pub(super) async fn get_participant(
        &self,
        request: proto::RoomParticipantIdentity,
    ) -> Result<proto::ParticipantInfo, Failure> {
        let room = self.administered(&request.room).await?;
        let mut participants = self.app.media.participants(&room.name, true).into_iter();
        let found = participants.find(|participant| participant.identity == request.identity);
        Ok(found.ok_or(SfuError::UnknownParticipant)?)
    }

    /// Ends their sessions. Their token stays good until it expires, as with LiveKit.
    pub(super) async fn remove_participant(
        &self,
        request: proto::RoomParticipantIdentity,
    ) -> Result<proto::RemoveParticipantResponse, Failure> {
        self.administered(&request.room).await?;
        self.app.media.ask(request).await?;
        Ok(proto::RemoveParticipantResponse {})
    }

    pub(super) async fn mute_published_track(
        &self,
        request: proto::MuteRoomTrackRequest,
    ) -> Result<proto::MuteRoomTrackResponse, Failure> {
        self.administered(&request.room).await?;
        let track = self.app.media.ask(request).await?;
        Ok(proto::MuteRoomTrackResponse { track: Some(track) })
    }

    pub(super) async fn update_participant(
        &self,
        request: proto::UpdateParticipantRequest,
    ) -> Result<proto::ParticipantInfo, Failure> {
        self.administered(&request.room).await?;
        Ok(self.app.media.ask(request).await?)
    }

    pub(super) async fn update_subscriptions(
        &self,
        request: proto::UpdateSubscriptionsRequest,
    ) -> Result<proto::UpdateSubscriptionsResponse, Failure> {
        self.administered(&request.room).await?;
        self.app.media.ask(request).await?;
        Ok(proto::UpdateSubscriptionsResponse {})
    }

    pub(super) async fn send_data(&self, request: proto::SendDataRequest) -> Result<proto::SendDataResponse, Failure> {
        self.administered(&request.room).await?;
        self.app.media.ask(request).await?;
        Ok(proto::SendDataResponse {})
    }

    /// The room, if the caller may administer it. Other callers are not told whether it exists.
    async fn administered(&self, room: &str) -> Result<Room, Failure> {
        auth::may_administer(&self.grants, room)?;
        Ok(self.app.rooms.get(room).await?)
    }

    fn room(&self, room: &Room) -> proto::Room {
        let participants = self.app.media.participants(&room.name, false);
        proto::Room {
            num_participants: count(participants.len()),
            num_publishers: count(participants.iter().filter(|participant| participant.is_publisher).count()),
            ..as_livekit(room)
        }
    }
}

fn checked(metadata: String) -> Result<String, Error> {
    if metadata.len() > ROOM_METADATA_BYTES_MAX {
        return Err(Error::Invalid(format!("metadata must be at most {ROOM_METADATA_BYTES_MAX} bytes")));
    }
    Ok(metadata)
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

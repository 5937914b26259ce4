//! What the routes ask of the SFU: [`interactive_sfu::Sfu`] in one process; tests bring their own.

use std::future::Future;
use std::pin::Pin;

use interactive_sfu::{ConnectRequest, Connection, JoinRequest, Joined, Patched, SessionId, Sfu, SfuError, Speaker};
use livekit_protocol as proto;

/// A future that can be kept in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is asked about a room and who is in it, in LiveKit's words. A further call has its place here and in
/// [`Moderation::ask`].
#[derive(Clone, Debug, PartialEq)]
pub enum Moderation {
    /// Ends every session of an identity.
    Remove(proto::RoomParticipantIdentity),
    /// Mutes or unmutes a participant's track.
    MuteTrack(proto::MuteRoomTrackRequest),
    /// Changes what is said of a participant and what they may do.
    UpdateParticipant(proto::UpdateParticipantRequest),
    /// Subscribes a participant to tracks, or ends that.
    UpdateSubscriptions(proto::UpdateSubscriptionsRequest),
    /// A message to participants.
    SendData(proto::SendDataRequest),
    /// Tells participants what is new about their room.
    TellRoom(proto::Room),
    /// Ends every session of a room.
    CloseRoom(String),
}

/// Whom or what a [`Moderation`] was about, as it is now; neither where there is nothing to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moderated {
    /// After a change of a participant.
    pub participant: Option<proto::ParticipantInfo>,
    /// After a change of a track.
    pub track: Option<proto::TrackInfo>,
}

impl Moderation {
    async fn ask(self, sfu: &Sfu) -> Result<Moderated, SfuError> {
        let mut answer = Moderated::default();
        match self {
            Self::Remove(who) => {
                if !sfu.remove(&who.room, &who.identity).await {
                    return Err(SfuError::UnknownParticipant);
                }
            }
            Self::MuteTrack(request) => answer.track = Some(sfu.mute_track(request).await?),
            Self::UpdateParticipant(request) => answer.participant = Some(sfu.update_participant(request).await?),
            Self::UpdateSubscriptions(request) => sfu.update_subscriptions(request).await?,
            Self::SendData(request) => sfu.send_data(request).await?,
            Self::TellRoom(room) => sfu.tell_room(room).await,
            Self::CloseRoom(room) => sfu.close_room(&room).await,
        }
        Ok(answer)
    }
}

/// The SFU's control handle. See [`Sfu`] for what each call means.
pub trait Media: Send + Sync {
    /// A WHIP POST.
    fn publish(&self, request: JoinRequest) -> BoxFuture<'_, Result<Joined, SfuError>>;
    /// A WHEP POST.
    fn subscribe(&self, request: JoinRequest) -> BoxFuture<'_, Result<Joined, SfuError>>;
    /// A client of LiveKit's protocol connects.
    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Connection, SfuError>>;
    /// A PATCH.
    fn patch<'a>(
        &'a self,
        room: &'a str,
        session: &'a SessionId,
        if_match: Option<&'a str>,
        fragment: &'a str,
    ) -> BoxFuture<'a, Result<Patched, SfuError>>;
    /// WHEP's layer extension.
    fn limit_layer<'a>(
        &'a self,
        room: &'a str,
        session: &'a SessionId,
        width_max: u32,
        height_max: u32,
    ) -> BoxFuture<'a, Result<(), SfuError>>;
    /// A DELETE.
    fn leave<'a>(&'a self, room: &'a str, session: &'a SessionId) -> BoxFuture<'a, Result<(), SfuError>>;
    /// Who is on stage, in order of joining.
    fn stage(&self, room: &str) -> Vec<Speaker>;
    /// Who is in a room.
    fn participants(&self, room: &str) -> Vec<proto::ParticipantInfo>;
    /// A moderator's call.
    fn moderate(&self, call: Moderation) -> BoxFuture<'_, Result<Moderated, SfuError>>;
}

impl Media for Sfu {
    fn publish(&self, request: JoinRequest) -> BoxFuture<'_, Result<Joined, SfuError>> {
        Box::pin(Sfu::publish(self, request))
    }

    fn subscribe(&self, request: JoinRequest) -> BoxFuture<'_, Result<Joined, SfuError>> {
        Box::pin(Sfu::subscribe(self, request))
    }

    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Connection, SfuError>> {
        Box::pin(Sfu::connect(self, request))
    }

    fn patch<'a>(
        &'a self,
        room: &'a str,
        session: &'a SessionId,
        if_match: Option<&'a str>,
        fragment: &'a str,
    ) -> BoxFuture<'a, Result<Patched, SfuError>> {
        Box::pin(Sfu::patch(self, room, session, if_match, fragment))
    }

    fn limit_layer<'a>(
        &'a self,
        room: &'a str,
        session: &'a SessionId,
        width_max: u32,
        height_max: u32,
    ) -> BoxFuture<'a, Result<(), SfuError>> {
        Box::pin(Sfu::limit_layer(self, room, session, width_max, height_max))
    }

    fn leave<'a>(&'a self, room: &'a str, session: &'a SessionId) -> BoxFuture<'a, Result<(), SfuError>> {
        Box::pin(Sfu::leave(self, room, session))
    }

    fn stage(&self, room: &str) -> Vec<Speaker> {
        Sfu::stage(self, room)
    }

    fn participants(&self, room: &str) -> Vec<proto::ParticipantInfo> {
        Sfu::participants(self, room)
    }

    fn moderate(&self, call: Moderation) -> BoxFuture<'_, Result<Moderated, SfuError>> {
        Box::pin(call.ask(self))
    }
}

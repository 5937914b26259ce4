//! What the routes ask of the SFU: [`interactive_sfu::Sfu`] in one process; tests bring their own.

use std::future::Future;
use std::pin::Pin;

use interactive_sfu::{ConnectRequest, Connection, JoinRequest, Joined, Patched, SessionId, Sfu, SfuError, Speaker};
use livekit_protocol::{
    MuteRoomTrackRequest, ParticipantInfo, Room, SendDataRequest, TrackInfo, UpdateParticipantRequest,
    UpdateSubscriptionsRequest,
};

/// A future that can be kept in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The SFU's control handle. See [`Sfu`] for what each call means.
pub trait Stage: Send + Sync {
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
    fn participants(&self, room: &str) -> Vec<ParticipantInfo>;
    /// Ends every session of an identity.
    fn remove<'a>(&'a self, room: &'a str, identity: &'a str) -> BoxFuture<'a, bool>;
    /// Mutes or unmutes a participant's track.
    fn mute_track(&self, request: MuteRoomTrackRequest) -> BoxFuture<'_, Result<TrackInfo, SfuError>>;
    /// Changes what is said of a participant and what they may do.
    fn update_participant(&self, request: UpdateParticipantRequest)
    -> BoxFuture<'_, Result<ParticipantInfo, SfuError>>;
    /// Subscribes a participant to tracks, or ends that.
    fn update_subscriptions(&self, request: UpdateSubscriptionsRequest) -> BoxFuture<'_, Result<(), SfuError>>;
    /// A message to participants.
    fn send_data(&self, request: SendDataRequest) -> BoxFuture<'_, Result<(), SfuError>>;
    /// Tells participants what is new about their room.
    fn tell_room(&self, room: Room) -> BoxFuture<'_, ()>;
    /// Ends every session of a room.
    fn close_room<'a>(&'a self, room: &'a str) -> BoxFuture<'a, ()>;
}

impl Stage for Sfu {
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

    fn participants(&self, room: &str) -> Vec<ParticipantInfo> {
        Sfu::participants(self, room)
    }

    fn remove<'a>(&'a self, room: &'a str, identity: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(Sfu::remove(self, room, identity))
    }

    fn mute_track(&self, request: MuteRoomTrackRequest) -> BoxFuture<'_, Result<TrackInfo, SfuError>> {
        Box::pin(Sfu::mute_track(self, request))
    }

    fn update_participant(
        &self,
        request: UpdateParticipantRequest,
    ) -> BoxFuture<'_, Result<ParticipantInfo, SfuError>> {
        Box::pin(Sfu::update_participant(self, request))
    }

    fn update_subscriptions(&self, request: UpdateSubscriptionsRequest) -> BoxFuture<'_, Result<(), SfuError>> {
        Box::pin(Sfu::update_subscriptions(self, request))
    }

    fn send_data(&self, request: SendDataRequest) -> BoxFuture<'_, Result<(), SfuError>> {
        Box::pin(Sfu::send_data(self, request))
    }

    fn tell_room(&self, room: Room) -> BoxFuture<'_, ()> {
        Box::pin(Sfu::tell_room(self, room))
    }

    fn close_room<'a>(&'a self, room: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(Sfu::close_room(self, room))
    }
}

//! The control handle: what the rest of the server may ask of the SFU.

use std::sync::Arc;
use std::time::Duration;

use access::Keys;
use livekit_protocol::{
    MuteRoomTrackRequest, ParticipantInfo, Room, SendDataRequest, TrackInfo, UpdateParticipantRequest,
    UpdateSubscriptionsRequest,
};

use crate::connection::Connection;
use crate::control::{ConnectRequest, Event, JoinRequest, Joined, Notice, Patched, SessionId, SfuError, Speaker};
use crate::room::now::Now;
use crate::start::{self, Running};

/// A cloneable handle. Every call is answered by the room's authority; none blocks media.
#[derive(Clone)]
pub struct Sfu {
    running: Arc<Running>,
}

/// How long peers may take to be told that it is over.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);
/// How often that is looked at.
const SHUTDOWN_POLL: Duration = Duration::from_millis(10);

impl Sfu {
    /// Binds the media sockets and starts the media threads. They run until [`Sfu::shutdown`]. Participants' tokens are
    /// renewed with `keys` while they stay.
    pub fn start(config: crate::Config, keys: Keys) -> Result<Self, crate::StartError> {
        Ok(Self { running: Arc::new(start::start(config, keys)?) })
    }

    #[cfg(test)]
    pub(crate) fn authority(&self) -> &crate::room::authority::Authority {
        &self.running.authority
    }

    /// Refuses newcomers, tells every peer that it is over (DTLS close_notify), and stops the media threads. Bounded; a
    /// second call does nothing.
    pub async fn shutdown(&self) {
        let running = self.running.clone();
        running.authority.close();
        let deadline = tokio::time::Instant::now() + SHUTDOWN_MAX;
        while running.authority.peers() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(SHUTDOWN_POLL).await;
        }
        let ended = tokio::task::spawn_blocking(move || running.join());
        if ended.await.is_err() {
            tracing::error!("a media thread ended badly");
        }
    }

    /// A WHIP POST: `request` publishes.
    pub async fn publish(&self, request: JoinRequest) -> Result<Joined, SfuError> {
        self.running.authority.publish(request, Now::read())
    }

    /// A WHEP POST: `request` watches.
    pub async fn subscribe(&self, request: JoinRequest) -> Result<Joined, SfuError> {
        self.running.authority.subscribe(request, Now::read())
    }

    /// A client of LiveKit's protocol connects.
    pub async fn connect(&self, request: ConnectRequest) -> Result<Connection, SfuError> {
        Connection::open(self.running.authority.clone(), request)
    }

    /// A PATCH with an `application/trickle-ice-sdpfrag` body (RFC 9725 §4.3, RFC 8840). `if_match` is the header's
    /// value; `*` serves for an ICE restart.
    pub async fn patch(
        &self,
        room: &str,
        session: &SessionId,
        if_match: Option<&str>,
        fragment: &str,
    ) -> Result<Patched, SfuError> {
        self.running.authority.patch(room, session, if_match, fragment)
    }

    /// WHEP's layer extension: the largest picture this session has use for, in pixels (0 × 0: none, pause video).
    pub async fn limit_layer(
        &self,
        room: &str,
        session: &SessionId,
        width_max: u32,
        height_max: u32,
    ) -> Result<(), SfuError> {
        self.running.authority.limit_layer(room, session, (width_max, height_max))
    }

    /// A DELETE.
    pub async fn leave(&self, room: &str, session: &SessionId) -> Result<(), SfuError> {
        self.running.authority.leave(room, session)
    }

    /// Who is on stage, in order of joining.
    pub fn stage(&self, room: &str) -> Vec<Speaker> {
        self.running.authority.stage(room)
    }

    /// Who is in a room, in LiveKit's words: first by WHIP and WHEP, then by its protocol, each in order of joining.
    /// The hidden are nobody.
    pub fn participants(&self, room: &str) -> Vec<ParticipantInfo> {
        self.running.authority.participants(room)
    }

    /// Ends every session of an identity that is not hidden. False: they have none. Their token stays good.
    pub async fn remove(&self, room: &str, identity: &str) -> bool {
        self.running.authority.remove(room, identity)
    }

    /// Mutes or unmutes a participant's track. The participant is told, and may unmute it.
    pub async fn mute_track(&self, request: MuteRoomTrackRequest) -> Result<TrackInfo, SfuError> {
        self.running.authority.mute_track(&request)
    }

    /// Changes what is said of a participant and what they may do, while they stay. Permissions replace those of their
    /// token.
    pub async fn update_participant(&self, request: UpdateParticipantRequest) -> Result<ParticipantInfo, SfuError> {
        self.running.authority.update_participant(request)
    }

    /// Subscribes a participant to tracks, or ends that.
    pub async fn update_subscriptions(&self, request: UpdateSubscriptionsRequest) -> Result<(), SfuError> {
        self.running.authority.update_subscriptions(request)
    }

    /// A message to participants of a room, from the server.
    pub async fn send_data(&self, request: SendDataRequest) -> Result<(), SfuError> {
        self.running.authority.send_data(request)
    }

    /// Tells participants what is new about their room.
    pub async fn tell_room(&self, room: Room) {
        self.running.authority.tell_room(room);
    }

    /// Ends every session of a room that was deleted.
    pub async fn close_room(&self, room: &str) {
        self.running.authority.close_room(room);
    }

    /// What happens in rooms from now on, for a record. Bounded: a receiver that lags is told how many it missed.
    pub fn notices(&self) -> tokio::sync::broadcast::Receiver<Notice> {
        self.running.authority.notices()
    }

    /// Who comes to the stage and leaves it from now on. Bounded: a receiver that lags is told how many it missed and
    /// asks [`Sfu::stage`].
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<Event> {
        self.running.authority.events()
    }
}

//! The control handle: what the rest of the server may ask of the SFU, and what it is told.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::start::{self, Running};

/// A cloneable handle. Every call is answered by the room's authority; none blocks media.
#[derive(Clone)]
pub struct Sfu {
    running: Arc<Running>,
}

/// One WHIP or WHEP session. Unguessable: it stands in the session's URL. `[A-Za-z0-9]{22}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// As it stands in the session's URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A WHIP or WHEP POST whose token has been verified.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The room. `[A-Za-z0-9_-]{1,64}`; `api` has checked that it exists.
    pub room: String,
    /// Who, from the token. A second publisher of the same identity replaces the first.
    pub identity: String,
    /// What to call them in captions; the identity when the token has no name.
    pub name: String,
    /// WHEP only: watch this participant alone; `None` follows the stage, in order of joining.
    pub participant: Option<String>,
    /// The request came from this machine: the answer names its own addresses too, beside those announced.
    pub local: bool,
    /// Not shown to others, from the token: no participant in the eyes of [`Sfu::participants`].
    pub hidden: bool,
    /// The SDP offer.
    pub offer: String,
}

/// What a POST gets.
#[derive(Clone, Debug)]
pub struct Joined {
    /// For the `Location`.
    pub session: SessionId,
    /// The ICE session (RFC 9725 §4.3): changes with every ICE restart. Without quotes.
    pub etag: String,
    /// The SDP answer.
    pub answer: String,
}

/// What a PATCH gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patched {
    /// Trickled candidates were taken (204).
    Trickled,
    /// ICE was restarted (200).
    Restarted {
        /// The new ICE session. Without quotes.
        etag: String,
        /// The SDP fragment with our new credentials and candidates.
        fragment: String,
    },
}

/// Why the SFU refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SfuError {
    /// Not SDP at all (400).
    #[error("the SDP does not parse: {0}")]
    MalformedSdp(String),
    /// SDP that this server cannot serve (422).
    #[error("the offer cannot be served: {0}")]
    UnacceptableOffer(String),
    /// A PATCH without If-Match (428).
    #[error("PATCH needs an If-Match header")]
    PreconditionRequired,
    /// A PATCH for an ICE session that is over (412).
    #[error("that ICE session is over")]
    StaleIceSession,
    /// Nobody on stage to watch yet (409, Retry-After).
    #[error("nobody is publishing in this room yet")]
    NotLive,
    /// No such session (404).
    #[error("no such session")]
    UnknownSession,
    /// A limit of the configuration is reached (503).
    #[error("{0}")]
    Full(String),
    /// The server is shutting down (503).
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// Somebody on stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Who.
    pub identity: String,
    /// What to call them.
    pub name: String,
    /// Their publishing session, which changes when they come back.
    pub session: SessionId,
    /// Whether they publish sound.
    pub audio: bool,
    /// Whether they publish a picture.
    pub video: bool,
}

/// Somebody in a room, whatever they do there: all sessions of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Names this stay of theirs. `PA_…`; opens nothing.
    pub sid: String,
    /// Who.
    pub identity: String,
    /// What to call them.
    pub name: String,
    /// When the first of their sessions that last began.
    pub joined_at: SystemTime,
    /// What they publish; empty before their media flows.
    pub tracks: Vec<Published>,
    /// They have a session to publish with.
    pub publishes: bool,
    /// They have a session to watch with.
    pub watches: bool,
}

/// A track that somebody publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Names it as long as it is published. `TR_…`.
    pub sid: String,
    /// Sound or picture.
    pub kind: TrackKind,
    /// `audio/opus`, `video/VP8` and so on (RFC 4855).
    pub mime_type: String,
}

/// What the SFU tells the rest of the server. Sent to every subscriber of [`Sfu::events`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A speaker's media flows: their peer connection is up.
    SpeakerJoined {
        /// Where.
        room: String,
        /// Who.
        speaker: Speaker,
    },
    /// A speaker is gone.
    SpeakerLeft {
        /// Where.
        room: String,
        /// Who.
        identity: String,
        /// Which of their sessions.
        session: SessionId,
    },
}

/// How long peers may take to be told that it is over.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);
/// How often that is looked at.
const SHUTDOWN_POLL: Duration = Duration::from_millis(10);

impl Sfu {
    /// Binds the media sockets and starts the media threads. They run until [`Sfu::shutdown`].
    pub fn start(config: crate::Config) -> Result<Self, crate::StartError> {
        Ok(Self { running: Arc::new(start::start(config)?) })
    }

    /// Refuses newcomers, tells every peer that it is over (DTLS close_notify), and stops the media threads. Bounded; a second
    /// call does nothing.
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
        self.running.authority.publish(request)
    }

    /// A WHEP POST: `request` watches.
    pub async fn subscribe(&self, request: JoinRequest) -> Result<Joined, SfuError> {
        self.running.authority.subscribe(request)
    }

    /// A PATCH with an `application/trickle-ice-sdpfrag` body (RFC 9725 §4.3, RFC 8840). `if_match` is the header's value; `*`
    /// serves for an ICE restart.
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

    /// Who is in a room, in order of joining; hidden sessions are nobody.
    pub fn participants(&self, room: &str) -> Vec<Participant> {
        self.running.authority.participants(room)
    }

    /// Ends every session of an identity that is not hidden. False: they have none. Their token stays good.
    pub async fn remove(&self, room: &str, identity: &str) -> bool {
        self.running.authority.remove(room, identity)
    }

    /// Ends every session of a room that was deleted.
    pub async fn close_room(&self, room: &str) {
        self.running.authority.close_room(room);
    }

    /// What happens from now on. Bounded: a receiver that lags is told how many it missed and asks [`Sfu::stage`].
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<Event> {
        self.running.authority.events()
    }
}

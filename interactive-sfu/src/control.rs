//! What is asked of the SFU, and what it tells. The handle is `sfu.rs`.

use access::Grants;
use livekit_protocol::{IceServer, ParticipantInfo, Room, TrackInfo, signal_request};

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
    /// Not shown to others, from the token: no participant in the eyes of others.
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
    /// No such participant (404).
    #[error("no such participant")]
    UnknownParticipant,
    /// No such track (404).
    #[error("no such track")]
    UnknownTrack,
    /// A request that cannot be followed (422).
    #[error("{0}")]
    Invalid(String),
    /// A limit of the configuration is reached (503).
    #[error("{0}")]
    Full(String),
    /// One identity asks for more than its share (429).
    #[error("{0}")]
    TooMany(String),
    /// The server is shutting down (503).
    #[error("the server is shutting down")]
    ShuttingDown,
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

/// What a client says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// It is sent every track, unless it says otherwise.
    pub auto_subscribe: bool,
    /// It publishes and is sent everything on one peer connection, on which it offers.
    pub single_connection: bool,
    /// `sdk` and `version`, for logs.
    pub sdk: String,
    /// Its version of the protocol.
    pub protocol: u32,
}

/// A client of LiveKit's protocol connects; its token has been verified.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    /// The room. `api` has checked that it exists.
    pub room: String,
    /// What the token allows; its identity names the participant. A second of the same identity replaces the first.
    pub grants: Grants,
    /// The room in the protocol's words; the number of participants is filled in.
    pub about: Room,
    /// For clients that reach us by TURN alone.
    pub ice_servers: Vec<IceServer>,
    /// The request came from this machine: what we describe names its own addresses too.
    pub local: bool,
    /// Continue the session of this participant's sid.
    pub resume: Option<String>,
    /// What the client says of itself.
    pub client: Client,
    /// What it asks for in the same breath, as if it said so right after it has joined.
    pub requests: Vec<signal_request::Message>,
}

/// What the SFU tells the rest of the server. Sent to every subscriber of [`Sfu::events`](crate::Sfu::events).
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

/// What happens in rooms, for whoever keeps a record: each is one webhook. Sent to every subscriber of
/// [`Sfu::notices`](crate::Sfu::notices). The hidden are not told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Where.
    pub room: String,
    /// What.
    pub kind: NoticeKind,
    /// Who; none where it is about the room.
    pub participant: Option<ParticipantInfo>,
    /// Which track; none where it is about somebody.
    pub track: Option<TrackInfo>,
}

/// What a [`Notice`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Somebody is there where nobody was.
    RoomStarted,
    /// The last one is gone.
    RoomFinished,
    /// A participant's media can flow.
    ParticipantJoined,
    /// A participant is gone.
    ParticipantLeft,
    /// A participant publishes one track more.
    TrackPublished,
    /// A participant publishes one track less.
    TrackUnpublished,
}

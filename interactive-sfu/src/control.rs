//! What is asked of the SFU, and what it tells: values that can cross a wire. The handle is `sfu.rs`.

mod command;
mod event;
mod seats;

use access::{Class, Grants, Identity, RoomName};
use livekit_protocol::{IceServer, Room, signal_request};
use serde::{Deserialize, Serialize};

pub use command::{Ask, CloseRoom, Command, Leave, LimitLayer, Patch, Publish, Reply, Subscribe, TellRoom};
pub use event::RoomEvent;
pub use seats::{
    Admission, Demote, GrantSeat, MOVE_TOPIC, NoSeat, RoomSeats, SeatAnswer, SeatLimits, Seated, SendAway, SetSeats,
};

/// One WHIP or WHEP session. Unguessable: it stands in the session's URL. `[A-Za-z0-9]{22}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The room; `api` has checked that it exists.
    pub room: RoomName,
    /// The participant's identity, from the token. A second publisher of the same identity replaces the first.
    pub identity: Identity,
    /// What to call them in captions; the identity when the token has no name.
    pub name: String,
    /// WHEP only: watch this participant alone; `None` follows the stage, in order of joining.
    pub participant: Option<Identity>,
    /// The request came from this machine: the answer names its own addresses too, beside those announced.
    pub local: bool,
    /// Not shown to others, from the token: no participant in the eyes of others.
    pub hidden: bool,
    /// The seat class, from the token.
    pub class: Class,
    /// When a lease of a seat ends, from the token, milliseconds since the Unix epoch.
    pub leased_until_utc_ms: Option<i64>,
    /// The limits of the room's seats, for a room that nobody is in yet.
    pub seats: SeatLimits,
    /// The SDP offer.
    pub offer: String,
}

/// What a POST gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// For the `Location`.
    pub session: SessionId,
    /// The ICE session (RFC 9725 §4.3): changes with every ICE restart. Without quotes.
    pub etag: String,
    /// The SDP answer.
    pub answer: String,
}

/// What a PATCH gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// The room or the server has no seat for that class (503, Retry-After).
    #[error(transparent)]
    NoSeat(NoSeat),
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

impl SfuError {
    /// A reply that belongs to another command: a fault of this server, or of one it talks to.
    pub fn another_reply() -> Self {
        Self::Invalid("the room answered another question".to_owned())
    }
}

/// Somebody on stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The participant's identity.
    pub identity: Identity,
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
    pub room: RoomName,
    /// The participant's identity, from the token. A second participant of the same identity replaces the first.
    pub identity: Identity,
    /// The permissions of the token, the participant's name and what the application says of it.
    pub grants: Grants,
    /// The room in the protocol's words; the number of participants is filled in.
    pub about: Room,
    /// The limits of the room's seats, for a room that nobody is in yet.
    pub seats: SeatLimits,
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

#[cfg(test)]
mod tests {
    use livekit_protocol::MuteRoomTrackRequest;

    use super::*;

    #[test]
    fn commands_replies_and_events_cross_a_wire_unchanged() {
        let session = SessionId::from("s");
        let command = Command::Patch(Patch {
            room: "r".parse().unwrap(),
            session: session.clone(),
            if_match: Some("*".into()),
            fragment: "a=ice-ufrag:u".into(),
        });
        let mute = Command::MuteTrack(MuteRoomTrackRequest { room: "r".into(), muted: true, ..Default::default() });
        for command in [command, mute, Command::CloseRoom(CloseRoom("r".parse().unwrap()))] {
            let text = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
            assert_eq!(command.room(), "r");
        }
        let joined = Joined { session: session.clone(), etag: "e".into(), answer: "v=0".into() };
        let text = serde_json::to_string(&Reply::Joined(joined.clone())).unwrap();
        let reply: Reply = serde_json::from_str(&text).unwrap();
        assert_eq!(Publish::answer(reply.clone()), Some(joined));
        assert_eq!(Patch::answer(reply), None, "another command's answer is none");
        let event = RoomEvent::SpeakerLeft { room: "r".parse().unwrap(), identity: "ann".parse().unwrap(), session };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<RoomEvent>(&text).unwrap(), event);
        let refused = SfuError::Full("the stage is full".into());
        let text = serde_json::to_string(&refused).unwrap();
        assert_eq!(serde_json::from_str::<SfuError>(&text).unwrap(), refused);
    }
}

//! What is asked of the SFU, and what it tells: values that can cross a wire. The handle is `sfu.rs`.

use livekit_protocol::{
    IceServer, MuteRoomTrackRequest, ParticipantInfo, Room, RoomParticipantIdentity, SendDataRequest, TrackInfo,
    UpdateParticipantRequest, UpdateSubscriptionsRequest, signal_request,
};
use serde::{Deserialize, Serialize};

use access::{Grants, RoomName};

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
    pub room: RoomName,
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

/// A PATCH of a WHIP or WHEP session with an `application/trickle-ice-sdpfrag` body (RFC 9725 §4.3, RFC 8840).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The room of the session's URL.
    pub room: RoomName,
    /// The session.
    pub session: SessionId,
    /// The If-Match header, as it came.
    pub if_match: Option<String>,
    /// The body.
    pub fragment: String,
}

/// WHEP's layer extension: the largest picture that a session has use for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitLayer {
    /// The room of the session's URL.
    pub room: RoomName,
    /// The session.
    pub session: SessionId,
    /// Pixels. 0 × 0 pauses video.
    pub width_max: u32,
    /// Pixels.
    pub height_max: u32,
}

/// A DELETE of a WHIP or WHEP session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The room of the session's URL.
    pub room: RoomName,
    /// The session.
    pub session: SessionId,
}

/// Something is new about a room: LiveKit's participants are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TellRoom(pub Room);

/// Every session of a room ends: the room was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseRoom(pub RoomName);

/// A WHIP POST: somebody publishes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Publish(pub JoinRequest);

/// A WHEP POST: somebody watches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscribe(pub JoinRequest);

/// Everything that may be asked of a room, as a value that can cross a wire. [`Ask`] gives each one its typed answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Answered by [`Reply::Joined`].
    Publish(JoinRequest),
    /// Answered by [`Reply::Joined`].
    Subscribe(JoinRequest),
    /// Answered by [`Reply::Patched`].
    Patch(Patch),
    /// Answered by [`Reply::Done`].
    LimitLayer(LimitLayer),
    /// Answered by [`Reply::Done`].
    Leave(Leave),
    /// Ends every session of an identity, the hidden too. Their token stays good. Answered by [`Reply::Done`].
    Remove(RoomParticipantIdentity),
    /// Mutes or unmutes a track. Its participant is told, and may unmute it. Answered by [`Reply::Track`].
    MuteTrack(MuteRoomTrackRequest),
    /// Changes what is said of a participant and what they may do, while they stay. Permissions replace those of their
    /// token. Answered by [`Reply::Participant`].
    UpdateParticipant(UpdateParticipantRequest),
    /// Subscribes a participant to tracks, or ends that. Answered by [`Reply::Done`].
    UpdateSubscriptions(UpdateSubscriptionsRequest),
    /// A message from the server to participants. Answered by [`Reply::Done`].
    SendData(SendDataRequest),
    /// Answered by [`Reply::Done`].
    TellRoom(TellRoom),
    /// Answered by [`Reply::Done`].
    CloseRoom(CloseRoom),
}

impl Command {
    /// The room that is asked.
    pub fn room(&self) -> &str {
        match self {
            Self::Publish(request) | Self::Subscribe(request) => &request.room,
            Self::Patch(patch) => &patch.room,
            Self::LimitLayer(limit) => &limit.room,
            Self::Leave(leave) => &leave.room,
            Self::Remove(who) => &who.room,
            Self::MuteTrack(request) => &request.room,
            Self::UpdateParticipant(request) => &request.room,
            Self::UpdateSubscriptions(request) => &request.room,
            Self::SendData(request) => &request.room,
            Self::TellRoom(TellRoom(room)) => &room.name,
            Self::CloseRoom(CloseRoom(room)) => room,
        }
    }
}

/// The answer to a [`Command`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// A session was let in.
    Joined(Joined),
    /// A PATCH was followed.
    Patched(Patched),
    /// A participant, as it is now.
    Participant(Box<ParticipantInfo>),
    /// A track, as it is now.
    Track(Box<TrackInfo>),
    /// There is nothing to tell.
    Done,
}

/// A [`Command`] with the type of its answer.
pub trait Ask: Sized {
    /// What it is answered.
    type Answer;

    /// As the value that is sent.
    fn command(self) -> Command;

    /// Its answer out of a reply. `None`: the reply belongs to another command.
    fn answer(reply: Reply) -> Option<Self::Answer>;
}

/// `$command` is asked by `$variant` and answered by `$reply`.
macro_rules! ask {
    ($command:ty, |$value:ident| $variant:expr, $answer:ty, $reply:pat => $found:expr) => {
        impl Ask for $command {
            type Answer = $answer;

            fn command(self) -> Command {
                let $value = self;
                $variant
            }

            fn answer(reply: Reply) -> Option<$answer> {
                if let $reply = reply { Some($found) } else { None }
            }
        }
    };
}

ask!(Publish, |it| Command::Publish(it.0), Joined, Reply::Joined(joined) => joined);
ask!(Subscribe, |it| Command::Subscribe(it.0), Joined, Reply::Joined(joined) => joined);
ask!(Patch, |it| Command::Patch(it), Patched, Reply::Patched(patched) => patched);
ask!(LimitLayer, |it| Command::LimitLayer(it), (), Reply::Done => ());
ask!(Leave, |it| Command::Leave(it), (), Reply::Done => ());
ask!(RoomParticipantIdentity, |it| Command::Remove(it), (), Reply::Done => ());
ask!(MuteRoomTrackRequest, |it| Command::MuteTrack(it), TrackInfo, Reply::Track(track) => *track);
ask!(UpdateParticipantRequest, |it| Command::UpdateParticipant(it), ParticipantInfo, Reply::Participant(one) => *one);
ask!(UpdateSubscriptionsRequest, |it| Command::UpdateSubscriptions(it), (), Reply::Done => ());
ask!(SendDataRequest, |it| Command::SendData(it), (), Reply::Done => ());
ask!(TellRoom, |it| Command::TellRoom(it), (), Reply::Done => ());
ask!(CloseRoom, |it| Command::CloseRoom(it), (), Reply::Done => ());

/// Something that happened in a room. Sent to every subscriber of [`Sfu::events`](crate::Sfu::events). The hidden are
/// not told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RoomEvent {
    /// Somebody is there where nobody was.
    RoomStarted {
        /// The room.
        room: RoomName,
    },
    /// The last one is gone.
    RoomFinished {
        /// The room.
        room: RoomName,
    },
    /// A participant's media can flow.
    ParticipantJoined {
        /// The room.
        room: RoomName,
        /// The participant.
        participant: Box<ParticipantInfo>,
    },
    /// A participant is gone.
    ParticipantLeft {
        /// The room.
        room: RoomName,
        /// The participant, as last seen.
        participant: Box<ParticipantInfo>,
    },
    /// A participant publishes one track more.
    TrackPublished {
        /// The room.
        room: RoomName,
        /// The publisher.
        participant: Box<ParticipantInfo>,
        /// The track.
        track: Box<TrackInfo>,
    },
    /// A participant publishes one track less.
    TrackUnpublished {
        /// The room.
        room: RoomName,
        /// The publisher.
        participant: Box<ParticipantInfo>,
        /// The track.
        track: Box<TrackInfo>,
    },
    /// A speaker's media flows: their peer connection is up.
    SpeakerJoined {
        /// The room.
        room: RoomName,
        /// The speaker.
        speaker: Speaker,
    },
    /// A speaker is gone.
    SpeakerLeft {
        /// The room.
        room: RoomName,
        /// The speaker's identity.
        identity: String,
        /// The session that ended: a newer one of the same identity goes on.
        session: SessionId,
    },
}

impl RoomEvent {
    /// The room where it happened.
    pub fn room(&self) -> &RoomName {
        match self {
            Self::RoomStarted { room }
            | Self::RoomFinished { room }
            | Self::ParticipantJoined { room, .. }
            | Self::ParticipantLeft { room, .. }
            | Self::TrackPublished { room, .. }
            | Self::TrackUnpublished { room, .. }
            | Self::SpeakerJoined { room, .. }
            | Self::SpeakerLeft { room, .. } => room,
        }
    }
}

#[cfg(test)]
mod tests {
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
        let event = RoomEvent::SpeakerLeft { room: "r".parse().unwrap(), identity: "ann".into(), session };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<RoomEvent>(&text).unwrap(), event);
        let refused = SfuError::Full("the stage is full".into());
        let text = serde_json::to_string(&refused).unwrap();
        assert_eq!(serde_json::from_str::<SfuError>(&text).unwrap(), refused);
    }
}

//! Commands to a room, and their replies.

use access::RoomName;
use livekit_protocol::{
    MuteRoomTrackRequest, ParticipantInfo, Room, RoomParticipantIdentity, SendDataRequest, TrackInfo,
    UpdateParticipantRequest, UpdateSubscriptionsRequest,
};
use serde::{Deserialize, Serialize};

use super::{Demote, GrantSeat, JoinRequest, Joined, Patched, SeatAnswer, SendAway, SessionId, SetSeats, SfuError};

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
    SetSeats(SetSeats),
    /// Answered by [`Reply::Seat`].
    GrantSeat(GrantSeat),
    /// Answered by [`Reply::Done`].
    Demote(Demote),
    /// Answered by [`Reply::Done`].
    SendAway(SendAway),
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
            Self::SetSeats(set) => &set.room,
            Self::GrantSeat(ask) => &ask.room,
            Self::Demote(demote) => &demote.room,
            Self::SendAway(SendAway(room)) => room,
            Self::TellRoom(TellRoom(room)) => &room.name,
            Self::CloseRoom(CloseRoom(room)) => room,
        }
    }

    /// The answer of a room that is not there.
    pub(crate) fn absent(&self) -> Result<Reply, SfuError> {
        match self {
            Self::Publish(_) | Self::Subscribe(_) => Err(SfuError::NotLive),
            Self::Patch(_) | Self::LimitLayer(_) | Self::Leave(_) => Err(SfuError::UnknownSession),
            Self::Remove(_)
            | Self::MuteTrack(_)
            | Self::UpdateParticipant(_)
            | Self::UpdateSubscriptions(_)
            | Self::Demote(_) => Err(SfuError::UnknownParticipant),
            // A lease makes the room that it is for.
            Self::GrantSeat(_) => Err(SfuError::ShuttingDown),
            Self::SetSeats(_) | Self::SendData(_) | Self::SendAway(_) | Self::TellRoom(_) | Self::CloseRoom(_) => {
                Ok(Reply::Done)
            }
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
    /// A seat, or why there is none.
    Seat(SeatAnswer),
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
ask!(SetSeats, |it| Command::SetSeats(it), (), Reply::Done => ());
ask!(GrantSeat, |it| Command::GrantSeat(it), SeatAnswer, Reply::Seat(answer) => answer);
ask!(Demote, |it| Command::Demote(it), (), Reply::Done => ());
ask!(SendAway, |it| Command::SendAway(it), (), Reply::Done => ());
ask!(TellRoom, |it| Command::TellRoom(it), (), Reply::Done => ());
ask!(CloseRoom, |it| Command::CloseRoom(it), (), Reply::Done => ());

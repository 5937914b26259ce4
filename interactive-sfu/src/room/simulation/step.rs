//! The things that happen in a simulation, one at a time.

/// One thing that happens. Small numbers name people, rooms and tracks, as many as there are.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Join(Join),
    LoseSocket(u8),
    Resume(u8),
    Leave(u8),
    /// A request of a connection that another has replaced.
    Stale(u8),
    Publish(u8, Media),
    Unpublish(u8, u8),
    /// A publisher's encoder begins anew, under other SSRCs, and its client says so.
    ChangeSsrcs(u8, u8),
    Answer(u8),
    Offer(u8),
    Mute(u8, u8, bool),
    Subscribe(u8, u8, bool),
    /// A client, a track, and the size of the picture that the client has use for.
    Setting(u8, u8, u8),
    Audience(u8, bool),
    Rename(u8, u8),
    MuteByServer(u8, u8, bool),
    Permit(u8, bool, bool),
    Remove(u8),
    /// A seat is leased.
    Lease {
        who: u8,
        room: u8,
        class: u8,
    },
    /// A room's seats are limited.
    LimitSeats {
        room: u8,
        max: u8,
        reserved: u8,
    },
    /// Somebody is moved to the broadcast.
    Demote(u8),
    /// The server lets people in otherwise.
    Admit(u8),
    CloseRoom(u8),
    /// The server is about to end, and a room's people go.
    SendAway(u8),
    Whip {
        who: u8,
        room: u8,
        video: bool,
        hidden: bool,
    },
    Whep {
        who: u8,
        room: u8,
    },
    EndSession(u8),
    Restart(u8),
    /// A peer connection comes up, if one can.
    Connect,
    /// The media plane tells of one that is gone.
    TellGone,
    /// A peer connection breaks.
    Break(u8),
    Loudness(u8, u8),
    /// A receiver's data channel opens: before that, it is as slow as a receiver can be.
    OpenData(u8),
    Message(u8, Message),
    Wait(u16),
    /// The wall clock is set.
    SetClock(i32),
    /// A request of a kind, some of whose bits are turned round.
    Garbled {
        who: u8,
        kind: u8,
        flips: Vec<(u16, u8)>,
    },
    /// Any bytes as a frame on a signal connection.
    Frame(u8, Vec<u8>),
    /// Any bytes as a message on a data channel.
    Data(u8, Vec<u8>),
    /// Any bytes as the offer of a WHIP or WHEP POST.
    Post(bool, Vec<u8>),
    /// Any bytes as the fragment of a PATCH.
    Patch(u8, Vec<u8>),
    /// Until nothing is left to be said.
    Settle,
}

/// A client that joins by LiveKit's protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Join {
    pub(super) who: u8,
    pub(super) room: u8,
    pub(super) single: bool,
    pub(super) publishes: bool,
    pub(super) subscribes: bool,
    pub(super) hidden: bool,
    pub(super) auto: bool,
}

/// The media of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Sound,
    /// A picture in one layer.
    Picture,
    /// A picture in three layers, by RID.
    Simulcast,
}

/// The message of a participant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    Lossy,
    Reliable,
    /// As many bytes as one may have: few of them wait for a channel.
    Large,
    /// With a number, so that it may be sent again.
    Numbered,
    /// The last numbered one again.
    Again,
}

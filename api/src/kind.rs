//! Kinds of refusals, which decide about the status in both protocols. `problem.rs` maps each to HTTP,
//! `livekit/twirp/failure.rs` to Twirp, and neither maps the other's.

use interactive_sfu::SfuError;
use packager::NotServed;
use rooms::overflow::Reason;

use crate::Error;

/// The kind of a refusal, apart from its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request does not parse.
    Malformed,
    /// The request parses, and asks for what cannot be.
    Invalid,
    /// The body is of another type than the path takes.
    WrongType,
    /// The body is longer than a limit.
    TooLarge,
    /// The body did not come in time.
    Late,
    /// A range outside the object.
    OutOfRange,
    /// There is no token, or it does not hold.
    Unauthenticated,
    /// The token does not allow it.
    Denied,
    /// There is no such thing.
    NotFound,
    /// The path is there, and not for this method.
    NoMethod,
    /// There is such a thing already.
    Exists,
    /// The room lacks something that may come: a speaker, a first segment.
    NotReady,
    /// It is about something that is over.
    Stale,
    /// It does not say which version it is about.
    Unconditional,
    /// One client asks too often or for too much.
    TooOften,
    /// A limit of the configuration is reached, until something is deleted.
    Full,
    /// The server cannot do it just now.
    Unavailable,
    /// A fault of this server.
    Internal,
}

impl Error {
    /// No `_` arm here: a new error does not compile until somebody has chosen its kind.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Rooms(error) => of_rooms(error),
            Self::Sfu(error) => of_sfu(error),
            Self::NotServed(NotServed::BadRequest(_)) | Self::Malformed(_) => Kind::Malformed,
            Self::NotServed(NotServed::NotFound) | Self::NoRoute | Self::NoBroadcast => Kind::NotFound,
            Self::NotServed(NotServed::TimedOut | NotServed::TooManyWaiting | NotServed::StoreDown) => {
                Kind::Unavailable
            }
            Self::TokenMissing | Self::Token(_) => Kind::Unauthenticated,
            Self::Forbidden(_) | Self::Origin => Kind::Denied,
            Self::NoPlace { reason: Reason::NodeBusy | Reason::NodeDrains, .. } => Kind::Unavailable,
            Self::NoPlace { .. } => Kind::NotReady,
            Self::Method => Kind::NoMethod,
            Self::ContentType(_) => Kind::WrongType,
            Self::BodyTooLarge(_) => Kind::TooLarge,
            Self::BodyLate => Kind::Late,
            Self::Invalid(_) => Kind::Invalid,
            Self::RangeNotSatisfiable { .. } => Kind::OutOfRange,
            Self::TooOften { .. } | Self::TooManyReports { .. } | Self::TooManyConnections | Self::TooManySockets => {
                Kind::TooOften
            }
            Self::DatabaseDown | Self::EventsFull | Self::ShuttingDown => Kind::Unavailable,
            Self::NoPlaybackKey => Kind::Internal,
        }
    }
}

fn of_rooms(error: &rooms::Error) -> Kind {
    match error {
        rooms::Error::OpenDatabase { .. } | rooms::Error::Database(_) => Kind::Internal,
        rooms::Error::UnknownRoom | rooms::Error::UnknownIngress => Kind::NotFound,
        rooms::Error::RoomExists => Kind::Exists,
        rooms::Error::TooManyRooms(_) | rooms::Error::TooManyIngresses(_) => Kind::Full,
        rooms::Error::IngressDeleted => Kind::Unauthenticated,
        rooms::Error::Invalid(_) => Kind::Invalid,
        rooms::Error::DatabaseDown(_) | rooms::Error::Busy | rooms::Error::ShuttingDown => Kind::Unavailable,
    }
}

fn of_sfu(error: &SfuError) -> Kind {
    match error {
        SfuError::MalformedSdp(_) => Kind::Malformed,
        SfuError::UnacceptableOffer(_) | SfuError::Invalid(_) => Kind::Invalid,
        SfuError::PreconditionRequired => Kind::Unconditional,
        SfuError::StaleIceSession => Kind::Stale,
        SfuError::NotLive => Kind::NotReady,
        SfuError::UnknownSession | SfuError::UnknownParticipant | SfuError::UnknownTrack => Kind::NotFound,
        SfuError::TooMany(_) => Kind::TooOften,
        SfuError::NoSeat(_) | SfuError::Full(_) | SfuError::ShuttingDown => Kind::Unavailable,
    }
}

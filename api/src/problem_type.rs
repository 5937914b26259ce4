//! The types of problems (RFC 9457 §3.1.1): every word by which an answer says why a request is refused.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

/// A type's URI is this and the type's word.
const PREFIX: &str = "urn:spillway:problem:";

macro_rules! problem_types {
    ($($name:ident, $word:literal, $sentence:literal;)+) => {
        /// Why a request is refused, as clients tell refusals apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ProblemType {
            $(#[doc = $sentence] $name,)+
        }

        impl ProblemType {
            /// Every type, with a sentence.
            const ALL: &[(Self, &str)] = &[$((Self::$name, $sentence),)+];

            /// The last part of the URI.
            fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

problem_types! {
    BodyLate, "body-late", "The body did not arrive in time.";
    BodyTooLarge, "body-too-large", "The body is longer than a limit.";
    Busy, "busy", "The database has too much to do.";
    ClassReserved, "class-reserved", "The seats that are left are reserved for other classes.";
    ContentType, "content-type", "The body has another media type than the path takes.";
    DatabaseDown, "database-down", "The database does not answer.";
    DeliveryDirectives, "delivery-directives", "Delivery directives (`_HLS_…`) do not parse, or lie too far ahead.";
    Encrypted, "encrypted", "The room is end-to-end encrypted, so it has seats and no broadcast.";
    EventsFull, "events-full", "The server has as many events sockets as it may.";
    Forbidden, "forbidden", "The token does not allow this.";
    Full, "full", "The server has no place for another session.";
    IfMatchRequired, "if-match-required", "An ICE restart needs `If-Match`.";
    Internal, "internal", "A fault of the server.";
    Invalid, "invalid", "The request parses, and asks for the impossible.";
    Malformed, "malformed", "The request does not parse.";
    MalformedSdp, "malformed-sdp", "The SDP does not parse.";
    MethodNotAllowed, "method-not-allowed", "The path exists, and does not take this method.";
    NoBroadcast, "no-broadcast", "The room is not on the air, does not exist, or is not the caller's to watch.";
    NoSuchObject, "no-such-object", "The broadcast has no such playlist or media, or not yet.";
    NoSuchPath, "no-such-path", "There is no such path.";
    NodeBusy, "node-busy", "The server takes nobody in at the moment.";
    NodeDrains, "node-drains", "The server is about to shut down, and takes nobody in.";
    NotLive, "not-live", "Nobody whom the viewer asked for is on stage.";
    NotOnAir, "not-on-air", "The room is not broadcast.";
    Origin, "origin", "Pages of this origin may not open the events socket.";
    PlaylistStalled, "playlist-stalled", "The playlist did not move on in time.";
    Range, "range", "`Range` lies outside the object.";
    RoomExists, "room-exists", "A room of that name exists.";
    RoomFull, "room-full", "Every seat of the room is taken.";
    ShuttingDown, "shutting-down", "The server is about to end.";
    StaleIceSession, "stale-ice-session", "`If-Match` names an ICE session that is over.";
    StoreDown, "store-down", "The store of recordings does not answer.";
    TokenInvalid, "token-invalid", "The token does not verify, has expired, or was revoked.";
    TokenMissing, "token-missing", "The request has no `Authorization: Bearer`.";
    TooManyConnections, "too-many-connections", "The address holds as many connections as it may.";
    TooManyIngresses, "too-many-ingresses", "There are as many ingresses as there may be.";
    TooManyJoins, "too-many-joins", "Joins from the address, or of the identity, follow each other too fast.";
    TooManyReports, "too-many-reports", "Reports of players follow each other too fast from the address.";
    TooManyRooms, "too-many-rooms", "There are as many rooms as there may be.";
    TooManySockets, "too-many-sockets", "The identity has as many events sockets in the room as it may.";
    TooManySessions, "too-many-sessions", "The identity has as many sessions as it may.";
    TooManyWaiting, "too-many-waiting", "Too many requests wait for the broadcast already.";
    UnacceptableOffer, "unacceptable-offer", "The offer lacks something that this server needs.";
    UnknownIngress, "unknown-ingress", "There is no such ingress.";
    UnknownParticipant, "unknown-participant", "There is no such participant in the room.";
    UnknownRoom, "unknown-room", "There is no such room, or it is not the caller's to see.";
    UnknownSession, "unknown-session", "There is no such session in the room.";
    UnknownTrack, "unknown-track", "The participant has no such track.";
}

impl ProblemType {
    /// The URI in `type`.
    fn uri(self) -> String {
        format!("{PREFIX}{}", self.word())
    }
}

impl Serialize for ProblemType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.uri())
    }
}

impl PartialSchema for ProblemType {
    fn schema() -> RefOr<Schema> {
        let lines = Self::ALL.iter().map(|(kind, sentence)| format!("- `{}`: {sentence}", kind.word()));
        let description = format!("Why, as `{PREFIX}` and a word:\n\n{}", lines.collect::<Vec<_>>().join("\n"));
        let uris = Self::ALL.iter().map(|(kind, _)| kind.uri());
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(uris));
        RefOr::T(schema.description(Some(description)).build().into())
    }
}

impl ToSchema for ProblemType {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ProblemType")
    }
}

//! Turns errors into HTTP answers: `application/problem+json` (RFC 9457).
//!
//! The status follows from an error's kind, the `type` from the error itself. Details never hold tokens, addresses or
//! errors of the database.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use interactive_sfu::{NoSeat, SfuError};
use packager::NotServed;
use rooms::overflow::Reason;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Error;
use crate::kind::Kind;
use crate::problem_type::ProblemType;

/// After this a client that found nobody on stage may ask again, seconds.
const NOT_LIVE_RETRY_S: u32 = 2;
/// After this a client that met a full server may ask again, seconds.
const BUSY_RETRY_S: u32 = 5;

/// A refusal as a client gets it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    problem_type: ProblemType,
    detail: String,
    retry_after_s: Option<u32>,
    authenticate: Option<&'static str>,
    content_range: Option<String>,
}

/// The body of a refusal (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    #[serde(rename = "type")]
    kind: ProblemType,
    /// The status in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// A sentence for people.
    detail: String,
}

impl<E: Into<Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        let error = error.into();
        let (kind, problem_type) = (error.kind(), problem_type(&error));
        let content_range = match error {
            Error::RangeNotSatisfiable { length_bytes } => Some(format!("bytes */{length_bytes}")),
            _ => None,
        };
        Self {
            status: status(kind),
            problem_type,
            detail: error.told(),
            retry_after_s: retry_after_s(&error, kind),
            authenticate: challenge(&error, kind),
            content_range,
        }
    }
}

/// The challenge of RFC 6750 §3.
fn challenge(error: &Error, kind: Kind) -> Option<&'static str> {
    match (error, kind) {
        (Error::TokenMissing, _) => Some("Bearer"),
        // No token changes where a page comes from.
        (Error::Origin, _) => None,
        (_, Kind::Unauthenticated) => Some(r#"Bearer error="invalid_token""#),
        (_, Kind::Denied) => Some(r#"Bearer error="insufficient_scope""#),
        _ => None,
    }
}

impl Error {
    /// The sentence for the client, by whichever protocol. A fault of this server is logged here, and not told.
    pub(crate) fn told(&self) -> String {
        if self.kind() == Kind::Internal {
            tracing::error!(error = self as &dyn std::error::Error, "request failed");
            return "something went wrong on our side".to_owned();
        }
        if matches!(self, Self::Rooms(rooms::Error::DatabaseDown(_))) {
            tracing::warn!(error = self as &dyn std::error::Error, "the database does not answer");
        } else {
            tracing::debug!(error = %self, "request refused");
        }
        self.to_string()
    }
}

/// The seconds after which the client may ask again.
fn retry_after_s(error: &Error, kind: Kind) -> Option<u32> {
    match (error, kind) {
        (Error::TooOften { retry_after_s, .. } | Error::NoPlace { retry_after_s, .. }, _)
        | (Error::TooManyReports { retry_after_s }, _) => Some(*retry_after_s),
        (_, Kind::NotReady) => Some(NOT_LIVE_RETRY_S),
        (_, Kind::TooOften | Kind::Unavailable) => Some(BUSY_RETRY_S),
        _ => None,
    }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Late => StatusCode::REQUEST_TIMEOUT,
        Kind::Exists | Kind::NotReady => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::OutOfRange => StatusCode::RANGE_NOT_SATISFIABLE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Unconditional => StatusCode::PRECONDITION_REQUIRED,
        Kind::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Full => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// No `_` arm here.
fn problem_type(error: &Error) -> ProblemType {
    match error {
        Error::Rooms(error) => type_of_rooms(error),
        Error::Sfu(error) => type_of_sfu(error),
        Error::NotServed(NotServed::BadRequest(_)) => ProblemType::DeliveryDirectives,
        Error::NotServed(NotServed::NotFound) => ProblemType::NoSuchObject,
        Error::NotServed(NotServed::TimedOut) => ProblemType::PlaylistStalled,
        Error::NotServed(NotServed::TooManyWaiting) => ProblemType::TooManyWaiting,
        Error::NotServed(NotServed::StoreDown) => ProblemType::StoreDown,
        Error::NoPlaybackKey => ProblemType::Internal,
        Error::NoPlace { reason, .. } => type_of_reason(*reason),
        Error::DatabaseDown => ProblemType::DatabaseDown,
        Error::TooOften { .. } => ProblemType::TooManyJoins,
        Error::TooManyReports { .. } => ProblemType::TooManyReports,
        Error::TooManyConnections => ProblemType::TooManyConnections,
        Error::TooManySockets => ProblemType::TooManySockets,
        Error::EventsFull => ProblemType::EventsFull,
        Error::Origin => ProblemType::Origin,
        Error::ShuttingDown => ProblemType::ShuttingDown,
        Error::TokenMissing => ProblemType::TokenMissing,
        Error::Token(_) => ProblemType::TokenInvalid,
        Error::Forbidden(_) => ProblemType::Forbidden,
        Error::NoRoute => ProblemType::NoSuchPath,
        Error::Method => ProblemType::MethodNotAllowed,
        Error::NoBroadcast => ProblemType::NoBroadcast,
        Error::ContentType(_) => ProblemType::ContentType,
        Error::BodyTooLarge(_) => ProblemType::BodyTooLarge,
        Error::BodyLate => ProblemType::BodyLate,
        Error::Malformed(_) => ProblemType::Malformed,
        Error::Invalid(_) => ProblemType::Invalid,
        Error::RangeNotSatisfiable { .. } => ProblemType::Range,
    }
}

fn type_of_reason(reason: Reason) -> ProblemType {
    match reason {
        Reason::RoomFull => ProblemType::RoomFull,
        Reason::NodeBusy => ProblemType::NodeBusy,
        Reason::NodeDrains => ProblemType::NodeDrains,
        Reason::ClassReserved => ProblemType::ClassReserved,
        Reason::NotOnAir | Reason::AskedForBroadcast | Reason::ByHost | Reason::Seat => ProblemType::NotOnAir,
        Reason::Encrypted => ProblemType::Encrypted,
    }
}

fn type_of_rooms(error: &rooms::Error) -> ProblemType {
    match error {
        rooms::Error::OpenDatabase { .. } | rooms::Error::Database(_) => ProblemType::Internal,
        rooms::Error::DatabaseDown(_) => ProblemType::DatabaseDown,
        rooms::Error::UnknownRoom => ProblemType::UnknownRoom,
        rooms::Error::RoomExists => ProblemType::RoomExists,
        rooms::Error::TooManyRooms(_) => ProblemType::TooManyRooms,
        rooms::Error::UnknownIngress => ProblemType::UnknownIngress,
        rooms::Error::IngressDeleted => ProblemType::TokenInvalid,
        rooms::Error::TooManyIngresses(_) => ProblemType::TooManyIngresses,
        rooms::Error::Invalid(_) => ProblemType::Invalid,
        rooms::Error::Busy => ProblemType::Busy,
        rooms::Error::ShuttingDown => ProblemType::ShuttingDown,
    }
}

fn type_of_sfu(error: &SfuError) -> ProblemType {
    match error {
        SfuError::MalformedSdp(_) => ProblemType::MalformedSdp,
        SfuError::UnacceptableOffer(_) => ProblemType::UnacceptableOffer,
        SfuError::PreconditionRequired => ProblemType::IfMatchRequired,
        SfuError::StaleIceSession => ProblemType::StaleIceSession,
        SfuError::NotLive => ProblemType::NotLive,
        SfuError::UnknownSession => ProblemType::UnknownSession,
        SfuError::UnknownParticipant => ProblemType::UnknownParticipant,
        SfuError::UnknownTrack => ProblemType::UnknownTrack,
        SfuError::Invalid(_) => ProblemType::Invalid,
        SfuError::TooMany(_) => ProblemType::TooManySessions,
        SfuError::NoSeat(NoSeat::RoomFull) => ProblemType::RoomFull,
        SfuError::NoSeat(NoSeat::ClassReserved) => ProblemType::ClassReserved,
        SfuError::NoSeat(NoSeat::NodeBusy) => ProblemType::NodeBusy,
        SfuError::NoSeat(NoSeat::NodeDrains) => ProblemType::NodeDrains,
        SfuError::Full(_) => ProblemType::Full,
        SfuError::ShuttingDown => ProblemType::ShuttingDown,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: self.problem_type,
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.authenticate {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(range) = self.content_range.and_then(|range| HeaderValue::try_from(range).ok()) {
            headers.insert(CONTENT_RANGE, range);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_the_sfu_or_the_origin_has_the_status_its_protocol_asks_for() {
        let table: [(Error, u16); 15] = [
            (SfuError::MalformedSdp("x".into()).into(), 400),
            (SfuError::UnacceptableOffer("x".into()).into(), 422),
            (SfuError::PreconditionRequired.into(), 428),
            (SfuError::StaleIceSession.into(), 412),
            (SfuError::NotLive.into(), 409),
            (SfuError::UnknownSession.into(), 404),
            (SfuError::Full("x".into()).into(), 503),
            (SfuError::ShuttingDown.into(), 503),
            (SfuError::TooMany("x".into()).into(), 429),
            (Error::TooOften { by: "address", retry_after_s: 3 }, 429),
            (NotServed::BadRequest("x".into()).into(), 400),
            (NotServed::NotFound.into(), 404),
            (NotServed::TimedOut.into(), 503),
            (NotServed::TooManyWaiting.into(), 503),
            (NotServed::StoreDown.into(), 503),
        ];
        for (error, status) in table {
            let said = error.to_string();
            let response = Problem::from(error).into_response();
            assert_eq!(response.status().as_u16(), status, "{said}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            let retry = response.headers().contains_key(RETRY_AFTER);
            assert_eq!(retry, matches!(status, 409 | 429 | 503), "{said}");
        }
    }

    #[test]
    fn error_of_the_database_is_not_told_to_clients() {
        let problem = Problem::from(Error::Rooms(rooms::Error::OpenDatabase {
            database: "secret".into(),
            source: "secret detail".into(),
        }));
        assert_eq!((problem.status.as_u16(), problem.detail.contains("secret")), (500, false));
    }
}

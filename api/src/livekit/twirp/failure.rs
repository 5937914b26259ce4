//! Errors of Twirp (v7): a code and a sentence, always in JSON.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answered::answered;
use crate::Error;
use crate::kind::Kind;

/// Codes of Twirp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Malformed,
    InvalidArgument,
    OutOfRange,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    BadRoute,
    AlreadyExists,
    FailedPrecondition,
    ResourceExhausted,
    DeadlineExceeded,
    Unimplemented,
    Unavailable,
    Internal,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::InvalidArgument => "invalid_argument",
            Self::OutOfRange => "out_of_range",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::BadRoute => "bad_route",
            Self::AlreadyExists => "already_exists",
            Self::FailedPrecondition => "failed_precondition",
            Self::ResourceExhausted => "resource_exhausted",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Unimplemented => "unimplemented",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status, as Twirp maps codes.
    fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::InvalidArgument | Self::OutOfRange => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::NotFound | Self::BadRoute => StatusCode::NOT_FOUND,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::DeadlineExceeded => StatusCode::REQUEST_TIMEOUT,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Kind> for Code {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Malformed => Self::Malformed,
            Kind::Invalid => Self::InvalidArgument,
            Kind::OutOfRange => Self::OutOfRange,
            Kind::Unauthenticated => Self::Unauthenticated,
            Kind::Denied => Self::PermissionDenied,
            Kind::NotFound => Self::NotFound,
            Kind::NoMethod | Kind::WrongType => Self::BadRoute,
            Kind::Exists => Self::AlreadyExists,
            Kind::NotReady | Kind::Stale | Kind::Unconditional => Self::FailedPrecondition,
            Kind::TooLarge | Kind::TooOften | Kind::Full => Self::ResourceExhausted,
            Kind::Late => Self::DeadlineExceeded,
            Kind::Unavailable => Self::Unavailable,
            Kind::Internal => Self::Internal,
        }
    }
}

/// A refusal as a client of Twirp gets it.
#[derive(Debug)]
pub(super) struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The refusal of a feature that this server lacks; `message` names the one it has.
    pub(super) fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(Code::Unimplemented, message)
    }
}

/// The body of a refusal by Twirp (v7).
#[derive(Serialize, ToSchema)]
pub(super) struct TwirpError {
    /// Twirp's word, such as `not_found`.
    code: &'static str,
    /// A sentence for people.
    msg: String,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        Self::new(error.kind().into(), error.told())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = TwirpError { code: self.code.as_str(), msg: self.message };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        answered(self.code.status(), "application/json", body)
    }
}

#[cfg(test)]
mod tests {
    use interactive_sfu::SfuError;

    use super::*;

    #[test]
    fn refusal_by_rule_has_a_code_of_its_own_not_internal() {
        for (error, code) in [
            (Error::ContentType("application/sdp"), "bad_route"),
            (SfuError::StaleIceSession.into(), "failed_precondition"),
            (SfuError::PreconditionRequired.into(), "failed_precondition"),
            (SfuError::NotLive.into(), "failed_precondition"),
            (SfuError::TooMany("x".into()).into(), "resource_exhausted"),
            (Error::TooOften { by: "address", retry_after_s: 1 }, "resource_exhausted"),
            (Error::RangeNotSatisfiable { length_bytes: 1 }, "out_of_range"),
            (rooms::Error::RoomExists.into(), "already_exists"),
            (rooms::Error::TooManyRooms(1).into(), "resource_exhausted"),
            (rooms::Error::Busy.into(), "unavailable"),
        ] {
            let sentence = error.to_string();
            assert_eq!(Failure::from(error).code.as_str(), code, "{sentence}");
        }
    }
}

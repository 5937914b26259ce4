//! The only place that turns errors into answers: `application/problem+json` (RFC 9457).
//!
//! Every error is named here; a new one does not compile until somebody has chosen its status. Details never hold
//! tokens, addresses or what the database said.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use interactive_sfu::SfuError;
use packager::origin::NotServed;
use serde_json::json;

use crate::Error;

/// After this a client that found nobody on stage may ask again, seconds.
const NOT_LIVE_RETRY_S: u32 = 2;
/// After this a client that met a full server may ask again, seconds.
const BUSY_RETRY_S: u32 = 5;

/// An answer in place of what was asked for.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    /// Last part of `type`: `urn:spillway:problem:{slug}`.
    slug: &'static str,
    detail: String,
    retry_after_s: Option<u32>,
    authenticate: Option<&'static str>,
    content_range: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, detail: String) -> Self {
        Self { status, slug, detail, retry_after_s: None, authenticate: None, content_range: None }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What may be said of it.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl<E: Into<Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        let error = error.into();
        let detail = error.to_string();
        let (status, slug) = status_of(&error);
        let mut problem = Self::new(status, slug, detail);
        match error {
            Error::TokenMissing => problem.authenticate = Some("Bearer"),
            Error::Token(_) | Error::IngressDeleted => problem.authenticate = Some(r#"Bearer error="invalid_token""#),
            Error::Forbidden(_) => problem.authenticate = Some(r#"Bearer error="insufficient_scope""#),
            Error::TooOften { retry_after_s, .. } => problem.retry_after_s = Some(retry_after_s),
            Error::Sfu(SfuError::TooMany(_)) | Error::TooManyConnections => problem.retry_after_s = Some(BUSY_RETRY_S),
            Error::Sfu(SfuError::NotLive) => problem.retry_after_s = Some(NOT_LIVE_RETRY_S),
            Error::RangeNotSatisfiable { length_bytes } => {
                problem.content_range = Some(format!("bytes */{length_bytes}"))
            }
            error if status == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(error = &error as &dyn std::error::Error, "request failed");
                "something went wrong on our side".clone_into(&mut problem.detail);
            }
            error if status == StatusCode::SERVICE_UNAVAILABLE => {
                tracing::debug!(%error, "request refused");
                problem.retry_after_s = Some(BUSY_RETRY_S);
            }
            error => tracing::debug!(%error, "request refused"),
        }
        problem
    }
}

/// Status and slug. No `_` arm here.
fn status_of(error: &Error) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match error {
        Error::Config(_) | Error::Bind { .. } | Error::Certificate { .. } => (S::INTERNAL_SERVER_ERROR, "internal"),
        Error::OpenDatabase { .. } | Error::Database(_) => (S::INTERNAL_SERVER_ERROR, "internal"),
        Error::NoPlaybackKey => (S::INTERNAL_SERVER_ERROR, "internal"),
        Error::DatabaseDown => (S::SERVICE_UNAVAILABLE, "database-down"),
        Error::NotServed(NotServed::BadRequest(_)) => (S::BAD_REQUEST, "delivery-directives"),
        Error::NotServed(NotServed::NotFound) => (S::NOT_FOUND, "no-such-object"),
        Error::NotServed(NotServed::TimedOut) => (S::SERVICE_UNAVAILABLE, "playlist-stalled"),
        Error::NotServed(NotServed::TooManyWaiting) => (S::SERVICE_UNAVAILABLE, "too-many-waiting"),
        Error::NotServed(NotServed::StoreDown) => (S::SERVICE_UNAVAILABLE, "store-down"),
        Error::Sfu(SfuError::MalformedSdp(_)) => (S::BAD_REQUEST, "malformed-sdp"),
        Error::Sfu(SfuError::UnacceptableOffer(_)) => (S::UNPROCESSABLE_ENTITY, "unacceptable-offer"),
        Error::Sfu(SfuError::PreconditionRequired) => (S::PRECONDITION_REQUIRED, "if-match-required"),
        Error::Sfu(SfuError::StaleIceSession) => (S::PRECONDITION_FAILED, "stale-ice-session"),
        Error::Sfu(SfuError::NotLive) => (S::CONFLICT, "not-live"),
        Error::Sfu(SfuError::UnknownSession) => (S::NOT_FOUND, "unknown-session"),
        Error::Sfu(SfuError::UnknownParticipant) => (S::NOT_FOUND, "unknown-participant"),
        Error::Sfu(SfuError::UnknownTrack) => (S::NOT_FOUND, "unknown-track"),
        Error::Sfu(SfuError::Invalid(_)) => (S::UNPROCESSABLE_ENTITY, "invalid"),
        Error::Sfu(SfuError::TooMany(_)) => (S::TOO_MANY_REQUESTS, "too-many-sessions"),
        Error::TooManyConnections => (S::TOO_MANY_REQUESTS, "too-many-connections"),
        Error::TooOften { .. } => (S::TOO_MANY_REQUESTS, "too-many-joins"),
        Error::Sfu(SfuError::Full(_)) => (S::SERVICE_UNAVAILABLE, "full"),
        Error::Sfu(SfuError::ShuttingDown) | Error::ShuttingDown => (S::SERVICE_UNAVAILABLE, "shutting-down"),
        Error::TokenMissing => (S::UNAUTHORIZED, "token-missing"),
        Error::Token(_) | Error::IngressDeleted => (S::UNAUTHORIZED, "token-invalid"),
        Error::Forbidden(_) => (S::FORBIDDEN, "forbidden"),
        Error::NoRoute => (S::NOT_FOUND, "no-such-path"),
        Error::Method => (S::METHOD_NOT_ALLOWED, "method-not-allowed"),
        Error::UnknownRoom => (S::NOT_FOUND, "unknown-room"),
        Error::NoBroadcast => (S::NOT_FOUND, "no-broadcast"),
        Error::RoomExists => (S::CONFLICT, "room-exists"),
        Error::TooManyRooms(_) => (S::INSUFFICIENT_STORAGE, "too-many-rooms"),
        Error::UnknownIngress => (S::NOT_FOUND, "unknown-ingress"),
        Error::TooManyIngresses(_) => (S::INSUFFICIENT_STORAGE, "too-many-ingresses"),
        Error::ContentType(_) => (S::UNSUPPORTED_MEDIA_TYPE, "content-type"),
        Error::BodyTooLarge(_) => (S::PAYLOAD_TOO_LARGE, "body-too-large"),
        Error::BodyLate => (S::REQUEST_TIMEOUT, "body-late"),
        Error::Malformed(_) => (S::BAD_REQUEST, "malformed"),
        Error::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "invalid"),
        Error::RangeNotSatisfiable { .. } => (S::RANGE_NOT_SATISFIABLE, "range"),
        Error::Busy => (S::SERVICE_UNAVAILABLE, "busy"),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": format!("urn:spillway:problem:{}", self.slug),
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
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
    fn what_the_sfu_and_the_origin_refuse_has_the_status_that_the_protocols_ask_for() {
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
    fn what_the_database_said_stays_inside() {
        let problem = Problem::from(Error::Database(sqlx::Error::Protocol("secret detail".into())));
        assert_eq!((problem.status.as_u16(), problem.detail.contains("secret")), (500, false));
    }
}

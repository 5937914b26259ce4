//! Extractors: paths, names and bodies, checked and bounded before a handler sees them.

use std::str::FromStr;
use std::sync::Arc;

use access::BadName;
use axum::body::{Body, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::addresses::Counted;
use crate::{Config, Error, metrics};

mod caller;
mod path;

pub(crate) use caller::{Caller, public_url};
pub(crate) use path::{ParticipantInPath, RoomInPath, SessionInPath};

/// A longer body is refused with 413. SDP of a dozen simulcast sections is a fifth of it.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A connection's place among `connections_max`, taken until the connection ends. A handler that takes the connection
/// over, as for a WebSocket, keeps it.
#[derive(Clone)]
pub(crate) struct Place {
    _held: Arc<(OwnedSemaphorePermit, Counted, metrics::Connection)>,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, of_address: Counted) -> Self {
        Self { _held: Arc::new((permit, of_address, metrics::Connection::open())) }
    }
}

/// A text of a request as what it has to be; `field` is what the request calls it.
pub(crate) fn parsed<T: FromStr<Err = BadName>>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|bad| Error::Invalid(format!("{field} {bad}")))
}

/// The whole body as text of the media type `media_type`.
pub(crate) async fn text(
    config: &Config,
    headers: &HeaderMap,
    body: Body,
    media_type: &'static str,
) -> Result<String, Error> {
    if !self::media_type(headers).eq_ignore_ascii_case(media_type) {
        return Err(Error::ContentType(media_type));
    }
    let bytes = bytes(config, headers, body, BODY_BYTES_MAX).await?;
    String::from_utf8(bytes.into()).map_err(|_| Error::Malformed("the body is not UTF-8".into()))
}

/// The media type of the body, without parameters; empty: none is named.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// The whole body as JSON.
pub(crate) async fn json<T: DeserializeOwned>(config: &Config, headers: &HeaderMap, body: Body) -> Result<T, Error> {
    let text = text(config, headers, body, "application/json").await?;
    serde_json::from_str(&text).map_err(|error| {
        let sentence = format!("the body is not what is expected: {error}");
        if error.is_data() { Error::Invalid(sentence) } else { Error::Malformed(sentence) }
    })
}

/// The whole body, of at most `bytes_max`.
pub(crate) async fn bytes(config: &Config, headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    let said_bytes = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said_bytes.is_some_and(|bytes| bytes > bytes_max) {
        return Err(Error::BodyTooLarge(bytes_max));
    }
    let whole = axum::body::to_bytes(body, bytes_max);
    let whole = tokio::time::timeout(config.body_read_timeout(), whole).await.map_err(|_| Error::BodyLate)?;
    whole.map_err(|error| match is_length_limit(&error) {
        true => Error::BodyTooLarge(bytes_max),
        false => Error::BodyLate,
    })
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

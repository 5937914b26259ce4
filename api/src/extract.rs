//! What handlers take in: names and bodies, checked and bounded.

use axum::body::{Body, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::{Config, Error};

/// A longer body is refused with 413. SDP of a dozen simulcast sections is a fifth of it.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Whether a room may be called so: `[A-Za-z0-9_-]{1,64}`.
pub(crate) fn is_room_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The whole body as text of the media type `media_type`.
pub(crate) async fn text(
    config: &Config,
    headers: &HeaderMap,
    body: Body,
    media_type: &'static str,
) -> Result<String, Error> {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type) {
        return Err(Error::ContentType(media_type));
    }
    let bytes = read(config, headers, body).await?;
    String::from_utf8(bytes.into()).map_err(|_| Error::Malformed("the body is not UTF-8".into()))
}

/// The whole body as JSON.
pub(crate) async fn json<T: DeserializeOwned>(config: &Config, headers: &HeaderMap, body: Body) -> Result<T, Error> {
    let text = text(config, headers, body, "application/json").await?;
    serde_json::from_str(&text).map_err(|error| {
        let sentence = format!("the body is not what is expected: {error}");
        if error.is_data() { Error::Invalid(sentence) } else { Error::Malformed(sentence) }
    })
}

async fn read(config: &Config, headers: &HeaderMap, body: Body) -> Result<Bytes, Error> {
    let said_bytes = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said_bytes.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return Err(Error::BodyTooLarge(BODY_BYTES_MAX));
    }
    let whole = axum::body::to_bytes(body, BODY_BYTES_MAX);
    let whole = tokio::time::timeout(config.body_read_timeout(), whole).await.map_err(|_| Error::BodyLate)?;
    whole.map_err(|error| match is_length_limit(&error) {
        true => Error::BodyTooLarge(BODY_BYTES_MAX),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_are_what_fits_into_every_url_and_file_name() {
        for (name, good) in
            [("demo", true), ("A-b_9", true), ("", false), ("a b", false), ("a/b", false), ("..", false), ("ä", false)]
        {
            assert_eq!(is_room_name(name), good, "{name:?}");
        }
        assert!(is_room_name(&"x".repeat(64)) && !is_room_name(&"x".repeat(65)));
    }
}

//! Makes responses of what the origin serves, or of why it does not.
//!
//! `cdn-config` says how long a cache may keep a response. Nothing else stands in its head: no cookie, no `Vary` but
//! `Accept-Encoding`, and that on playlists alone, for every other word would split an edge's cache.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use cdn_config::{CacheClass, TokenBounds};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use packager::{NotServed, ObjectKind, ReadFailed, Served};

use super::range::ByteRange;
use super::stored_body::StoredBody;
use crate::accept_encoding::accepts;
use crate::problem::Problem;
use crate::{Error, cors, metrics};

/// Assumed where no broadcast says; only lifetimes that do not depend on it are printed with it.
const TARGET_DURATION_DEFAULT: Duration = Duration::from_secs(2);

/// How an answer is sent.
pub(super) struct Sent {
    /// EXT-X-TARGETDURATION of the broadcast that answers.
    pub(super) target_duration: Option<Duration>,
    /// The playback token that it answers.
    pub(super) token: Option<TokenBounds>,
    /// How long a client may take none of an object that is read from the store.
    pub(super) unread_max: Duration,
}

/// The response to a request that was refused before anybody was asked.
pub(super) fn problem(error: Error) -> Response {
    let (class, outcome) = class_of_error(&error);
    metrics::origin(outcome, 0);
    with_head(Problem::from(error).into_response(), class, TARGET_DURATION_DEFAULT, None)
}

/// The response to a request that was admitted.
pub(super) async fn respond(served: Result<Served, Error>, sent: &Sent, request: &HeaderMap) -> Response {
    let answered = match served {
        Ok(served) => {
            let classed = class_of(served.kind);
            with_body(served, sent, request).await.map(|(response, body_bytes)| (classed, response, body_bytes))
        }
        Err(error) => Err(error),
    };
    let ((class, outcome), response, body_bytes) = match answered {
        Ok(answered) => answered,
        Err(error) => (class_of_error(&error), Problem::from(error).into_response(), 0),
    };
    metrics::origin(outcome, body_bytes);
    with_head(response, class, sent.target_duration.unwrap_or(TARGET_DURATION_DEFAULT), sent.token)
}

fn with_head(
    mut response: Response,
    class: CacheClass,
    target_duration: Duration,
    token: Option<TokenBounds>,
) -> Response {
    let cache_control = match token {
        Some(token) => class.cache_control_for_token(target_duration, token),
        None => class.cache_control(target_duration),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(cache_control) {
        headers.insert(CACHE_CONTROL, value);
    }
    cors::live(headers);
    response
}

fn class_of(kind: ObjectKind) -> (CacheClass, &'static str) {
    match kind {
        ObjectKind::Multivariant => (CacheClass::Multivariant, "multivariant"),
        ObjectKind::BlockingPlaylist => (CacheClass::BlockingPlaylist, "blocking-playlist"),
        ObjectKind::BarePlaylist => (CacheClass::BarePlaylist, "bare-playlist"),
        ObjectKind::EndedPlaylist => (CacheClass::EndedPlaylist, "ended-playlist"),
        ObjectKind::VideoMedia => (CacheClass::Media, "video"),
        ObjectKind::AudioMedia => (CacheClass::Media, "audio"),
        ObjectKind::RecordingMultivariant => (CacheClass::RecordingMultivariant, "recording-multivariant"),
        ObjectKind::RecordingPlaylist => (CacheClass::RecordingPlaylist, "recording-playlist"),
        ObjectKind::UnfinishedPlaylist => (CacheClass::UnfinishedPlaylist, "unfinished-playlist"),
        ObjectKind::RecordingVideo => (CacheClass::RecordingMedia, "recording-video"),
        ObjectKind::RecordingAudio => (CacheClass::RecordingMedia, "recording-audio"),
    }
}

/// An error that is not the object's own "not yet" must not be kept.
fn class_of_error(error: &Error) -> (CacheClass, &'static str) {
    match error {
        Error::NotServed(NotServed::BadRequest(_)) => (CacheClass::BadRequest, "bad-request"),
        Error::RangeNotSatisfiable { .. } => (CacheClass::BadRequest, "bad-range"),
        Error::NotServed(NotServed::NotFound) | Error::NoBroadcast => (CacheClass::NotFoundYet, "not-found"),
        Error::NotServed(NotServed::TimedOut) => (CacheClass::NoStore, "timed-out"),
        Error::NotServed(NotServed::TooManyWaiting) => (CacheClass::NoStore, "too-many-waiting"),
        Error::NotServed(NotServed::StoreDown) => (CacheClass::NoStore, "store-down"),
        _ => (CacheClass::NoStore, "other"),
    }
}

/// The response without what caches read, and the bytes of its body.
async fn with_body(served: Served, sent: &Sent, request: &HeaderMap) -> Result<(Response, u64), Error> {
    let kind = served.kind;
    let (mut response, body_bytes) =
        if kind.is_media() { media(served, sent, request).await? } else { playlist(served, sent, request) };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
    Ok((response, body_bytes))
}

fn playlist(served: Served, sent: &Sent, request: &HeaderMap) -> (Response, u64) {
    let gzip = served.gzip.filter(|_| accepts(request, "gzip"));
    let zipped = gzip.is_some();
    let body = gzip.map_or(served.body, packager::Body::Held);
    let length_bytes = body.length_bytes();
    let mut response = Response::new(match body {
        packager::Body::Held(bytes) => Body::from(bytes),
        packager::Body::Stored(stored) => Body::new(StoredBody::new(stored.read(), sent.unread_max)),
    });
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if zipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    (response, length_bytes)
}

async fn media(served: Served, sent: &Sent, request: &HeaderMap) -> Result<(Response, u64), Error> {
    let whole_bytes = served.body.length_bytes();
    let (status, range) = match wanted_range(request, whole_bytes) {
        None | Some(ByteRange::Whole) => (StatusCode::OK, 0..whole_bytes),
        Some(ByteRange::Slice { first, last }) => (StatusCode::PARTIAL_CONTENT, first..last + 1),
        Some(ByteRange::Unsatisfiable) => {
            let length_bytes = usize::try_from(whole_bytes).unwrap_or(usize::MAX);
            return Err(Error::RangeNotSatisfiable { length_bytes });
        }
    };
    let body = match served.body {
        // The range lies within bytes that are in memory, so it fits.
        packager::Body::Held(bytes) => Body::from(bytes.slice(range.start as usize..range.end as usize)),
        packager::Body::Stored(stored) => {
            let chunks = Box::pin(stored.read_range(range.clone())).await.map_err(|error| match error {
                ReadFailed::Missing => NotServed::NotFound,
                ReadFailed::Store(_) | ReadFailed::File(_) | ReadFailed::Late | ReadFailed::Short => {
                    NotServed::StoreDown
                }
            })?;
            Body::new(StoredBody::new(chunks, sent.unread_max))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::try_from(format!("bytes {}-{}/{whole_bytes}", range.start, range.end - 1))
    {
        headers.insert(CONTENT_RANGE, value);
    }
    Ok((response, range.end - range.start))
}

/// `If-Range` names a validator that we never gave, so it never holds (RFC 9110 §13.1.5).
fn wanted_range(headers: &HeaderMap, length_bytes: u64) -> Option<ByteRange> {
    let value = headers.get(RANGE).filter(|_| !headers.contains_key(IF_RANGE))?;
    Some(ByteRange::parse(value.to_str().ok()?, length_bytes))
}

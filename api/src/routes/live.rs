//! The LL-HLS origin: `GET`/`HEAD /live/{room}/…`, and `/live/t/{token}/{room}/…` with a playback token.
//!
//! Whoever may not watch a room is told the same as of a room that is not on the air or does not exist. Only playback
//! tokens count here, for a cache that keeps an answer looks at the URL alone. No body contains a token: playlists have
//! relative URIs.
//!
//! What a request gets, and when, is `packager`'s to say; how long a cache may keep it is `cdn-config`'s. Here both
//! become a response, and nothing else: no cookie, no `Vary` but `Accept-Encoding`, and that on playlists alone, for
//! every other word would split an edge's cache.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use cdn_config::{CacheClass, TokenBounds};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use packager::origin::{NotServed, ObjectKind, Served};

use crate::admission::{Credential, Sight, may_watch, playback_credential};
use crate::app::App;
use crate::broadcasts::{Entry, Playback};
use crate::extract::Caller;
use crate::playback::TOKEN_CHARS_MIN;
use crate::problem::Problem;
use crate::routes::live::range::ByteRange;
use crate::{Error, cors, metrics};

mod range;

/// Assumed where no broadcast says; only lifetimes that do not depend on it are printed with it.
const TARGET_DURATION_DEFAULT: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> Router<App> {
    let methods = get(object).options(preflight).fallback(async || finish(Err(Error::Method), Sent::default(), None));
    Router::new().route("/live/{*path}", methods)
}

async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    cors::live(response.headers_mut());
    cors::live_preflight(response.headers_mut());
    response
}

/// What a path below `/live/` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked<'a> {
    token: Option<&'a str>,
    room: &'a str,
    /// Below the room's.
    path: &'a str,
}

impl<'a> Asked<'a> {
    /// A room may be called `t`: a token is longer than any word that can follow its name.
    fn of(path: &'a str) -> Option<Self> {
        let (first, rest) = path.strip_prefix("/live/")?.split_once('/')?;
        match rest.split_once('/') {
            Some((token, rest)) if first == "t" && token.len() >= TOKEN_CHARS_MIN => {
                let (room, path) = rest.split_once('/')?;
                Some(Self { token: Some(token), room, path })
            }
            _ => Some(Self { token: None, room: first, path: rest }),
        }
    }
}

/// How an answer is sent.
struct Sent {
    target_duration: Duration,
    /// The playback token that it answers.
    token: Option<TokenBounds>,
}

impl Default for Sent {
    fn default() -> Self {
        Self { target_duration: TARGET_DURATION_DEFAULT, token: None }
    }
}

async fn object(State(app): State<App>, uri: Uri, from: Option<Extension<Caller>>, headers: HeaderMap) -> Response {
    let client = || from.map(|Extension(caller)| caller.client(&app.config, &headers));
    let asked = Asked::of(uri.path());
    let Some((asked, entry, token)) = asked.and_then(|asked| admitted(&app, asked, client)) else {
        return finish(Err(Error::NoBroadcast), Sent::default(), None);
    };
    let served = tokio::select! {
        served = entry.playback.get(asked.path, uri.query()) => served.map_err(Error::from),
        () = app.lifecycle.closing() => Err(Error::ShuttingDown),
    };
    finish(served, Sent { target_duration: target_duration(&*entry.playback), token }, Some(&headers))
}

/// The broadcast, if whoever asks may watch it and the path is not of an earlier room of its name. A token is verified
/// even where there is no broadcast, so that it takes as long to be refused.
fn admitted<'a>(
    app: &App,
    asked: Asked<'a>,
    client: impl Fn() -> Option<IpAddr>,
) -> Option<(Asked<'a>, Entry, Option<TokenBounds>)> {
    let credential = asked.token.map(|token| playback_credential(app, token, asked.room, client()));
    let credential = credential.unwrap_or(Credential::Nothing);
    let entry = app.broadcasts.get(asked.room)?;
    if may_watch(asked.room, Some(&entry.access), &credential) < Sight::Watched {
        return None;
    }
    if !is_since(asked.path, entry.access.created_at_utc_ms) {
        return None;
    }
    let token = match credential {
        Credential::Playback(pass) => Some(TokenBounds { remaining: pass.remaining, one_address: pass.one_address }),
        Credential::Nothing | Credential::Worthless | Credential::Access(_) => None,
    };
    Some((asked, entry, token))
}

/// Whether a path names no broadcast that began before the room was made: recordings lie under the room's name, and
/// those of an earlier room are not this one's to show. An epoch is the time in base 36.
fn is_since(path: &str, created_at_utc_ms: i64) -> bool {
    let epoch = path.split_once('/').map(|(epoch, _)| i64::from_str_radix(epoch, 36));
    !matches!(epoch, Some(Ok(began_at_utc_ms)) if began_at_utc_ms < created_at_utc_ms)
}

fn target_duration(playback: &dyn Playback) -> Duration {
    Duration::from_secs(playback.target_duration_seconds().into())
}

/// The response, whatever came of it.
fn finish(served: Result<Served, Error>, sent: Sent, request: Option<&HeaderMap>) -> Response {
    let (class, outcome) = match &served {
        Ok(served) => class_of(served.kind),
        Err(error) => class_of_error(error),
    };
    let (mut response, body_bytes) = match served {
        Ok(served) if is_media(served.kind) => media(served, request),
        Ok(served) => playlist(served, request),
        Err(error) => (Problem::from(error).into_response(), 0),
    };
    metrics::origin(outcome, body_bytes);
    let unsatisfiable = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
    let class = if unsatisfiable { CacheClass::BadRequest } else { class };
    let cache_control = match sent.token {
        Some(token) => class.cache_control_for_token(sent.target_duration, token),
        None => class.cache_control(sent.target_duration),
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
    }
}

/// Whatever is not the object's own "not yet" must not be kept.
fn class_of_error(error: &Error) -> (CacheClass, &'static str) {
    match error {
        Error::NotServed(NotServed::BadRequest(_)) => (CacheClass::BadRequest, "bad-request"),
        Error::NotServed(NotServed::NotFound) | Error::NoBroadcast => (CacheClass::NotFoundYet, "not-found"),
        Error::NotServed(NotServed::TimedOut) => (CacheClass::NoStore, "timed-out"),
        Error::NotServed(NotServed::TooManyWaiting) => (CacheClass::NoStore, "too-many-waiting"),
        _ => (CacheClass::NoStore, "other"),
    }
}

fn is_media(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::VideoMedia | ObjectKind::AudioMedia)
}

fn playlist(served: Served, request: Option<&HeaderMap>) -> (Response, usize) {
    let gzip = served.gzip.filter(|_| request.is_some_and(accepts_gzip));
    let zipped = gzip.is_some();
    let body = gzip.unwrap_or(served.body);
    let length_bytes = body.len();
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.apple.mpegurl"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if zipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    (response, length_bytes)
}

fn media(served: Served, request: Option<&HeaderMap>) -> (Response, usize) {
    let (status, body, content_range) = match request.and_then(|headers| wanted_range(headers, served.body.len())) {
        None => (StatusCode::OK, served.body, None),
        Some(ByteRange::Whole) => (StatusCode::OK, served.body, None),
        Some(ByteRange::Slice { first, last }) => {
            let range = format!("bytes {first}-{last}/{}", served.body.len());
            (StatusCode::PARTIAL_CONTENT, served.body.slice(first..=last), Some(range))
        }
        Some(ByteRange::Unsatisfiable) => {
            let error = Error::RangeNotSatisfiable { length_bytes: served.body.len() };
            return (Problem::from(error).into_response(), 0);
        }
    };
    let kind = if served.kind == ObjectKind::AudioMedia { "audio/mp4" } else { "video/mp4" };
    (media_response(status, body.clone(), kind, content_range), body.len())
}

fn media_response(status: StatusCode, body: Bytes, kind: &'static str, content_range: Option<String>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(range) = content_range.and_then(|range| HeaderValue::try_from(range).ok()) {
        headers.insert(CONTENT_RANGE, range);
    }
    response
}

/// `If-Range` names a validator that we never gave, so it never holds (RFC 9110 §13.1.5).
fn wanted_range(headers: &HeaderMap, length_bytes: usize) -> Option<ByteRange> {
    let value = headers.get(RANGE).filter(|_| !headers.contains_key(IF_RANGE))?;
    Some(ByteRange::parse(value.to_str().ok()?, length_bytes))
}

/// RFC 9110 §12.5.3, as far as one coding needs it.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut star = None;
    for value in headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for coding in value.split(',') {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            let wanted = weight.is_ok_and(|weight| weight > 0.0);
            match name.trim() {
                name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => return wanted,
                "*" => star = Some(wanted),
                _ => {}
            }
        }
    }
    star.unwrap_or(false)
}

#[cfg(test)]
mod tests;

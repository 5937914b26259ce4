//! The LL-HLS origin: `GET`/`HEAD /live/{room}/…`, and `/live/t/{token}/{room}/…` with a playback token.
//!
//! A caller who may not watch a room is told the same as of a room that is not on the air or does not exist. Only
//! playback tokens count here, for a cache that keeps an answer looks at the URL alone. No body contains a token:
//! playlists have relative URIs.
//!
//! The broadcast of a room answers for its own epoch, the store for every earlier one, whether or not the room has a
//! broadcast. `packager` decides what a request gets, and when; `response.rs` makes an HTTP response of it.

use std::net::IpAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use cdn_config::TokenBounds;
use http::{HeaderMap, StatusCode, Uri};
use packager::{NotServed, ObjectKey, Recordings, Served};

use crate::admission::{Credential, Sight, may_watch, playback_credential};
use crate::app::App;
use crate::extract::Caller;
use crate::openapi::{Routes, Tag};
use crate::playback::TOKEN_CHARS_MIN;
use crate::registry::Entry;
use crate::routes::live::response::{Sent, problem, respond};
use crate::{Error, cors};

mod description;
mod range;
mod response;
mod starting;
mod stored_body;

pub(crate) fn routes() -> Routes {
    let methods = get(object).options(preflight).fallback(async || problem(Error::Method));
    Routes::new(Tag::Live).with_pattern("/live/{*path}", methods, description::description())
}

async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    cors::live(response.headers_mut());
    cors::live_preflight(response.headers_mut());
    response
}

/// The words of a path below `/live/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) room: &'a str,
    /// Below the room's.
    path: &'a str,
}

impl<'a> Asked<'a> {
    /// A room may be called `t`: a token is longer than any word that can follow its name.
    pub(super) fn of(path: &'a str) -> Option<Self> {
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

/// A request that may be answered.
struct Admitted<'a> {
    asked: Asked<'a>,
    source: Source<'a>,
    /// The playback token that the request came with.
    token: Option<TokenBounds>,
}

/// The source of an answer.
enum Source<'a> {
    /// The room's broadcast.
    Broadcast(Entry),
    /// The store, in which an earlier broadcast of the room is looked for.
    Recordings(&'a Recordings, ObjectKey<'a>),
}

async fn object(State(app): State<App>, uri: Uri, from: Option<Extension<Caller>>, headers: HeaderMap) -> Response {
    let client = || from.map(|Extension(caller)| caller.client(&app.config, &headers));
    let asked = Asked::of(uri.path());
    let mut found = asked.and_then(|asked| admitted(&app, asked, client));
    if let Some(asked) = asked
        && found.as_ref().is_none_or(Admitted::has_ended)
        && starting::may_start(&app, asked, client).await
    {
        let started = tokio::select! {
            started = starting::started(&app, asked) => started,
            () = app.lifecycle.closing() => return problem(Error::ShuttingDown),
        };
        if started {
            found = admitted(&app, asked, client);
        }
    }
    let Some(admitted) = found else { return problem(Error::NoBroadcast) };
    let served = tokio::select! {
        served = admitted.get(uri.query()) => served.map_err(Error::from),
        () = app.lifecycle.closing() => Err(Error::ShuttingDown),
    };
    // The store is let go of as soon as the connection is.
    let unread_max = Duration::from_millis(app.config.write_stall_timeout_ms.into());
    let sent = Sent { target_duration: admitted.target_duration(), token: admitted.token, unread_max };
    respond(served, &sent, &headers).await
}

impl Admitted<'_> {
    async fn get(&self, query: Option<&str>) -> Result<Served, NotServed> {
        match &self.source {
            Source::Broadcast(entry) => {
                entry.note_asked();
                entry.playback.get(self.asked.path, query).await
            }
            // Boxed: requests that wait for a broadcast would hold the room for it as well.
            Source::Recordings(recordings, key) => Box::pin(recordings.get(self.asked.room, *key, query)).await,
        }
    }

    /// Whether the answer is of a broadcast that is over.
    fn has_ended(&self) -> bool {
        matches!(&self.source, Source::Broadcast(entry) if entry.playback.has_ended())
    }

    /// EXT-X-TARGETDURATION; `None` for recordings, whose lifetimes in caches do not depend on it.
    fn target_duration(&self) -> Option<Duration> {
        match &self.source {
            Source::Broadcast(entry) => Some(Duration::from_secs(entry.playback.target_duration_seconds().into())),
            Source::Recordings(..) => None,
        }
    }
}

/// The request, if the caller may watch the room and the path is not of an earlier room of its name. A token is
/// verified even where there is no room, so that it takes as long to be refused.
fn admitted<'a>(app: &'a App, asked: Asked<'a>, client: impl Fn() -> Option<IpAddr>) -> Option<Admitted<'a>> {
    let credential = asked.token.map(|token| playback_credential(app, token, asked.room, client()));
    let credential = credential.unwrap_or(Credential::Nothing);
    let entry = app.origins.get(asked.room);
    // A broadcast outlives its room for a moment, and may be watched by whoever could watch that.
    let access = match &entry {
        Some(entry) => entry.access.clone(),
        None => app.rooms.access(asked.room)?,
    };
    if may_watch(asked.room, Some(&access), &credential) < Sight::Watched {
        return None;
    }
    let key = ObjectKey::parse(asked.path);
    if key.is_some_and(|key| !is_since(key, access.created_at_utc_ms)) {
        return None;
    }
    let source = match (entry, key) {
        (Some(entry), key) if answers(&entry, key) => Source::Broadcast(entry),
        (_, Some(key)) if key.epoch().is_some() => Source::Recordings(app.origins.recordings()?, key),
        _ => return None,
    };
    let token = match credential {
        Credential::Playback(pass) => {
            Some(TokenBounds { remaining: pass.remaining, one_address: pass.address.is_some() })
        }
        Credential::Nothing | Credential::Worthless | Credential::Access(_) => None,
    };
    Some(Admitted { asked, source, token })
}

/// Whether the room's broadcast is to answer: for its own objects, for the room's entry, and for paths that are none.
fn answers(entry: &Entry, key: Option<ObjectKey<'_>>) -> bool {
    key.and_then(ObjectKey::epoch).is_none_or(|epoch| epoch == entry.playback.epoch())
}

/// Whether a key names no broadcast that began before the room was made: recordings lie under the room's name, and
/// those of an earlier room are not this one's to show.
fn is_since(key: ObjectKey<'_>, created_at_utc_ms: i64) -> bool {
    key.began_at_utc_ms().is_none_or(|began_at_utc_ms| began_at_utc_ms >= created_at_utc_ms)
}

#[cfg(test)]
mod tests;

//! `POST /v1/cmcd`: what players report of themselves (`crate::players`).
//!
//! A report names its room by `cid`, the room's name or a URL of its playlist, or else by the `url` of an object below
//! `/live/`. Its sender has to be somebody who may watch the room: anybody where the room is open, else who shows a
//! token, in the request or in that URL, or the id of an events socket as `sid`. A room that is not theirs to watch is
//! refused as one that does not exist.

use std::net::IpAddr;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use http::{HeaderMap, StatusCode};
use rooms::RoomAccess;
use serde::Deserialize;

use super::live::Asked;
use crate::admission::{self, Credential, Sight, may_watch};
use crate::app::App;
use crate::extract::{self, Caller};
use crate::joins::Joiner;
use crate::openapi::{Refused, Routes, Tag, routes};
use crate::players::{BadReports, OfRoom, Player, Report, Taken, reports};
use crate::problem::Problem;
use crate::{Error, metrics};

/// Media types of a body. The second is that of CTA-5004-A, and pages send text as the third by `sendBeacon`.
const MEDIA_TYPES: [&str; 3] = ["application/cmcd", "text/cmcd", "text/plain"];

pub(crate) fn routes() -> Routes {
    routes!(Tag::Rooms, take_reports).with_preflights()
}

#[derive(Debug, Deserialize)]
struct ReportsQuery {
    /// An access token or a playback token, where the player can set no headers.
    access_token: Option<String>,
}

/// Report how a player plays.
///
/// Event reports of CMCD version 2 (CTA-5004-B), one a line, at most 100 in a body. `cid` is the room's name or the URL
/// of its playlist; without it `url` has to lie below `/live/`. `sid` names the player's session: those of an events
/// socket (`you.sid` of its first message) are known, and all others are counted apart, as `unverified`. A private room
/// takes reports with such a `sid`, with a token, or with a token in `url`.
#[utoipa::path(
    post,
    path = "/v1/cmcd",
    request_body(
        content = String,
        content_type = "application/cmcd",
        description = "One report a line. `text/cmcd` and `text/plain` are taken too.",
        example = "br=(3200),cid=\"demo\",e=ps,msd=812,sid=\"31b090a2-def1-44f9-87f8-4f8213c7bf63\",sn=1,sta=p,\
                   ts=1764752400000,v=2",
    ),
    security((), ("accessTokenInQuery" = []), ("accessToken" = []), ("playbackToken" = [])),
    responses(
        (status = 204, description = "The reports are taken."),
        Refused<400>, Refused<401>, Refused<404>, Refused<408>, Refused<413>, Refused<415>,
    ),
)]
async fn take_reports(
    State(app): State<App>,
    query: Result<Query<ReportsQuery>, QueryRejection>,
    from: Option<Extension<Caller>>,
    sender: Joiner,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    sender.count_reports(&headers, 1)?;
    let Query(query) = query.map_err(|_| Error::Malformed("the query is not what is expected".into()))?;
    if !MEDIA_TYPES.iter().any(|taken| extract::media_type(&headers).eq_ignore_ascii_case(taken)) {
        return Err(Error::ContentType(MEDIA_TYPES[0]).into());
    }
    let body = extract::bytes(&app.config, &headers, body, extract::BODY_BYTES_MAX).await?;
    let body = std::str::from_utf8(&body).map_err(|_| Error::Malformed("the body is not UTF-8".into()))?;
    let reports = reports(body).inspect_err(|_| metrics::cmcd("malformed"))?;
    sender.count_reports(&headers, reports.len() - 1)?;
    let from = from.map(|Extension(caller)| caller.client(&app.config, &headers));
    let sender = Sender { app: &app, headers: &headers, token: query.access_token.as_deref(), from };
    let mut is_any_taken = false;
    for report in &reports {
        let outcome = sender.take(report)?;
        metrics::cmcd(outcome.word());
        is_any_taken |= outcome != Outcome::UnknownRoom;
    }
    if is_any_taken { Ok(StatusCode::NO_CONTENT) } else { Err(rooms::Error::UnknownRoom.into()) }
}

/// The fate of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Taken(Taken),
    /// It names no session, or is of a later version of the standard.
    PassedOver,
    /// It names no room, or one that its sender may not watch.
    UnknownRoom,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Taken(Taken::Counted) => "counted",
            Self::Taken(Taken::Repeated) => "repeated",
            Self::Taken(Taken::Full) => "full",
            Self::PassedOver => "passed_over",
            Self::UnknownRoom => "unknown_room",
        }
    }
}

/// The sender of a request.
struct Sender<'a> {
    app: &'a App,
    headers: &'a HeaderMap,
    /// The token in the query.
    token: Option<&'a str>,
    from: Option<IpAddr>,
}

impl Sender<'_> {
    fn take(&self, report: &Report) -> Result<Outcome, Error> {
        let Some(session) = report.session.as_deref().filter(|_| !report.is_of_later_version) else {
            return Ok(Outcome::PassedOver);
        };
        let place = Place::of(report.content.as_deref(), report.url.as_deref());
        let Some(place) = place else { return Ok(Outcome::UnknownRoom) };
        let Ok(room) = place.room.parse() else { return Ok(Outcome::UnknownRoom) };
        let credential = self.credential(&place)?;
        let access = self.app.rooms.access(place.room);
        // Ids are verified even where there is no room, so that it takes as long to be refused.
        let created_at_utc_ms = access.as_ref().map_or(0, |access| access.created_at_utc_ms);
        let is_issued = self.app.players.is_issued(OfRoom { name: place.room, created_at_utc_ms }, session);
        let sight = may_watch(place.room, access.as_deref(), &credential);
        let Some(access) = access.filter(|_| is_issued || sight == Sight::Watched) else {
            return Ok(Outcome::UnknownRoom);
        };
        let (is_verified, may_name) = (is_issued, may_name(self.app, &access));
        Ok(Outcome::Taken(self.app.players.take(Player { room: &room, session, is_verified, may_name }, report)))
    }

    /// The request's own token, or else that in the report's URL.
    fn credential(&self, place: &Place<'_>) -> Result<Credential, Error> {
        let credential = admission::credential_or_in_query(self.app, self.headers, self.token, place.room, self.from)?;
        Ok(match (credential, place.token) {
            (Credential::Nothing, Some(token)) => {
                admission::playback_credential(self.app, token, place.room, self.from)
            }
            (credential, _) => credential,
        })
    }
}

/// Whether the metrics may name a room: strangers may read them, unless they have an address or a token of their own.
pub(super) fn may_name(app: &App, access: &RoomAccess) -> bool {
    access.is_public() || app.config.metrics.address.is_some() || !app.config.metrics.token.is_empty()
}

/// The room that a report is of, and a playback token in its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    room: &'a str,
    token: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(content: Option<&'a str>, url: Option<&'a str>) -> Option<Self> {
        let of_content = content.and_then(|content| match content.contains('/') {
            true => Self::in_url(content),
            false => Some(Self { room: content, token: None }),
        });
        of_content.or_else(|| Self::in_url(url?))
    }

    /// `url` may be a path alone, and its path begin with that of a proxy.
    fn in_url(url: &'a str) -> Option<Self> {
        let path = url.split_once("://").map_or(Some(url), |(_, rest)| rest.get(rest.find('/')?..))?;
        let path = path.get(path.find("/live/")?..)?;
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let asked = Asked::of(path)?;
        Some(Self { room: asked.room, token: asked.token })
    }
}

impl From<BadReports> for Error {
    fn from(bad: BadReports) -> Self {
        Self::Malformed(bad.to_string())
    }
}

#[cfg(test)]
mod tests;

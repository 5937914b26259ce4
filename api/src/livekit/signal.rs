//! LiveKit's clients: the WebSockets `/rtc` (two peer connections) and `/rtc/v1` (one), and `validate` below each,
//! which says why it would not open.
//!
//! This file carries frames between the socket and the SFU, which reads and answers them.

use std::time::{Duration, SystemTime};

use access::{Grants, Identity};
use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use interactive_sfu::signalling::livekit::frame::FRAME_BYTES_MAX;
use interactive_sfu::signalling::livekit::{Frame, Join};
use interactive_sfu::{Client, ConnectRequest, Connection};
use livekit_protocol as proto;
use rooms::Entry;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use utoipa::IntoParams;

use crate::app::{App, enter_by_token};
use crate::ice_servers::IceServer;
use crate::joins::Joiner;
use crate::livekit::room::as_livekit;
use crate::openapi::{Refused, Routes, Tag, TokenRefused, routes};
use crate::problem::Problem;
use crate::seats::seat_limits;
use crate::websocket::{MaybeUpgrade, Message, Socket, Written};
use crate::{Error, auth};

/// A client of which nothing is heard for so long is gone: it pings every five seconds.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// A client that does not take a message for so long is gone too.
const SEND_MAX: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> Routes {
    routes!(Tag::LiveKit, rtc, validate_rtc, rtc_v1, validate_rtc_v1).with_preflights()
}

/// The form of a join.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `/rtc`: for two peer connections, in words of the query.
    Words,
    /// `/rtc/v1`: for one peer connection, encoded.
    Encoded,
}

/// The parameters of a client's query that this server reads. Further ones are ignored.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RtcQuery {
    #[param(ignore)]
    access_token: Option<String>,
    /// Carries all other parameters on `/rtc/v1`.
    #[param(ignore)]
    join_request: Option<String>,
    auto_subscribe: Option<String>,
    reconnect: Option<String>,
    sid: Option<String>,
    sdk: Option<String>,
    version: Option<String>,
    protocol: Option<u32>,
}

impl RtcQuery {
    fn is(flag: Option<&str>) -> Option<bool> {
        flag.map(|flag| matches!(flag, "1" | "true"))
    }

    /// The join as the client asks for it; `/rtc/v1` has a form of its own.
    fn join(&self, form: Form) -> Result<Join, Error> {
        if form == Form::Encoded {
            let text = self.join_request.as_deref().unwrap_or_default();
            return Join::decode(text).map_err(|_| Error::Malformed("join_request is not a WrappedJoinRequest".into()));
        }
        let words =
            [&self.sdk, &self.version].map(|word| word.as_deref().unwrap_or("?").chars().take(32).collect::<String>());
        let client = Client {
            auto_subscribe: Self::is(self.auto_subscribe.as_deref()).unwrap_or(true),
            single_connection: false,
            sdk: words.join(" "),
            protocol: self.protocol.unwrap_or_default(),
        };
        let resume = Self::is(self.reconnect.as_deref()).unwrap_or(false);
        Ok(Join { client, resume: resume.then(|| self.sid.clone().unwrap_or_default()), requests: Vec::new() })
    }
}

/// The token, its bearer's identity, and the room that the bearer enters. A stranger's request is refused here, before
/// it is decoded.
async fn admitted(
    app: &App,
    query: &RtcQuery,
    joiner: &Joiner,
    headers: &HeaderMap,
) -> Result<(Grants, Identity, Entry), Error> {
    let grants = auth::grants_or_token(&app.keys, headers, query.access_token.as_deref())?;
    let (room, identity) = auth::may_join(&grants)?;
    let entry = enter_by_token(app, &room, &grants, joiner.address(&app.config, headers)).await?;
    Ok((grants, identity, entry))
}

/// Connect a LiveKit client that has two peer connections.
///
/// A WebSocket that carries LiveKit's signalling, protocol 16: use any of LiveKit's client SDKs with this server's
/// address. See [LiveKit's client protocol](https://docs.livekit.io/reference/internals/client-protocol/).
#[utoipa::path(
    get,
    path = "/rtc",
    params(RtcQuery),
    security(("accessTokenInQuery" = []), ("accessToken" = [])),
    responses((status = 101, description = "The WebSocket."), TokenRefused, Refused<400>, Refused<404>, Refused<422>),
)]
async fn rtc(
    app: State<App>,
    query: Query<RtcQuery>,
    joiner: Joiner,
    headers: HeaderMap,
    upgrade: MaybeUpgrade,
) -> Result<Response, Problem> {
    open(Form::Words, app, query, joiner, headers, upgrade).await
}

/// Connect a LiveKit client that has one peer connection.
///
/// As `/rtc`. See [LiveKit's client protocol](https://docs.livekit.io/reference/internals/client-protocol/).
#[utoipa::path(
    get,
    path = "/rtc/v1",
    params(("join_request" = String, Query, description = "A `WrappedJoinRequest` of LiveKit's protocol, in Base64.")),
    security(("accessTokenInQuery" = []), ("accessToken" = [])),
    responses((status = 101, description = "The WebSocket."), TokenRefused, Refused<400>, Refused<404>, Refused<422>),
)]
async fn rtc_v1(
    app: State<App>,
    query: Query<RtcQuery>,
    joiner: Joiner,
    headers: HeaderMap,
    upgrade: MaybeUpgrade,
) -> Result<Response, Problem> {
    open(Form::Encoded, app, query, joiner, headers, upgrade).await
}

/// Ask why `/rtc` would not open.
#[utoipa::path(
    get,
    path = "/rtc/validate",
    params(RtcQuery),
    security(("accessTokenInQuery" = []), ("accessToken" = [])),
    responses(
        (status = 200, description = "It would open.", body = str, content_type = "text/plain", example = "success"),
        TokenRefused, Refused<400>, Refused<404>, Refused<422>,
    ),
)]
async fn validate_rtc(
    app: State<App>,
    query: Query<RtcQuery>,
    joiner: Joiner,
    headers: HeaderMap,
) -> Result<&'static str, Problem> {
    validate(Form::Words, app, query, joiner, headers).await
}

/// Ask why `/rtc/v1` would not open.
#[utoipa::path(
    get,
    path = "/rtc/v1/validate",
    params(("join_request" = String, Query, description = "As of `/rtc/v1`.")),
    security(("accessTokenInQuery" = []), ("accessToken" = [])),
    responses(
        (status = 200, description = "It would open.", body = str, content_type = "text/plain", example = "success"),
        TokenRefused, Refused<400>, Refused<404>, Refused<422>,
    ),
)]
async fn validate_rtc_v1(
    app: State<App>,
    query: Query<RtcQuery>,
    joiner: Joiner,
    headers: HeaderMap,
) -> Result<&'static str, Problem> {
    validate(Form::Encoded, app, query, joiner, headers).await
}

async fn validate(
    form: Form,
    State(app): State<App>,
    Query(query): Query<RtcQuery>,
    joiner: Joiner,
    headers: HeaderMap,
) -> Result<&'static str, Problem> {
    admitted(&app, &query, &joiner, &headers).await?;
    query.join(form)?;
    Ok("success")
}

async fn open(
    form: Form,
    State(app): State<App>,
    Query(query): Query<RtcQuery>,
    joiner: Joiner,
    headers: HeaderMap,
    MaybeUpgrade(upgrade): MaybeUpgrade,
) -> Result<Response, Problem> {
    joiner.check_address(&headers)?;
    let (grants, identity, entry) = admitted(&app, &query, &joiner, &headers).await?;
    joiner.check_identity(&entry.room.name, &identity, false)?;
    let upgrade = upgrade?;
    let Join { client, resume, requests } = query.join(form)?;
    let ice_servers = app.config.ice_servers.iter().map(|server| ice_server(server, &identity)).collect();
    let request = ConnectRequest {
        room: entry.room.name.clone(),
        identity,
        grants,
        about: as_livekit(&entry.room),
        seats: seat_limits(&app.rooms, &entry.room),
        ice_servers,
        local: joiner.is_local(&headers),
        resume,
        client,
        requests,
    };
    let connection = app.media.connect(request).await?;
    drop(entry);
    Ok(upgrade.on_upgrade(FRAME_BYTES_MAX, |socket| carry(socket, connection)))
}

fn ice_server(server: &IceServer, identity: &str) -> proto::IceServer {
    let credential = server.credential(identity, SystemTime::now());
    let (username, credential) = credential.map(|made| (made.username, made.credential)).unwrap_or_default();
    proto::IceServer { urls: vec![server.url.clone()], username, credential }
}

/// Carries frames both ways until either side is done.
async fn carry(mut socket: Socket, mut connection: Connection) {
    let mut heard = Instant::now();
    let ended = loop {
        let pause = connection.pause();
        let received = async {
            sleep(pause).await;
            timeout(SILENCE_MAX.saturating_sub(heard.elapsed()), socket.read()).await
        };
        tokio::select! {
            ready = connection.ready() => {
                if ready.is_empty() {
                    break CloseCode::Normal;
                }
                let messages: Vec<Written> = ready.into_iter().map(written).collect();
                if !matches!(timeout(SEND_MAX, socket.write(&messages)).await, Ok(Ok(()))) {
                    return;
                }
            }
            received = received => {
                let frame = match received {
                    Err(_) => break CloseCode::Away,
                    Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => return,
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => None,
                    Ok(Some(Ok(Message::Binary(bytes)))) => Some(Frame::Binary(bytes)),
                    Ok(Some(Ok(Message::Text(text)))) => Some(Frame::Text(text.to_string())),
                };
                heard = Instant::now();
                if frame.is_some_and(|frame| connection.receive(frame).is_err()) {
                    break CloseCode::Unsupported;
                }
            }
        }
    };
    drop(timeout(SEND_MAX, socket.close(ended)).await);
}

fn written(frame: Frame) -> Written {
    match frame {
        Frame::Binary(payload) => Written { payload, text: false },
        Frame::Text(text) => Written { payload: text.into(), text: true },
    }
}

#[cfg(test)]
mod tests;

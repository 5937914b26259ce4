//! LiveKit's server API: `POST /twirp/livekit.{Service}/{Method}`, Twirp (v7) with JSON and protobuf bodies.
//!
//! Served are the calls about rooms, who is in them, and what they may do (`RoomService`), a room's broadcast
//! (`Egress`), and publishers by WHIP (`Ingress`). Those of several servers (forwarding and moving participants), RPC
//! by the server, and what the media plane does not do answer Twirp's `unimplemented`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::app::App;
use crate::problem::Problem;
use crate::{Error, auth, extract};
use egress::Egress;
use ingress::Ingress;
use room_service::RoomService;

mod egress;
mod ingress;
mod room_service;

/// A longer body is refused: the longest is a message of 64,000 bytes in Base64.
const BODY_BYTES_MAX: usize = 128 * 1024;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/twirp/livekit.RoomService/{method}", post(room_service))
        .route("/twirp/livekit.Egress/{method}", post(egress_service))
        .route("/twirp/livekit.Ingress/{method}", post(ingress_service))
}

async fn room_service(
    State(app): State<App>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let call = Call::read(&app, &headers, body).await?;
    let service = RoomService { grants: auth::grants(&app.keys, &headers)?, app };
    match method.as_str() {
        "CreateRoom" => call.reply(service.create_room(call.request()?).await?),
        "ListRooms" => call.reply(service.list_rooms(call.request()?).await?),
        "DeleteRoom" => call.reply(service.delete_room(call.request()?).await?),
        "UpdateRoomMetadata" => call.reply(service.update_room_metadata(call.request()?).await?),
        "ListParticipants" => call.reply(service.list_participants(call.request()?).await?),
        "GetParticipant" => call.reply(service.get_participant(call.request()?).await?),
        "RemoveParticipant" => call.reply(service.remove_participant(call.request()?).await?),
        "MutePublishedTrack" => call.reply(service.mute_published_track(call.request()?).await?),
        "UpdateParticipant" => call.reply(service.update_participant(call.request()?).await?),
        "UpdateSubscriptions" => call.reply(service.update_subscriptions(call.request()?).await?),
        "SendData" => call.reply(service.send_data(call.request()?).await?),
        "ForwardParticipant" | "MoveParticipant" | "PerformRpc" => {
            Err(Failure::unimplemented(format!("{method} is not served by this server")))
        }
        _ => Err(Failure::new("bad_route", format!("RoomService has no {method}"))),
    }
}

async fn egress_service(
    State(app): State<App>,
    Path(method): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (head, call) = Call::open(&app, request).await?;
    auth::may_record(auth::service_grants(&app.keys, &head.headers)?)?;
    let service = Egress { public_url: extract::public_url(&app.config, &head)?, app };
    match method.as_str() {
        "StartRoomCompositeEgress" => call.reply(service.start_room_composite(call.request()?).await?),
        "ListEgress" => call.reply(service.list(call.request()?).await?),
        "StopEgress" => call.reply(service.stop(call.request()?).await?),
        "UpdateLayout" => call.reply(service.update_layout(call.request()?).await?),
        "StartEgress"
        | "StartWebEgress"
        | "StartParticipantEgress"
        | "StartTrackCompositeEgress"
        | "StartTrackEgress"
        | "UpdateStream"
        | "UpdateEgress" => Err(egress::only_the_broadcast(&method)),
        _ => Err(Failure::new("bad_route", format!("Egress has no {method}"))),
    }
}

async fn ingress_service(
    State(app): State<App>,
    Path(method): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (head, call) = Call::open(&app, request).await?;
    auth::may_manage_ingress(auth::service_grants(&app.keys, &head.headers)?)?;
    let service = Ingress { public_url: extract::public_url(&app.config, &head)?, app };
    match method.as_str() {
        "CreateIngress" => call.reply(service.create(call.request()?).await?),
        "ListIngress" => call.reply(service.list(call.request()?).await?),
        "DeleteIngress" => call.reply(service.delete(call.request()?).await?),
        "UpdateIngress" => Err(Failure::unimplemented("an ingress stays as it is: delete it, and create another")),
        _ => Err(Failure::new("bad_route", format!("Ingress has no {method}"))),
    }
}

/// A request's body, and how the answer is to be written.
struct Call {
    json: bool,
    body: Bytes,
}

impl Call {
    async fn open(app: &App, request: Request) -> Result<(Parts, Self), Failure> {
        let (head, body) = request.into_parts();
        let call = Self::read(app, &head.headers, body).await?;
        Ok((head, call))
    }

    async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Self, Failure> {
        let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json = match said.split(';').next().unwrap_or_default().trim() {
            "application/json" => true,
            "application/protobuf" => false,
            _ => return Err(Failure::new("bad_route", "the body must be application/json or application/protobuf")),
        };
        Ok(Self { json, body: extract::bytes(&app.config, headers, body, BODY_BYTES_MAX).await? })
    }

    fn request<M: Message + Default + DeserializeOwned>(&self) -> Result<M, Failure> {
        let malformed = |error: &dyn std::error::Error| Failure::new("malformed", error.to_string());
        if self.json {
            serde_json::from_slice(&self.body).map_err(|error| malformed(&error))
        } else {
            M::decode(self.body.clone()).map_err(|error| malformed(&error))
        }
    }

    fn reply<M: Message + Serialize>(&self, answer: M) -> Result<Response, Failure> {
        let (kind, body) = if self.json {
            let text = serde_json::to_vec(&answer).map_err(|error| Failure::new("internal", error.to_string()))?;
            ("application/json", text)
        } else {
            ("application/protobuf", answer.encode_to_vec())
        };
        Ok(answered(StatusCode::OK, kind, body))
    }
}

fn answered(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A Twirp error: always JSON, whatever the request was.
#[derive(Debug)]
struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What this server does not do; `message` says what it does instead.
    fn unimplemented(message: impl Into<String>) -> Self {
        Self::new("unimplemented", message)
    }

    /// As Twirp maps codes to HTTP.
    fn status(&self) -> StatusCode {
        match self.code {
            "malformed" | "invalid_argument" => StatusCode::BAD_REQUEST,
            "unauthenticated" => StatusCode::UNAUTHORIZED,
            "permission_denied" => StatusCode::FORBIDDEN,
            "not_found" | "bad_route" => StatusCode::NOT_FOUND,
            "already_exists" => StatusCode::CONFLICT,
            "failed_precondition" => StatusCode::PRECONDITION_FAILED,
            "resource_exhausted" => StatusCode::TOO_MANY_REQUESTS,
            "unimplemented" => StatusCode::NOT_IMPLEMENTED,
            "unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        // What may be said of an error, and what is logged, is decided in one place.
        let problem = Problem::from(error);
        let code = match problem.status() {
            StatusCode::BAD_REQUEST => "malformed",
            StatusCode::UNPROCESSABLE_ENTITY => "invalid_argument",
            StatusCode::UNAUTHORIZED => "unauthenticated",
            StatusCode::FORBIDDEN => "permission_denied",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::CONFLICT => "already_exists",
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::INSUFFICIENT_STORAGE => "resource_exhausted",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => "unavailable",
            _ => "internal",
        };
        Self::new(code, problem.detail())
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "code": self.code, "msg": self.message });
        answered(self.status(), "application/json", body.to_string().into_bytes())
    }
}

#[cfg(test)]
mod tests;

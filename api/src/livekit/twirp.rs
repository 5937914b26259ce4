//! LiveKit's server API: `POST /twirp/livekit.{Service}/{Method}`, Twirp (v7) with JSON and protobuf bodies.
//!
//! Served are the calls about rooms, who is in them, and what they may do (`RoomService`), a room's broadcast
//! (`Egress`), and publishers by WHIP (`Ingress`). Those of several servers (forwarding and moving participants), RPC
//! by the server, and what the media plane does not do answer Twirp's `unimplemented`.

use axum::extract::{Path, Request, State};
use axum::response::Response;

use crate::app::App;
use crate::openapi::{Routes, Tag, routes};
use crate::{auth, extract};
use call::Unread;
use egress::Egress;
use failure::{Code, Failure, TwirpError};
use ingress::Ingress;
use room_service::RoomService;

mod answered;
mod call;
mod egress;
mod failure;
mod ingress;
mod room_service;

const ROOM_SERVICE_METHODS: &str = "`CreateRoom`, `ListRooms`, `DeleteRoom`, `UpdateRoomMetadata`, `ListParticipants`, \
    `GetParticipant`, `RemoveParticipant`, `MutePublishedTrack`, `UpdateParticipant`, `UpdateSubscriptions` or `SendData`.";
const EGRESS_METHODS: &str = "`StartRoomCompositeEgress`, `ListEgress`, `StopEgress` or `UpdateLayout`.";

pub(crate) fn routes() -> Routes {
    routes!(Tag::LiveKit, room_service, egress_service, ingress_service)
}

/// Moderate rooms and participants.
///
/// LiveKit's messages in JSON or protobuf, by LiveKit's server SDKs: see
/// [LiveKit's room service](https://docs.livekit.io/reference/other/roomservice-api/). Others of its methods answer
/// `unimplemented`.
#[utoipa::path(
    post,
    path = "/twirp/livekit.RoomService/{method}",
    params(("method" = String, Path, description = ROOM_SERVICE_METHODS)),
    request_body(content((Value = "application/json"), (Value = "application/protobuf"))),
    security(("accessToken" = [])),
    responses(
        (
            status = 200, description = "LiveKit's message.",
            content((Value = "application/json"), (Value = "application/protobuf")),
        ),
        (status = "default", description = "Twirp's error.", body = TwirpError),
    ),
)]
async fn room_service(
    State(app): State<App>,
    Path(method): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let call = Unread::new(request)?;
    let grants = auth::grants(&app.keys, &call.head.headers)?;
    let call = call.read(&app).await?;
    let service = RoomService { grants, app };
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
        _ => Err(Failure::new(Code::BadRoute, format!("RoomService has no {method}"))),
    }
}

/// Switch a room's broadcast.
///
/// As LiveKit's composite egress: see [LiveKit's egress](https://docs.livekit.io/reference/other/egress/api/). Files,
/// pushes and single tracks answer `unimplemented`.
#[utoipa::path(
    post,
    path = "/twirp/livekit.Egress/{method}",
    params(("method" = String, Path, description = EGRESS_METHODS)),
    request_body(content((Value = "application/json"), (Value = "application/protobuf"))),
    security(("accessToken" = [])),
    responses(
        (
            status = 200, description = "LiveKit's message.",
            content((Value = "application/json"), (Value = "application/protobuf")),
        ),
        (status = "default", description = "Twirp's error.", body = TwirpError),
    ),
)]
async fn egress_service(
    State(app): State<App>,
    Path(method): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let call = Unread::new(request)?;
    auth::may_record(auth::service_grants(&app.keys, &call.head.headers)?)?;
    let public_url = extract::public_url(&app.config, &call.head)?;
    let call = call.read(&app).await?;
    let service = Egress { public_url, app };
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
        _ => Err(Failure::new(Code::BadRoute, format!("Egress has no {method}"))),
    }
}

/// Make, list and delete ingresses.
///
/// An ingress is a WHIP URL with a key (`WHIP_INPUT`): see
/// [LiveKit's ingress](https://docs.livekit.io/reference/other/ingress/api/).
#[utoipa::path(
    post,
    path = "/twirp/livekit.Ingress/{method}",
    params(("method" = String, Path, description = "`CreateIngress`, `ListIngress` or `DeleteIngress`.")),
    request_body(content((Value = "application/json"), (Value = "application/protobuf"))),
    security(("accessToken" = [])),
    responses(
        (
            status = 200, description = "LiveKit's message.",
            content((Value = "application/json"), (Value = "application/protobuf")),
        ),
        (status = "default", description = "Twirp's error.", body = TwirpError),
    ),
)]
async fn ingress_service(
    State(app): State<App>,
    Path(method): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let call = Unread::new(request)?;
    auth::may_manage_ingress(auth::service_grants(&app.keys, &call.head.headers)?)?;
    let public_url = extract::public_url(&app.config, &call.head)?;
    let call = call.read(&app).await?;
    let service = Ingress { public_url, app };
    match method.as_str() {
        "CreateIngress" => call.reply(service.create(call.request()?).await?),
        "ListIngress" => call.reply(service.list(call.request()?).await?),
        "DeleteIngress" => call.reply(service.delete(call.request()?).await?),
        "UpdateIngress" => Err(Failure::unimplemented("an ingress stays as it is: delete it, and create another")),
        _ => Err(Failure::new(Code::BadRoute, format!("Ingress has no {method}"))),
    }
}

#[cfg(test)]
mod tests;

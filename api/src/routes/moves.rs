//! `POST /v1/rooms/{room}/participants/{identity}/move`: hosts move viewers between seat and broadcast.

use std::time::Instant;

use access::{Class, Identity, RoomName};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use interactive_sfu::SfuError;
use rooms::Room;
use rooms::overflow::{Asked, JoinDecision, Reason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::join::{Delivery, decide, no_place, refusal};
use super::rooms::view::uncached;
use crate::app::App;
use crate::extract::{self, ParticipantInPath};
use crate::moves::{Moves, Promotion, WITHIN};
use crate::openapi::{BodyRefused, Refused, Routes, Tag, TokenRefused, routes};
use crate::problem::Problem;
use crate::{Error, MoveError, auth, events};

const TO_BROADCAST: &str = "A host has moved you to the broadcast; ask for a seat to come back.";
const TO_SEAT: &str = "A host has given you a seat; join again to take it.";

pub(crate) fn routes() -> Routes {
    routes!(Tag::Rooms, move_participant).with_preflights()
}

/// Where somebody is to watch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "delivery": "broadcast" }))]
struct Move {
    delivery: Delivery,
}

/// A move that is under way.
#[derive(Debug, Serialize, ToSchema)]
struct Moving {
    #[schema(value_type = String)]
    identity: Identity,
    /// Where they are told to watch.
    delivery: Delivery,
    /// Seconds within which they are there, or have lost what was kept for them.
    within_seconds: u64,
}

/// Move somebody between a seat and the broadcast.
///
/// Takes a token with `roomAdmin` for the room, or an operator's. The viewer is told on their events socket or by
/// LiveKit's `spillway.move`, and moves by themselves; who stays in a seat is shown out. A seat is kept for whoever is
/// moved to one. 404: nobody of that identity watches, or they have no events socket to be told by. 409 and 503 say
/// why there is no seat, or no broadcast.
#[utoipa::path(
    post,
    path = "/v1/rooms/{room}/participants/{identity}/move",
    params(ParticipantInPath),
    request_body = Move,
    security(("accessToken" = [])),
    responses(
        (status = 202, description = "They are told.", body = Moving),
        TokenRefused, BodyRefused, Refused<404>, Refused<409>,
    ),
)]
async fn move_participant(
    State(app): State<App>,
    ParticipantInPath { room, identity }: ParticipantInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    auth::may_administer(&auth::grants(&app.keys, &headers)?, &room)?;
    let Move { delivery } = extract::json(&app.config, &headers, body).await?;
    let entered = app.rooms.get(&room).await?;
    match delivery {
        Delivery::Broadcast => demote(&app, &entered, &identity).await?,
        Delivery::Interactive => promote(&app, &entered, &identity).await?,
    }
    tracing::info!(%room, %identity, ?delivery, "a host moves somebody");
    let moving = Moving { identity, delivery, within_seconds: WITHIN.as_secs() };
    Ok((StatusCode::ACCEPTED, uncached(moving)).into_response())
}

async fn demote(app: &App, room: &Room, identity: &Identity) -> Result<(), Error> {
    let is_ready = match decide(app, room, Asked::Broadcast) {
        JoinDecision::Refused(why) => return Err(no_place(why)),
        JoinDecision::Broadcast { is_ready, .. } => is_ready,
        JoinDecision::Seat(_) => true,
    };
    let class = watches(app, &room.name, identity).map_or(Class::Anonymous, |(_, class)| class);
    Moves::of(app).demote(room, identity, class, (Reason::ByHost, TO_BROADCAST)).await?;
    if !is_ready {
        // The broadcast has started by the time at which they have to be there.
        app.demand.ask(&room.name, Instant::now());
    }
    Ok(())
}

async fn promote(app: &App, room: &Room, identity: &Identity) -> Result<(), Error> {
    let Some((delivery, class)) = watches(app, &room.name, identity) else {
        return Err(SfuError::UnknownParticipant.into());
    };
    if delivery == events::Delivery::Interactive {
        return Ok(());
    }
    match Moves::of(app).promote(room, identity, class, (Reason::ByHost, TO_SEAT)).await {
        Ok(Promotion::Told) => Ok(()),
        Ok(Promotion::Unreachable) => Err(SfuError::UnknownParticipant.into()),
        Ok(Promotion::NoSeat(why)) => match decide(app, room, Asked::Seat(refusal(why))) {
            JoinDecision::Refused(why) => Err(no_place(why)),
            JoinDecision::Seat(_) | JoinDecision::Broadcast { .. } => Err(SfuError::NoSeat(why).into()),
        },
        Err(MoveError::Rooms(error)) => Err(error.into()),
        Err(MoveError::Sfu(error)) => Err(error.into()),
    }
}

fn watches(app: &App, room: &RoomName, identity: &Identity) -> Option<(events::Delivery, Class)> {
    app.events.watches(room, identity)
}

#[cfg(test)]
mod tests;

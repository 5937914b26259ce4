//! Moves of people between seat and broadcast, as the overflow decision or an operator wants them.
//!
//! Each is told on the identity's events sockets (`{"type":"delivery",…}`), and the client joins again to be told
//! where. A LiveKit client without an events socket is told in a data packet ([`interactive_sfu::MOVE_TOPIC`]) that
//! carries the answer of a join. A client that was told to leave its seat has [`WITHIN`]; until then the seat is its
//! own. Webhooks are told of each move.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use access::{Class, Identity};
use chrono::Utc;
use interactive_sfu::{Demote, GrantSeat, NoSeat, SeatAnswer, SfuError};
use rooms::overflow::Reason;
use rooms::{FactKind, Room};
use serde::Serialize;
use serde_json::Value;

use crate::app::{App, AppParts};
use crate::routes::join::{Delivery, broadcast_answer};
use crate::seats::seat_limits;

/// How long somebody may take to leave their seat for the broadcast. A player lines the two up by programme time first.
pub(crate) const WITHIN: Duration = Duration::from_secs(15);
/// How long the playlist of a private room is good for that somebody is moved to.
const PLAYLIST_TTL: Duration = Duration::from_secs(6 * 3600);

/// Moves people.
#[derive(Clone)]
pub struct Moves {
    app: App,
}

/// The message to the events sockets of whoever is moved.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delivery: Delivery,
    reason: Reason,
    detail: &'a str,
    /// The answer that a join would get; `null`: join to be told.
    answer: Option<&'a Value>,
}

impl Moves {
    /// By what the routes work with.
    pub fn new(parts: &AppParts) -> Self {
        Self { app: Arc::new(parts.clone()) }
    }

    /// By the app of a route.
    pub(crate) fn of(app: &App) -> Self {
        Self { app: app.clone() }
    }

    /// Tells somebody with a seat to move to the broadcast, and shows them out if they do not.
    pub async fn demote(
        &self,
        room: &Room,
        identity: &Identity,
        class: Class,
        (reason, detail): (Reason, &str),
    ) -> Result<(), SfuError> {
        let until = SystemTime::now() + PLAYLIST_TTL;
        let answer = broadcast_answer(&self.app, room, identity, class, (reason, detail), until);
        let answer = answer.and_then(|answer| serde_json::to_value(answer).ok()).unwrap_or_default();
        self.tell(
            room,
            identity,
            &Told { kind: "delivery", delivery: Delivery::Broadcast, reason, detail, answer: Some(&answer) },
        );
        let within_ms = u32::try_from(WITHIN.as_millis()).unwrap_or(u32::MAX);
        let demote =
            Demote { room: room.name.clone(), identity: identity.clone(), answer: answer.to_string(), within_ms };
        self.app.media.ask(demote).await?;
        self.app.rooms.tell(&room.name, FactKind::demoted(reason, identity.clone(), class));
        Ok(())
    }

    /// Keeps a seat for somebody on the broadcast, and tells them.
    pub async fn promote(
        &self,
        room: &Room,
        identity: &Identity,
        class: Class,
        (reason, detail): (Reason, &str),
    ) -> Result<Promotion, MoveError> {
        self.app.rooms.note_lease(&room.name, Utc::now().timestamp_millis()).await?;
        let limits = seat_limits(&self.app.rooms, room);
        let ask =
            GrantSeat { room: room.name.clone(), identity: identity.clone(), class, limits, leased_until_utc_ms: None };
        if let SeatAnswer::Refused(why) = self.app.media.ask(ask).await? {
            return Ok(Promotion::NoSeat(why));
        }
        let told = Told { kind: "delivery", delivery: Delivery::Interactive, reason, detail, answer: None };
        if !self.tell(room, identity, &told) {
            return Ok(Promotion::Unreachable);
        }
        self.app.rooms.tell(&room.name, FactKind::promoted(reason, identity.clone(), class));
        Ok(Promotion::Told)
    }

    fn tell(&self, room: &Room, identity: &Identity, told: &Told<'_>) -> bool {
        self.app.events.tell(&room.name, identity, told)
    }
}

/// How an attempt to promote somebody ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// They were told that a seat is kept for them.
    Told,
    /// The room has no seat for them.
    NoSeat(NoSeat),
    /// They have no events socket to be told by; the seat is free again when its lease ends.
    Unreachable,
}

/// Why somebody is not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The room is not known any more, or the database does not answer.
    #[error("noting the lease of a seat")]
    Rooms(#[from] rooms::Error),
    /// The SFU refuses.
    #[error("asking for a seat")]
    Sfu(#[from] SfuError),
}

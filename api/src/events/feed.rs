//! The events that the rest of the server gives rise to: the room's own state, its stage, and who has a seat.
//!
//! The state of each room with sockets is looked at once a second, from memory: so nobody who changes it needs to tell,
//! and sockets of a room that was deleted, or is private now, do not outlast that second.

use std::collections::HashMap;
use std::time::Duration;

use access::RoomName;
use chrono::{DateTime, SecondsFormat};
use interactive_sfu::RoomEvent;
use rooms::{Room, Visibility};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;

use super::event::{Event, Lane};
use crate::AppParts;

/// How often the state of rooms is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A room, as its sockets are told.
pub(crate) fn room_view(app: &AppParts, room: &Room) -> Value {
    let broadcast = app.origins.listed(&room.name, room.created_at_utc_ms);
    let on_air = broadcast.as_ref().is_some_and(|entry| !entry.playback.has_ended());
    let live = broadcast.filter(|entry| entry.playback.is_live());
    let rfc3339 = |at: DateTime<_>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({
        "room": room.name,
        "title": room.title,
        "broadcast": room.broadcast.setting,
        "visibility": room.visibility,
        "audience": room.audience,
        "on_air": on_air,
        "live": live.is_some(),
        "live_since": live.map(|entry| rfc3339(entry.since)),
    })
}

/// Tells sockets of changes to their rooms. Runs until it is dropped.
pub async fn follow_rooms(parts: AppParts, mut happened: broadcast::Receiver<RoomEvent>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut made_at = HashMap::new();
    loop {
        tokio::select! {
            event = happened.recv() => match event {
                Ok(event) => follow(&parts, event),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    parts.events.rooms().iter().for_each(|room| parts.events.seats_changed(room));
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            _ = looks.tick() => look(&parts, &mut made_at).await,
        }
    }
}

fn follow(parts: &AppParts, event: RoomEvent) {
    let room = event.room().clone();
    match event {
        RoomEvent::SpeakerJoined { speaker, .. } => {
            let (identity, name) = (speaker.identity, speaker.name);
            publish(parts, &room, json!({ "type": "stage", "change": "joined", "identity": identity, "name": name }));
        }
        // Whoever publishes anew leaves no gap.
        RoomEvent::SpeakerLeft { identity, .. }
            if !parts.media.stage(&room).iter().any(|speaker| speaker.identity == identity) =>
        {
            publish(parts, &room, json!({ "type": "stage", "change": "left", "identity": identity }));
        }
        RoomEvent::SpeakerLeft { .. } | RoomEvent::TrackPublished { .. } | RoomEvent::TrackUnpublished { .. } => return,
        RoomEvent::RoomStarted { .. }
        | RoomEvent::RoomFinished { .. }
        | RoomEvent::ParticipantJoined { .. }
        | RoomEvent::ParticipantLeft { .. }
        | RoomEvent::SeatTaken { .. }
        | RoomEvent::SeatFreed { .. } => {}
    }
    parts.events.seats_changed(&room);
}

/// Looks at each room with sockets. `made_at`: when each was made, as seen last.
async fn look(parts: &AppParts, made_at: &mut HashMap<RoomName, i64>) {
    let rooms = parts.events.rooms();
    made_at.retain(|room, _| rooms.contains(room));
    for name in rooms {
        let room = match parts.rooms.get(&name).await {
            Ok(room) => room,
            Err(rooms::Error::UnknownRoom) => {
                parts.events.close(&name);
                continue;
            }
            // The database will be asked again.
            Err(_) => continue,
        };
        let seen = *made_at.entry(name.clone()).or_insert(room.created_at_utc_ms);
        if seen != room.created_at_utc_ms {
            made_at.remove(&name);
            parts.events.close(&name);
            continue;
        }
        if room.visibility == Visibility::Private {
            parts.events.close_strangers(&name);
        }
        let view = room_view(parts, &room);
        if parts.events.view_changed(&name, &view) {
            publish(parts, &name, json!({ "type": "room", "room": view }));
        }
    }
}

fn publish(parts: &AppParts, room: &RoomName, event: Value) {
    let published = Event::new(Lane::Durable, &event).map(|event| parts.events.publish(room, event));
    if !matches!(published, Ok(Ok(_))) {
        tracing::warn!(kind = %event["type"], "an event of a room was not sent");
    }
}

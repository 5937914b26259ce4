//! The messages of the socket beside events, as JSON (`spillway.v1.json`).

use access::{Class, Identity};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::framing::text_frame;
use super::log::Position;
use super::presence::{Audience, Delivery, Playing};

/// A message of a client. Fields that are not known are passed over.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum ClientMessage {
    /// The player stands so.
    Watching { delivery: WatchedBy, state: PlayerState },
    /// The viewer wants a seat, or no more.
    Seat { want: bool },
}

/// The path that a client watches by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WatchedBy {
    /// The SFU tells of its seats itself.
    Interactive,
    Broadcast,
}

/// [`Playing`], or the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PlayerState {
    Playing,
    Paused,
    Stalled,
    Stopped,
}

impl PlayerState {
    pub(super) fn playing(self) -> Option<Playing> {
        match self {
            Self::Playing => Some(Playing::Playing),
            Self::Paused => Some(Playing::Paused),
            Self::Stalled => Some(Playing::Stalled),
            Self::Stopped => None,
        }
    }
}

/// The sizes of the classes, as an object.
fn by_class(audience: &Audience) -> Value {
    Class::ALL
        .iter()
        .zip(audience.by_class)
        .map(|(class, count)| (class.as_str().to_owned(), Value::from(count)))
        .collect()
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ServerMessage<'a> {
    Snapshot { epoch: String, offset: u64, room: &'a Value, presence: PresenceView, you: You<'a> },
    Resumed { epoch: String, offset: u64, room: &'a Value, presence: PresenceView, you: You<'a> },
    Presence(PresenceView),
    Error { reason: &'a str, detail: &'a str },
}

#[derive(Serialize)]
struct PresenceView {
    interactive: u32,
    broadcast: u32,
    total: u32,
    peak: u32,
    by_class: Value,
}

impl From<&Audience> for PresenceView {
    fn from(audience: &Audience) -> Self {
        let Audience { interactive, broadcast, peak, .. } = *audience;
        Self { interactive, broadcast, total: audience.total(), peak, by_class: by_class(audience) }
    }
}

/// The bearer of the connection.
#[derive(Clone, Copy, Serialize)]
pub(super) struct You<'a> {
    pub(super) identity: &'a Identity,
    pub(super) class: Class,
    /// The path they watch by; `None`: by none yet.
    pub(super) delivery: Option<Delivery>,
    /// The id to report under: CMCD's `sid`.
    pub(super) sid: &'a str,
}

/// The first message of a connection.
pub(super) struct Greeting<'a> {
    /// Where the connection begins; or, resumed, where it goes on.
    pub(super) position: Position,
    pub(super) resumed: bool,
    pub(super) room: &'a Value,
    pub(super) audience: &'a Audience,
    pub(super) you: You<'a>,
}

impl Greeting<'_> {
    pub(super) fn frame(&self) -> Bytes {
        let Self { room, you, .. } = *self;
        let (epoch, offset) = (self.position.epoch.to_string(), self.position.offset);
        let presence = self.audience.into();
        frame(&match self.resumed {
            true => ServerMessage::Resumed { epoch, offset, room, presence, you },
            false => ServerMessage::Snapshot { epoch, offset, room, presence, you },
        })
    }
}

/// The size of the audience.
pub(super) fn presence_frame(audience: &Audience) -> Bytes {
    frame(&ServerMessage::Presence(audience.into()))
}

/// A refusal of a client's message.
pub(super) fn error_frame(reason: &str, detail: &str) -> Bytes {
    frame(&ServerMessage::Error { reason, detail })
}

fn frame(message: &ServerMessage<'_>) -> Bytes {
    // Maps with keys of another type than text alone fail, and here are none.
    text_frame(&serde_json::to_vec(message).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn client_messages_are_read_with_fields_of_later_versions_and_others_are_refused() {
        let read = |text: &str| serde_json::from_str::<ClientMessage>(text).ok();
        let watching = r#"{"type":"watching","delivery":"broadcast","state":"stalled","behind_ms":3200}"#;
        let state = PlayerState::Stalled;
        assert_eq!(read(watching), Some(ClientMessage::Watching { delivery: WatchedBy::Broadcast, state }));
        assert_eq!(read(r#"{"type":"seat","want":true}"#), Some(ClientMessage::Seat { want: true }));
        for nonsense in ["", "7", "{}", r#"{"type":"dance"}"#, r#"{"type":"seat"}"#, r#"{"type":"seat","want":1}"#] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn presence_is_told_by_path_and_class() {
        let audience = Audience { interactive: 2, broadcast: 3, peak: 9, by_class: [1, 0, 0, 2, 2] };
        let told: Value = serde_json::from_slice(&presence_frame(&audience)[2..])
            .or_else(|_| serde_json::from_slice(&presence_frame(&audience)[4..]))
            .unwrap();
        let by_class = json!({ "speaker": 1, "host": 0, "premium": 0, "viewer": 2, "anonymous": 2 });
        let expected = json!({
            "type": "presence", "interactive": 2, "broadcast": 3, "total": 5, "peak": 9, "by_class": by_class
        });
        assert_eq!(told, expected);
    }
}

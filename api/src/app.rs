//! What the routes work with.

use std::sync::Arc;

use access::Keys;
use axum::extract::FromRef;
use tokio::sync::mpsc;

use crate::playback::PlaybackKeys;
use crate::rooms::{RoomOrder, Rooms};
use crate::{Broadcasts, Config, Lifecycle, Media};

/// What the routes work with.
#[derive(Clone)]
pub struct AppParts {
    /// Validated.
    pub config: Config,
    /// The SFU.
    pub media: Arc<dyn Media>,
    /// What tokens are verified with.
    pub keys: Keys,
    /// Keys that sign and verify playback tokens, derived from `keys`.
    pub playback: PlaybackKeys,
    /// Which rooms have a broadcast.
    pub broadcasts: Broadcasts,
    /// The rooms.
    pub rooms: Rooms,
    /// Where changes of rooms are told to whoever runs the broadcasts. When full, the change is refused with 503.
    pub orders: mpsc::Sender<RoomOrder>,
    /// Renders `/metrics`, Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Where the server stands.
    pub lifecycle: Lifecycle,
    /// Mount `POST /v1/rooms/{room}/dev-token`, which gives a publisher's token to anybody. Only ever with development
    /// keys.
    pub dev_tokens: bool,
}

pub(crate) type App = Arc<AppParts>;

impl FromRef<App> for Rooms {
    fn from_ref(app: &App) -> Self {
        app.rooms.clone()
    }
}

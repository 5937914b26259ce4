//! The demo's synthetic speakers.

use access::Keys;
use ingest::synthetic;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::own_token::{self, Bearer};

/// Synthetic speakers on stage. Dropped, they leave.
pub(crate) struct Guests(Vec<synthetic::Speaker>);

impl Guests {
    /// Sends `count` synthetic speakers on the stage of `room`, over WebRTC to the server at `base_url`.
    pub(crate) fn send(room: &str, count: u32, base_url: &str, keys: &Keys) -> Result<Self, Error> {
        let speakers = (1..=count).map(|number| {
            let (identity, name) = (format!("speaker-{number}"), format!("Speaker {number}"));
            let bearer = Bearer { room, identity: &identity, name: &name, speaks: true };
            let token = own_token::provider(keys, bearer);
            let config = synthetic::Config::new(base_url, room, token, number - 1);
            synthetic::Speaker::start(synthetic::Config { name, ..config })
        });
        Ok(Self(speakers.collect::<Result<_, _>>()?))
    }

    /// All of them leave at once, within a second or so.
    pub(crate) async fn leave(self) {
        let mut leaving = JoinSet::new();
        for speaker in self.0 {
            leaving.spawn_blocking(move || speaker.stop());
        }
        while leaving.join_next().await.is_some() {}
    }
}

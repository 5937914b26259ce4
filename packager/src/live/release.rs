//! Gives back the memory of a broadcast that has ended.
//!
//! Players may still be fetching what the last live playlist named, parts included, so the bytes stay for twice as long
//! as that playlist (RFC 8216 §6.2.2 asks for once), and then all of them go. Of a recorded broadcast everything is
//! then served from the store: its playlists list no parts any more, for the store has none. Of a broadcast that was
//! not recorded nothing is left to serve.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use crate::Config;
use crate::delivery::BroadcastSpec;
use crate::live::playlist::Control;
use crate::live::shared::{Recorded, Shared};
use crate::live::window;
use crate::recording::Finished;

/// The share of an ended broadcast that is in the store.
#[derive(Debug, Default)]
pub(crate) struct InStore {
    /// Whether it has every playlist of the recording.
    playlists: bool,
    /// Whether it has every segment that was made, by rendition; empty: the broadcast was not recorded.
    segments: Vec<bool>,
}

impl InStore {
    pub(crate) fn of(finished: &Finished) -> Self {
        Self { playlists: finished.playlists_stored, segments: finished.segments_stored.clone() }
    }
}

/// How long after its end the bytes of a broadcast stay in memory.
pub(crate) fn delay(spec: &BroadcastSpec, config: &Config) -> Duration {
    2 * Duration::from_secs(window::listed_seconds(spec, config.playlist_seconds).into())
}

/// Releases a broadcast after `delay`, unless nobody has it any more by then.
pub(crate) async fn after(delay: Duration, shared: Weak<Shared>, in_store: InStore, control: Control) {
    tokio::time::sleep(delay).await;
    if let Some(shared) = shared.upgrade() {
        release(&shared, &in_store, control);
        tracing::debug!(room = shared.spec.room, epoch = shared.spec.epoch, "memory of an ended broadcast released");
    }
}

fn release(shared: &Shared, in_store: &InStore, control: Control) {
    let control = Control { lists_parts: false, ..control };
    let progress = shared.progress();
    for (index, state) in shared.renditions.iter().enumerate() {
        // A playlist must not name a segment that was lost on its way to the store.
        let is_stored = in_store.segments.get(index).copied().unwrap_or_default();
        state.view.send_replace(is_stored.then(|| Arc::new(shared.render(index, &control, &progress))));
    }
    shared.renditions.iter().for_each(|state| state.write().release());
    if in_store.playlists {
        *shared.recorded.write().unwrap_or_else(PoisonError::into_inner) = Recorded::InStore;
    }
    if in_store.segments.is_empty() {
        *shared.multivariant.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests;

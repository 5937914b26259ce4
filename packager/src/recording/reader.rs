//! Serves recordings from the store, of any room and whether or not one of its broadcasts runs.
//!
//! A store that fails or does not answer in time is told apart from an object that is not there: the one is a 503 that
//! no cache keeps, the other a 404. `api` decides who may watch before it asks here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use object_store::ObjectStore;

use super::stored::{ReadFailed, Stored};
use super::{listing, store_path};
use crate::live::query::PlaylistQuery;
use crate::object::{Object, ObjectKey, ObjectKind};
use crate::served::{Body, NotServed, Served};
use crate::{Config, metrics};

/// The recordings in a store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recordings {
    store: Arc<dyn ObjectStore>,
    answer_max: Duration,
    /// Whether the last read failed: a store that is down is logged once.
    failing: Arc<AtomicBool>,
}

impl Recordings {
    /// Recordings that are kept in `store`.
    pub fn new(store: Arc<dyn ObjectStore>, config: &Config) -> Self {
        Self { store, answer_max: config.store_read_max(), failing: Arc::default() }
    }

    /// Answers a request for an object of a room, with what the store has. `query` is the URL's, without its `?`;
    /// delivery directives change nothing here, but malformed ones are refused.
    pub async fn get(&self, room: &str, key: ObjectKey<'_>, query: Option<&str>) -> Result<Served, NotServed> {
        match key.object() {
            // Parts are not stored: a segment is its parts.
            Object::Part { .. } => return Err(NotServed::NotFound),
            Object::Playlist { .. } => drop(PlaylistQuery::parse(query.unwrap_or_default())?),
            Object::Multivariant | Object::Init { .. } | Object::Segment { .. } => {}
        }
        if key.epoch().is_none() {
            return Err(NotServed::NotFound);
        }
        let opened = self.open(room, key).await;
        let (kind, stored) = opened.map_err(|error| self.refused(key, error))?;
        if self.failing.swap(false, Relaxed) {
            tracing::info!("the store of recordings can be read again");
        }
        Ok(Served { kind, body: Body::Stored(stored), gzip: None })
    }

    async fn open(&self, room: &str, key: ObjectKey<'_>) -> Result<(ObjectKind, Stored), ReadFailed> {
        let mut stored = Stored::open(self.store.clone(), store_path(room, key), self.answer_max).await?;
        let kind = match key.object() {
            Object::Playlist { .. } if !listing::is_complete(&stored.peek().await?) => ObjectKind::UnfinishedPlaylist,
            object => object.recording_kind(),
        };
        Ok((kind, stored))
    }

    fn refused(&self, key: ObjectKey<'_>, error: ReadFailed) -> NotServed {
        if matches!(error, ReadFailed::Missing) {
            return NotServed::NotFound;
        }
        metrics::store_read_failed();
        let error = &error as &dyn std::error::Error;
        if !self.failing.swap(true, Relaxed) {
            tracing::warn!(%key, error, "the store of recordings cannot be read; viewers are asked to come back");
        } else {
            tracing::debug!(%key, error, "reading from the store");
        }
        NotServed::StoreDown
    }
}

#[cfg(test)]
mod tests;

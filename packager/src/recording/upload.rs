//! Puts one object into the store, with a bounded number of attempts. The log says when the store begins to refuse, and
//! when it takes objects again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};
use tokio::time::{sleep, timeout};

use crate::{Config, metrics};

const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// Puts objects into a store.
#[derive(Debug)]
pub(super) struct Uploader {
    store: Arc<dyn ObjectStore>,
    attempts_max: u32,
    /// How long one attempt may take.
    pub(super) attempt_max: Duration,
    backoff: Duration,
    /// The last attempt was refused.
    refused: AtomicBool,
}

impl Uploader {
    pub(super) fn new(store: Arc<dyn ObjectStore>, config: &Config) -> Self {
        Self {
            store,
            attempts_max: config.store_attempts_max,
            attempt_max: Duration::from_millis(config.store_attempt_ms_max),
            backoff: Duration::from_millis(config.store_backoff_ms),
            refused: AtomicBool::new(false),
        }
    }

    /// Tries until the store has taken the object; `false`: it has refused every attempt.
    pub(super) async fn put_with_retries(&self, path: &Path, bytes: Bytes, mode: PutMode) -> bool {
        let mut backoff = self.backoff;
        for attempt in 1..=self.attempts_max {
            if self.put(path, bytes.clone(), mode.clone()).await {
                return true;
            }
            if attempt < self.attempts_max {
                metrics::store_retried();
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
        false
    }

    /// One attempt. No attributes: not every store takes them, and the origin knows what it serves.
    pub(super) async fn put(&self, path: &Path, bytes: Bytes, mode: PutMode) -> bool {
        let create = mode == PutMode::Create;
        let put = |mode| {
            self.store.put_opts(path, PutPayload::from(bytes.clone()), PutOptions { mode, ..Default::default() })
        };
        match timeout(self.attempt_max, put(mode)).await {
            Ok(Ok(_)) => self.taken(),
            // Our own earlier attempt arrived after all: nobody else writes under this epoch.
            Ok(Err(object_store::Error::AlreadyExists { .. })) if create => self.taken(),
            Ok(Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }))
                if create =>
            {
                matches!(timeout(self.attempt_max, put(PutMode::Overwrite)).await, Ok(Ok(_)))
            }
            Ok(Err(error)) => {
                self.refused(path, &error);
                false
            }
            Err(late) => {
                self.refused(path, &late);
                false
            }
        }
    }

    fn taken(&self) -> bool {
        if self.refused.swap(false, Relaxed) {
            tracing::info!("the store takes the recording again");
        }
        true
    }

    /// Logs a warning once, until the store takes something again.
    fn refused(&self, path: &Path, error: &(dyn std::error::Error + 'static)) {
        if !self.refused.swap(true, Relaxed) {
            tracing::warn!(%path, error, "the store does not take the recording; trying again, the broadcast goes on");
        } else {
            tracing::debug!(%path, error, "upload failed");
        }
    }
}

//! The body of an object that is read from the store while it is sent.
//!
//! A task reads ahead of the client by one piece, so a response holds three pieces at most: one read, one waiting, one
//! being sent. hyper asks a body for nothing while its client reads nothing, so it is the task that notices: after
//! `unread_max` it lets go of the store and of what it read. The body then breaks off, and the connection with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use packager::{Chunks, ReadFailed};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::metrics;

/// A response body; its length is known from the start.
pub(super) struct StoredBody {
    state: State,
    left_bytes: u64,
}

enum State {
    /// Nobody has asked for a byte yet, and a HEAD request never will.
    Unread { chunks: Option<Chunks>, unread_max: Duration },
    /// The task ends with the body.
    Reading { ahead: mpsc::Receiver<Result<Bytes, ReadFailed>>, _task: JoinSet<()> },
}

/// Why a body ends before its length.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenOff {
    /// The store failed.
    #[error("sending a stored object")]
    Read(#[from] ReadFailed),
    /// The client took nothing for too long.
    #[error("the client did not read a stored object in time")]
    Unread,
}

impl StoredBody {
    pub(super) fn new(chunks: Chunks, unread_max: Duration) -> Self {
        let left_bytes = chunks.left_bytes();
        Self { state: State::Unread { chunks: Some(chunks), unread_max }, left_bytes }
    }
}

impl Body for StoredBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.left_bytes == 0 {
            return Poll::Ready(None);
        }
        if let State::Unread { chunks, unread_max } = &mut self.state {
            let (read, ahead) = mpsc::channel(1);
            let mut task = JoinSet::new();
            if let Some(chunks) = chunks.take() {
                task.spawn(read_ahead(chunks, read, *unread_max));
            }
            self.state = State::Reading { ahead, _task: task };
        }
        let State::Reading { ahead, .. } = &mut self.state else { return Poll::Ready(None) };
        Poll::Ready(Some(match ready!(ahead.poll_recv(cx)) {
            Some(Ok(chunk)) => {
                self.left_bytes = self.left_bytes.saturating_sub(chunk.len() as u64);
                Ok(Frame::data(chunk))
            }
            Some(Err(error)) => Err(error.into()),
            None => Err(BrokenOff::Unread),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

async fn read_ahead(mut chunks: Chunks, read: mpsc::Sender<Result<Bytes, ReadFailed>>, unread_max: Duration) {
    while let Some(chunk) = chunks.next().await {
        let failed = chunk.is_err();
        if let Err(error) = &chunk {
            tracing::debug!(error = error as &dyn std::error::Error, "reading a stored object");
            metrics::origin_broken_off("store");
        }
        if read.send_timeout(chunk, unread_max).await.is_err() {
            metrics::origin_broken_off("unread");
            return;
        }
        if failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests;

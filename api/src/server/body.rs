//! Bodies that tell when their client takes them.
//!
//! hyper asks for a body when the client's window (RFC 9113 §5.2) or its own buffer has room, and drops what was
//! written. So a body is handed out in pieces of at most [`PIECE_BYTES_MAX`], and each piece tells when it is dropped.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use super::activity::Activity;

/// The longest piece of a body that is handed out at once, bytes. A client must take one piece within
/// `write_stall_timeout_ms`.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// The [`Activity`] of a connection, shared by its requests.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Activity>>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Activity::new(Instant::now()))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Activity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came.
    pub(super) fn asked(&self) -> Unanswered {
        self.lock().asked();
        Unanswered(Some(self.clone()))
    }
}

/// A request that waits for its answer. Dropping it gives the request up.
pub(super) struct Unanswered(Option<Shared>);

impl Unanswered {
    /// The answer's head is there; its body is `inner`.
    pub(super) fn answered(mut self, inner: Body) -> WatchedBody {
        let delivery = self.0.take().map(|activity| {
            let number = activity.lock().answered(Instant::now());
            Arc::new(Delivery { activity, number })
        });
        WatchedBody { inner, rest: Bytes::new(), delivery }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(activity) = &self.0 {
            activity.lock().abandoned(Instant::now());
        }
    }
}

/// A body under way. Shared by the body and its pieces; it is over when the last of them is dropped.
struct Delivery {
    activity: Shared,
    number: u64,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.activity.lock().finished(self.number, Instant::now());
    }
}

/// Part of a body that a client has not taken yet.
struct Piece {
    bytes: Bytes,
    delivery: Option<Arc<Delivery>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(delivery) = &self.delivery {
            delivery.activity.lock().piece_taken(delivery.number, Instant::now());
        }
    }
}

/// A body that tells when its client takes it.
pub(super) struct WatchedBody {
    inner: Body,
    /// Bytes that `inner` gave and that were not handed out yet.
    rest: Bytes,
    delivery: Option<Arc<Delivery>>,
}

impl WatchedBody {
    fn piece(&mut self) -> Frame<Bytes> {
        let bytes = self.rest.split_to(self.rest.len().min(PIECE_BYTES_MAX));
        if let Some(delivery) = &self.delivery {
            delivery.activity.lock().piece_given(delivery.number, Instant::now());
        }
        Frame::data(Bytes::from_owner(Piece { bytes, delivery: self.delivery.clone() }))
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.piece())));
        }
        let polled = Pin::new(&mut this.inner).poll_frame(context);
        if let (Poll::Pending, Some(delivery)) = (&polled, &this.delivery) {
            delivery.activity.lock().piece_awaited(delivery.number);
        }
        Poll::Ready(match ready!(polled) {
            Some(Ok(frame)) => Some(Ok(match frame.into_data() {
                Ok(data) => {
                    this.rest = data;
                    this.piece()
                }
                Err(trailers) => trailers,
            })),
            end => end,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest_bytes) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest_bytes));
        }
        hint.set_lower(inner.lower().saturating_add(rest_bytes));
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;

    use super::super::activity::{Lapse, Patience};
    use super::*;

    const PATIENCE: Patience = Patience { idle: Duration::from_secs(60), stall: Duration::from_secs(30) };

    fn lapses(activity: &Shared) -> Option<Lapse> {
        activity.lock().lapse(Instant::now(), PATIENCE).ok()
    }

    #[tokio::test(start_paused = true)]
    async fn long_body_arrives_whole_in_pieces_and_ends_with_the_last() {
        let activity = Shared::new();
        let bytes: Vec<u8> = (0..200_000_u32).map(|index| index as u8).collect();
        let mut body = activity.asked().answered(bytes.clone().into());
        assert_eq!(body.size_hint().exact(), Some(200_000));
        let mut taken = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES_MAX);
            taken.extend_from_slice(&piece);
            assert_eq!(body.size_hint().exact(), Some(200_000 - taken.len() as u64));
            tokio::time::advance(Duration::from_secs(29)).await;
            assert_eq!(lapses(&activity), None, "the client reads, if slowly");
            drop(piece);
        }
        assert_eq!((taken == bytes, body.is_end_stream()), (true, true));
        tokio::time::advance(Duration::from_secs(20)).await;
        drop(body);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(lapses(&activity), None, "idle since the end of the body");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(lapses(&activity), Some(Lapse::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn unpolled_body_and_unwritten_piece_count_as_stalled() {
        let activity = Shared::new();
        let body = activity.asked().answered("hello".into());
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(lapses(&activity), Some(Lapse::Stalled));
        drop(body);
        assert_eq!(lapses(&activity), None);

        let mut body = activity.asked().answered("hello".into());
        let piece = body.frame().await.unwrap().unwrap();
        drop(body);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(lapses(&activity), Some(Lapse::Stalled), "its last piece is not written");
        drop(piece);
        assert_eq!(lapses(&activity), None);
    }

    #[tokio::test(start_paused = true)]
    async fn abandoned_request_leaves_the_connection_idle() {
        let activity = Shared::new();
        let unanswered = activity.asked();
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(lapses(&activity), None);
        drop(unanswered);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(lapses(&activity), Some(Lapse::Idle));
    }
}

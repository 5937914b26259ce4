//! One connection: HTTP/1.1 or HTTP/2, told apart by its first bytes, ended when it lies idle or the server closes.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::extract::{Caller, Place};
use crate::{Config, Lifecycle};

/// Requests at once on one HTTP/2 connection. An edge may have as many playlists waiting as there are renditions and
/// rooms.
const H2_STREAMS_MAX: u32 = 250;
/// A larger head is refused, bytes.
const HEAD_BYTES_MAX: u32 = 16 * 1024;
/// How long a connection that was told to end may take for its last answer.
const LAST_ANSWER_MAX: Duration = Duration::from_secs(10);

/// The timeouts of a connection.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub(super) header_read: Duration,
    idle: Duration,
}

impl Timing {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            header_read: Duration::from_millis(config.header_read_timeout_ms.into()),
            idle: Duration::from_millis(config.keep_alive_idle_ms.into()),
        }
    }
}

/// What is going on, so that idleness can be told.
struct Activity {
    began: Instant,
    under_way: AtomicU32,
    last_end_ms: AtomicU64,
}

struct UnderWay(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        UnderWay(self.clone())
    }

    /// When the connection will have been idle for `idle`, if nothing happens meanwhile.
    fn idle_at(&self, now: Instant, idle: Duration) -> Instant {
        let since = match self.under_way.load(Relaxed) {
            0 => self.began + Duration::from_millis(self.last_end_ms.load(Relaxed)),
            _ => now,
        };
        since + idle
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.last_end_ms.store(self.0.began.elapsed().as_millis() as u64, Relaxed);
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

pub(super) async fn serve<S>(
    socket: S,
    from: Caller,
    place: Place,
    router: Router,
    timing: Timing,
    lifecycle: &Lifecycle,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity =
        Arc::new(Activity { began: Instant::now(), under_way: AtomicU32::new(0), last_end_ms: AtomicU64::new(0) });
    let service = hyper::service::service_fn(|mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(from);
        request.extensions_mut().insert(place.clone());
        let (router, under_way) = (router.clone(), activity.begin());
        async move {
            let response: Result<Response, Infallible> = router.oneshot(request).await;
            drop(under_way);
            response
        }
    });
    let builder = builder(timing);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(socket), service));
    let closing = async {
        tokio::select! {
            () = idle(&activity, timing.idle) => Some(LAST_ANSWER_MAX),
            () = lifecycle.closing() => None,
        }
    };
    let last_answer_max = tokio::select! {
        ended = connection.as_mut() => return log(ended),
        last_answer_max = closing => last_answer_max,
    };
    connection.as_mut().graceful_shutdown();
    match last_answer_max {
        None => log(connection.await), // whoever closes the server bounds this
        Some(max) => match tokio::time::timeout(max, connection).await {
            Ok(ended) => log(ended),
            Err(_) => tracing::trace!("an idle connection did not end by itself"),
        },
    }
}

fn builder(timing: Timing) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timing.header_read)
        .max_buf_size(HEAD_BYTES_MAX as usize)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .keep_alive_interval(timing.idle / 2)
        .keep_alive_timeout(timing.header_read);
    builder
}

/// Done when nothing was asked for `idle`.
async fn idle(activity: &Activity, idle: Duration) {
    loop {
        let now = Instant::now();
        let at = activity.idle_at(now, idle);
        if at <= now {
            return;
        }
        tokio::time::sleep_until(at).await;
    }
}

/// Clients vanish all the time; that is news to nobody.
fn log(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::trace!(%error, "connection");
    }
}

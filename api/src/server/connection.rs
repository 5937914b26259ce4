//! One connection: HTTP/1.1 or HTTP/2, told apart by its first bytes. It ends when it lies idle, when its client takes
//! nothing of an answer, and when the server closes.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::activity::{Lapse, Patience};
use super::body::Shared;
use crate::extract::{Caller, Place};
use crate::{Config, Lifecycle, metrics};

/// Requests at once on one HTTP/2 connection. An edge may have as many playlists waiting as there are renditions and
/// rooms; beyond this it opens another connection.
const H2_STREAMS_MAX: u32 = 100;
/// A larger head is refused, bytes.
const HEAD_BYTES_MAX: u32 = 16 * 1024;
/// The time that a connection has for its last answer once it was told to end.
const LAST_ANSWER_MAX: Duration = Duration::from_secs(10);

/// HTTP/2's windows for one upload and for all uploads of a connection, bytes: so much comes in before a handler reads
/// it.
const H2_UPLOAD_BYTES_MAX: u32 = 64 * 1024;
const H2_UPLOADS_BYTES_MAX: u32 = 256 * 1024;
/// The longest part of an answer that HTTP/2 keeps for a client without a window, bytes.
const H2_SEND_BUFFER_BYTES: usize = 64 * 1024;

/// The timeouts of a connection.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub(super) header_read: Duration,
    patience: Patience,
}

impl Timing {
    pub(super) fn of(config: &Config) -> Self {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        Self {
            header_read: ms(config.header_read_timeout_ms),
            patience: Patience { idle: ms(config.keep_alive_idle_ms), stall: ms(config.write_stall_timeout_ms) },
        }
    }
}

/// Serves one connection to its end. `place` is its place among `connections_max`; a handler that takes the connection
/// over keeps it.
pub(super) async fn serve<S>(
    socket: S,
    from: Caller,
    place: Option<Place>,
    router: Router,
    timing: Timing,
    lifecycle: &Lifecycle,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity = Shared::new();
    let service = hyper::service::service_fn(|mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(from);
        if let Some(place) = &place {
            request.extensions_mut().insert(place.clone());
        }
        let (router, unanswered) = (router.clone(), activity.asked());
        async move {
            let response: Result<Response, Infallible> = router.oneshot(request).await;
            response.map(|response| response.map(|body| unanswered.answered(body)))
        }
    });
    let builder = builder(timing);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(socket), service));
    let closing = async {
        tokio::select! {
            lapse = lapse(&activity, timing.patience) => Some(match lapse {
                Lapse::Idle => LAST_ANSWER_MAX,
                Lapse::Stalled => {
                    metrics::connection_stalled();
                    LAST_ANSWER_MAX.min(timing.patience.stall)
                }
            }),
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
            Err(_) => tracing::trace!("an idle or stalled connection did not end by itself"),
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
        .initial_stream_window_size(H2_UPLOAD_BYTES_MAX)
        .initial_connection_window_size(H2_UPLOADS_BYTES_MAX)
        .max_send_buf_size(H2_SEND_BUFFER_BYTES)
        .keep_alive_interval(timing.patience.idle / 2)
        .keep_alive_timeout(timing.header_read);
    builder
}

/// Done when the connection should end.
async fn lapse(activity: &Shared, patience: Patience) -> Lapse {
    loop {
        let lapse = activity.lock().lapse(Instant::now(), patience);
        match lapse {
            Ok(lapse) => return lapse,
            Err(look_again) => tokio::time::sleep_until(look_again).await,
        }
    }
}

/// Clients vanish all the time; no operator needs to hear of it.
fn log(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::trace!(%error, "connection");
    }
}

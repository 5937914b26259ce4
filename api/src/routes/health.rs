//! `/healthz` (the process answers), `/readyz` (it should get traffic), `/metrics` (Prometheus text).
//!
//! `/metrics` names no user and no room but public ones, but it tells how busy the server is: `[api.metrics]` gives it
//! an address of its own, or a token, and then it names the other rooms too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use access::RoomName;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use rooms::Rooms;
use tokio::sync::Mutex;

use super::cmcd;
use crate::Error;
use crate::app::App;
use crate::openapi::{Refused, Routes, Tag, routes};
use crate::problem::Problem;

/// How long an answer of the database is believed: however many ask, it is asked once in this time.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// All three; `/metrics` only if it has no address of its own.
pub(crate) fn routes(app: &App) -> Routes {
    let database = Arc::new(Database::default());
    let routes = routes!(Tag::Server, healthz, readyz).map(|router| router.layer(Extension(database)));
    if app.config.metrics.address.is_some() { routes } else { routes.merge(metrics_routes()) }
}

/// `/metrics`.
pub(crate) fn metrics_routes() -> Routes {
    routes!(Tag::Server, metrics)
}

/// Ask whether the process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    security(()),
    responses((status = 200, description = "It does.", body = str, content_type = "text/plain", example = "ok\n")),
)]
async fn healthz() -> Response {
    plain("text/plain; charset=utf-8", "ok\n".into())
}

/// Read the metrics.
///
/// Prometheus text. `[api.metrics]` gives it an address of its own, or a token.
#[utoipa::path(
    get,
    path = "/metrics",
    security((), ("metricsToken" = [])),
    responses(
        (status = 200, description = "The metrics.", body = str, content_type = "text/plain"),
        Refused<401>, Refused<403>,
    ),
)]
async fn metrics(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check_token(&app.config.metrics.token, &headers)?;
    let may_name = |room: &RoomName| app.rooms.access(room).is_some_and(|access| cmcd::may_name(&app, &access));
    let text = (app.metrics)() + &app.players.exposition(may_name);
    Ok(plain("text/plain; version=0.0.4", text))
}

/// Refuses whoever does not present `token`, if there is one. Takes as long for every wrong token of its length.
fn check_token(token: &str, headers: &HeaderMap) -> Result<(), Error> {
    if token.is_empty() {
        return Ok(());
    }
    let presented = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let presented = presented.ok_or(Error::TokenMissing)?;
    verify_slices_are_equal(presented, token.as_bytes()).map_err(|_| Error::Forbidden("this is not the metrics' token"))
}

fn plain(content_type: &'static str, text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The database, as it last answered.
#[derive(Default)]
struct Database(Mutex<Option<(Instant, bool)>>);

impl Database {
    /// Whether the database answers. Callers at the same time wait for one answer.
    async fn answers(&self, rooms: &Rooms) -> bool {
        let mut last = self.0.lock().await;
        if let Some((asked_at, answered)) = *last
            && asked_at.elapsed() < BELIEVED_FOR
        {
            return answered;
        }
        let answered = rooms.is_open().await;
        *last = Some((Instant::now(), answered));
        answered
    }
}

/// Ask whether the server should get traffic.
///
/// It should while its database answers, until it is told to drain or to end.
#[utoipa::path(
    get,
    path = "/readyz",
    security(()),
    responses((status = 200, description = "It should.", body = str, content_type = "text/plain", example = "ready\n")),
)]
async fn readyz(State(app): State<App>, Extension(database): Extension<Arc<Database>>) -> Result<Response, Problem> {
    if app.lifecycle.is_draining() || app.node.ordered().is_some() {
        return Err(Error::ShuttingDown.into());
    }
    if !database.answers(&app.rooms).await {
        return Err(Error::DatabaseDown.into());
    }
    Ok(plain("text/plain; charset=utf-8", "ready\n".into()))
}

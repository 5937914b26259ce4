//! `/healthz` (the process answers), `/readyz` (it should get traffic), `/metrics` (Prometheus text).
//!
//! `/metrics` names no room and no user, but it tells how busy the server is: a proxy in front may want to keep it
//! inside.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::Error;
use crate::app::App;
use crate::problem::Problem;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || plain("text/plain; charset=utf-8", "ok\n".into())))
        .route("/readyz", get(ready))
        .route("/metrics", get(async |State(app): State<App>| plain("text/plain; version=0.0.4", (app.metrics)())))
}

fn plain(content_type: &'static str, text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whoever can ask found our sockets bound; what is left is the database, and whether we mean to go on.
async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    if app.lifecycle.is_draining() {
        return Err(Error::ShuttingDown.into());
    }
    if !app.rooms.is_open().await {
        return Err(Error::DatabaseDown.into());
    }
    Ok(plain("text/plain; charset=utf-8", "ready\n".into()))
}

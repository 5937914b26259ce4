//! The whole surface, put together, without a socket. In each route extractors check, one call decides, reply.

use std::sync::Arc;

use axum::middleware::from_fn;
use axum::response::IntoResponse as _;
use axum::{Extension, Router};

use crate::app::{App, AppParts};
use crate::joins::JoinLimits;
use crate::livekit::{signal, twirp};
use crate::problem::Problem;
use crate::{Error, cors, metrics, telemetry};

mod dev_token;
mod health;
mod live;
mod pages;
pub(crate) mod rooms;
mod whip_whep;

/// Every route. Limits that need a socket (connections, timeouts of heads) are [`crate::server`]'s.
pub fn router(parts: AppParts) -> Router {
    metrics::describe();
    let dev_tokens = parts.dev_tokens;
    let joins = JoinLimits::new(&parts.config);
    let app: App = Arc::new(parts);
    // Apart, because a request for a part has no time for spans, ids and label sets.
    let live = live::routes().with_state(app.clone());
    let mut rest = Router::new()
        .merge(whip_whep::routes().layer(Extension(joins.clone())).layer(from_fn(cors::signalling)))
        .merge(rooms::routes().layer(from_fn(cors::rest)))
        .merge(signal::routes().layer(Extension(joins)).layer(from_fn(cors::rtc)))
        .merge(twirp::routes())
        .merge(health::routes(&app))
        .merge(pages::routes());
    if dev_tokens {
        rest = rest.merge(dev_token::routes().layer(from_fn(cors::rest)));
    }
    let rest = rest
        .fallback(async || Problem::from(Error::NoRoute).into_response())
        .method_not_allowed_fallback(async || Problem::from(Error::Method).into_response())
        .layer(from_fn(telemetry::observe))
        .with_state(app);
    live.merge(rest)
}

/// `/metrics` alone, for an address of its own.
pub fn metrics_router(parts: AppParts) -> Router {
    let routes = health::metrics_routes().fallback(async || Problem::from(Error::NoRoute).into_response());
    routes.layer(from_fn(telemetry::observe)).with_state(Arc::new(parts))
}

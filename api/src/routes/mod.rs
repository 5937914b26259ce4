//! The whole surface, put together, without a socket. In each route extractors check, one call decides, reply.

use std::sync::Arc;

use axum::middleware::from_fn;
use axum::response::IntoResponse as _;
use axum::{Extension, Router};

use crate::app::{App, AppParts};
use crate::joins::JoinLimits;
use crate::livekit::{signal, twirp};
use crate::openapi::Routes;
use crate::problem::Problem;
use crate::{Error, cors, metrics, telemetry};

mod cmcd;
mod dev_token;
mod events;
mod health;
pub(crate) mod join;
mod live;
mod moves;
mod node;
mod openapi_json;
mod pages;
pub(crate) mod rooms;
mod whip_whep;

/// Every route. Limits that need a socket (connections, timeouts of heads) are [`crate::server`]'s.
pub fn router(parts: AppParts) -> Router {
    metrics::describe();
    let app: App = Arc::new(parts);
    let described = described(&app);
    let live = live::routes();
    let openapi_json = openapi_json::routes([&described, &live].map(Routes::document));
    let rest = described
        .merge(openapi_json)
        .into_router()
        .merge(pages::routes())
        .fallback(async || Problem::from(Error::NoRoute).into_response())
        .method_not_allowed_fallback(async || Problem::from(Error::Method).into_response())
        .layer(from_fn(telemetry::observe))
        .with_state(app.clone());
    // Apart, because a request for a part has no time for spans, ids and label sets.
    live.into_router().with_state(app).merge(rest)
}

/// The routes of the API, but for the origin's. Pages are no part of it.
fn described(app: &App) -> Routes {
    let joins = JoinLimits::new(&app.config);
    let signalling = Extension(joins.clone());
    let events = events::routes().map(|router| router.layer(Extension(joins.clone())));
    let reports = cmcd::routes().map(|router| router.layer(Extension(joins.clone())));
    let mut rest = rooms::routes().merge(moves::routes()).merge(node::routes()).merge(events).merge(reports);
    if app.dev_tokens {
        rest = rest.merge(dev_token::routes());
    }
    rest.map(|router| router.layer(from_fn(cors::rest)))
        .merge(join::routes().map(|router| router.layer(signalling.clone()).layer(from_fn(cors::rest))))
        .merge(whip_whep::routes().map(|router| router.layer(signalling).layer(from_fn(cors::signalling))))
        .merge(signal::routes().map(|router| router.layer(Extension(joins)).layer(from_fn(cors::rtc))))
        .merge(twirp::routes())
        .merge(health::routes(app))
}

/// `/metrics` alone, for an address of its own.
pub fn metrics_router(parts: AppParts) -> Router {
    let routes = health::metrics_routes().into_router();
    let routes = routes.fallback(async || Problem::from(Error::NoRoute).into_response());
    routes.layer(from_fn(telemetry::observe)).with_state(Arc::new(parts))
}

//! The whole surface, put together. No socket here.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn;
use axum::response::IntoResponse as _;
use interactive_sfu::signalling::token::Keys;
use tokio::sync::mpsc;

use crate::problem::Problem;
use crate::rooms::{RoomOrder, Rooms};
use crate::{Broadcasts, Config, Error, Lifecycle, Stage, cors, metrics, routes, telemetry};

/// What the routes work with.
#[derive(Clone)]
pub struct Parts {
    /// Validated.
    pub config: Config,
    /// The SFU.
    pub stage: Arc<dyn Stage>,
    /// What tokens are verified with.
    pub keys: Keys,
    /// Which rooms have a broadcast.
    pub broadcasts: Broadcasts,
    /// The rooms.
    pub rooms: Rooms,
    /// Where changes of rooms are told to whoever runs the broadcasts. When full, the change is refused with 503.
    pub orders: mpsc::Sender<RoomOrder>,
    /// Renders `/metrics`, Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Where the server stands.
    pub lifecycle: Lifecycle,
    /// Mount `POST /v1/rooms/{room}/dev-token`, which gives a publisher's token to anybody. Only ever with development keys.
    pub dev_tokens: bool,
}

pub(crate) type App = Arc<Parts>;

/// Every route. Limits that need a socket (connections, timeouts of heads) are [`crate::server`]'s.
pub fn router(parts: Parts) -> Router {
    metrics::describe();
    let dev_tokens = parts.dev_tokens;
    let app: App = Arc::new(parts);
    // Apart, because a request for a part has no time for spans, ids and label sets.
    let live = routes::live::routes().with_state(app.clone());
    let mut rest = Router::new()
        .merge(routes::signalling::routes().layer(from_fn(cors::signalling)))
        .merge(routes::rooms::routes().layer(from_fn(cors::rest)))
        .merge(routes::twirp::routes())
        .merge(routes::health::routes())
        .merge(routes::pages::routes());
    if dev_tokens {
        rest = rest.merge(routes::dev_token::routes().layer(from_fn(cors::rest)));
    }
    let rest = rest
        .fallback(async || Problem::from(Error::NoRoute).into_response())
        .method_not_allowed_fallback(async || Problem::from(Error::Method).into_response())
        .layer(from_fn(telemetry::observe))
        .with_state(app);
    live.merge(rest)
}

impl FromRef<App> for Rooms {
    fn from_ref(app: &App) -> Self {
        app.rooms.clone()
    }
}

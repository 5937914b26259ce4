//! HTTP: the sockets, the routes on them, and the tasks that go with the routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::Keys;
use api::server::Server;
use api::webhooks::Webhooks;
use api::{AppParts, EventsHub, Lifecycle, Moves, NodeDesk, PlaybackKeys, Players};
use interactive_sfu::Sfu;
use metrics_exporter_prometheus::PrometheusHandle;
use rooms::Rooms;
use tokio::task::JoinSet;

use crate::error::Error;

/// Everything that HTTP depends on.
pub(crate) struct Deps {
    pub(crate) config: api::Config,
    /// Verify tokens, and sign playback tokens.
    pub(crate) keys: Keys,
    pub(crate) sfu: Sfu,
    pub(crate) rooms: Rooms,
    /// Room → the origin of its broadcast.
    pub(crate) origins: api::OriginRegistry,
    pub(crate) recorder: PrometheusHandle,
    /// Rooms whose broadcast somebody waits for.
    pub(crate) demand: api::Demand,
    /// The node, for its operators.
    pub(crate) desk: NodeDesk,
    pub(crate) webhooks: Webhooks,
    /// See [`AppParts::dev_tokens`].
    pub(crate) dev_tokens: bool,
    /// How long answers under way may take at the end.
    pub(crate) drain_max: Duration,
}

/// HTTP that serves.
pub(crate) struct HttpNode {
    lifecycle: Lifecycle,
    server: JoinSet<()>,
    events: EventsHub,
    moves: Moves,
    drain_max: Duration,
    /// Webhooks, the closing of idle rooms, and what events sockets are told of rooms. They may be dropped at any time.
    _background: JoinSet<()>,
    http_address: SocketAddr,
    https_address: Option<SocketAddr>,
}

/// Sockets that nobody is served on yet.
pub(crate) struct Sockets {
    server: Server,
    /// The metrics' own, if they have one.
    metrics: Option<Server>,
}

impl Sockets {
    /// Takes the addresses. To be called before anything else starts, because another process may have them.
    pub(crate) async fn bind(config: &api::Config) -> Result<Self, Error> {
        Ok(Self { server: Server::bind(config).await?, metrics: Server::bind_metrics(config).await? })
    }

    /// The address that will serve HTTP in the clear.
    pub(crate) fn http_address(&self) -> SocketAddr {
        self.server.http_address()
    }
}

/// Serves on `sockets`.
pub(crate) fn start(Sockets { server, metrics }: Sockets, deps: Deps) -> Result<HttpNode, Error> {
    let (http_address, https_address) = (server.http_address(), server.https_address());
    let lifecycle = Lifecycle::default();
    let mut background = JoinSet::new();
    background.spawn(deps.webhooks.run(deps.sfu.events()));
    let (happened, media) = (deps.sfu.events(), Arc::new(deps.sfu));
    let events = EventsHub::start(&deps.config, media.clone())?;
    let players = Players::new(&deps.keys, deps.config.player_sessions_max);
    let parts = AppParts {
        config: deps.config,
        media,
        playback: PlaybackKeys::new(&deps.keys),
        keys: deps.keys,
        origins: deps.origins,
        demand: deps.demand,
        rooms: deps.rooms,
        events: events.clone(),
        node: deps.desk,
        players,
        metrics: Arc::new(move || deps.recorder.render()),
        lifecycle: lifecycle.clone(),
        dev_tokens: deps.dev_tokens,
    };
    let moves = Moves::new(&parts);
    background.spawn(api::close_idle_rooms(parts.clone()));
    background.spawn(api::follow_rooms(parts.clone(), happened));
    let mut tasks = JoinSet::new();
    if let Some(server) = metrics {
        tracing::info!(address = %server.http_address(), "serving metrics");
        tasks.spawn(server.serve(api::metrics_router(parts.clone()), lifecycle.clone(), deps.drain_max));
    }
    tasks.spawn(server.serve(api::router(parts), lifecycle.clone(), deps.drain_max));
    tracing::info!(%http_address, "serving");
    let drain_max = deps.drain_max;
    Ok(HttpNode {
        lifecycle,
        server: tasks,
        events,
        moves,
        drain_max,
        _background: background,
        http_address,
        https_address,
    })
}

impl HttpNode {
    /// Moves people between seat and broadcast.
    pub(crate) fn moves(&self) -> Moves {
        self.moves.clone()
    }

    /// The events sockets.
    pub(crate) fn events(&self) -> EventsHub {
        self.events.clone()
    }

    /// The address that serves HTTP in the clear.
    pub(crate) fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// The address that serves HTTPS.
    pub(crate) fn https_address(&self) -> Option<SocketAddr> {
        self.https_address
    }

    /// From now on `/readyz` says no; everything else goes on.
    pub(crate) fn drain(&self) {
        self.lifecycle.drain();
    }

    /// Accepts nobody any more, answers requests that wait, closes events sockets, and cuts what takes longer than
    /// [`Deps::drain_max`].
    pub(crate) async fn end(mut self) {
        self.lifecycle.close();
        let answers = async { while self.server.join_next().await.is_some() {} };
        tokio::join!(answers, self.events.end(self.drain_max));
    }
}

//! Puts the parts together, and takes them apart again in the order that loses nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use api::server::Server;
use api::webhooks::Webhooks;
use api::{AppParts, Lifecycle, PlaybackKeys, Rooms};
use interactive_sfu::Sfu;
use interactive_sfu::signalling::token::Keys;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::broadcasts::Broadcasts;
use crate::error::Error;
use crate::progress::local_url;
use crate::settings::{self, Settings};
use crate::studio::Studio;

/// Changes of rooms that may await the broadcasts' task; a further one is refused with 503.
const ORDERS_MAX: usize = 64;
/// Upper bounds of every histogram: latencies, seconds.
const LATENCY_BUCKETS: [f64; 16] =
    [0.0001, 0.0003, 0.001, 0.002, 0.004, 0.007, 0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.4, 0.7, 1.0, 3.0];
/// How often the metrics recorder tidies its histograms.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// A server that serves.
pub(crate) struct Running {
    pub(crate) keys: Keys,
    pub(crate) rooms: Rooms,
    sfu: Sfu,
    on_air: api::Broadcasts,
    lifecycle: Lifecycle,
    stop_broadcasts: CancellationToken,
    broadcasts: JoinSet<()>,
    http: JoinSet<()>,
    /// What may be dropped at any time.
    _background: JoinSet<()>,
    http_address: SocketAddr,
    https_address: Option<SocketAddr>,
    shutdown: settings::Shutdown,
}

/// Starts everything. `settings` are validated. `development`: there is a demo room, and publisher's tokens for anybody
/// who asks.
pub(crate) async fn start(settings: Settings, development: bool) -> Result<Running, Error> {
    let metrics = PrometheusBuilder::new().set_buckets(&LATENCY_BUCKETS).and_then(PrometheusBuilder::install_recorder);
    let metrics = metrics.map_err(|error| Error::Metrics(Box::new(error)))?;
    let keys = settings.auth.keys();
    // Whatever can be missing or taken first, so that nothing half runs.
    let store = store(&settings.broadcast)?;
    let server = Server::bind(&settings.api).await?;
    let rooms = Rooms::open(&settings.api.database).await?;
    if development {
        crate::demo::make_room(&rooms).await?;
    }
    let sfu = Sfu::start(settings.sfu.clone(), keys.clone()).map_err(|error| Error::Sfu(Box::new(error)))?;

    let (http_address, https_address) = (server.http_address(), server.https_address());
    let (orders, orders_rx) = mpsc::channel(ORDERS_MAX);
    let (on_air, lifecycle, stop_broadcasts) =
        (api::Broadcasts::default(), Lifecycle::default(), CancellationToken::new());

    let broadcasts = Broadcasts {
        studio: Studio {
            ingest: settings.ingest.clone(),
            packager: settings.packager.clone(),
            store,
            keys: keys.clone(),
            base_url: loopback_url(http_address),
            on_air: on_air.clone(),
        },
        sfu: sfu.clone(),
        rooms: rooms.clone(),
        on_air: on_air.clone(),
        idle_end: settings.idle_end(),
        rooms_on_air_max: settings.broadcast.rooms_on_air_max as usize,
    };
    let broadcasts_max = Duration::from_millis(settings.shutdown.broadcasts_ms_max.into());
    let mut broadcasts_task = JoinSet::new();
    let mut background = JoinSet::new();
    background.spawn(tidy(metrics.clone()));
    broadcasts_task.spawn(broadcasts.run(orders_rx, stop_broadcasts.clone(), broadcasts_max));

    let webhooks = Webhooks::new(keys.clone(), rooms.clone(), settings.api.webhook_urls.clone())?;
    background.spawn(webhooks.run(sfu.notices()));

    let parts = AppParts {
        config: settings.api,
        media: Arc::new(sfu.clone()),
        playback: PlaybackKeys::new(&keys),
        keys: keys.clone(),
        broadcasts: on_air.clone(),
        rooms: rooms.clone(),
        orders,
        metrics: Arc::new(move || metrics.render()),
        lifecycle: lifecycle.clone(),
        dev_tokens: development,
    };
    background.spawn(api::close_idle_rooms(parts.clone()));
    let router = api::router(parts);
    let mut http = JoinSet::new();
    let http_max = Duration::from_millis(settings.shutdown.http_ms_max.into());
    http.spawn(server.serve(router, lifecycle.clone(), http_max));
    tracing::info!(%http_address, "serving");
    Ok(Running {
        keys,
        rooms,
        sfu,
        on_air,
        lifecycle,
        stop_broadcasts,
        broadcasts: broadcasts_task,
        http,
        _background: background,
        http_address,
        https_address,
        shutdown: settings.shutdown,
    })
}

impl Running {
    /// What a browser on this machine opens.
    pub(crate) fn base_url(&self) -> String {
        match self.https_address {
            Some(address) => local_url("https", address),
            None => local_url("http", self.http_address),
        }
    }

    /// Where our own clients find us.
    pub(crate) fn loopback_url(&self) -> String {
        loopback_url(self.http_address)
    }

    /// Ends everything: balancers are told, broadcasts write their ends, players get them, sessions and waiting
    /// requests are answered, the database closes. Each step is bounded by the settings.
    pub(crate) async fn end(mut self) {
        self.lifecycle.drain();
        tokio::time::sleep(Duration::from_millis(self.shutdown.notice_ms.into())).await;
        self.stop_broadcasts.cancel();
        while self.broadcasts.join_next().await.is_some() {}
        self.sfu.shutdown().await;
        if !self.on_air.is_empty() {
            // A player may be between two requests.
            tokio::time::sleep(Duration::from_millis(self.shutdown.farewell_ms.into())).await;
        }
        self.lifecycle.close();
        while self.http.join_next().await.is_some() {}
        self.rooms.close().await;
    }
}

fn loopback_url(bound: SocketAddr) -> String {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, bound.port()))
}

fn store(broadcast: &settings::Broadcast) -> Result<Option<Arc<dyn ObjectStore>>, Error> {
    if !broadcast.record {
        return Ok(None);
    }
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Store {
        folder: broadcast.folder.display().to_string(),
        source,
    };
    std::fs::create_dir_all(&broadcast.folder).map_err(|error| failed(error.into()))?;
    let store = LocalFileSystem::new_with_prefix(&broadcast.folder).map_err(|error| failed(error.into()))?;
    Ok(Some(Arc::new(store)))
}

/// Keeps the recorder's histograms small. Runs until it is dropped.
async fn tidy(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(METRICS_UPKEEP).await;
        metrics.run_upkeep();
    }
}

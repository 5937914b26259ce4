//! Which parts of a server this process runs, and in which order they start and end.
//!
//! There is one role so far: everything in one process. A process that is the SFU, the broadcasts or an edge alone will
//! start fewer of the nodes here, and reach the others over the network.

use std::time::Duration;

use access::Keys;
use rooms::{Room, Rooms};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::address::{local_url, loopback_url};
use crate::error::Error;
use crate::node::{self, broadcast::BroadcastNode, http::HttpNode, sfu::SfuNode};
use crate::recorder;
use crate::settings::{self, Settings};

/// Changes of rooms that may await the director of the broadcasts; a further one is refused with 503.
const ORDERS_MAX: u32 = 64;

/// Audiences' needs that may await the director of the broadcasts; the loop that decides waits for it.
const NEEDS_MAX: usize = 64;

/// Choices that no settings file can make.
#[derive(Default)]
pub(crate) struct Options {
    /// Made before anybody can ask for it, unless a room of its name is there.
    pub(crate) first_room: Option<Room>,
    /// Publisher's tokens for anybody who asks. Only ever with development keys.
    pub(crate) dev_tokens: bool,
}

/// A server that serves.
pub(crate) struct Running {
    keys: Keys,
    rooms: Rooms,
    sfu: SfuNode,
    broadcast: BroadcastNode,
    http: HttpNode,
    /// Write facts, decide about overflow, and look after the metrics. They may be dropped at any time.
    _upkeep: JoinSet<()>,
    shutdown: settings::Shutdown,
}

/// Starts everything. `settings` are validated.
pub(crate) async fn start(settings: Settings, options: Options) -> Result<Running, Error> {
    let recorder = recorder::install()?;
    let keys = settings.auth.keys();
    // Files that can be missing and addresses that can be taken come first, so that nothing half runs.
    let store = node::broadcast::open_store(&settings.broadcast)?;
    let sockets = node::http::Sockets::bind(&settings.api).await?;
    let rooms = Rooms::open(&settings.api.database, ORDERS_MAX).await?;
    if let Some(room) = options.first_room {
        make(room, &rooms).await?;
    }
    // Facts are kept for receivers that are known; so receivers come before whoever tells facts.
    let webhooks = api::webhooks::Webhooks::new(keys.clone(), rooms.clone(), settings.api.webhook_urls.clone()).await?;
    let sfu = node::sfu::start(settings.sfu.clone(), keys.clone())?;

    let orders = rooms.orders("broadcasts").await?;
    let recordings = store.clone().map(|store| packager::Recordings::new(store, &settings.packager));
    let origins = api::OriginRegistry::new(recordings);
    let (needs, needs_rx) = mpsc::channel(NEEDS_MAX);
    let deps = node::broadcast::Deps {
        store,
        keys: keys.clone(),
        base_url: loopback_url(sockets.http_address()),
        sfu: sfu.sfu().clone(),
        rooms: rooms.clone(),
        origins: origins.clone(),
        orders,
        needs: needs_rx,
    };
    let broadcast = node::broadcast::start(&settings, deps);
    let (demand, desk) = (api::Demand::default(), api::NodeDesk::default());
    let deps = node::http::Deps {
        config: settings.api,
        keys: keys.clone(),
        sfu: sfu.sfu().clone(),
        rooms: rooms.clone(),
        origins: origins.clone(),
        recorder: recorder.clone(),
        demand: demand.clone(),
        desk: desk.clone(),
        webhooks,
        dev_tokens: options.dev_tokens,
        drain_max: Duration::from_millis(settings.shutdown.http_ms_max.into()),
    };
    let http = node::http::start(sockets, deps)?;
    let (mut upkeep, facts) = (JoinSet::new(), rooms.clone());
    upkeep.spawn(async move { facts.write_facts().await });
    upkeep.spawn(node::audience::run(node::audience::Deps {
        sfu: sfu.sfu().clone(),
        rooms: rooms.clone(),
        origins,
        demand,
        desk,
        events: http.events(),
        moves: http.moves(),
        needs,
        limits: settings.node,
    }));
    upkeep.spawn(recorder::tidy(recorder));
    Ok(Running { keys, rooms, sfu, broadcast, http, _upkeep: upkeep, shutdown: settings.shutdown })
}

async fn make(room: Room, rooms: &Rooms) -> Result<(), Error> {
    match rooms.create(room, u32::MAX).await {
        Ok(_) | Err(rooms::Error::RoomExists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Running {
    /// The keys that sign tokens.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The URL that a browser on this machine opens.
    pub(crate) fn base_url(&self) -> String {
        match self.http.https_address() {
            Some(address) => local_url("https", address),
            None => local_url("http", self.http.http_address()),
        }
    }

    /// The URL by which clients within this process reach it.
    pub(crate) fn loopback_url(&self) -> String {
        loopback_url(self.http.http_address())
    }

    /// Ends everything: balancers are told, broadcasts write their ends, players get them, sessions and waiting
    /// requests are answered, the database closes. Each step is bounded by the settings.
    pub(crate) async fn end(self) {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        self.http.drain();
        tokio::time::sleep(ms(self.shutdown.notice_ms)).await;
        let is_end_wanted = self.broadcast.end(ms(self.shutdown.broadcasts_ms_max)).await;
        self.sfu.end().await;
        if is_end_wanted {
            // A player may be between two requests.
            tokio::time::sleep(ms(self.shutdown.farewell_ms)).await;
        }
        self.http.end().await;
        self.rooms.close().await;
    }
}

//! The broadcasts: one task that directs them, and the store of their recordings.

use std::sync::Arc;
use std::time::Duration;

use access::Keys;
use interactive_sfu::Sfu;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use rooms::{Orders, Rooms};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::broadcast::{BroadcastDirector, Need, PipelineParts};
use crate::error::Error;
use crate::settings::{self, Settings};

/// Everything that the broadcasts depend on.
pub(crate) struct Deps {
    /// From [`open_store`].
    pub(crate) store: Option<Arc<dyn ObjectStore>>,
    /// Sign the tokens of the broadcasts' own subscriber.
    pub(crate) keys: Keys,
    /// The server's URL, over which that subscriber speaks WHEP.
    pub(crate) base_url: String,
    pub(crate) sfu: Sfu,
    pub(crate) rooms: Rooms,
    /// Every started broadcast is registered here, for the origin's routes.
    pub(crate) origins: api::OriginRegistry,
    /// Changes of rooms.
    pub(crate) orders: Orders,
    /// Audiences that need their broadcast.
    pub(crate) needs: mpsc::Receiver<Need>,
}

/// The running broadcasts.
pub(crate) struct BroadcastNode {
    end: oneshot::Sender<Duration>,
    origins: api::OriginRegistry,
    director: JoinSet<()>,
}

/// The store that the settings name; `None`: nothing is recorded. To be called before anything else starts, because the
/// folder may be missing or read-only.
pub(crate) fn open_store(broadcast: &settings::Broadcast) -> Result<Option<Arc<dyn ObjectStore>>, Error> {
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

/// From now on rooms go on the air as the SFU's events, the rooms' settings and the orders say.
pub(crate) fn start(settings: &Settings, deps: Deps) -> BroadcastNode {
    let director = BroadcastDirector {
        pipelines: PipelineParts {
            ingest: settings.ingest.clone(),
            packager: settings.packager.clone(),
            rest_after: settings.rung_rest(),
            store: deps.store,
            keys: deps.keys,
            base_url: deps.base_url,
            origins: deps.origins.clone(),
        },
        sfu: deps.sfu,
        rooms: deps.rooms,
        origins: deps.origins.clone(),
        idle_end: settings.idle_end(),
        rooms_on_air_max: settings.broadcast.rooms_on_air_max as usize,
    };
    let (end, ended) = oneshot::channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(director.run(deps.orders, deps.needs, ended));
    BroadcastNode { end, origins: deps.origins, director: tasks }
}

impl BroadcastNode {
    /// Ends all broadcasts: encoders drain, playlists get their ends, recordings are completed, as far as that takes no
    /// longer than `bound`. Returns whether a player may still want to fetch the end of one.
    pub(crate) async fn end(mut self, bound: Duration) -> bool {
        // Without a receiver the director has ended already.
        let _ = self.end.send(bound);
        while self.director.join_next().await.is_some() {}
        !self.origins.is_empty()
    }
}

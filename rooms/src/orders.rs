//! Changes of rooms, told to those who follow them: each is written in the transaction of its change (`outbox`), and
//! read in order by followers, each of whom has a cursor.
//!
//! A follower that has read an order and not said [`Orders::done`] gets it again. Orders that not all followers have
//! done are bounded: a further change is refused with [`Error::Busy`].

use std::sync::Arc;
use std::time::Duration;

use access::RoomName;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::store::Store;
use crate::{BroadcastSetting, Error, Layout, RecordSetting, Room};

/// How long a follower waits before it asks a database again that failed.
const RETRY: Duration = Duration::from_secs(1);

/// A change that whoever runs the broadcasts must follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Order {
    /// Broadcast the stage so from now on.
    Broadcast {
        /// The room.
        room: RoomName,
        /// When the room is on the air. An earlier version stored whether it may be.
        #[serde(alias = "on")]
        setting: BroadcastSetting,
        /// Whether it is kept.
        record: bool,
        /// How the speakers are arranged.
        layout: Layout,
    },
    /// The room is gone: end its broadcast.
    Deleted {
        /// The room.
        room: RoomName,
    },
}

impl Order {
    /// The order that follows from a change; `None`: the change is no news to the broadcast.
    pub(crate) fn of_change(before: &Room, after: &Room) -> Option<Self> {
        let relevant = |room: &Room| (room.broadcast.setting, room.record, room.layout.clone());
        let (setting, record, layout) = relevant(after);
        let is_news = relevant(before) != relevant(after);
        let record = record == RecordSetting::On;
        is_news.then(|| Self::Broadcast { room: after.name.clone(), setting, record, layout })
    }

    pub(crate) fn room(&self) -> &RoomName {
        match self {
            Self::Broadcast { room, .. } | Self::Deleted { room } => room,
        }
    }

    /// The word in the column `kind`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Broadcast { .. } => "broadcast",
            Self::Deleted { .. } => "deleted",
        }
    }
}

/// One follower's view of the orders. Made by [`Rooms::orders`](crate::Rooms::orders).
#[derive(Debug)]
pub struct Orders {
    store: Store,
    consumer: &'static str,
    /// The last order that is done.
    cursor: i64,
    /// The order that was read last.
    read: i64,
    /// The newest order there is.
    newest: Arc<watch::Sender<i64>>,
}

impl Orders {
    pub(crate) fn new(store: Store, consumer: &'static str, cursor: i64, newest: Arc<watch::Sender<i64>>) -> Self {
        Self { store, consumer, cursor, read: cursor, newest }
    }

    /// Waits for the next order; the same as before, until that is [`done`](Self::done). May be dropped while it waits.
    pub async fn next(&mut self) -> Order {
        let mut newest = self.newest.subscribe();
        loop {
            newest.mark_unchanged();
            match self.try_next().await {
                Ok(Some(order)) => return order,
                Ok(None) => drop(newest.changed().await),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "changes of rooms cannot be read");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// The next order, if there is one by now. Asks the database only where there may be one.
    pub async fn try_next(&mut self) -> Result<Option<Order>, Error> {
        while *self.newest.borrow() > self.cursor {
            let Some((seq, body)) = self.store.order_after(self.cursor).await? else { return Ok(None) };
            self.read = seq;
            match serde_json::from_str(&body) {
                Ok(order) => return Ok(Some(order)),
                Err(error) => {
                    tracing::error!(%error, seq, "a change of a room is skipped: this version cannot read it");
                    self.done().await;
                }
            }
        }
        Ok(None)
    }

    /// The order that was read last has been followed. Where the database fails it is told again after a restart.
    pub async fn done(&mut self) {
        self.cursor = self.read;
        if let Err(error) = self.store.orders_done(self.consumer, self.cursor).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a followed change of a room is not noted");
        }
    }
}

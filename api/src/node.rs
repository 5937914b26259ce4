//! The node as its operators see and drain it.
//!
//! Routes say what is wanted ([`NodeDesk::drain`]); the loop that decides about the audience looks there once a second,
//! is woken by a change, and notes how the node stands ([`NodeDesk::note`]).

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rooms::overflow::{Admission, NodeLoad};
use tokio::sync::watch;

/// A drain that somebody has ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainOrder {
    /// When, on a clock that never goes back.
    pub since: Instant,
    /// The same by the wall clock.
    pub since_utc: SystemTime,
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainProgress {
    /// The order that is followed.
    pub order: DrainOrder,
    /// Seats that were taken when it began.
    pub seats_before: u64,
    /// When everybody has been moved who can be; whoever is there then is sent away.
    pub ends_by_utc: SystemTime,
}

/// The node at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// How it lets people in.
    pub admission: Admission,
    /// The load that it carries.
    pub load: NodeLoad,
    /// Seats that are taken, all rooms together.
    pub seats_taken: u64,
    /// Its drain, if one is under way.
    pub drain: Option<DrainProgress>,
}

/// Orders of operators for the node, and how it stands. Cheap to clone; every clone sees the same.
#[derive(Clone, Debug)]
pub struct NodeDesk {
    order: Arc<watch::Sender<Option<DrainOrder>>>,
    status: Arc<watch::Sender<NodeStatus>>,
}

impl Default for NodeDesk {
    fn default() -> Self {
        Self { order: Arc::new(watch::Sender::new(None)), status: Arc::new(watch::Sender::new(NodeStatus::default())) }
    }
}

impl NodeDesk {
    /// Orders a drain from `order` on. An earlier order that still holds is kept.
    pub fn drain(&self, order: DrainOrder) {
        self.order.send_if_modified(|held| {
            let is_news = held.is_none();
            held.get_or_insert(order);
            is_news
        });
    }

    /// Calls a drain off. Those who were moved stay where they are until they are moved back.
    pub fn call_off(&self) {
        self.order.send_if_modified(|held| held.take().is_some());
    }

    /// The drain that is ordered.
    pub fn ordered(&self) -> Option<DrainOrder> {
        *self.order.borrow()
    }

    /// The orders from now on.
    pub fn orders(&self) -> watch::Receiver<Option<DrainOrder>> {
        self.order.subscribe()
    }

    /// The node stands so.
    pub fn note(&self, status: NodeStatus) {
        self.status.send_replace(status);
    }

    /// The node as it was last noted.
    pub fn status(&self) -> NodeStatus {
        self.status.borrow().clone()
    }

    /// As [`NodeDesk::status`], once it follows the orders.
    pub(crate) async fn settled(&self) -> NodeStatus {
        let ordered = self.ordered();
        let mut statuses = self.status.subscribe();
        let follows = |status: &NodeStatus| status.drain.map(|drain| drain.order) == ordered;
        // The sender is this desk's own.
        statuses.wait_for(follows).await.map(|status| status.clone()).unwrap_or_default()
    }
}

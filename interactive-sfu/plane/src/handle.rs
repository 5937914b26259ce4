//! The way in for orders.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::order::Order;
use crate::shard::inbox::{Inboxes, ShardTask};
use crate::transport::dtls::Dtls;

/// Gives orders to the plane. Cheap to clone; giving an order never blocks.
#[derive(Clone)]
pub struct Handle(Way);

#[derive(Clone)]
enum Way {
    Threads { inboxes: Inboxes, dtls: Dtls },
    Channel(Sender<Order>),
}

impl Handle {
    pub(crate) fn new(inboxes: Inboxes, dtls: Dtls) -> Self {
        Self(Way::Threads { inboxes, dtls })
    }

    /// A handle without a plane: the orders come out of the receiver, in the order in which they were given. For
    /// simulations.
    pub fn detached() -> (Self, Receiver<Order>) {
        let (orders, end) = channel();
        (Self(Way::Channel(orders)), end)
    }

    /// Gives an order. Without effect once the plane has ended.
    pub fn order(&self, order: Order) {
        match &self.0 {
            Way::Threads { inboxes, dtls } => route(inboxes, dtls, order),
            Way::Channel(orders) => drop(orders.send(order)),
        }
    }
}

/// Gives the order to the thread that carries it out.
fn route(inboxes: &Inboxes, dtls: &Dtls, order: Order) {
    let peer = match &order {
        Order::Send { .. } => {
            let Order::Send { from, to, channel, message } = order else { return };
            return dtls.send(from, to, channel, message);
        }
        Order::Prefer { track, preferred } => {
            let (track, preferred) = (*track, *preferred);
            let all = (0..inboxes.len()).map(|shard| (shard, Order::Prefer { track, preferred }));
            return all.for_each(|(shard, order)| inboxes.tell(shard, ShardTask::Order(order)));
        }
        Order::Add(new) => new.id,
        Order::Expect { peer, .. }
        | Order::RemoteIce { peer, .. }
        | Order::Remove { peer }
        | Order::RestartIce { peer, .. }
        | Order::Attach { peer, .. }
        | Order::LimitLayer { peer, .. }
        | Order::SetSection { peer, .. }
        | Order::AddTrack { peer, .. }
        | Order::RemoveTrack { peer, .. }
        | Order::Mute { peer, .. } => *peer,
    };
    inboxes.tell(peer.shard, ShardTask::Order(order));
}

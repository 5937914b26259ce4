//! A follower of changes of rooms, for tests.

use rooms::Order;

/// The orders that changes of rooms gave, of which one may wait.
pub(crate) struct Orders(pub(super) rooms::Orders);

impl Orders {
    /// Waits for the next order.
    pub(crate) async fn recv(&mut self) -> Option<Order> {
        let order = self.0.next().await;
        self.0.done().await;
        Some(order)
    }

    /// The next order, if there is one.
    pub(crate) async fn try_recv(&mut self) -> Option<Order> {
        let order = self.0.try_next().await.unwrap()?;
        self.0.done().await;
        Some(order)
    }
}

//! Whoever follows changes of rooms, for tests.

use rooms::Order;

/// The orders that changes of rooms gave, of which one may wait.
pub(crate) struct Orders(pub(super) rooms::Orders);

impl Orders {
    /// Waits for one.
    pub(crate) async fn recv(&mut self) -> Option<Order> {
        let order = self.0.next().await;
        self.0.done().await;
        Some(order)
    }

    /// One that is there.
    pub(crate) async fn try_recv(&mut self) -> Option<Order> {
        let order = self.0.try_next().await.unwrap()?;
        self.0.done().await;
        Some(order)
    }
}

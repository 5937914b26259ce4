//! The stages of a server's life: serving, draining, closing.

use tokio_util::sync::CancellationToken;

/// Serving, then draining, then closing. Cloneable; every clone sees the same.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    closing: CancellationToken,
}

impl Lifecycle {
    /// From now on `/readyz` says no, so that balancers look elsewhere; everything else goes on.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// From now on nothing is accepted, and requests that wait are answered at once.
    pub fn close(&self) {
        self.draining.cancel();
        self.closing.cancel();
    }

    /// Whether [`Lifecycle::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Done when [`Lifecycle::close`] was called.
    pub async fn closing(&self) {
        self.closing.cancelled().await;
    }
}

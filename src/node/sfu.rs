//! The SFU: media sockets and threads, and the rooms' signalling.

use access::Keys;
use interactive_sfu::Sfu;

use crate::error::Error;

/// A running SFU.
pub(crate) struct SfuNode {
    sfu: Sfu,
}

/// Takes the media sockets and starts the threads. `keys` verify what participants present.
pub(crate) fn start(config: interactive_sfu::Config, keys: Keys) -> Result<SfuNode, Error> {
    let sfu = Sfu::start(config, keys).map_err(|error| Error::Sfu(Box::new(error)))?;
    Ok(SfuNode { sfu })
}

impl SfuNode {
    /// The handle that the other nodes ask, and hear events from.
    pub(crate) fn sfu(&self) -> &Sfu {
        &self.sfu
    }

    /// Refuses newcomers, tells every peer that it is over, and stops the threads. The SFU bounds this itself.
    pub(crate) async fn end(self) {
        self.sfu.shutdown().await;
    }
}

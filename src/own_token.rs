//! Access tokens that this process signs for its own clients: the broadcast's subscriber, and the demo's speakers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use access::{Keys, TokenSpec};
use ingest::TokenProvider;

/// How long one of these tokens is good. Each connection gets a new one.
const TTL: Duration = Duration::from_secs(600);

/// The bearer of the tokens. A bearer who does not speak is hidden, so that nobody meets them.
pub(crate) struct Bearer<'a> {
    pub(crate) room: &'a str,
    pub(crate) identity: &'a str,
    pub(crate) name: &'a str,
    pub(crate) speaks: bool,
}

/// Makes a new token for every connection.
pub(crate) fn provider(keys: &Keys, bearer: Bearer<'_>) -> TokenProvider {
    let keys = keys.clone();
    let spec = TokenSpec {
        room: bearer.room.to_owned(),
        identity: bearer.identity.to_owned(),
        name: bearer.name.to_owned(),
        publish: bearer.speaks,
        subscribe: true,
        hidden: !bearer.speaks,
        ttl: TTL,
        ..TokenSpec::default()
    };
    Arc::new(move || {
        keys.mint(&spec, SystemTime::now()).unwrap_or_else(|error| {
            tracing::error!(%error, "making a token for ourselves");
            String::new()
        })
    })
}

//! LiveKit's protocol over HTTP: the signal WebSocket, the server API (Twirp) and webhooks.

mod room;
pub(crate) mod signal;
pub(crate) mod twirp;
pub mod webhooks;

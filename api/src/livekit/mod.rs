//! What LiveKit's clients and SDKs find here, unchanged: the socket to signal on, the server API, and webhooks.

mod id;
pub(crate) mod signal;
pub(crate) mod twirp;
pub mod webhooks;

//! The routes: extractors check, one call decides, reply.

pub(crate) mod dev_token;
pub(crate) mod health;
pub(crate) mod live;
pub(crate) mod pages;
pub(crate) mod rooms;
pub(crate) mod signalling;
pub(crate) mod twirp;

//! A bad network between a client and the server, the same one for the same seed.

pub mod impairment;
pub mod livekit_proxy;
pub mod relay;

//! A bad network between a client and the server, the same one for the same seed.

mod forwarder;
mod held;
pub mod impairment;
pub mod link;
pub mod livekit_proxy;
pub mod namespace;
pub mod relay;
mod tun;

/// `SPILLWAY_SEED`, or one that nobody has had.
fn seed() -> u64 {
    std::env::var("SPILLWAY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random)
}

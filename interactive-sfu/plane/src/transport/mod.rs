//! From sockets to authenticated bytes, and back.
//!
//! Parsers and ciphers (`stun`, `hello`, `framing`, `srtp`) are pure; `udp` and `tcp` are the thin edge to the
//! system; `dtls` is the thread that speaks DTLS.

pub(crate) mod association;
pub(crate) mod data;
pub(crate) mod dtls;
#[expect(unreachable_pub, reason = "fuzz/ compiles it as a part of another crate")]
pub(crate) mod framing;
#[expect(unreachable_pub, reason = "fuzz/ compiles it as a part of another crate")]
pub(crate) mod hello;
pub(crate) mod ice;
pub(crate) mod interfaces;
pub(crate) mod network;
pub(crate) mod password;
#[expect(unreachable_pub, reason = "fuzz/ compiles it as a part of another crate")]
pub(crate) mod profile;
pub(crate) mod srtp;
#[expect(unreachable_pub, reason = "fuzz/ compiles it as a part of another crate")]
pub(crate) mod stun;
#[cfg(test)]
mod stun_tests;
pub(crate) mod tcp;
pub(crate) mod udp;

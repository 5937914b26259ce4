//! From sockets to authenticated bytes, and back.
//!
//! Parsers and ciphers ([`stun`], `hello`, `framing`, `srtp`) are pure; `udp` and `tcp` are the thin edge to the
//! system; `dtls` is the thread that speaks DTLS.

pub(crate) mod data;
pub(crate) mod dtls;
pub mod framing;
pub mod hello;
pub(crate) mod ice;
pub(crate) mod interfaces;
pub mod network;
pub(crate) mod password;
pub mod profile;
pub(crate) mod srtp;
pub mod stun;
#[cfg(test)]
mod stun_tests;
pub(crate) mod tcp;
pub(crate) mod udp;

//! Playback tokens, with which a player that sends no headers watches a private room.
//!
//! A token stands in the path, `/live/t/{token}/{room}/…`, so that the relative URIs of the playlists inherit it. It
//! holds for one room as it was made (a room made again under the name is another), until its expiry, and for one
//! prefix of addresses if it was made for one. Pure but for the keys: `now` and the address come in. Driven by
//! `routes/live.rs` and `admission.rs`.
//!
//! The form is base64url without padding of these fields, integers big-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | key id: the first bytes of SHA-256 of the key's name |
//! | 4 | expiry, Unix seconds |
//! | 8 | when the room was made, Unix milliseconds; what its sid is written from |
//! | 1 | addresses: 0 any, 4 or 6 a prefix of that family |
//! | 1 + 4 or 16 | if any: length of the prefix in bits, and its address |
//! | 32 | HMAC-SHA-256 of [`MAC_DOMAIN`], all bytes above, and the room's name |
//!
//! The HMAC's key is derived from the key pair's secret with [`KEY_PURPOSE`], so an edge can verify tokens without a
//! secret that signs access tokens.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use access::Keys;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::address_prefix::AddressPrefix;

/// The purpose that the keys are derived for.
const KEY_PURPOSE: &str = "spillway playback key 1";
/// Marks these signatures, so that no other signature by the same key counts as one.
const MAC_DOMAIN: &[u8] = b"spillway playback token 1\0";
const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// Length of a token's fields before the address, bytes.
const HEAD_BYTES: usize = 18;
/// A shorter word in a token's place is none: the segments of other paths, names of epochs, are shorter than this.
pub(crate) const TOKEN_CHARS_MIN: usize = ((HEAD_BYTES + MAC_BYTES) * 4).div_ceil(3);
const TOKEN_CHARS_MAX: usize = 96;

/// Signs and verifies playback tokens. `Debug` shows no key.
#[derive(Clone)]
pub struct PlaybackKeys {
    /// Verify tokens; the first key signs.
    keys: Vec<(KeyId, hmac::Key)>,
}

type KeyId = [u8; 4];

/// The contents of a playback token.
#[derive(Clone, Copy, Debug)]
pub struct PlaybackSpec<'a> {
    /// Name of the room that may be watched.
    pub room: &'a str,
    /// The moment when the room was made, Unix milliseconds.
    pub created_at_utc_ms: i64,
    /// The moment after which the token is worthless, to the whole second.
    pub expires_at: SystemTime,
    /// The only addresses it holds for; `None`: any.
    pub address: Option<AddressPrefix>,
}

/// A token that verified for the room's name and the caller's address. Whether it is for the room as it is now is
/// [`crate::admission`]'s to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) created_at_utc_ms: i64,
    /// The time until the token expires.
    pub(crate) remaining: Duration,
    /// The only addresses that the token holds for; `None`: any.
    pub(crate) address: Option<AddressPrefix>,
}

impl PlaybackKeys {
    /// Derives the keys from the key pairs that sign access tokens.
    pub fn new(keys: &Keys) -> Self {
        let derived = keys.derive(KEY_PURPOSE).into_iter();
        Self { keys: derived.map(|(name, key)| (key_id(name), hmac::Key::new(hmac::HMAC_SHA256, &key))).collect() }
    }

    /// Signs a token with the first key. `None`: there is no key, or the expiry lies beyond the year 2106.
    pub fn mint(&self, spec: &PlaybackSpec<'_>) -> Option<String> {
        let (id, key) = self.keys.first()?;
        let expires_s = spec.expires_at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(&u32::try_from(expires_s).ok()?.to_be_bytes());
        bytes.extend_from_slice(&spec.created_at_utc_ms.to_be_bytes());
        match spec.address {
            None => bytes.push(0),
            Some(prefix) => write_address(prefix, &mut bytes),
        }
        let mac = signing(key, &bytes, spec.room).sign();
        bytes.extend_from_slice(mac.as_ref());
        Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Verifies a token. `None`: it is no token of ours, was changed, has expired, or is for another room or address.
    /// Clients are not told which.
    pub(crate) fn verify(&self, token: &str, room: &str, from: Option<IpAddr>, now: SystemTime) -> Option<Pass> {
        if !(TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&token.len()) {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let (head, address) = signed.split_first_chunk::<HEAD_BYTES>()?;
        if head[0] != VERSION {
            return None;
        }
        let (_, key) = self.keys.iter().find(|(id, _)| id[..] == head[1..5])?;
        verified(key, signed, room, mac)?;

        let expires_s = u32::from_be_bytes(*head[5..].first_chunk()?);
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(expires_s.into());
        let remaining = expires_at.duration_since(now).ok().filter(|remaining| !remaining.is_zero())?;
        let prefix = read_address(head[17], address)?;
        if !prefix.is_none_or(|prefix| from.is_some_and(|from| prefix.covers(from))) {
            return None;
        }
        let created_at_utc_ms = i64::from_be_bytes(*head[9..].first_chunk()?);
        Some(Pass { created_at_utc_ms, remaining, address: prefix })
    }
}

impl fmt::Debug for PlaybackKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaybackKeys").field("keys", &self.keys.len()).finish()
    }
}

fn key_id(name: &str) -> KeyId {
    let mut id = KeyId::default();
    id.copy_from_slice(&digest::digest(&digest::SHA256, name.as_bytes()).as_ref()[..4]);
    id
}

fn signing(key: &hmac::Key, fields: &[u8], room: &str) -> hmac::Context {
    let mut context = hmac::Context::with_key(key);
    [MAC_DOMAIN, fields, room.as_bytes()].iter().for_each(|bytes| context.update(bytes));
    context
}

/// Compares in constant time.
fn verified(key: &hmac::Key, fields: &[u8], room: &str, mac: &[u8]) -> Option<()> {
    hmac::verify(key, &[MAC_DOMAIN, fields, room.as_bytes()].concat(), mac).ok()
}

fn write_address(prefix: AddressPrefix, bytes: &mut Vec<u8>) {
    match prefix.address() {
        IpAddr::V4(address) => {
            bytes.extend_from_slice(&[4, prefix.bits()]);
            bytes.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            bytes.extend_from_slice(&[6, prefix.bits()]);
            bytes.extend_from_slice(&address.octets());
        }
    }
}

/// Reads the bytes of [`write_address`]: `Some(None)`: the token holds for any address. `None`: the bytes are
/// malformed.
fn read_address(family: u8, rest: &[u8]) -> Option<Option<AddressPrefix>> {
    let address = match (family, rest) {
        (0, []) => return Some(None),
        (4, [_, octets @ ..]) => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        (6, [_, octets @ ..]) => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    AddressPrefix::new(address, *rest.first()?).map(Some)
}

/// The path of a room's playlist, below the server's or the CDN's address.
pub(crate) fn playlist_path(token: Option<&str>, room: &str) -> String {
    match token {
        Some(token) => format!("/live/t/{token}/{room}/index.m3u8"),
        None => format!("/live/{room}/index.m3u8"),
    }
}

#[cfg(test)]
mod tests;

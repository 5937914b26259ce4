//! Access tokens as LiveKit's servers and SDKs make them: HS256 JWTs whose issuer names the key.
//!
//! [`Keys`] picks the key, keeps tokens and secrets out of errors and `Debug`, and reduces the claims to what this
//! server decides by. No clock: each call takes `now`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::limits::TOKEN_BYTES_MAX;
use claims::Claims;

mod claims;
mod grants;
mod guest;
mod jwt;
mod renewal;
mod spec;
#[cfg(test)]
mod tests;

pub use grants::{Grants, ServiceGrants, Standing, nobody};
pub use guest::{Guest, PlaybackBounds};
pub use renewal::{Permission, Renewal};
pub use spec::TokenSpec;

/// How far the clocks of whoever signs and of this server may be apart, seconds.
const LEEWAY_S: u64 = 60;

/// Why a token is refused or not made. Never holds token text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT with our claims.
    #[error("the token cannot be read")]
    Malformed,
    /// Its issuer is not one of our keys.
    #[error("the token's issuer is unknown")]
    UnknownIssuer,
    /// Wrong signature or algorithm, expired, or not yet valid.
    #[error("the token is not valid")]
    Invalid,
    /// A token to mint lacks its identity, its room or a known key.
    #[error("a token needs a key, an identity and a room")]
    Incomplete,
}

/// The key pairs tokens are signed with. `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct Keys {
    // Key → secret; the first added signs.
    secrets: BTreeMap<String, String>,
    first: String,
}

impl Keys {
    /// One key pair.
    pub fn new(key: &str, secret: &str) -> Self {
        Self::default().with(key, secret)
    }

    /// One more pair, for verifying: keys are rotated by running with both for a while.
    #[must_use]
    pub fn with(mut self, key: &str, secret: &str) -> Self {
        if self.secrets.is_empty() {
            key.clone_into(&mut self.first);
        }
        self.secrets.insert(key.to_owned(), secret.to_owned());
        self
    }

    /// The grants of a bearer. `bearer` is the token alone, without `Bearer `. Expiry and not-before get 60 s of
    /// leeway.
    pub fn verify(&self, bearer: &str, now: SystemTime) -> Result<Grants, TokenError> {
        self.claims(bearer, now).map(Grants::from)
    }

    /// As [`Keys::verify`], for what a bearer may do beside rooms.
    pub fn verify_service(&self, bearer: &str, now: SystemTime) -> Result<ServiceGrants, TokenError> {
        self.claims(bearer, now).map(ServiceGrants::from)
    }

    fn claims(&self, bearer: &str, now: SystemTime) -> Result<Claims, TokenError> {
        if bearer.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let token = jwt::read::<Claims>(bearer).ok_or(TokenError::Malformed)?;
        let secret = self.secret_of(&token.claims.iss).ok_or(TokenError::UnknownIssuer)?;
        let now_s = unix_seconds(now);
        let is_due = token.claims.exp.saturating_add(LEEWAY_S) > now_s && token.claims.nbf <= now_s + LEEWAY_S;
        if token.is_signed_with(secret) && is_due { Ok(token.claims) } else { Err(TokenError::Invalid) }
    }

    /// A pair without a secret signs and verifies nothing.
    fn secret_of(&self, key: &str) -> Option<&str> {
        self.secrets.get(key).map(String::as_str).filter(|secret| !secret.is_empty())
    }

    /// A key for another purpose from each pair, the signing pair's first: HMAC-SHA-256 of `purpose` under the pair's
    /// secret. A derived key checks what it is for and signs no access token, so it may be given to an edge.
    pub fn derive(&self, purpose: &str) -> Vec<(&str, [u8; 32])> {
        let derive = |secret: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let mut derived = [0; 32];
            derived.copy_from_slice(hmac::sign(&key, purpose.as_bytes()).as_ref());
            derived
        };
        let usable = self.secrets.iter().filter(|(_, secret)| !secret.is_empty());
        let mut keys: Vec<_> = usable.map(|(name, secret)| (name.as_str(), derive(secret))).collect();
        keys.sort_by_key(|(name, _)| *name != self.first);
        keys
    }

    /// Signs a token with the first key, good from `now` on.
    pub fn mint(&self, spec: &TokenSpec, now: SystemTime) -> Result<String, TokenError> {
        if spec.identity.is_empty() || spec.room.is_empty() {
            return Err(TokenError::Incomplete);
        }
        self.sign(spec.claims(), spec.ttl, now)
    }

    /// A token that vouches for a body: its claim `sha256` is the body's, in standard Base64. LiveKit's webhooks carry
    /// it.
    pub fn sign_body(&self, body: &[u8], ttl: Duration, now: SystemTime) -> Result<String, TokenError> {
        let sha256 = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, body));
        self.sign(Claims { sha256, ..Claims::default() }, ttl, now)
    }

    /// A token for a participant who is there, with what they may do now, never longer than [`Keys::verify`] takes.
    ///
    /// Metadata and attributes can be longer than a token. Of those the token leaves out the metadata, else the
    /// attributes, else both, whole: whoever comes back with it while their session is kept still has them, and whoever
    /// comes back later joins without them.
    pub fn renew(&self, renewal: &Renewal<'_>, ttl: Duration, now: SystemTime) -> Result<String, TokenError> {
        for (metadata, attributes) in [(true, true), (false, true), (true, false), (false, false)] {
            if renewal.bytes_min(metadata, attributes) > TOKEN_BYTES_MAX {
                continue;
            }
            let token = self.sign(renewal.claims(metadata, attributes), ttl, now)?;
            if token.len() <= TOKEN_BYTES_MAX {
                return Ok(token);
            }
        }
        Err(TokenError::Incomplete)
    }

    /// Signs with the first key; issuer and times are added.
    fn sign(&self, claims: Claims, ttl: Duration, now: SystemTime) -> Result<String, TokenError> {
        let secret = self.secret_of(&self.first).ok_or(TokenError::Incomplete)?;
        let nbf = unix_seconds(now);
        let claims = Claims { iss: self.first.clone(), nbf, exp: nbf.saturating_add(ttl.as_secs()), ..claims };
        jwt::sign(&claims, secret).ok_or(TokenError::Incomplete)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.keys()).finish()
    }
}

fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

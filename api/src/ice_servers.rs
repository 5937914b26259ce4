//! STUN and TURN servers that clients are told of, and their credentials.
//!
//! A TURN server may share a secret with this one. Each client is then given a username that says until when it is good
//! and the secret's MAC of it ("TURN REST API", draft-uberti-behave-turn-rest-00; coturn's `use-auth-secret`): a
//! credential that somebody passes on is worth nothing a day later. Pure.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::ConfigFault;

/// Hexadecimal characters of a username that tell identities apart at the TURN server, without naming them.
const TAG_BYTES: usize = 8;

/// One entry of [`Config::ice_servers`](crate::Config::ice_servers). `Debug` leaves credential and secret out.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:…`, `turn:…` or `turns:…`.
    pub url: String,
    /// The username at a TURN server, the same for every client.
    #[serde(default)]
    pub username: Option<String>,
    /// Its credential. Every client learns it: prefer `secret`.
    #[serde(default)]
    pub credential: Option<String>,
    /// A secret shared with a TURN server, from which each client's own credential is made. Replaces `username` and
    /// `credential`.
    #[serde(default)]
    pub secret: Option<String>,
    /// The life of a credential that is made from `secret`. A shorter life leaves less to a thief of one; a session
    /// that lasts longer than it loses its relay. Seconds; default 86400.
    #[serde(default = "credential_ttl_default")]
    pub credential_ttl_seconds: u32,
}

fn credential_ttl_default() -> u32 {
    86_400
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Default for IceServer {
    fn default() -> Self {
        Self {
            url: String::new(),
            username: None,
            credential: None,
            secret: None,
            credential_ttl_seconds: credential_ttl_default(),
        }
    }
}

/// A username and its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) username: String,
    pub(crate) credential: String,
}

impl IceServer {
    /// Refuses impossible entries. A secret may hold any characters: it stands in no header.
    pub(crate) fn validate(&self) -> Result<(), ConfigFault> {
        let schemes = ["stun:", "stuns:", "turn:", "turns:"];
        let texts = [Some(&self.url), self.username.as_ref(), self.credential.as_ref()];
        if !schemes.iter().any(|scheme| self.url.starts_with(scheme))
            || !texts.into_iter().flatten().all(|text| is_header_safe(text))
        {
            let sentence =
                "each url must begin with stun:, stuns:, turn: or turns:, and hold no quotes, brackets or blanks";
            return Err(ConfigFault::new("ice_servers", sentence));
        }
        let both = self.secret.is_some() && (self.username.is_some() || self.credential.is_some());
        if both || self.secret.as_ref().is_some_and(String::is_empty) || self.credential_ttl_seconds == 0 {
            let sentence = "a secret stands alone and must not be empty; credential_ttl_seconds must be at least 1";
            return Err(ConfigFault::new("ice_servers", sentence));
        }
        Ok(())
    }

    /// The credential for a participant. `None`: the server needs none.
    pub(crate) fn credential(&self, identity: &str, now: SystemTime) -> Option<Credential> {
        let Some(secret) = &self.secret else {
            let (username, credential) = (self.username.clone()?, self.credential.clone()?);
            return Some(Credential { username, credential });
        };
        let until = now + Duration::from_secs(self.credential_ttl_seconds.into());
        let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let digest = digest::digest(&digest::SHA256, identity.as_bytes());
        let tag: String = digest.as_ref().iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let username = format!("{until}:{tag}");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let credential = BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        Some(Credential { username, credential })
    }
}

/// Whether a text can stand between quotes or angle brackets in a header.
pub(crate) fn is_header_safe(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\;,".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_credential_names_its_expiry_and_differs_by_identity() {
        let server = IceServer {
            url: "turn:t".into(),
            secret: Some("north".into()),
            credential_ttl_seconds: 100,
            ..IceServer::default()
        };
        server.validate().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let ann = server.credential("ann", now).unwrap();
        assert!(ann.username.starts_with("1100:") && !ann.username.contains("ann"));
        // printf 1100:… | openssl dgst -sha1 -hmac north -binary | base64
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"north");
        hmac::verify(&key, ann.username.as_bytes(), &BASE64_STANDARD.decode(&ann.credential).unwrap()).unwrap();
        assert_ne!(server.credential("ben", now).unwrap(), ann);
        assert_ne!(server.credential("ann", now + Duration::from_secs(1)).unwrap(), ann);
        assert!(is_header_safe(&ann.username) && is_header_safe(&ann.credential));
    }

    #[test]
    fn fixed_credential_is_given_unchanged_and_stun_server_gets_none() {
        let fixed = IceServer {
            url: "turn:t".into(),
            username: Some("u".into()),
            credential: Some("c".into()),
            ..IceServer::default()
        };
        let expected = Credential { username: "u".into(), credential: "c".into() };
        assert_eq!(fixed.credential("ann", SystemTime::UNIX_EPOCH), Some(expected));
        let stun = IceServer { url: "stun:s".into(), ..IceServer::default() };
        assert_eq!(stun.credential("ann", SystemTime::UNIX_EPOCH), None);
        let both = IceServer { secret: Some("s".into()), ..fixed };
        assert!(both.validate().unwrap_err().sentence.contains("secret stands alone"));
    }

    #[test]
    fn turn_credential_and_secret_are_not_in_debug_output() {
        let server = IceServer {
            url: "turn:t".into(),
            username: Some("u".into()),
            credential: Some("hush".into()),
            secret: Some("hush".into()),
            ..IceServer::default()
        };
        assert!(!format!("{server:?}").contains("hush"));
    }
}

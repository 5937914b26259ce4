//! Keys that sign and verify tokens, and which of them a server may run with.

use std::fmt;

use access::Keys;
use serde::{Deserialize, Serialize};

use super::fault::ConfigFault;
use crate::error::Error;

/// The pair that `spillway demo` runs with. Everybody knows it.
pub(crate) const DEV_KEY: &str = "devkey";
pub(crate) const DEV_SECRET: &str = "secret";
/// HS256 wants a key as long as its hash (RFC 7518 §3.2), bytes.
const SECRET_BYTES_MIN: usize = 32;

/// Key pairs, as LiveKit's servers have them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Auth {
    /// Name of the key: the issuer of every token. No default.
    pub(crate) key: String,
    /// The secret that tokens are signed with, at least 32 bytes: `openssl rand -hex 32`. No default.
    pub(crate) secret: Secret,
    /// A further key that is still accepted, while tokens signed with it run out. Default none.
    pub(crate) previous_key: String,
    /// The secret of `previous_key`.
    pub(crate) previous_secret: Secret,
}

/// Text that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(hidden)" })
    }
}

impl Auth {
    /// The keys of the demo.
    pub(crate) fn development() -> Self {
        Self { key: DEV_KEY.into(), secret: Secret(DEV_SECRET.into()), ..Self::default() }
    }

    pub(crate) fn keys(&self) -> Keys {
        let keys = Keys::new(&self.key, &self.secret.0);
        if self.previous_key.is_empty() { keys } else { keys.with(&self.previous_key, &self.previous_secret.0) }
    }

    /// The keys to sign tokens with.
    pub(crate) fn signing_keys(&self) -> Result<Keys, Error> {
        if self.key.is_empty() || self.secret.0.is_empty() {
            let missing = if self.key.is_empty() { "key" } else { "secret" };
            let sentence = "is not set: give the server's settings by --config, or --key and --secret";
            return Err(ConfigFault::new(missing, sentence).of_section("auth"));
        }
        Ok(self.keys())
    }

    /// Refuses pairs that cannot sign, or that everybody could sign with.
    pub(super) fn validate(&self) -> Result<(), ConfigFault> {
        if self.key.is_empty() || self.secret.0.is_empty() {
            let missing = if self.key.is_empty() { "key" } else { "secret" };
            let sentence = "must be set: key to a name of your choice, secret to the output of `openssl rand -hex 32`";
            return Err(ConfigFault::new(missing, sentence));
        }
        validate_pair("key", &self.key, "secret", &self.secret)?;
        validate_pair("previous_key", &self.previous_key, "previous_secret", &self.previous_secret)?;
        if self.key == self.previous_key {
            return Err(ConfigFault::new("previous_key", "must differ from key"));
        }
        Ok(())
    }
}

fn validate_pair(
    key_name: &'static str,
    key: &str,
    secret_name: &'static str,
    secret: &Secret,
) -> Result<(), ConfigFault> {
    for (name, is_known) in [(key_name, key == DEV_KEY), (secret_name, secret.0 == DEV_SECRET)] {
        if is_known {
            let sentence = "must not be that of the development keys, with which everybody could sign tokens; they \
                            are for `spillway demo` alone. Make a secret with `openssl rand -hex 32`";
            return Err(ConfigFault::new(name, sentence));
        }
    }
    if key.is_empty() != secret.0.is_empty() {
        let (missing, other) = if key.is_empty() { (key_name, secret_name) } else { (secret_name, key_name) };
        return Err(ConfigFault::new(missing, format!("must be set, because {other} is")));
    }
    if !secret.0.is_empty() && secret.0.len() < SECRET_BYTES_MIN {
        let sentence = format!("must be at least {SECRET_BYTES_MIN} bytes long: `openssl rand -hex 32`");
        return Err(ConfigFault::new(secret_name, sentence));
    }
    Ok(())
}

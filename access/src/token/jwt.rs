//! JSON Web Tokens (RFC 7519) in their compact form (RFC 7515 §7.1), with HS256 and nothing else.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood (RFC 7515 §4.1.11); this module understands none.
    crit: Option<serde_json::Value>,
}

/// A token that was read and not yet verified.
pub(super) struct Unverified<'a, C> {
    pub(super) claims: C,
    signed_text: &'a str,
    signature: Vec<u8>,
    is_hs256: bool,
}

/// Takes a token apart. `None`: it is not a JWT with such claims.
pub(super) fn read<C: DeserializeOwned>(token: &str) -> Option<Unverified<'_, C>> {
    let (signed_text, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed_text.split_once('.')?;
    let header: Header = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
    Some(Unverified {
        claims: serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?,
        signed_text,
        signature: BASE64.decode(signature).ok()?,
        is_hs256: header.alg == "HS256" && header.crit.is_none(),
    })
}

impl<C> Unverified<'_, C> {
    /// Whether it was signed with `secret`. Takes the same time whatever the signature is.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        self.is_hs256 && hmac::verify(&key, self.signed_text.as_bytes(), &self.signature).is_ok()
    }
}

/// Signs claims. `None`: they cannot be written as JSON.
pub(super) fn sign(claims: &impl Serialize, secret: &str) -> Option<String> {
    let header = BASE64.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let text = format!("{header}.{}", BASE64.encode(serde_json::to_vec(claims).ok()?));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    Some(format!("{text}.{}", BASE64.encode(hmac::sign(&key, text.as_bytes()))))
}

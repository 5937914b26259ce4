//! Access tokens: HS256 JWTs (RFC 7519) with LiveKit's video grants, written independently of the server's own code.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::json;

/// A key pair of the server.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The issuer's name.
    pub key: String,
    /// What it signs with.
    pub secret: String,
}

impl KeyPair {
    /// The pair that the demo accepts.
    pub fn demo() -> Self {
        Self { key: "devkey".into(), secret: "secret".into() }
    }

    /// A token that lets `identity` publish in `room`, or only watch it. Good for an hour.
    pub fn mint(&self, room: &str, identity: &str, publish: bool) -> String {
        self.mint_expiring(room, identity, publish, 3600)
    }

    /// A token that lets its bearer create and delete rooms.
    pub fn mint_admin(&self) -> String {
        self.sign("admin", 3600, json!({ "roomCreate": true }))
    }

    /// A token that lets `identity` publish in `room`, and watch nothing.
    pub fn mint_publisher(&self, room: &str, identity: &str) -> String {
        let grants = json!({ "roomJoin": true, "room": room, "canPublish": true, "canSubscribe": false });
        self.sign(identity, 3600, grants)
    }

    /// A token that lets `identity` publish in `room`, watch it, and change what is told of themselves.
    pub fn mint_self_describing(&self, room: &str, identity: &str) -> String {
        let grants = json!({
            "roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true, "canUpdateOwnMetadata": true,
        });
        self.sign(identity, 3600, grants)
    }

    /// A token that lets its bearer moderate `room`.
    pub fn mint_moderator(&self, room: &str) -> String {
        self.sign("moderator", 3600, json!({ "roomAdmin": true, "room": room }))
    }

    /// A token of whoever operates the server.
    pub fn mint_operator(&self) -> String {
        self.sign_with("operator", 3600, json!({}), json!({ "operator": true }))
    }

    /// A token that lets its bearer start and stop egresses.
    pub fn mint_recorder(&self) -> String {
        self.sign("recorder", 3600, json!({ "roomRecord": true }))
    }

    /// As [`KeyPair::mint`], ending `ttl_s` seconds from now; negative: ended already.
    pub fn mint_expiring(&self, room: &str, identity: &str, publish: bool, ttl_s: i64) -> String {
        let grants = json!({ "roomJoin": true, "room": room, "canPublish": publish, "canSubscribe": true });
        self.sign(identity, ttl_s, grants)
    }

    fn sign(&self, identity: &str, ttl_s: i64, grants: serde_json::Value) -> String {
        self.sign_with(identity, ttl_s, grants, json!({}))
    }

    fn sign_with(&self, identity: &str, ttl_s: i64, grants: serde_json::Value, spillway: serde_json::Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        let claims = json!({
            "iss": self.key, "sub": identity, "name": identity,
            "nbf": now.min(now + ttl_s) - 10, "exp": now + ttl_s,
            "video": grants, "spillway": spillway,
        });
        let head = base64url(br#"{"alg":"HS256","typ":"JWT"}"#);
        let text = format!("{head}.{}", base64url(claims.to_string().as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes()), text.as_bytes());
        format!("{text}.{}", base64url(tag.as_ref()))
    }
}

/// RFC 4648 §5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        text.extend((0..=group.len()).map(|i| ALPHABET[(bits >> (18 - 6 * i)) as usize & 63] as char));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_rfc_without_padding() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("\u{fb}?", "w7s_")]
        {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_token_has_three_parts_and_the_grants_asked_for() {
        let token = KeyPair::demo().mint("r", "ann", true);
        assert_eq!(token.split('.').count(), 3);
        assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
        assert_ne!(token, KeyPair { secret: "other".into(), ..KeyPair::demo() }.mint("r", "ann", true));
    }
}

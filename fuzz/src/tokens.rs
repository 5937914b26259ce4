//! Access tokens: bearers as they come, and claims of anybody's choice under a signature of ours.

use std::time::{Duration, SystemTime};

use access::limits::TOKEN_BYTES_MAX;
use access::{Grants, Keys, Permission, Renewal, TokenSpec};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

const KEY: &str = "key";
const SECRET: &str = "a secret of the fuzzer's that is long enough";
/// Of minted tokens.
const TTL: Duration = Duration::from_secs(600);

/// A moment.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// The server's keys.
pub fn keys() -> Keys {
    Keys::new(KEY, SECRET).with("previous", "another secret that is also long enough")
}

/// A bearer of these claims, signed as the server signs.
pub fn sign(claims: &[u8]) -> String {
    let head = BASE64_URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), text.as_bytes());
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
}

/// The grants of a token that the server mints for somebody with these rights; `None` where it mints none.
pub fn minted(grants: &Grants) -> Option<Grants> {
    let spec = TokenSpec {
        room: grants.room.clone()?,
        identity: grants.identity.as_deref()?.to_owned(),
        name: grants.name.clone(),
        publish: grants.can_publish,
        subscribe: grants.can_subscribe,
        hidden: grants.hidden,
        class: grants.standing.class,
        operator: grants.standing.operator,
        ingress: grants.ingress.clone(),
        ttl: TTL,
        ..TokenSpec::default()
    };
    verified(&keys().mint(&spec, now()).ok()?)
}

/// The grants of a token that replaces that of a participant with these; `None` where the server makes none.
pub fn renewed(grants: &Grants) -> Option<Grants> {
    let permission = Permission {
        can_publish: grants.can_publish,
        can_subscribe: grants.can_subscribe,
        can_publish_data: grants.can_publish_data,
        can_publish_sources: grants.can_publish_sources.iter().cloned().collect(),
        can_update_own_metadata: grants.can_update_own_metadata,
        hidden: grants.hidden,
    };
    let renewal = Renewal {
        room: grants.room.as_deref()?,
        identity: grants.identity.as_deref()?,
        name: &grants.name,
        metadata: &grants.metadata,
        attributes: &grants.attributes,
        permission,
        standing: grants.standing,
    };
    let bearer = keys().renew(&renewal, TTL, now()).ok()?;
    assert!(bearer.len() <= TOKEN_BYTES_MAX, "a renewed token is too long to be read");
    verified(&bearer)
}

/// What the server makes it reads, unless it is too long.
fn verified(bearer: &str) -> Option<Grants> {
    let grants = keys().verify(bearer, now());
    assert!(grants.is_ok() || bearer.len() > TOKEN_BYTES_MAX, "a token of ours is refused: {grants:?}");
    grants.ok()
}

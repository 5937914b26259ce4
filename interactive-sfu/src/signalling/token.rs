//! Access tokens as LiveKit's servers and SDKs make them: HS256 JWTs whose issuer names the key.
//!
//! The JWT work is crate `livekit-token`'s; this module picks the key, keeps tokens and secrets out of errors and
//! `Debug`, and reduces the claims to what this server decides by. It reads the system clock, through that crate.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use livekit_protocol::ParticipantPermission;
use livekit_token::{AccessToken, Claims, TokenVerifier, VideoGrants};

/// A longer bearer is refused unread.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// The attribute that carries [`Grants::class`].
const CLASS_ATTRIBUTE: &str = "class";
/// The attribute that carries [`Grants::ingress`].
const INGRESS_ATTRIBUTE: &str = "ingress";

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

    /// What a bearer may do. `bearer` is the token alone, without `Bearer `. Expiry and not-before get 60 s of leeway.
    pub fn verify(&self, bearer: &str) -> Result<Grants, TokenError> {
        self.claims(bearer).map(Grants::from)
    }

    /// As [`Keys::verify`]: what a bearer may do beside rooms.
    pub fn verify_service(&self, bearer: &str) -> Result<ServiceGrants, TokenError> {
        let video = self.claims(bearer)?.video;
        Ok(ServiceGrants { room_record: video.room_record, ingress_admin: video.ingress_admin })
    }

    fn claims(&self, bearer: &str) -> Result<Claims, TokenError> {
        if bearer.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        // Read before it is trusted, only to learn which secret to check it with.
        let issuer = Claims::from_unverified(bearer).map_err(|_| TokenError::Malformed)?.iss;
        let secret = self.secrets.get(&issuer).ok_or(TokenError::UnknownIssuer)?;
        let verifier = TokenVerifier::with_api_key(&issuer, secret);
        verifier.verify(bearer).map_err(|_| TokenError::Invalid)
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

    /// Signs a token with the first key.
    pub fn mint(&self, spec: &TokenSpec) -> Result<String, TokenError> {
        let secret = self.secrets.get(&self.first).filter(|s| !s.is_empty()).ok_or(TokenError::Incomplete)?;
        if spec.identity.is_empty() || spec.room.is_empty() {
            return Err(TokenError::Incomplete);
        }
        let grants = VideoGrants {
            room_join: true,
            room: spec.room.clone(),
            room_admin: spec.admin,
            room_create: spec.create,
            room_list: spec.list,
            room_record: spec.record,
            ingress_admin: spec.ingress_admin,
            can_publish: Some(spec.publish),
            can_subscribe: Some(spec.subscribe),
            hidden: spec.hidden,
            ..VideoGrants::default()
        };
        let class = spec.class.iter().map(|class| (CLASS_ATTRIBUTE, class));
        let ingress = spec.ingress.iter().map(|ingress| (INGRESS_ATTRIBUTE, ingress));
        let token = AccessToken::with_api_key(&self.first, secret)
            .with_ttl(spec.ttl)
            .with_identity(&spec.identity)
            .with_name(&spec.name)
            .with_grants(grants)
            .with_attributes(class.chain(ingress));
        token.to_jwt().map_err(|_| TokenError::Incomplete)
    }
}

/// What a token says that replaces a participant's.
pub(crate) struct Renewal<'a> {
    pub identity: &'a str,
    pub name: &'a str,
    pub metadata: &'a str,
    pub attributes: &'a HashMap<String, String>,
    pub room: &'a str,
    pub permission: &'a ParticipantPermission,
}

impl Keys {
    /// A token that vouches for a body: its claim `sha256` is the body's, in standard Base64. LiveKit's webhooks carry
    /// it.
    pub fn sign_body(&self, body: &[u8], ttl: Duration) -> Result<String, TokenError> {
        let secret = self.secrets.get(&self.first).filter(|s| !s.is_empty()).ok_or(TokenError::Incomplete)?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
        let token = AccessToken::with_api_key(&self.first, secret).with_ttl(ttl);
        token.with_sha256(&BASE64_STANDARD.encode(digest)).to_jwt().map_err(|_| TokenError::Incomplete)
    }

    /// A token for a participant who is there, with what they may do now.
    pub(crate) fn renew(&self, claims: &Renewal<'_>, ttl: Duration) -> Result<String, TokenError> {
        let secret = self.secrets.get(&self.first).filter(|s| !s.is_empty()).ok_or(TokenError::Incomplete)?;
        let permission = claims.permission;
        let sources = permission.can_publish_sources().map(|source| source.as_str_name().to_ascii_lowercase());
        let grants = VideoGrants {
            room_join: true,
            room: claims.room.to_owned(),
            can_publish: Some(permission.can_publish),
            can_subscribe: Some(permission.can_subscribe),
            can_publish_data: Some(permission.can_publish_data),
            can_publish_sources: sources.collect(),
            can_update_own_metadata: Some(permission.can_update_metadata),
            hidden: permission.hidden,
            ..VideoGrants::default()
        };
        let token = AccessToken::with_api_key(&self.first, secret)
            .with_ttl(ttl)
            .with_identity(claims.identity)
            .with_name(claims.name)
            .with_metadata(claims.metadata)
            .with_attributes(claims.attributes)
            .with_grants(grants);
        token.to_jwt().map_err(|_| TokenError::Incomplete)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.keys()).finish()
    }
}

/// What a token is to say. Signed by [`Keys::mint`]. The default allows nothing, and has expired.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct TokenSpec {
    /// The only room it opens.
    pub room: String,
    /// Who.
    pub identity: String,
    /// What to call them; may be empty.
    pub name: String,
    /// May speak.
    pub publish: bool,
    /// May watch.
    pub subscribe: bool,
    /// May moderate this room.
    pub admin: bool,
    /// May create and delete rooms.
    pub create: bool,
    /// May list rooms.
    pub list: bool,
    /// May start and stop broadcasts.
    pub record: bool,
    /// May make and delete ingresses.
    pub ingress_admin: bool,
    /// Not shown to others.
    pub hidden: bool,
    /// Seat class.
    pub class: Option<String>,
    /// The ingress that it is the key of.
    pub ingress: Option<String>,
    /// From now.
    pub ttl: Duration,
}

/// What a verified token allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grants {
    /// `sub`; may be empty in tokens for the server API.
    pub identity: String,
    /// `name`, else the identity.
    pub name: String,
    /// The room of its room grants.
    pub room: Option<String>,
    /// May join [`Grants::room`] at all.
    pub room_join: bool,
    /// May publish there: needs `room_join`; allowed unless the token says otherwise.
    pub can_publish: bool,
    /// May subscribe there: as above.
    pub can_subscribe: bool,
    /// May send data there: as above.
    pub can_publish_data: bool,
    /// The sources that may be published from, `camera`, `microphone`, `screen_share`, `screen_share_audio`; empty:
    /// all.
    pub can_publish_sources: Vec<String>,
    /// May change their own name, metadata and attributes.
    pub can_update_own_metadata: bool,
    /// The application's own words about the participant.
    pub metadata: String,
    /// The same by key.
    pub attributes: HashMap<String, String>,
    /// May create and delete rooms.
    pub room_create: bool,
    /// May list rooms.
    pub room_list: bool,
    /// May moderate [`Grants::room`].
    pub room_admin: bool,
    /// Not shown to others.
    pub hidden: bool,
    /// Attribute `class`.
    pub class: Option<String>,
    /// `exp`.
    pub expires_at: SystemTime,
}

/// Grants of somebody who may do nothing.
#[cfg(test)]
pub(crate) fn nobody() -> Grants {
    Grants {
        identity: String::new(),
        name: String::new(),
        room: None,
        room_join: false,
        can_publish: false,
        can_subscribe: false,
        can_publish_data: false,
        can_publish_sources: Vec::new(),
        can_update_own_metadata: false,
        metadata: String::new(),
        attributes: HashMap::new(),
        room_create: false,
        room_list: false,
        room_admin: false,
        hidden: false,
        class: None,
        expires_at: SystemTime::UNIX_EPOCH,
    }
}

/// What a verified token allows beside rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceGrants {
    /// `video.roomRecord`: may start and stop broadcasts, as LiveKit's egresses.
    pub room_record: bool,
    /// `video.ingressAdmin`: may make and delete ingresses.
    pub ingress_admin: bool,
}

impl Grants {
    /// The ingress whose key this token is: attribute `ingress`.
    pub fn ingress(&self) -> Option<&str> {
        self.attributes.get(INGRESS_ATTRIBUTE).map(String::as_str)
    }
}

impl From<Claims> for Grants {
    fn from(claims: Claims) -> Self {
        let video = claims.video;
        let expires_s = u64::try_from(claims.exp).unwrap_or(u64::MAX).min(u64::from(u32::MAX) * 8);
        Self {
            name: if claims.name.is_empty() { claims.sub.clone() } else { claims.name },
            identity: claims.sub,
            room_join: video.room_join,
            can_publish: video.room_join && video.can_publish(),
            can_subscribe: video.room_join && video.can_subscribe(),
            can_publish_data: video.room_join && video.can_publish_data(),
            can_update_own_metadata: video.can_update_own_metadata(),
            can_publish_sources: video.can_publish_sources,
            metadata: claims.metadata,
            room_create: video.room_create,
            room_list: video.room_list,
            room_admin: video.room_admin,
            hidden: video.hidden,
            room: Some(video.room).filter(|room| !room.is_empty()),
            class: claims.attributes.get(CLASS_ATTRIBUTE).cloned(),
            attributes: claims.attributes,
            expires_at: SystemTime::UNIX_EPOCH + Duration::from_secs(expires_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TokenSpec {
        TokenSpec {
            room: "r1".into(),
            identity: "ann".into(),
            name: String::new(),
            publish: true,
            subscribe: false,
            class: Some("premium".into()),
            ttl: Duration::from_secs(60),
            ..TokenSpec::default()
        }
    }

    fn signed(exp_s: i64, nbf_s: i64) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        hs256(
            r#"{"alg":"HS256","typ":"JWT"}"#,
            &format!(r#"{{"iss":"k","sub":"a","exp":{},"nbf":{}}}"#, now + exp_s, now + nbf_s),
        )
    }

    /// A JWT signed by hand with HMAC-SHA-256 and the secret `s`, whatever its header says.
    fn hs256(header: &str, claims: &str) -> String {
        let text = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"s");
        format!("{text}.{}", base64url(aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref()))
    }

    fn base64url(bytes: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let group = |chunk: &[u8]| {
            let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).map(|i| ALPHABET[(n >> (18 - 6 * i)) as usize & 63] as char).collect::<String>()
        };
        bytes.chunks(3).map(group).collect()
    }

    #[test]
    fn a_minted_token_grants_what_was_asked_and_no_more() {
        let keys = Keys::new("k", "s");
        let grants = keys.verify(&keys.mint(&spec()).unwrap()).unwrap();
        assert_eq!(
            (grants.identity.as_str(), grants.name.as_str(), grants.room.as_deref()),
            ("ann", "ann", Some("r1"))
        );
        assert_eq!((grants.can_publish, grants.can_subscribe, grants.room_admin), (true, false, false));
        assert_eq!(grants.class.as_deref(), Some("premium"));
        assert!(grants.expires_at > SystemTime::now());
    }

    #[test]
    fn services_beside_rooms_take_grants_of_their_own() {
        let keys = Keys::new("k", "s");
        for (record, ingress_admin) in [(false, false), (true, false), (false, true)] {
            let spec = TokenSpec { record, ingress_admin, ingress: Some("IN_1".into()), ..spec() };
            let token = keys.mint(&spec).unwrap();
            let expected = ServiceGrants { room_record: record, ingress_admin };
            assert_eq!(keys.verify_service(&token), Ok(expected));
            assert_eq!(keys.verify(&token).unwrap().ingress(), Some("IN_1"));
        }
        assert_eq!(keys.verify_service(&signed(-120, -180)), Err(TokenError::Invalid));
        assert_eq!(keys.verify(&keys.mint(&spec()).unwrap()).unwrap().ingress(), None);
    }

    #[test]
    fn without_room_join_nothing_is_published_or_watched() {
        let grants = Keys::new("k", "s").verify(&signed(60, 0)).unwrap();
        assert_eq!(
            (grants.room_join, grants.can_publish, grants.can_subscribe, grants.room),
            (false, false, false, None)
        );
    }

    #[test]
    fn a_renewed_token_says_what_its_participant_may_do_now() {
        let keys = Keys::new("k", "s");
        let permission = ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            can_publish_sources: vec![livekit_protocol::TrackSource::ScreenShare.into()],
            ..ParticipantPermission::default()
        };
        let attributes = HashMap::from([("class".to_owned(), "premium".to_owned())]);
        let renewal = Renewal {
            identity: "ann",
            name: "Ann",
            metadata: "m",
            attributes: &attributes,
            room: "r1",
            permission: &permission,
        };
        let grants = keys.verify(&keys.renew(&renewal, Duration::from_secs(60)).unwrap()).unwrap();
        assert_eq!((grants.identity.as_str(), grants.name.as_str(), grants.metadata.as_str()), ("ann", "Ann", "m"));
        assert_eq!((grants.can_publish, grants.can_publish_data, grants.room.as_deref()), (true, false, Some("r1")));
        assert_eq!(grants.can_publish_sources, ["screen_share"]);
        assert_eq!(crate::signalling::livekit::info::permission(&grants), permission);
        assert_eq!((grants.class.as_deref(), grants.attributes), (Some("premium"), attributes));
    }

    #[test]
    fn expiry_and_not_before_have_a_minute_of_leeway() {
        let keys = Keys::new("k", "s");
        for (exp_s, nbf_s, ok) in
            [(60, 0, true), (-30, -90, true), (-120, -180, false), (600, 30, true), (600, 120, false)]
        {
            assert_eq!(keys.verify(&signed(exp_s, nbf_s)).is_ok(), ok, "exp {exp_s} nbf {nbf_s}");
        }
    }

    #[test]
    fn every_other_algorithm_is_refused() {
        let claims = r#"{"iss":"k","sub":"a","exp":99999999999,"nbf":0}"#;
        let keys = Keys::new("k", "s");
        assert!(keys.verify(&hs256(r#"{"alg":"HS256"}"#, claims)).is_ok());
        for alg in ["none", "None", "HS384", "HS512", "RS256", "ES256"] {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            assert!(keys.verify(&hs256(&header, claims)).is_err(), "{alg}");
            let unsigned = format!("{}.{}.", base64url(header.as_bytes()), base64url(claims.as_bytes()));
            assert!(keys.verify(&unsigned).is_err(), "{alg} unsigned");
        }
    }

    #[test]
    fn any_of_several_keys_verifies_and_only_with_its_own_secret() {
        let (old, new) = (Keys::new("old", "1"), Keys::new("new", "2"));
        let both = Keys::new("new", "2").with("old", "1");
        assert!(both.verify(&old.mint(&spec()).unwrap()).is_ok());
        assert!(both.verify(&new.mint(&spec()).unwrap()).is_ok());
        assert_eq!(new.verify(&old.mint(&spec()).unwrap()), Err(TokenError::UnknownIssuer));
        assert_eq!(both.verify(&Keys::new("old", "2").mint(&spec()).unwrap()), Err(TokenError::Invalid));
    }

    #[test]
    fn derived_keys_differ_by_secret_and_purpose_and_the_signing_pairs_comes_first() {
        let keys = Keys::new("b", "1").with("a", "2").with("c", "");
        let derived = keys.derive("x");
        assert_eq!(derived.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["b", "a"]);
        assert_ne!(derived[0].1, derived[1].1);
        assert_ne!(derived[0].1, keys.derive("y")[0].1);
        assert_eq!(derived[0].1, Keys::new("other", "1").derive("x")[0].1);
    }

    #[test]
    fn neither_debug_nor_errors_show_secrets_or_tokens() {
        let keys = Keys::new("name", "hush-hush");
        assert_eq!(format!("{keys:?}"), r#"{"name"}"#);
        let token = Keys::new("other", "x").mint(&spec()).unwrap();
        let error = keys.verify(&token).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&token[..8]));
        assert_eq!(keys.verify(&"x".repeat(9000)), Err(TokenError::Malformed));
        assert_eq!(keys.verify(""), Err(TokenError::Malformed));
    }
}

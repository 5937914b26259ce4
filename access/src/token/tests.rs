use std::collections::{BTreeSet, HashMap};

use livekit_token::{AccessToken, TokenVerifier, VideoGrants};
use proptest::prelude::*;

use super::*;
use crate::class::Class;

/// 2025-06-01, Unix seconds.
const NOW_S: u64 = 1_748_736_000;
const MINUTE: Duration = Duration::from_secs(60);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S)
}

fn keys() -> Keys {
    Keys::new("k", "s")
}

fn spec() -> TokenSpec {
    TokenSpec {
        room: "r1".into(),
        identity: "ann".into(),
        publish: true,
        class: Some(Class::Premium),
        ttl: MINUTE,
        ..TokenSpec::default()
    }
}

/// A guest who came by a playback token for one network.
fn guest() -> Guest {
    let addresses = Some(("192.0.2.0".parse().unwrap(), 24));
    Guest { playback: Some(PlaybackBounds { created_at_utc_ms: 7, expires_at_utc_ms: 9, addresses }) }
}

fn renewal<'a>(metadata: &'a str, attributes: &'a HashMap<String, String>) -> Renewal<'a> {
    Renewal {
        room: "r1",
        identity: "ann",
        name: "Ann",
        metadata,
        attributes,
        permission: Permission {
            can_publish: true,
            can_subscribe: true,
            can_publish_sources: BTreeSet::from(["screen_share".to_owned()]),
            ..Permission::default()
        },
        standing: Standing { class: Some(Class::Host), operator: true, guest: Some(guest()) },
        leased_until_utc_ms: None,
    }
}

fn verify(token: &str) -> Result<Grants, TokenError> {
    keys().verify(token, now())
}

fn signed(exp_s: i64, nbf_s: i64) -> String {
    let at = |offset_s: i64| NOW_S.saturating_add_signed(offset_s);
    let claims = format!(r#"{{"iss":"k","sub":"a","exp":{},"nbf":{}}}"#, at(exp_s), at(nbf_s));
    hs256(r#"{"alg":"HS256","typ":"JWT"}"#, &claims)
}

/// A JWT signed by hand with HMAC-SHA-256 and the secret `s`, whatever its header says.
fn hs256(header: &str, claims: &str) -> String {
    let text = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s");
    format!("{text}.{}", base64url(hmac::sign(&key, text.as_bytes()).as_ref()))
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
fn minted_token_grants_what_was_asked_and_no_more() {
    let grants = verify(&keys().mint(&spec(), now()).unwrap()).unwrap();
    assert_eq!(
        (grants.identity.as_deref(), grants.name.as_str(), grants.room.as_deref()),
        (Some("ann"), "ann", Some("r1"))
    );
    assert_eq!((grants.can_publish, grants.can_subscribe, grants.room_admin), (true, false, false));
    assert_eq!(grants.standing, Standing { class: Some(Class::Premium), ..Standing::default() });
    assert_eq!(grants.expires_at, now() + MINUTE);
    let operator = verify(&keys().mint(&TokenSpec { operator: true, ..spec() }, now()).unwrap()).unwrap();
    assert!(operator.standing.operator && !operator.room_admin);
}

#[test]
fn guests_token_says_so_and_so_does_the_one_that_replaces_it() {
    for guest in [Guest::default(), guest()] {
        let token = keys().mint(&TokenSpec { guest: Some(guest), ..spec() }, now()).unwrap();
        let standing = verify(&token).unwrap().standing;
        assert_eq!(standing.guest, Some(guest));
        let attributes = HashMap::new();
        let renewed = keys().renew(&Renewal { standing, ..renewal("", &attributes) }, MINUTE, now()).unwrap();
        assert_eq!(verify(&renewed).unwrap().standing, standing);
    }
    let text = serde_json::to_string(&Guest::default()).unwrap();
    assert_eq!(text, "{}", "of an open room");
}

#[test]
fn token_without_key_identity_or_room_is_not_minted() {
    let mint = |keys: Keys, spec: TokenSpec| keys.mint(&spec, now());
    assert_eq!(mint(Keys::default(), spec()), Err(TokenError::Incomplete));
    assert_eq!(mint(Keys::new("k", ""), spec()), Err(TokenError::Incomplete));
    assert_eq!(mint(keys(), TokenSpec { identity: String::new(), ..spec() }), Err(TokenError::Incomplete));
    assert_eq!(mint(keys(), TokenSpec { room: String::new(), ..spec() }), Err(TokenError::Incomplete));
}

#[test]
fn livekits_library_reads_our_tokens_and_we_read_its() {
    // Its clock is the system's.
    let now = SystemTime::now();
    let ours = keys().mint(&TokenSpec { admin: true, hidden: true, name: "Ann".into(), ..spec() }, now).unwrap();
    let read = TokenVerifier::with_api_key("k", "s").verify(&ours).unwrap();
    assert_eq!((read.sub.as_str(), read.name.as_str(), read.video.room.as_str()), ("ann", "Ann", "r1"));
    assert!(read.video.room_join && read.video.room_admin && read.video.hidden && read.video.can_publish());
    assert!(!read.video.can_subscribe());

    let grants = VideoGrants {
        room_join: true,
        room: "r2".into(),
        room_list: true,
        can_publish: Some(false),
        can_publish_sources: vec!["camera".into()],
        ..VideoGrants::default()
    };
    let theirs = AccessToken::with_api_key("k", "s").with_identity("ben").with_grants(grants);
    let theirs = theirs.with_metadata("m").with_attributes([("a", "1")]).with_kind("agent").to_jwt().unwrap();
    let read = keys().verify(&theirs, now).unwrap();
    assert_eq!((read.identity.as_deref(), read.name.as_str(), read.room.as_deref()), (Some("ben"), "ben", Some("r2")));
    assert_eq!((read.can_publish, read.can_publish_data, read.can_subscribe), (false, false, true));
    assert_eq!((read.metadata.as_str(), read.attributes["a"].as_str(), read.room_list), ("m", "1", true));
    assert_eq!((read.can_publish_sources, read.standing), (vec!["camera".to_owned()], Standing::default()));
}

#[test]
fn services_beside_rooms_take_grants_of_their_own_or_an_operator() {
    for (record, ingress_admin) in [(false, false), (true, false), (false, true)] {
        let spec = TokenSpec { record, ingress_admin, ingress: Some("IN_1".into()), ..spec() };
        let token = keys().mint(&spec, now()).unwrap();
        let expected = ServiceGrants { room_record: record, ingress_admin };
        assert_eq!(keys().verify_service(&token, now()), Ok(expected));
        assert_eq!(verify(&token).unwrap().ingress.as_deref(), Some("IN_1"));
    }
    assert_eq!(keys().verify_service(&signed(-120, -180), now()), Err(TokenError::Invalid));
    assert_eq!(verify(&keys().mint(&spec(), now()).unwrap()).unwrap().ingress, None);
    let operator = keys().mint(&TokenSpec { operator: true, ..spec() }, now()).unwrap();
    let expected = ServiceGrants { room_record: true, ingress_admin: true };
    assert_eq!(keys().verify_service(&operator, now()), Ok(expected));
}

#[test]
fn attributes_make_no_class_no_operator_and_no_ingress_but_earlier_keys_of_ingresses_stay_revocable() {
    let with = |attributes: &str| {
        let claims = format!(r#"{{"iss":"k","sub":"a","exp":{},"attributes":{attributes}}}"#, NOW_S + 60);
        verify(&hs256(r#"{"alg":"HS256"}"#, &claims)).unwrap()
    };
    let grants = with(r#"{"class":"speaker","operator":"true","spillway.class":"speaker"}"#);
    assert_eq!(grants.standing, Standing::default());
    for (attributes, ingress) in [
        (r#"{"ingress":"camera 1"}"#, None),
        (r#"{"ingress":"IN_abcdefghijkl","class":"a"}"#, None),
        (r#"{"ingress":"IN_abcdefghijkl"}"#, Some("IN_abcdefghijkl")),
    ] {
        assert_eq!(with(attributes).ingress.as_deref(), ingress, "{attributes}");
    }
}

#[test]
fn class_that_is_unknown_makes_a_token_unreadable() {
    for (class, read) in [("\"host\"", Ok(Some(Class::Host))), ("\"vip\"", Err(TokenError::Malformed))] {
        let claims = format!(r#"{{"iss":"k","sub":"a","exp":{},"spillway":{{"class":{class}}}}}"#, NOW_S + 60);
        let grants = verify(&hs256(r#"{"alg":"HS256"}"#, &claims));
        assert_eq!(grants.map(|grants| grants.standing.class), read, "{class}");
    }
}

#[test]
fn nothing_is_published_or_watched_without_room_join() {
    let grants = verify(&signed(60, 0)).unwrap();
    assert_eq!((grants.room_join, grants.can_publish, grants.can_subscribe, grants.room), (false, false, false, None));
}

#[test]
fn renewed_token_says_what_its_participant_may_do_now_and_keeps_their_standing() {
    let attributes = HashMap::from([("class".to_owned(), "premium".to_owned())]);
    let renewal = renewal("m", &attributes);
    let grants = verify(&keys().renew(&renewal, MINUTE, now()).unwrap()).unwrap();
    assert_eq!((grants.identity.as_deref(), grants.name.as_str(), grants.metadata.as_str()), (Some("ann"), "Ann", "m"));
    assert_eq!((grants.can_publish, grants.can_publish_data, grants.room.as_deref()), (true, false, Some("r1")));
    assert_eq!(grants.can_publish_sources, ["screen_share"]);
    assert_eq!((grants.standing, grants.attributes), (renewal.standing, attributes));
    assert_eq!(grants.expires_at, now() + MINUTE);
}

#[test]
fn renewed_token_is_always_short_enough_to_be_read_and_leaves_out_what_does_not_fit() {
    let (short, long) = ("m", "x".repeat(6000));
    let attributes = |value: &str| HashMap::from([("a".to_owned(), value.to_owned())]);
    for (metadata, value, with_metadata, with_attributes) in [
        (short, short, true, true),
        (&long, short, false, true),
        (short, &long, true, false),
        (&long, &long, false, false),
    ] {
        let attributes = attributes(value);
        let token = keys().renew(&renewal(metadata, &attributes), MINUTE, now()).unwrap();
        let grants = verify(&token).unwrap();
        assert_eq!((!grants.metadata.is_empty(), !grants.attributes.is_empty()), (with_metadata, with_attributes));
    }
    // Control characters are six times as long in JSON.
    let worst = "\u{1}".repeat(crate::limits::IDENTITY_BYTES_MAX);
    let none = HashMap::new();
    let renewal = Renewal { identity: &worst, name: &worst, ..renewal(&long, &none) };
    assert_eq!(
        verify(&keys().renew(&renewal, MINUTE, now()).unwrap()).unwrap().identity.as_deref(),
        Some(worst.as_str())
    );
}

#[test]
fn expiry_and_not_before_have_a_minute_of_leeway() {
    for (exp_s, nbf_s, ok) in [(60, 0, true), (-30, -90, true), (-120, -180, false), (600, 30, true), (600, 120, false)]
    {
        assert_eq!(verify(&signed(exp_s, nbf_s)).is_ok(), ok, "exp {exp_s} nbf {nbf_s}");
    }
    assert_eq!(verify(&hs256(r#"{"alg":"HS256"}"#, r#"{"iss":"k","sub":"a"}"#)), Err(TokenError::Malformed));
}

#[test]
fn every_other_algorithm_is_refused() {
    let claims = r#"{"iss":"k","sub":"a","exp":99999999999,"nbf":0}"#;
    assert!(verify(&hs256(r#"{"alg":"HS256"}"#, claims)).is_ok());
    assert!(verify(&hs256(r#"{"alg":"HS256","crit":["b64"]}"#, claims)).is_err());
    for alg in ["none", "None", "HS384", "HS512", "RS256", "ES256"] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        assert!(verify(&hs256(&header, claims)).is_err(), "{alg}");
        let unsigned = format!("{}.{}.", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        assert!(verify(&unsigned).is_err(), "{alg} unsigned");
    }
}

#[test]
fn any_of_several_keys_verifies_and_only_with_its_own_secret() {
    let (old, new) = (Keys::new("old", "1"), Keys::new("new", "2"));
    let both = Keys::new("new", "2").with("old", "1");
    let mint = |keys: &Keys| keys.mint(&spec(), now()).unwrap();
    assert!(both.verify(&mint(&old), now()).is_ok());
    assert!(both.verify(&mint(&new), now()).is_ok());
    assert_eq!(new.verify(&mint(&old), now()), Err(TokenError::UnknownIssuer));
    assert_eq!(both.verify(&mint(&Keys::new("old", "2")), now()), Err(TokenError::Invalid));
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
    let token = Keys::new("other", "x").mint(&spec(), now()).unwrap();
    let error = keys.verify(&token, now()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&token[..8]));
    assert_eq!(keys.verify(&"x".repeat(9000), now()), Err(TokenError::Malformed));
    assert_eq!(keys.verify("", now()), Err(TokenError::Malformed));
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 1..5)) {
        prop_assert!(verify(&text).is_err());
        prop_assert!(verify(&parts.join(".")).is_err());
    }

    #[test]
    fn token_with_any_byte_changed_is_refused(index in 0usize..200, bit in 0u8..6) {
        let token = keys().mint(&spec(), now()).unwrap();
        let mut bytes = token.clone().into_bytes();
        let index = index % bytes.len();
        bytes[index] ^= 1 << bit;
        prop_assert!(String::from_utf8(bytes).map_or(true, |changed| verify(&changed).is_err()));
    }
}

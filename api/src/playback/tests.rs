use super::*;

const NOW_S: u64 = 1_800_000_000;

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn keys() -> PlaybackKeys {
    PlaybackKeys::new(&Keys::new("k", "s"))
}

fn spec() -> PlaybackSpec<'static> {
    PlaybackSpec { room: "demo", created_at_utc_ms: 7, expires_at: at(NOW_S + 60), address: None }
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn token_holds_for_its_room_until_it_expires() {
    let token = keys().mint(&spec()).unwrap();
    let verify = |room: &str, now_s: u64| keys().verify(&token, room, None, at(now_s));
    let pass = |remaining_s| Pass { created_at_utc_ms: 7, remaining: Duration::from_secs(remaining_s), address: None };
    assert_eq!(verify("demo", NOW_S), Some(pass(60)));
    assert_eq!(verify("demo", NOW_S + 59), Some(pass(1)));
    for (room, now_s) in [("demo", NOW_S + 60), ("demo", NOW_S + 999), ("dem", NOW_S), ("demo2", NOW_S), ("", NOW_S)] {
        assert_eq!(verify(room, now_s), None, "{room} {now_s}");
    }
}

#[test]
fn token_bound_to_addresses_holds_for_no_other() {
    for (prefix, from, holds) in [
        ("192.0.2.0/24", ip("192.0.2.9"), true),
        ("192.0.2.77/24", ip("192.0.2.9"), true),
        ("192.0.2.0/24", ip("::ffff:192.0.2.9"), true),
        ("192.0.2.0/24", ip("192.0.3.9"), false),
        ("192.0.2.0/24", ip("2001:db8::1"), false),
        ("192.0.2.0/24", None, false),
        ("192.0.2.9", ip("192.0.2.9"), true),
        ("192.0.2.9", ip("192.0.2.8"), false),
        ("0.0.0.0/0", ip("203.0.113.1"), true),
        ("0.0.0.0/0", ip("2001:db8::1"), false),
        ("2001:db8::/48", ip("2001:db8:0:ffff::1"), true),
        ("2001:db8::/48", ip("2001:db8:1::1"), false),
        ("::/0", ip("2001:db8::1"), true),
    ] {
        let address = Some(prefix.parse().unwrap());
        let token = keys().mint(&PlaybackSpec { address, ..spec() }).unwrap();
        let pass = keys().verify(&token, "demo", from, at(NOW_S));
        assert_eq!(pass.map(|pass| pass.address), holds.then_some(address), "{prefix} {from:?}");
    }
}

#[test]
fn token_with_an_impossible_prefix_is_refused() {
    for text in ["", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2/24", "2001:db8::/129", "192.0.2.0/24/8", "/24"] {
        let error = text.parse::<AddressPrefix>().unwrap_err().to_string();
        assert!(error.contains("no address or prefix"), "{error}");
    }
}

#[test]
fn every_changed_cut_or_lengthened_token_is_refused() {
    for address in [None, Some("2001:db8::/48".parse().unwrap())] {
        let token = keys().mint(&PlaybackSpec { address, ..spec() }).unwrap();
        let from = ip("2001:db8::1");
        assert!(keys().verify(&token, "demo", from, at(NOW_S)).is_some());
        let refused = |changed: &str| assert_eq!(keys().verify(changed, "demo", from, at(NOW_S)), None, "{changed}");
        for index in 0..token.len() {
            for other in ['A', 'B', '_', '=', '.', ' '] {
                let mut changed = token.clone();
                changed.replace_range(index..=index, &other.to_string());
                if changed != token {
                    refused(&changed);
                }
            }
            refused(&token[..index]);
        }
        for ending in ["A", "=", "AAAA", "%00"] {
            refused(&format!("{token}{ending}"));
        }
        refused(&"A".repeat(100_000));
    }
}

#[test]
fn any_of_several_keys_verifies_and_the_first_signs() {
    let (old, new) = (PlaybackKeys::new(&Keys::new("old", "1")), PlaybackKeys::new(&Keys::new("new", "2")));
    let both = PlaybackKeys::new(&Keys::new("new", "2").with("old", "1"));
    let verifies = |keys: &PlaybackKeys, token: &str| keys.verify(token, "demo", None, at(NOW_S)).is_some();
    assert!(verifies(&both, &old.mint(&spec()).unwrap()));
    assert!(verifies(&new, &both.mint(&spec()).unwrap()));
    assert!(!verifies(&new, &old.mint(&spec()).unwrap()));
    assert!(!verifies(&PlaybackKeys::new(&Keys::new("old", "2")), &old.mint(&spec()).unwrap()));
    assert_eq!(PlaybackKeys::new(&Keys::default()).mint(&spec()), None);
}

#[test]
fn token_has_the_documented_form() {
    let address = Some("192.0.2.0/24".parse().unwrap());
    let token = keys().mint(&PlaybackSpec { address, ..spec() }).unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
    let id = digest::digest(&digest::SHA256, b"k");
    let expiry = u32::try_from(NOW_S + 60).unwrap().to_be_bytes();
    let fields = [&[1][..], &id.as_ref()[..4], &expiry, &[0, 0, 0, 0, 0, 0, 0, 7], &[4, 24, 192, 0, 2, 0]].concat();
    assert_eq!(bytes[..fields.len()], fields);
    let hmac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec();
    let key = hmac(b"s", b"spillway playback key 1");
    assert_eq!(bytes[fields.len()..], hmac(&key, &[b"spillway playback token 1\0", &fields[..], b"demo"].concat()));
    assert_eq!(keys().mint(&spec()).unwrap().len(), TOKEN_CHARS_MIN);
}

#[test]
fn key_in_debug_output_is_left_out() {
    assert_eq!(format!("{:?}", keys()), "PlaybackKeys { keys: 1 }");
}

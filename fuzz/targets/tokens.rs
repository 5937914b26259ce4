//! Any bytes as a bearer, which no key of ours has signed, and as claims that one has. What a token allows is what a
//! token minted with the same rights allows, and one that renews it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::tokens::{keys, minted, now, renewed, sign};

fuzz_target!(|bytes: &[u8]| {
    let keys = keys();
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(keys.verify(text, now()).is_err() && keys.verify_service(text, now()).is_err());
    }
    let bearer = sign(bytes);
    let Ok(grants) = keys.verify(&bearer, now()) else { return };
    assert!(keys.verify_service(&bearer, now()).is_ok());
    // One letter of the claims changed is enough for a refusal.
    let (claims, letter) = (bearer.find('.').expect("a dot") + 1, usize::from(bytes[0]));
    let mut forged = bearer.clone().into_bytes();
    let changed = claims + letter % bytes.len();
    forged[changed] = if forged[changed] == b'A' { b'B' } else { b'A' };
    assert!(keys.verify(std::str::from_utf8(&forged).expect("ASCII"), now()).is_err());
    if !grants.room_join {
        return;
    }
    if let Some(again) = minted(&grants) {
        assert_eq!((&again.identity, &again.name, &again.room), (&grants.identity, &grants.name, &grants.room));
        assert_eq!((again.can_publish, again.can_subscribe), (grants.can_publish, grants.can_subscribe));
        assert_eq!((again.hidden, again.standing, &again.ingress), (grants.hidden, grants.standing, &grants.ingress));
    }
    if let Some(again) = renewed(&grants) {
        assert_eq!((&again.identity, &again.name, &again.room), (&grants.identity, &grants.name, &grants.room));
        assert_eq!((again.can_publish, again.can_subscribe), (grants.can_publish, grants.can_subscribe));
        assert_eq!((again.can_publish_data, again.hidden), (grants.can_publish_data, grants.hidden));
        assert_eq!((again.can_update_own_metadata, again.standing), (grants.can_update_own_metadata, grants.standing));
        assert!(!again.room_admin && !again.room_create && !again.room_list, "a renewal gives nothing beside the room");
    }
});

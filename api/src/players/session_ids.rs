//! Ids of sessions, which an events socket gives to its client to report under (CMCD's `sid`).
//!
//! An id is 8 random bytes and an HMAC over them and the room, so that nothing is kept of it: who shows one has opened
//! an events socket of that very room. Its viewer is counted there, so reports under it count nobody again; and it lets
//! them be made without a token, for a private room as well.

use access::Keys;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The purpose that the keys are derived for.
const KEY_PURPOSE: &str = "spillway session id key 1";
const RANDOM_BYTES: usize = 8;
/// Half of the HMAC: an id opens nothing that is worth more attempts.
const MAC_BYTES: usize = 16;

/// Makes ids of sessions, and knows them again. `Debug` shows no key.
pub(super) struct SessionIds(Vec<hmac::Key>);

/// A room as it was made: one of the same name that is made later is another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfRoom<'a> {
    pub(crate) name: &'a str,
    pub(crate) created_at_utc_ms: i64,
}

impl SessionIds {
    pub(super) fn new(keys: &Keys) -> Self {
        let derived = keys.derive(KEY_PURPOSE).into_iter();
        Self(derived.map(|(_, key)| hmac::Key::new(hmac::HMAC_SHA256, &key)).collect())
    }

    /// The id of these random bytes. Without a key it is a plain one, which is not known again.
    pub(super) fn issue(&self, room: OfRoom<'_>, random: [u8; RANDOM_BYTES]) -> String {
        let mut id = random.to_vec();
        if let Some(key) = self.0.first() {
            id.extend_from_slice(&mac(key, room, &random));
        }
        BASE64_URL_SAFE_NO_PAD.encode(id)
    }

    /// Whether an events socket of the room was given the id.
    pub(super) fn is_issued(&self, room: OfRoom<'_>, id: &str) -> bool {
        let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(id) else { return false };
        let Some((random, presented)) = bytes.split_at_checked(RANDOM_BYTES) else { return false };
        let is_by = |key| aws_lc_rs::constant_time::verify_slices_are_equal(&mac(key, room, random), presented).is_ok();
        self.0.iter().any(is_by)
    }
}

impl std::fmt::Debug for SessionIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionIds").field("keys", &self.0.len()).finish()
    }
}

fn mac(key: &hmac::Key, room: OfRoom<'_>, random: &[u8]) -> [u8; MAC_BYTES] {
    let mut context = hmac::Context::with_key(key);
    [random, &room.created_at_utc_ms.to_be_bytes(), room.name.as_bytes()]
        .iter()
        .for_each(|bytes| context.update(bytes));
    let mut half = [0; MAC_BYTES];
    half.iter_mut().zip(context.sign().as_ref()).for_each(|(byte, signed)| *byte = *signed);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: OfRoom<'_> = OfRoom { name: "demo", created_at_utc_ms: 7 };

    #[test]
    fn id_is_known_again_for_its_very_room_by_every_key() {
        let ids = SessionIds::new(&Keys::new("a", "secret"));
        let id = ids.issue(ROOM, [1; 8]);
        assert_eq!(id.len(), 32);
        assert!(ids.is_issued(ROOM, &id));
        assert!(!ids.is_issued(OfRoom { name: "dem", ..ROOM }, &id));
        assert!(!ids.is_issued(OfRoom { created_at_utc_ms: 8, ..ROOM }, &id));
        assert!(
            SessionIds::new(&Keys::new("b", "new").with("a", "secret")).is_issued(ROOM, &id),
            "the key is an old one"
        );
        assert!(!SessionIds::new(&Keys::new("a", "other")).is_issued(ROOM, &id));
    }

    #[test]
    fn made_up_and_changed_ids_are_not_known() {
        let ids = SessionIds::new(&Keys::new("a", "secret"));
        let id = ids.issue(ROOM, [1; 8]);
        for index in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(!ids.is_issued(ROOM, &changed), "{changed}");
        }
        for made_up in ["", "AQEBAQEBAQE", "31b090a2-def1-44f9-87f8-4f8213c7bf63", &id[1..], &format!("{id}AAAA")] {
            assert!(!ids.is_issued(ROOM, made_up), "{made_up}");
        }
        let without = SessionIds::new(&Keys::new("a", ""));
        assert!(!without.is_issued(ROOM, &without.issue(ROOM, [1; 8])));
    }
}

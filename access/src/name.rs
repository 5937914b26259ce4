//! Names of rooms and participants: texts that were checked where they came in.
//!
//! Each is cheap to clone, prints as its text, and stands for it in maps (`Borrow<str>`).

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{IDENTITY_BYTES_MAX, ROOM_NAME_BYTES_MAX};
use crate::random::random_id;

/// A [`ParticipantSid`] begins so, and an underscore follows.
const PARTICIPANT_SID_PREFIX: &str = "PA";

/// A text that cannot be such a name. Its Display says which names can be, and continues "the room's name …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Not the name of a room.
    #[error("must match [A-Za-z0-9_-]{{1,{ROOM_NAME_BYTES_MAX}}}")]
    Room,
    /// Not an identity.
    #[error("must be 1 to {IDENTITY_BYTES_MAX} bytes long")]
    Identity,
    /// Not a participant's id.
    #[error("must begin with {PARTICIPANT_SID_PREFIX}_ and be of letters and digits")]
    ParticipantSid,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $bad:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                let is_good: fn(&str) -> bool = $check;
                if is_good(text) { Ok(Self(text.into())) } else { Err($bad) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// The name of a room, `[A-Za-z0-9_-]{1,64}`: it fits into every URL and file name.
    RoomName, BadName::Room, |text| {
        (1..=ROOM_NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    }
}

name! {
    /// The identity of a participant, 1 to 256 bytes of UTF-8. The application chooses it, and the token carries it.
    Identity, BadName::Identity, |text| (1..=IDENTITY_BYTES_MAX).contains(&text.len())
}

name! {
    /// The id of one stay of a participant, `PA_[A-Za-z0-9]+`: whoever leaves and comes back has another.
    ParticipantSid, BadName::ParticipantSid, |text| {
        let random = text.strip_prefix(PARTICIPANT_SID_PREFIX).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
        (1..=ROOM_NAME_BYTES_MAX).contains(&random.len()) && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
}

impl ParticipantSid {
    /// A new one, of 12 random letters and digits.
    pub fn random() -> Self {
        Self(random_id(PARTICIPANT_SID_PREFIX).into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn room_name_fits_into_every_url_and_file_name() {
        for (name, good) in
            [("demo", true), ("A-b_9", true), ("", false), ("a b", false), ("a/b", false), ("..", false), ("ä", false)]
        {
            assert_eq!(name.parse::<RoomName>().is_ok(), good, "{name:?}");
        }
        assert!("x".repeat(64).parse::<RoomName>().is_ok());
        assert_eq!("x".repeat(65).parse::<RoomName>(), Err(BadName::Room));
        assert_eq!(BadName::Room.to_string(), "must match [A-Za-z0-9_-]{1,64}");
    }

    #[test]
    fn identity_is_any_text_of_256_bytes() {
        for (identity, good) in [("ann", true), ("Ärztin 1\n", true), ("", false)] {
            assert_eq!(identity.parse::<Identity>().is_ok(), good, "{identity:?}");
        }
        assert!("x".repeat(256).parse::<Identity>().is_ok());
        assert_eq!("ä".repeat(129).parse::<Identity>(), Err(BadName::Identity));
    }

    #[test]
    fn random_sid_is_one_and_other_texts_are_none() {
        let sid = ParticipantSid::random();
        assert_eq!((sid.as_str().len(), sid.as_str().parse()), (15, Ok(sid.clone())));
        assert_ne!(sid, ParticipantSid::random());
        for text in ["", "PA_", "PA_a/b", "TR_abc"] {
            assert_eq!(text.parse::<ParticipantSid>(), Err(BadName::ParticipantSid), "{text}");
        }
    }

    #[test]
    fn map_by_name_is_asked_by_text_and_json_is_checked() {
        let room: RoomName = serde_json::from_str("\"demo\"").unwrap();
        let rooms = HashMap::from([(room.clone(), 1)]);
        assert_eq!((rooms.get("demo"), serde_json::to_string(&room).unwrap()), (Some(&1), "\"demo\"".to_owned()));
        assert!(serde_json::from_str::<RoomName>("\"a/b\"").unwrap_err().to_string().contains("must match"));
        assert!(room == "demo" && format!("{room} {room:?}") == "demo \"demo\"");
    }
}

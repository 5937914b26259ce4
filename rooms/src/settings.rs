//! The three settings of a room that decide when it is on the air, who may watch, and whether it is recorded.
//!
//! Each defaults to the closed end: [`RoomSettings::default`] is what a room gets that a LiveKit token or `CreateRoom`
//! makes, where the operator has not set another. A stored word that this version does not know reads as that default
//! too.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// When a room's stage is broadcast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BroadcastSetting {
    /// Never.
    #[default]
    Off,
    /// While somebody is on stage, and the audience needs it: see [`crate::overflow`].
    Auto,
    /// While somebody is on stage.
    On,
}

/// Who may watch a room's broadcast and look at its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody; the room is listed.
    Public,
    /// Everybody who knows its name; the room is not listed.
    Unlisted,
    /// Whoever has a playback token, or an access token for the room.
    #[default]
    Private,
}

/// Whether a room's broadcasts are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordSetting {
    /// Media is held in memory for as long as the live playlist lists it, and stored nowhere.
    #[default]
    Off,
    /// Every broadcast is stored whole.
    On,
}

/// The three settings together, as they stand when a room is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoomSettings {
    /// `off`, `auto` or `on`: when its stage is broadcast. Default `off`.
    pub broadcast: BroadcastSetting,
    /// `public`, `unlisted` or `private`: who may watch the broadcast. Default `private`.
    pub visibility: Visibility,
    /// `off` or `on`: whether its broadcasts are kept. Default `off`.
    pub record: RecordSetting,
}

impl RoomSettings {
    /// Of a room that the REST API makes, where the request names no others.
    pub const REST: Self =
        Self { broadcast: BroadcastSetting::Auto, visibility: Visibility::Public, record: RecordSetting::Off };
}

/// A setting that is read from a word.
pub(super) trait Word: Sized {
    const WORDS: &'static [&'static str];

    fn of_word(word: &str) -> Option<Self>;

    /// The setting that a switch means, where an earlier version had one.
    fn of_switch(_on: bool) -> Option<Self> {
        None
    }
}

impl Word for BroadcastSetting {
    const WORDS: &'static [&'static str] = &["off", "auto", "on"];

    fn of_word(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "auto" => Some(Self::Auto),
            "on" => Some(Self::On),
            _ => None,
        }
    }

    fn of_switch(on: bool) -> Option<Self> {
        Some(if on { Self::On } else { Self::Off })
    }
}

impl Word for Visibility {
    const WORDS: &'static [&'static str] = &["public", "unlisted", "private"];

    fn of_word(word: &str) -> Option<Self> {
        match word {
            "public" => Some(Self::Public),
            "unlisted" => Some(Self::Unlisted),
            "private" => Some(Self::Private),
            _ => None,
        }
    }
}

impl Word for RecordSetting {
    const WORDS: &'static [&'static str] = &["off", "on"];

    fn of_word(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "on" => Some(Self::On),
            _ => None,
        }
    }
}

/// Reads a [`Word`], and says which words there are where it finds none.
struct WordVisitor<S>(PhantomData<S>);

impl<S: Word> Visitor<'_> for WordVisitor<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", S::WORDS.join(", "))
    }

    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<S, E> {
        S::of_switch(on).ok_or_else(|| E::invalid_type(Unexpected::Bool(on), &self))
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<S, E> {
        S::of_word(word).ok_or_else(|| E::unknown_variant(word, S::WORDS))
    }
}

/// A word, or as an earlier version had it: `false` is off, `true` is on.
impl<'de> Deserialize<'de> for BroadcastSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Visibility {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for RecordSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor(PhantomData))
    }
}

/// A setting as it is stored: its word in the API.
pub(super) fn stored_word(setting: impl Serialize) -> String {
    serde_json::to_value(setting).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The setting that a stored word means; the closed end, where it means none.
pub(super) fn setting_of<S: Word + Default>(word: &str) -> S {
    S::of_word(word).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_stored_as_the_api_spells_them_and_unknown_words_close_the_room() {
        for (word, setting) in
            [("off", BroadcastSetting::Off), ("auto", BroadcastSetting::Auto), ("on", BroadcastSetting::On)]
        {
            assert_eq!((stored_word(setting).as_str(), setting_of::<BroadcastSetting>(word)), (word, setting));
        }
        for (word, setting) in
            [("public", Visibility::Public), ("unlisted", Visibility::Unlisted), ("private", Visibility::Private)]
        {
            assert_eq!((stored_word(setting).as_str(), setting_of::<Visibility>(word)), (word, setting));
        }
        for (word, setting) in [("off", RecordSetting::Off), ("on", RecordSetting::On)] {
            assert_eq!((stored_word(setting).as_str(), setting_of::<RecordSetting>(word)), (word, setting));
        }
        for unknown in ["", "Public", "later"] {
            assert_eq!(setting_of::<Visibility>(unknown), Visibility::Private);
            assert_eq!(setting_of::<BroadcastSetting>(unknown), BroadcastSetting::Off);
        }
    }

    #[test]
    fn broadcast_is_a_word_or_the_switch_of_earlier_versions_and_nothing_else() {
        for (json, setting) in [
            ("\"off\"", BroadcastSetting::Off),
            ("\"auto\"", BroadcastSetting::Auto),
            ("\"on\"", BroadcastSetting::On),
            ("false", BroadcastSetting::Off),
            ("true", BroadcastSetting::On),
        ] {
            assert_eq!(serde_json::from_str::<BroadcastSetting>(json).unwrap(), setting, "{json}");
        }
        for (json, sentence) in [
            ("\"ON\"", "expected one of `off`, `auto`, `on`"),
            ("1", "expected one of off, auto, on"),
            ("[]", "expected one of off, auto, on"),
        ] {
            let error = serde_json::from_str::<BroadcastSetting>(json).unwrap_err();
            assert!(error.is_data() && error.to_string().contains(sentence), "{json}: {error}");
        }
    }
}

//! The three settings of a room that decide when it is on the air, who may watch, and whether it is recorded.
//!
//! Each defaults to the closed end: [`RoomSettings::default`] is what a room gets that a LiveKit token or `CreateRoom` makes, where the
//! operator has not set another. A stored word that this version does not know reads as that default too.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// When a room's stage is broadcast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BroadcastSetting {
    /// Never.
    #[default]
    Off,
    /// When it is worth it. In this version: while somebody is on stage, as [`BroadcastSetting::On`].
    Auto,
    /// While somebody is on stage.
    On,
}

/// Who may watch a room's broadcast and look at its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl BroadcastSetting {
    const WORDS: [&str; 3] = ["off", "auto", "on"];

    fn of_word(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "auto" => Some(Self::Auto),
            "on" => Some(Self::On),
            _ => None,
        }
    }
}

/// A word, or as an earlier version had it: `false` is off, `true` is on.
impl<'de> Deserialize<'de> for BroadcastSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrSwitch;
        impl Visitor<'_> for WordOrSwitch {
            type Value = BroadcastSetting;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("off, auto or on")
            }

            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Self::Value, E> {
                Ok(if on { BroadcastSetting::On } else { BroadcastSetting::Off })
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Self::Value, E> {
                BroadcastSetting::of_word(word).ok_or_else(|| E::unknown_variant(word, &BroadcastSetting::WORDS))
            }
        }
        deserializer.deserialize_any(WordOrSwitch)
    }
}

/// A setting as it is stored: its word in the API.
pub(super) fn stored_word(setting: impl Serialize) -> String {
    serde_json::to_value(setting).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The setting that a stored word means; the closed end, where it means none.
pub(super) fn setting_of<'de, S: Deserialize<'de> + Default>(word: &'de str) -> S {
    let word: serde::de::value::BorrowedStrDeserializer<'de, serde::de::value::Error> =
        serde::de::value::BorrowedStrDeserializer::new(word);
    S::deserialize(word).unwrap_or_default()
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
            ("1", "expected off, auto or on"),
            ("[]", "expected off"),
        ] {
            let error = serde_json::from_str::<BroadcastSetting>(json).unwrap_err().to_string();
            assert!(error.contains(sentence), "{json}: {error}");
        }
    }
}

//! The thresholds of a room: how many seats it has, for whom, and when people move between seats and broadcast.

use access::{ByClass, Class};
use serde::{Deserialize, Serialize};

use super::moves::SETTLE_MS;

/// The longest dwell and the longest linger: a day.
const SECONDS_MAX: u32 = 86_400;
/// The shortest dwell: an order to move somebody takes as long to show in a snapshot.
const DWELL_SECONDS_MIN: u32 = (SETTLE_MS / 1000) as u32;

/// How a room overflows. Changes at run time; [`Thresholds::validate`] refuses combinations that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Seats of the room, those of speakers included; 0: as many as the SFU allows a room. More seats let more people
    /// watch within 300 ms, and each costs the node its egress. Default 0.
    pub seats_max: u32,
    /// Seats that only people of a class get, by class. They stay free when nobody of the class comes. Default 0 each.
    pub reserved: ByClass,
    /// The last class, in the order speaker, host, premium, viewer, anonymous, that gets seats at all. Default
    /// `anonymous`: everybody.
    pub lowest_class: Class,
    /// Viewers, on both paths together, from which the room's broadcast runs before anybody needs it, so that it is
    /// ready when the seats are taken; 0: only when somebody needs it. Counts where `broadcast` is `auto`. Default 0.
    pub broadcast_start_at: u32,
    /// Percent of the seats above which people are moved to the broadcast, where `demote` allows it. Default 90.
    pub high_watermark: u32,
    /// Percent of the seats down to which people are moved to the broadcast, and up to which they are moved to seats.
    /// The seats above it are for those who join. Default 70.
    pub low_watermark: u32,
    /// Seconds for which somebody who was moved stays where they are. Default 60, at least 10.
    pub dwell_seconds: u32,
    /// The order of those moved to the broadcast when the room or the node is above its high watermark. Default
    /// `never`.
    pub demote: Demotion,
    /// The people moved to a seat when seats are free below the low watermark. Default `ask`.
    pub promote: Promotion,
    /// Seconds for which a broadcast that nobody needs goes on, and for which it runs at least. Default 60.
    pub linger_seconds: u32,
}

/// The order in which viewers are moved to the broadcast. Speakers, hosts and people on stage stay, unless the node
/// drains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demotion {
    /// Nobody, unless the node drains.
    #[default]
    Never,
    /// The viewer who has been idle longest; then the lowest class.
    IdleFirst,
    /// The lowest class; within it the viewer who has been idle longest.
    LowestClassFirst,
}

/// The viewers who are moved to a free seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promotion {
    /// Those who asked for a seat.
    #[default]
    Ask,
    /// Those who asked for a seat, and after them everybody who did not ask for the broadcast.
    Auto,
    /// Nobody.
    Never,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            seats_max: 0,
            reserved: ByClass::default(),
            lowest_class: Class::Anonymous,
            broadcast_start_at: 0,
            high_watermark: 90,
            low_watermark: 70,
            dwell_seconds: 60,
            demote: Demotion::Never,
            promote: Promotion::Ask,
            linger_seconds: 60,
        }
    }
}

/// A setting that cannot work. The sentence names its key and says which values can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// More seats are reserved than there are.
    #[error("reserved adds up to {reserved} seats, but seats_max is {seats_max}: reserve fewer or raise seats_max")]
    TooManyReserved {
        /// The sum over all classes.
        reserved: u64,
        /// The seats of the room.
        seats_max: u32,
    },
    /// Seats are reserved for a class that gets none.
    #[error("reserved.{class} keeps seats for a class that lowest_class = {lowest_class} refuses")]
    ReservedForRefused {
        /// The class with the reservation.
        class: Class,
        /// The last class that gets seats.
        lowest_class: Class,
    },
    /// The watermarks are equal or the wrong way round.
    #[error("low_watermark is {low_watermark} and must be below high_watermark, which is {high_watermark}")]
    Watermarks {
        /// Percent.
        low_watermark: u32,
        /// Percent.
        high_watermark: u32,
    },
    /// A number that is too small or too large.
    #[error("{key} is {value} and must be {least} to {most}")]
    OutOfRange {
        /// The name of the setting.
        key: &'static str,
        /// The number it has.
        value: u32,
        /// The smallest it may have.
        least: u32,
        /// The largest it may have.
        most: u32,
    },
}

/// Refuses `value` unless it is `least` to `most`.
pub(super) fn within(key: &'static str, value: u32, least: u32, most: u32) -> Result<(), BadSetting> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(BadSetting::OutOfRange { key, value, least, most }),
    }
}

impl Thresholds {
    /// Refuses what cannot work, in a sentence that names the key.
    pub fn validate(&self) -> Result<(), BadSetting> {
        let Self { seats_max, lowest_class, high_watermark, low_watermark, .. } = *self;
        within("high_watermark", high_watermark, 1, 100)?;
        within("low_watermark", low_watermark, 1, 100)?;
        within("dwell_seconds", self.dwell_seconds, DWELL_SECONDS_MIN, SECONDS_MAX)?;
        within("linger_seconds", self.linger_seconds, 1, SECONDS_MAX)?;
        if low_watermark >= high_watermark {
            return Err(BadSetting::Watermarks { low_watermark, high_watermark });
        }
        let reserved = Class::ALL.into_iter().map(|class| u64::from(self.reserved.get(class))).sum();
        if seats_max > 0 && reserved > u64::from(seats_max) {
            return Err(BadSetting::TooManyReserved { reserved, seats_max });
        }
        let refused = Class::ALL.into_iter().find(|class| !self.admits(*class) && self.reserved.get(*class) > 0);
        refused.map_or(Ok(()), |class| Err(BadSetting::ReservedForRefused { class, lowest_class }))
    }

    /// Whether people of the class get seats at all.
    pub fn admits(&self, class: Class) -> bool {
        class <= self.lowest_class
    }

    /// The dwell in milliseconds, and never less than it takes a move to show in a snapshot.
    pub(super) fn dwell_ms(&self) -> u64 {
        (u64::from(self.dwell_seconds) * 1000).max(SETTLE_MS)
    }

    /// The linger in milliseconds.
    pub(super) fn linger_ms(&self) -> u64 {
        u64::from(self.linger_seconds) * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(thresholds: Thresholds) -> String {
        thresholds.validate().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_valid_and_an_empty_table_means_them() {
        Thresholds::default().validate().unwrap();
        assert_eq!(serde_json::from_str::<Thresholds>("{}").unwrap(), Thresholds::default());
    }

    #[test]
    fn settings_read_as_the_words_they_print() {
        let json = r#"{"seats_max":100,"reserved":{"host":2},"lowest_class":"viewer","demote":"lowest-class-first","promote":"auto"}"#;
        let thresholds: Thresholds = serde_json::from_str(json).unwrap();
        assert_eq!((thresholds.demote, thresholds.promote), (Demotion::LowestClassFirst, Promotion::Auto));
        assert_eq!((thresholds.reserved.host, thresholds.reserved.premium), (2, 0));
        let printed = serde_json::to_string(&thresholds).unwrap();
        assert_eq!(serde_json::from_str::<Thresholds>(&printed).unwrap(), thresholds);
        for unknown in [r#"{"seat_max":1}"#, r#"{"reserved":{"vip":1}}"#, r#"{"demote":"idle"}"#, r#"{"promote":1}"#] {
            assert!(serde_json::from_str::<Thresholds>(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn impossible_combinations_are_refused_in_a_sentence_that_names_the_key() {
        let good = Thresholds { seats_max: 100, ..Thresholds::default() };
        let reserved = |host, anonymous| ByClass { host, anonymous, ..ByClass::default() };
        for (thresholds, sentence) in [
            (
                Thresholds { low_watermark: 90, ..good },
                "low_watermark is 90 and must be below high_watermark, which is 90",
            ),
            (Thresholds { high_watermark: 101, ..good }, "high_watermark is 101 and must be 1 to 100"),
            (Thresholds { low_watermark: 0, ..good }, "low_watermark is 0 and must be 1 to 100"),
            (Thresholds { dwell_seconds: 9, ..good }, "dwell_seconds is 9 and must be 10 to 86400"),
            (Thresholds { linger_seconds: 0, ..good }, "linger_seconds is 0 and must be 1 to 86400"),
            (
                Thresholds { reserved: reserved(99, 2), ..good },
                "reserved adds up to 101 seats, but seats_max is 100: reserve fewer or raise seats_max",
            ),
            (
                Thresholds { reserved: reserved(u32::MAX, u32::MAX), ..good },
                "reserved adds up to 8589934590 seats, but seats_max is 100: reserve fewer or raise seats_max",
            ),
            (
                Thresholds { reserved: reserved(0, 1), lowest_class: Class::Viewer, ..good },
                "reserved.anonymous keeps seats for a class that lowest_class = viewer refuses",
            ),
        ] {
            assert_eq!(refusal(thresholds), sentence);
        }
        Thresholds { reserved: reserved(98, 2), ..good }.validate().unwrap();
        Thresholds { reserved: reserved(98, 2), seats_max: 0, ..good }.validate().unwrap();
    }
}

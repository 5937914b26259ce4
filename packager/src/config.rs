//! The settings of the packager that an operator may change.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ConfigFault;

/// Settings of the packager and of its origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How much programme a live playlist lists. More lets viewers rewind and late joiners of plain HLS settle; it
    /// costs memory (about twice this much media is held) and playlist bytes. At least six target durations. Seconds;
    /// default 30.
    pub playlist_seconds: u32,
    /// Whole segments every rendition needs before the first playlist is served. 1 starts soonest; 3 suits plain
    /// players that insist on three segments. Segments; default 1.
    pub segments_before_live: u32,
    /// PART-HOLD-BACK in parts: how far behind the live edge low-latency players stay. Less is closer to live and
    /// stalls sooner; the protocol forbids less than 3. Parts; default 3.0.
    pub part_hold_back_parts: f64,
    /// How many parts a rendition may fall behind the foremost before its missing parts are published as gaps. Less
    /// frees its viewers sooner, more forgives a slow encoder. Parts; default 3.
    pub gap_after_parts: u32,
    /// Requests that may wait for a part or a playlist at once; further ones are answered 503. Each costs about a
    /// kilobyte. Requests; default 50000.
    pub waiting_requests_max: usize,
    /// Objects that may await their upload. When full the oldest segment is given up, never the live path. Objects;
    /// default 240.
    pub store_queue_max: usize,
    /// Uploads under way at once. More empties the queue faster after an outage, and loads the store more. Uploads;
    /// default 4.
    pub store_uploads_at_once: usize,
    /// Attempts at one upload before it is given up. More rides out a longer outage of the store. Attempts; default 6.
    pub store_attempts_max: u32,
    /// Time for one attempt. Milliseconds; default 10000.
    pub store_attempt_ms_max: u64,
    /// Wait before the second attempt; doubles with each further one, up to 8 s. Milliseconds; default 250.
    pub store_backoff_ms: u64,
    /// How long the uploads that are pending at the end of a broadcast may take. Milliseconds; default 30000.
    pub store_finish_ms_max: u64,
    /// How long the store may take to answer a viewer's request, and for each further piece of the object; after that
    /// the request is answered 503. Milliseconds; default 5000.
    pub store_read_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            playlist_seconds: 30,
            segments_before_live: 1,
            part_hold_back_parts: 3.0,
            gap_after_parts: 3,
            waiting_requests_max: 50_000,
            store_queue_max: 240,
            store_uploads_at_once: 4,
            store_attempts_max: 6,
            store_attempt_ms_max: 10_000,
            store_backoff_ms: 250,
            store_finish_ms_max: 30_000,
            store_read_ms_max: 5_000,
        }
    }
}

impl Config {
    /// Refuses what cannot work, naming the key.
    pub fn validate(&self) -> Result<(), ConfigFault> {
        for (key, value, least, most) in [
            ("playlist_seconds", self.playlist_seconds, 6, 3600),
            ("segments_before_live", self.segments_before_live, 1, 10),
            ("gap_after_parts", self.gap_after_parts, 1, 100),
        ] {
            if !(least..=most).contains(&value) {
                let sentence = format!("must lie between {least} and {most}; it is {value}");
                return Err(ConfigFault::new(key, sentence));
            }
        }
        if !(3.0..=30.0).contains(&self.part_hold_back_parts) {
            let parts = self.part_hold_back_parts;
            let sentence = format!("must lie between 3 and 30 (the protocol forbids less than 3); it is {parts}");
            return Err(ConfigFault::new("part_hold_back_parts", sentence));
        }
        for (key, is_zero) in [
            ("waiting_requests_max", self.waiting_requests_max == 0),
            ("store_queue_max", self.store_queue_max == 0),
            ("store_uploads_at_once", self.store_uploads_at_once == 0),
            ("store_attempts_max", self.store_attempts_max == 0),
            ("store_attempt_ms_max", self.store_attempt_ms_max == 0),
            ("store_backoff_ms", self.store_backoff_ms == 0),
            ("store_read_ms_max", self.store_read_ms_max == 0),
        ] {
            if is_zero {
                return Err(ConfigFault::new(key, "must be at least 1"));
            }
        }
        Ok(())
    }

    pub(crate) fn store_finish_max(&self) -> Duration {
        Duration::from_millis(self.store_finish_ms_max)
    }

    pub(crate) fn store_read_max(&self) -> Duration {
        Duration::from_millis(self.store_read_ms_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_settings_are_valid() {
        Config::default().validate().unwrap();
    }

    #[test]
    fn impossible_setting_is_refused_by_its_key() {
        let table: [(fn(&mut Config), &str); 7] = [
            (|c| c.playlist_seconds = 1, "playlist_seconds"),
            (|c| c.segments_before_live = 0, "segments_before_live"),
            (|c| c.part_hold_back_parts = 2.9, "part_hold_back_parts"),
            (|c| c.part_hold_back_parts = f64::NAN, "part_hold_back_parts"),
            (|c| c.store_queue_max = 0, "store_queue_max"),
            (|c| c.store_attempts_max = 0, "store_attempts_max"),
            (|c| c.store_read_ms_max = 0, "store_read_ms_max"),
        ];
        for (spoil, key) in table {
            let mut config = Config::default();
            spoil(&mut config);
            let fault = config.validate().unwrap_err();
            assert!(fault.to_string().starts_with(&format!("{key}: ")), "{fault}");
        }
    }
}

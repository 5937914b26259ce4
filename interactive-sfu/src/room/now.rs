//! The time of a call.

use std::time::{Instant, SystemTime};

/// When something is asked or happens. A room reads no clock: its driver passes the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For intervals.
    pub instant: Instant,
    /// For what clients are told.
    pub utc: SystemTime,
}

impl Now {
    /// By this machine's clocks.
    pub(crate) fn read() -> Self {
        Self { instant: Instant::now(), utc: SystemTime::now() }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn utc_ms(self) -> i64 {
        utc_ms(self.utc)
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn utc_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

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
}

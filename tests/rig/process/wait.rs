//! Waiting for what must happen, with a bound.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Asks every 100 ms until `seen` gives something; `Err` after `seconds`.
pub fn wait_for<T>(what: &str, seconds: u64, mut seen: impl FnMut() -> Option<T>) -> Result<T> {
    wait_for_or(what, seconds, || seen().ok_or_else(String::new))
}

/// As [`wait_for`], for a check that can say what it saw instead; the last of these stands in the error.
pub fn wait_for_or<T>(what: &str, seconds: u64, mut seen: impl FnMut() -> std::result::Result<T, String>) -> Result<T> {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        let instead = match seen() {
            Ok(thing) => return Ok(thing),
            Err(instead) => instead,
        };
        if Instant::now() >= until {
            let detail = if instead.is_empty() { instead } else { format!("; instead: {instead}") };
            return Err(Error::Timeout { what: what.to_owned(), seconds, detail });
        }
        sleep(Duration::from_millis(100));
    }
}

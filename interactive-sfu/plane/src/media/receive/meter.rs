//! How much arrives.

/// A bit rate, smoothed.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) bytes: u64,
    pub(super) bits_per_second: u32,
}

impl Meter {
    /// The bytes came in so many seconds.
    pub(super) fn passed(&mut self, seconds: f64) {
        let bits = self.bytes as f64 * 8.0 / seconds;
        let smooth = if self.bits_per_second == 0 { 1.0 } else { 0.5 };
        self.bits_per_second = (f64::from(self.bits_per_second) * (1.0 - smooth) + bits * smooth) as u32;
    }
}

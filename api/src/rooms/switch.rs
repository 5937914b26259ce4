//! The switch of a room's broadcast.

/// Whether a room's stage is broadcast when somebody is on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BroadcastSwitch {
    /// When it was last switched on. UTC, milliseconds since the Unix epoch; 0: it is as the room was made, on.
    pub on_at_utc_ms: i64,
    /// When it was switched off after that; `None`: it is on.
    pub off_at_utc_ms: Option<i64>,
}

impl BroadcastSwitch {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self.off_at_utc_ms.is_none()
    }

    /// Switched on or off now; as it was, if it is so already.
    #[must_use]
    pub fn turned(self, on: bool, now_utc_ms: i64) -> Self {
        match (self.is_on(), on) {
            (false, true) => Self { on_at_utc_ms: now_utc_ms, off_at_utc_ms: None },
            (true, false) => Self { off_at_utc_ms: Some(now_utc_ms), ..self },
            (true, true) | (false, false) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_remembers_when_it_was_turned_and_only_then() {
        let on = BroadcastSwitch::default();
        assert_eq!((on.is_on(), on.turned(true, 5)), (true, on));
        let off = on.turned(false, 6);
        assert_eq!((off.is_on(), off.off_at_utc_ms, off.turned(false, 7)), (false, Some(6), off));
        assert_eq!(off.turned(true, 8), BroadcastSwitch { on_at_utc_ms: 8, off_at_utc_ms: None });
    }
}

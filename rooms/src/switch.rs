//! The switch of a room's broadcast: how it is set, and when it was turned.

use super::settings::BroadcastSetting;

/// Whether a room's stage is broadcast when somebody is on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BroadcastSwitch {
    /// How it is set.
    pub setting: BroadcastSetting,
    /// When it was last switched on. UTC, milliseconds since the Unix epoch; 0: it has stood so since the room was
    /// made.
    pub on_at_utc_ms: i64,
    /// When it was switched off after that; `None`: it is on, or has been off since the room was made.
    pub off_at_utc_ms: Option<i64>,
}

impl BroadcastSwitch {
    /// As the room is made.
    pub fn new(setting: BroadcastSetting) -> Self {
        Self { setting, on_at_utc_ms: 0, off_at_utc_ms: None }
    }

    /// Whether the room may be on the air.
    pub fn is_on(self) -> bool {
        self.setting != BroadcastSetting::Off
    }

    /// Whether somebody has turned it since the room was made.
    pub fn was_turned(self) -> bool {
        self.on_at_utc_ms != 0 || self.off_at_utc_ms.is_some()
    }

    /// Set so from now on. Going from off to on, or back, is remembered; between `auto` and `on` is no switching.
    #[must_use]
    pub fn set(self, setting: BroadcastSetting, now_utc_ms: i64) -> Self {
        let set = Self { setting, ..self };
        match (self.is_on(), set.is_on()) {
            (false, true) => Self { setting, on_at_utc_ms: now_utc_ms, off_at_utc_ms: None },
            (true, false) => Self { off_at_utc_ms: Some(now_utc_ms), ..set },
            (true, true) | (false, false) => set,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BroadcastSetting::{Auto, Off, On};
    use super::*;

    #[test]
    fn a_switch_remembers_when_it_was_turned_and_only_then() {
        let auto = BroadcastSwitch::new(Auto);
        assert_eq!((auto.is_on(), auto.was_turned(), auto.set(Auto, 5)), (true, false, auto));
        let on = auto.set(On, 5);
        assert_eq!((on.is_on(), on.was_turned(), on.set(Auto, 6)), (true, false, auto));
        let off = on.set(Off, 6);
        assert_eq!((off.is_on(), off.off_at_utc_ms, off.set(Off, 7)), (false, Some(6), off));
        assert_eq!(off.set(Auto, 8), BroadcastSwitch { setting: Auto, on_at_utc_ms: 8, off_at_utc_ms: None });
    }

    #[test]
    fn a_switch_that_began_off_was_never_turned() {
        let off = BroadcastSwitch::new(Off);
        assert_eq!((off.is_on(), off.was_turned(), off.set(Off, 5)), (false, false, off));
        assert!(off.set(On, 5).was_turned());
    }
}

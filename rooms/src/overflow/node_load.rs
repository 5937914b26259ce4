//! The limits of an SFU node, its load, and whether it takes in anybody.
//!
//! A node is busy as soon as one figure reaches its limit. It opens again after every figure has been at
//! `open_at_percent` of its limit or below for `open_after_seconds`, so that admission does not flap: two changes to
//! busy are at least that long apart. No I/O and no clock; [`NodeGate`] is stepped by whoever measures the node, once
//! for all of its rooms.

use serde::{Deserialize, Serialize};

use super::thresholds::{BadSetting, within};

/// The usage at which a node is busy: its limit. Permille.
const BUSY_PERMILLE: u32 = 1000;

/// How much a node may carry. The stricter of these and a room's [`Thresholds`](super::Thresholds) wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeLimits {
    /// Bits a second that the node sends at most, all rooms together; 0: no limit. Set what the network card or the
    /// provider bears. Default 0.
    pub egress_bits_per_second_max: u64,
    /// Packets a second that the node sends at most; 0: no limit. Default 0.
    pub packets_per_second_max: u64,
    /// Percent of all cores that the node uses at most; 0: no limit. What is above is for bursts. Default 85.
    pub cpu_percent_max: u32,
    /// Percent of each limit at or below which a busy node takes people in again. Default 80.
    pub open_at_percent: u32,
    /// Seconds for which a busy node has to be that calm before it opens. Default 10.
    pub open_after_seconds: u32,
    /// Seats a second that a draining node moves to the broadcast, all rooms together; one room gives up 64 a step at
    /// most. More ends sooner, and asks more of the CDN at once. Default 50.
    pub drain_seats_per_second: u32,
    /// Seconds after the beginning of a drain from which people on stage are moved too. Default 300.
    pub drain_stage_seconds: u32,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self {
            egress_bits_per_second_max: 0,
            packets_per_second_max: 0,
            cpu_percent_max: 85,
            open_at_percent: 80,
            open_after_seconds: 10,
            drain_seats_per_second: 50,
            drain_stage_seconds: 300,
        }
    }
}

impl NodeLimits {
    /// Refuses what cannot work, in a sentence that names the key.
    pub fn validate(&self) -> Result<(), BadSetting> {
        within("cpu_percent_max", self.cpu_percent_max, 0, 100)?;
        within("open_at_percent", self.open_at_percent, 1, 99)?;
        within("open_after_seconds", self.open_after_seconds, 1, 3600)?;
        within("drain_seats_per_second", self.drain_seats_per_second, 1, 10_000)?;
        within("drain_stage_seconds", self.drain_stage_seconds, 0, 86_400)
    }

    /// The usage at or below which a busy node opens. Permille of the limit.
    pub(super) fn open_permille(&self) -> u32 {
        self.open_at_percent.saturating_mul(10).min(BUSY_PERMILLE)
    }
}

/// The load of a node, as its measurements say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    /// Bits a second that it sends.
    pub egress_bits_per_second: u64,
    /// Packets a second that it sends.
    pub packets_per_second: u64,
    /// Percent of all cores that it uses.
    pub cpu_percent: u32,
}

impl NodeLoad {
    /// The figure that is nearest to its limit, in permille of the limit. 0 where there are no limits.
    pub fn usage_permille(&self, limits: &NodeLimits) -> u32 {
        [
            (self.egress_bits_per_second, limits.egress_bits_per_second_max),
            (self.packets_per_second, limits.packets_per_second_max),
            (u64::from(self.cpu_percent), u64::from(limits.cpu_percent_max)),
        ]
        .into_iter()
        .filter(|(_, most)| *most > 0)
        .map(|(load, most)| u32::try_from(u128::from(load) * 1000 / u128::from(most)).unwrap_or(u32::MAX))
        .max()
        .unwrap_or(0)
    }
}

/// Whether a node gives new seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// It does.
    #[default]
    Open,
    /// It does not: whoever comes is refused with `node_busy`.
    Busy,
    /// It does not, for it drains: whoever comes is refused with `node_drains`.
    Draining,
}

/// The admission of one node over time.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeGate {
    admission: Admission,
    /// Since when a busy node has been calm enough to open.
    calm_since_ms: Option<u64>,
}

impl NodeGate {
    /// Whether the node gives new seats.
    pub fn admission(&self) -> Admission {
        self.admission
    }

    /// Takes a measurement, and whether the node drains. Returns the admission where it changes: the SFU is to be told.
    pub fn step(&mut self, load: &NodeLoad, limits: &NodeLimits, drains: bool, now_ms: u64) -> Option<Admission> {
        let usage = load.usage_permille(limits);
        let admission = match self.admission {
            _ if drains => Admission::Draining,
            Admission::Open | Admission::Draining if usage >= BUSY_PERMILLE => Admission::Busy,
            Admission::Draining => Admission::Open,
            Admission::Busy if usage <= limits.open_permille() => {
                let calm_since_ms = *self.calm_since_ms.get_or_insert(now_ms);
                let calm_ms = now_ms.saturating_sub(calm_since_ms);
                if calm_ms >= u64::from(limits.open_after_seconds) * 1000 { Admission::Open } else { Admission::Busy }
            }
            Admission::Open | Admission::Busy => {
                self.calm_since_ms = None;
                self.admission
            }
        };
        if admission == self.admission {
            return None;
        }
        *self = Self { admission, calm_since_ms: None };
        Some(admission)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: NodeLimits = NodeLimits {
        egress_bits_per_second_max: 1_000_000_000,
        packets_per_second_max: 200_000,
        cpu_percent_max: 80,
        open_at_percent: 80,
        open_after_seconds: 10,
        drain_seats_per_second: 50,
        drain_stage_seconds: 300,
    };

    fn cpu(cpu_percent: u32) -> NodeLoad {
        NodeLoad { cpu_percent, ..NodeLoad::default() }
    }

    #[test]
    fn the_figure_nearest_to_its_limit_counts() {
        let load = |egress_bits_per_second, packets_per_second, cpu_percent| NodeLoad {
            egress_bits_per_second,
            packets_per_second,
            cpu_percent,
        };
        for (load, permille) in [
            (load(500_000_000, 20_000, 8), 500),
            (load(1, 150_000, 8), 750),
            (load(1, 1, 88), 1100),
            (load(u64::MAX, 0, 0), u32::MAX),
        ] {
            assert_eq!(load.usage_permille(&LIMITS), permille, "{load:?}");
        }
        let none = NodeLimits { cpu_percent_max: 0, ..NodeLimits::default() };
        assert_eq!(load(u64::MAX, u64::MAX, 100).usage_permille(&none), 0);
    }

    #[test]
    fn a_busy_node_opens_when_it_has_been_calm_for_long_enough() {
        let mut gate = NodeGate::default();
        for (now_ms, cpu_percent, change) in [
            (0, 79, None),
            (1000, 80, Some(Admission::Busy)),
            (2000, 79, None),
            (3000, 64, None),
            (12_000, 65, None),
            (13_000, 64, None),
            (22_999, 10, None),
            (23_000, 64, Some(Admission::Open)),
            (24_000, 70, None),
        ] {
            assert_eq!(gate.step(&cpu(cpu_percent), &LIMITS, false, now_ms), change, "at {now_ms}");
        }
    }

    #[test]
    fn a_drain_closes_the_node_whatever_its_load_and_one_that_is_called_off_opens_it_by_its_load() {
        let mut gate = NodeGate::default();
        for (now_ms, cpu_percent, drains, change) in [
            (0, 10, true, Some(Admission::Draining)),
            (1000, 90, true, None),
            (2000, 10, false, Some(Admission::Open)),
            (3000, 90, false, Some(Admission::Busy)),
            (4000, 90, true, Some(Admission::Draining)),
            (5000, 90, false, Some(Admission::Busy)),
        ] {
            assert_eq!(gate.step(&cpu(cpu_percent), &LIMITS, drains, now_ms), change, "at {now_ms}");
        }
    }

    #[test]
    fn impossible_limits_are_refused_in_a_sentence_that_names_the_key() {
        NodeLimits::default().validate().unwrap();
        LIMITS.validate().unwrap();
        for (limits, sentence) in [
            (NodeLimits { cpu_percent_max: 101, ..LIMITS }, "cpu_percent_max is 101 and must be 0 to 100"),
            (NodeLimits { open_at_percent: 100, ..LIMITS }, "open_at_percent is 100 and must be 1 to 99"),
            (NodeLimits { open_after_seconds: 0, ..LIMITS }, "open_after_seconds is 0 and must be 1 to 3600"),
            (NodeLimits { drain_seats_per_second: 0, ..LIMITS }, "drain_seats_per_second is 0 and must be 1 to 10000"),
            (
                NodeLimits { drain_stage_seconds: 86_401, ..LIMITS },
                "drain_stage_seconds is 86401 and must be 0 to 86400",
            ),
        ] {
            assert_eq!(limits.validate().unwrap_err().to_string(), sentence);
        }
        assert!(serde_json::from_str::<NodeLimits>(r#"{"cpu_max":1}"#).is_err());
        assert_eq!(serde_json::from_str::<NodeLimits>("{}").unwrap(), NodeLimits::default());
    }

    proptest! {
        #[test]
        fn admission_never_closes_twice_within_the_calm_time(loads in prop::collection::vec((1u64..3000, 0u32..200), 1..200)) {
            let mut gate = NodeGate::default();
            let (mut now_ms, mut busy_at_ms) = (0, None);
            for (pause_ms, cpu_percent) in loads {
                now_ms += pause_ms;
                if gate.step(&cpu(cpu_percent), &LIMITS, false, now_ms) == Some(Admission::Busy) {
                    if let Some(busy_at_ms) = busy_at_ms {
                        prop_assert!(now_ms - busy_at_ms > 10_000);
                    }
                    busy_at_ms = Some(now_ms);
                }
                prop_assert!(gate.admission() == Admission::Busy || cpu_percent < 80);
            }
        }
    }
}

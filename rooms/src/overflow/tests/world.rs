//! A small model of a room: seats by the SFU's rule, an audience, a broadcast that takes seconds to start and to end,
//! and a node whose load follows the room's seats. It carries proposals out and refuses any that breaks a rule.

use std::collections::HashMap;

use super::*;

/// How long a lease lasts until its peer connects, a demoted person keeps the seat, and a broadcast starts or ends.
const CHANGE_MS: u64 = 3000;

/// Random numbers from a seed (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

pub(super) struct Seat {
    pub(super) person: Seated,
    connected_at_ms: u64,
    leaves_at_ms: Option<u64>,
}

pub(super) struct World {
    pub(super) now_ms: u64,
    pub(super) thresholds: Thresholds,
    pub(super) setting: BroadcastSetting,
    pub(super) seats: Vec<Seat>,
    /// People without a seat, by name.
    pub(super) audience: Vec<Watching>,
    /// Further viewers of the broadcast.
    pub(super) crowd: u32,
    pub(super) broadcast: BroadcastState,
    /// Seats that the node bears.
    pub(super) node_seats: u64,
    gate: NodeGate,
    changes_at_ms: u64,
    last_started_ms: Option<u64>,
    last_stopped_ms: Option<u64>,
    last_viewer_gone_ms: Option<u64>,
    /// When somebody was moved last, and the dwell of that time.
    moved_at_ms: HashMap<Identity, (u64, u64)>,
    pub(super) promoted: u32,
    pub(super) demoted: u32,
    pub(super) starts: u32,
    /// Promotions that the SFU refused.
    pub(super) refused: u32,
    pub(super) seats_most: usize,
}

impl World {
    pub(super) fn new(thresholds: Thresholds) -> Self {
        thresholds.validate().unwrap();
        Self {
            now_ms: 0,
            thresholds,
            setting: BroadcastSetting::Auto,
            seats: Vec::new(),
            audience: Vec::new(),
            crowd: 0,
            broadcast: BroadcastState::Off { last_started_ms: None },
            node_seats: 1_000_000,
            gate: NodeGate::default(),
            changes_at_ms: 0,
            last_started_ms: None,
            last_stopped_ms: None,
            last_viewer_gone_ms: None,
            moved_at_ms: HashMap::new(),
            promoted: 0,
            demoted: 0,
            starts: 0,
            refused: 0,
            seats_most: 0,
        }
    }

    fn occupied(&self) -> ByClass {
        let mut occupied = ByClass::default();
        for seat in &self.seats {
            *occupied.get_mut(seat.person.class) += 1;
        }
        occupied
    }

    /// The SFU's rule, spelled out apart from the decision's own.
    fn grants(&self, class: Class) -> bool {
        let (taken, reserved) = (self.occupied(), &self.thresholds.reserved);
        let kept: u32 = Class::ALL.iter().map(|kept| reserved.get(*kept).saturating_sub(taken.get(*kept))).sum();
        let all = self.seats.len() as u32;
        self.thresholds.admits(class)
            && all < self.thresholds.seats_max
            && (taken.get(class) < reserved.get(class) || all + kept < self.thresholds.seats_max)
    }

    fn sit(&mut self, identity: Identity, class: Class, on_stage: bool) -> bool {
        if !self.grants(class) {
            return false;
        }
        let now_ms = self.now_ms;
        let person = Seated { identity, class, seated_since_ms: now_ms, idle_since_ms: Some(now_ms), on_stage };
        self.seats.push(Seat { person, connected_at_ms: now_ms + CHANGE_MS, leaves_at_ms: None });
        self.seats_most = self.seats_most.max(self.seats.len());
        assert!(self.seats.len() <= self.thresholds.seats_max as usize, "oversold");
        true
    }

    /// Somebody joins: to a seat if there is one, else to the audience, where they ask for one or not.
    pub(super) fn join(&mut self, identity: Identity, class: Class, asks: bool) -> bool {
        let is_seated =
            self.gate.admission() == Admission::Open && self.sit(identity.clone(), class, class == Class::Speaker);
        if !is_seated {
            let on_broadcast_since_ms = self.broadcast.is_on_air().then_some(self.now_ms);
            let asked_since_ms = asks.then_some(self.now_ms);
            let asked_for_broadcast = false;
            self.audience.push(Watching {
                identity,
                class,
                asked_since_ms,
                on_broadcast_since_ms,
                asked_for_broadcast,
            });
        }
        is_seated
    }

    /// Everybody who is due leaves their seat for the audience; the broadcast gets where it was going.
    pub(super) fn advance(&mut self, span_ms: u64) {
        self.now_ms += span_ms;
        let now_ms = self.now_ms;
        let leaving = self.seats.extract_if(.., |seat| seat.leaves_at_ms.is_some_and(|at_ms| at_ms <= now_ms));
        self.audience.extend(leaving.map(|seat| Watching {
            identity: seat.person.identity,
            class: seat.person.class,
            asked_since_ms: Some(now_ms),
            on_broadcast_since_ms: Some(now_ms),
            asked_for_broadcast: false,
        }));
        match self.broadcast {
            BroadcastState::Starting { started_ms } if now_ms >= self.changes_at_ms => {
                self.broadcast = BroadcastState::OnAir { started_ms, last_viewer_gone_ms: None };
                self.audience.iter_mut().for_each(|watching| watching.on_broadcast_since_ms = Some(now_ms));
            }
            BroadcastState::Ending if now_ms >= self.changes_at_ms => {
                self.broadcast = BroadcastState::Off { last_started_ms: self.last_started_ms };
                self.audience.iter_mut().for_each(|watching| watching.on_broadcast_since_ms = None);
            }
            _ => {}
        }
        let load = self.node_load();
        self.gate.step(&load, &self.node_limits(), false, now_ms);
    }

    fn node_load(&self) -> NodeLoad {
        NodeLoad { egress_bits_per_second: self.seats.len() as u64 * 2_000_000, ..NodeLoad::default() }
    }

    fn node_limits(&self) -> NodeLimits {
        NodeLimits { egress_bits_per_second_max: self.node_seats * 2_000_000, ..NodeLimits::default() }
    }

    pub(super) fn audience_count(&self) -> u32 {
        self.crowd + self.audience.len() as u32
    }

    pub(super) fn snapshot(&mut self) -> RoomSnapshot {
        let (mut taken, mut leased) = (ByClass::default(), ByClass::default());
        for seat in &self.seats {
            let counts = if seat.connected_at_ms <= self.now_ms { &mut taken } else { &mut leased };
            *counts.get_mut(seat.person.class) += 1;
        }
        let mut people = ByClass { viewer: self.crowd, ..ByClass::default() };
        self.audience.iter().for_each(|watching| *people.get_mut(watching.class) += 1);
        if people.total() > 0 {
            self.last_viewer_gone_ms = Some(self.now_ms);
        }
        if let BroadcastState::OnAir { last_viewer_gone_ms, .. } = &mut self.broadcast {
            *last_viewer_gone_ms = self.last_viewer_gone_ms;
        }
        let first = (self.now_ms / 1000) as usize % self.seats.len().max(1);
        let turn = self.seats[first..].iter().chain(&self.seats[..first]);
        RoomSnapshot {
            taken_at_ms: self.now_ms,
            setting: self.setting,
            is_encrypted: false,
            seats: Seats {
                limit: 1_000_000,
                taken,
                leased,
                on_stage: self.seats.iter().filter(|seat| seat.person.on_stage).count() as u32,
                is_held: false,
                candidates: turn.take(CANDIDATES_MAX).map(|seat| seat.person.clone()).collect(),
            },
            audience: Audience {
                people,
                waiting: self.audience.iter().filter(|watching| watching.on_broadcast_since_ms.is_none()).count()
                    as u32,
                candidates: self.audience.iter().take(CANDIDATES_MAX).cloned().collect(),
            },
            broadcast: self.broadcast,
            node: NodeSnapshot {
                limits: self.node_limits(),
                load: self.node_load(),
                admission: self.gate.admission(),
                draining_since_ms: None,
                seats_taken: self.seats.len() as u64,
            },
        }
    }

    /// Carries proposals out. Returns how many promotions the SFU refused.
    pub(super) fn carry_out(&mut self, proposals: &[Proposal]) -> u32 {
        let refused_before = self.refused;
        for proposal in proposals {
            match proposal {
                Proposal::StartBroadcast(_) => self.start(),
                Proposal::StopBroadcast(_) => self.stop(),
                Proposal::Promote { identity, class } => self.promote(identity, *class),
                Proposal::Demote { identity, .. } => self.demote(identity),
            }
        }
        self.refused - refused_before
    }

    fn start(&mut self) {
        let BroadcastState::Off { last_started_ms } = self.broadcast else { return };
        let linger_ms = u64::from(self.thresholds.linger_seconds) * 1000;
        assert!(last_started_ms.is_none_or(|last| self.now_ms - last >= linger_ms), "two starts within a linger");
        self.last_started_ms = Some(self.now_ms);
        self.starts += 1;
        self.broadcast = BroadcastState::Starting { started_ms: self.now_ms };
        self.changes_at_ms = self.now_ms + CHANGE_MS;
    }

    fn stop(&mut self) {
        if !matches!(self.broadcast, BroadcastState::Starting { .. } | BroadcastState::OnAir { .. }) {
            return;
        }
        let linger_ms = u64::from(self.thresholds.linger_seconds) * 1000;
        assert!(self.last_stopped_ms.is_none_or(|last| self.now_ms - last >= linger_ms), "two stops within a linger");
        self.last_stopped_ms = Some(self.now_ms);
        self.broadcast = BroadcastState::Ending;
        self.changes_at_ms = self.now_ms + CHANGE_MS;
    }

    fn promote(&mut self, identity: &Identity, class: Class) {
        let Some(index) = self.audience.iter().position(|watching| watching.identity == *identity) else { return };
        if !self.sit(identity.clone(), class, false) {
            self.refused += 1;
            return;
        }
        self.audience.swap_remove(index);
        self.promoted += 1;
        self.note_move(identity);
    }

    fn demote(&mut self, identity: &Identity) {
        let leaves_at_ms = Some(self.now_ms + CHANGE_MS);
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.person.identity == *identity) else { return };
        if seat.leaves_at_ms.is_some() {
            return;
        }
        assert!(!seat.person.on_stage && seat.person.class != Class::Host, "{identity} keeps the seat");
        seat.leaves_at_ms = leaves_at_ms;
        self.demoted += 1;
        self.note_move(identity);
    }

    fn note_move(&mut self, identity: &Identity) {
        let dwell_ms = u64::from(self.thresholds.dwell_seconds) * 1000;
        if let Some((last_ms, last_dwell_ms)) = self.moved_at_ms.insert(identity.clone(), (self.now_ms, dwell_ms)) {
            assert!(self.now_ms - last_ms >= dwell_ms.min(last_dwell_ms), "{identity} moved twice within a dwell");
        }
    }
}

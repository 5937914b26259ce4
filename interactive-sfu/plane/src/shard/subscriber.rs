//! One peer that watches: its sections, and what its path bears.

use std::time::{Duration, Instant};

use super::subscription::Subscription;
use crate::media::loss::Loss;
use crate::media::probe::Probe;
use crate::media::proven::ProvenRate;
use crate::order::NewSection;

/// A peer that watches.
pub(crate) struct Subscriber {
    pub sections: Vec<Subscription>,
    /// Bits a second that its path carries, by its own estimate (REMB).
    estimate_bits_per_second: Option<u64>,
    /// Until then its estimate says nothing: receivers start theirs low, and after five seconds set it to what they
    /// receive.
    trusted_from: Option<Instant>,
    pub probe: Probe,
    proof: ProvenRate,
    pub losses: Loss,
    /// As it was a second ago.
    octets: u32,
}

/// See [`Subscriber::trusted_from`].
const ESTIMATE_SETTLES: Duration = Duration::from_secs(7);
/// A tenth.
const LOSS_OF_A_FULL_PATH: u8 = 26;
/// The part of an estimate that one audio track takes.
const AUDIO_BITS_PER_SECOND: u64 = 64_000;

impl Subscriber {
    pub(crate) fn new(sections: Vec<NewSection>) -> Self {
        Self {
            sections: sections.into_iter().map(Subscription::new).collect(),
            estimate_bits_per_second: None,
            trusted_from: None,
            probe: Probe::default(),
            proof: ProvenRate::default(),
            losses: Loss::default(),
            octets: 0,
        }
    }

    /// One section more, after those there are. Room grows by a quarter, not twofold: most have one or two sections,
    /// which are large.
    pub(crate) fn add(&mut self, section: Subscription) {
        if self.sections.len() == self.sections.capacity() {
            self.sections.reserve_exact(1 + self.sections.len() / 4);
        }
        self.sections.push(section);
    }

    /// Its path is up.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.trusted_from = Some(now + ESTIMATE_SETTLES);
    }

    /// It estimates so much.
    pub(crate) fn estimated(&mut self, bits_per_second: u64) {
        self.estimate_bits_per_second = Some(bits_per_second);
    }

    /// Once a second. `layers_bits_per_second`: what the layers take that it gets, on average. Returns what it loses,
    /// of 256, if that can be told.
    pub(crate) fn second(&mut self, layers_bits_per_second: u64, now: Instant) -> Option<u8> {
        let lost = self.losses.second();
        if let Some(fraction) = lost {
            self.proof.lost(fraction);
            if fraction > LOSS_OF_A_FULL_PATH {
                // Trust the estimate at once, however young it is.
                self.trusted_from = self.trusted_from.map(|from| from.min(now));
            }
        }
        let octets = self.sections.iter().fold(0u32, |sum, section| sum.wrapping_add(section.octets()));
        let sent = octets.wrapping_sub(std::mem::replace(&mut self.octets, octets));
        // A section that was replaced takes its count away.
        let sent = if sent > u32::MAX / 2 { 0 } else { u64::from(sent) * 8 };
        let trusted = self.trusted_from.is_some_and(|from| now >= from);
        self.proof.second(sent.max(layers_bits_per_second), self.estimate_bits_per_second.filter(|_| trusted));
        lost
    }

    /// Bits a second for all its pictures together. `None`: no estimate can be trusted yet.
    pub(crate) fn budget(&self, now: Instant) -> Option<u64> {
        if self.trusted_from.is_none_or(|from| now < from) {
            return None;
        }
        let sounds = self.sections.iter().filter(|s| !s.video && s.source.is_some()).count() as u64;
        let path = self.estimate_bits_per_second?.max(self.proof.budget().unwrap_or(0));
        Some(path.saturating_sub(sounds * AUDIO_BITS_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(ssrc: u32) -> Subscription {
        Subscription::new(NewSection {
            video: true,
            ssrc,
            rtx_ssrc: ssrc + 1,
            cname: String::new(),
            mid: String::new(),
            mid_extension: None,
            abs_send_time_extension: None,
            dependency_descriptor_extension: None,
            pausable: false,
        })
    }

    #[test]
    fn few_sections_take_little_spare_room_and_many_are_seldom_moved() {
        let (mut subscriber, mut moves) = (Subscriber::new(Vec::new()), 0);
        for count in 1..=400 {
            let capacity = subscriber.sections.capacity();
            subscriber.add(section(count));
            moves += usize::from(subscriber.sections.capacity() != capacity);
            let spare = subscriber.sections.capacity() - subscriber.sections.len();
            assert!(spare <= subscriber.sections.len() / 4, "{spare} of {count}");
        }
        assert!(moves < 40, "{moves}");
    }
}

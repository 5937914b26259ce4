//! The SSRCs of one peer, as replay protection has to know them (RFC 3711 §3.3.2).
//!
//! A peer publishes one track after the other, each under SSRCs of its own. The newest [`LIVE_MAX`] have a window each;
//! of an older one its highest index is kept, and nothing at or below that is accepted any more. Both are bounded: a
//! peer that has used up [`RETIRED_MAX`] SSRCs can add no more.

use std::collections::HashMap;

use super::window::Window;

/// SSRCs with a window: three layers of sixteen tracks, with their retransmissions, and spares.
pub(super) const LIVE_MAX: usize = 128;
/// SSRCs of which the highest index alone is kept: 16 bytes each. Twenty hours of a new screen share every four
/// minutes.
pub(super) const RETIRED_MAX: usize = 2048;

struct Source {
    ssrc: u32,
    window: Window,
    /// When its last packet came, counted in packets of the peer.
    heard: u64,
}

/// The replay windows of a peer's SSRCs.
#[derive(Default)]
pub(super) struct Sources {
    live: Vec<Source>,
    retired: HashMap<u32, u64>,
    packets: u64,
}

/// An SSRC as it is known here.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// It has the window at this place.
    Live(usize),
    /// The index at or below which a packet is refused.
    Retired(u64),
    /// No packet of it has been authenticated.
    New,
    /// As [`New`](Self::New), and there is no room for another.
    Full,
}

impl Sources {
    #[inline]
    pub(super) fn find(&self, ssrc: u32) -> Known {
        if let Some(at) = self.live.iter().position(|source| source.ssrc == ssrc) {
            return Known::Live(at);
        }
        match self.retired.get(&ssrc) {
            Some(highest) => Known::Retired(*highest),
            None if self.live.len() >= LIVE_MAX && self.retired.len() >= RETIRED_MAX => Known::Full,
            None => Known::New,
        }
    }

    /// The highest index of an SSRC.
    #[inline]
    pub(super) fn highest(&self, known: Known) -> Option<u64> {
        match known {
            Known::Live(at) => self.live.get(at).map(|source| source.window.highest()),
            Known::Retired(highest) => Some(highest),
            Known::New | Known::Full => None,
        }
    }

    /// Whether no packet with this index has been accepted.
    #[inline]
    pub(super) fn is_new(&self, known: Known, index: u64) -> bool {
        match known {
            Known::Live(at) => self.live.get(at).is_some_and(|source| source.window.is_new(index)),
            Known::Retired(highest) => index > highest,
            Known::New | Known::Full => true,
        }
    }

    /// A packet of `ssrc` is authentic, and [new](Self::is_new). `known` is what was found of it before.
    #[inline]
    pub(super) fn accept(&mut self, known: Known, ssrc: u32, index: u64) {
        self.packets += 1;
        if let Known::Live(at) = known {
            if let Some(source) = self.live.get_mut(at) {
                source.window.accept(index);
                source.heard = self.packets;
            }
            return;
        }
        if self.live.len() >= LIVE_MAX {
            self.retire_oldest();
        }
        let window = match self.retired.remove(&ssrc) {
            Some(highest) => Window::beyond(highest, index),
            None => Window::starting_at(index),
        };
        self.live.push(Source { ssrc, window, heard: self.packets });
    }

    fn retire_oldest(&mut self) {
        let oldest = self.live.iter().enumerate().min_by_key(|(_, source)| source.heard).map(|(at, _)| at);
        if let Some(oldest) = oldest {
            let Source { ssrc, window, .. } = self.live.swap_remove(oldest);
            self.retired.insert(ssrc, window.highest());
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.retired.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(sources: &mut Sources, ssrc: u32, index: u64) -> bool {
        let known = sources.find(ssrc);
        let taken = !matches!(known, Known::Full) && sources.is_new(known, index);
        if taken {
            sources.accept(known, ssrc, index);
        }
        taken
    }

    #[test]
    fn replayed_packet_of_retired_ssrc_is_refused() {
        let mut sources = Sources::default();
        for index in [1000, 1002] {
            assert!(accept(&mut sources, 7, index));
        }
        for ssrc in 100..100 + LIVE_MAX as u32 {
            assert!(accept(&mut sources, ssrc, 1));
        }
        assert!(matches!(sources.find(7), Known::Retired(1002)));
        for replayed in [1000, 1001, 1002, 500] {
            assert!(!accept(&mut sources, 7, replayed), "{replayed}");
        }
        assert!(accept(&mut sources, 7, 1010), "the SSRC itself may go on");
        assert!(!accept(&mut sources, 7, 1001) && accept(&mut sources, 7, 1009) && !accept(&mut sources, 7, 1009));
    }

    #[test]
    fn flood_of_ssrcs_ends_at_the_bound_and_known_ones_go_on() {
        let mut sources = Sources::default();
        let most = (LIVE_MAX + RETIRED_MAX) as u32;
        let taken = (0..most + 50).filter(|ssrc| accept(&mut sources, *ssrc, 5)).count();
        assert_eq!(taken, most as usize);
        assert!(accept(&mut sources, most - 1, 6) && accept(&mut sources, 0, 6), "live and retired");
        assert!(sources.live.len() <= LIVE_MAX && sources.retired.len() <= RETIRED_MAX);
    }
}

//! Layers within one sequence of packets: smaller pictures of a picture (spatial layers), and fewer of them (temporal
//! layers).
//!
//! A published sequence is forwarded whole, or thinned to a [`Variant`]: what it leaves out nobody misses, because a
//! [`LayerFilter`] numbers what stays. So a variant is a layer like any other, and whoever watches it shares it with
//! whoever else does. Spatial layers are those of VP9 (RFC 9628) and AV1; temporal ones also VP8's (RFC 7741). No I/O
//! and no clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codec_headers::{VideoCodec, vp8};

use super::packet::{LayerPosition, Packet, TOP};

/// Gaps that are remembered, for packets that come late.
const BREAKS_MAX: usize = 512;
/// So long are bits and pictures counted.
const METERED_FOR: Duration = Duration::from_millis(900);

/// A published sequence, whole or thinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Which of the track's sequences: its simulcast layer.
    pub source: usize,
    /// Spatial layers up to this one; [`TOP`]: all.
    pub spatial: u8,
    /// Temporal layers up to this one; [`TOP`]: all.
    pub temporal: u8,
}

impl Default for Variant {
    fn default() -> Self {
        Self::whole(0)
    }
}

impl Variant {
    pub(crate) const fn whole(source: usize) -> Self {
        Self { source, spatial: TOP, temporal: TOP }
    }

    pub(crate) fn is_whole(&self) -> bool {
        (self.spatial, self.temporal) == (TOP, TOP)
    }

    pub(crate) fn keeps(&self, place: &LayerPosition) -> bool {
        place.spatial <= self.spatial && place.temporal <= self.temporal
    }

    /// Whether a receiver of `from` may go on with this one at this packet, which is no keyframe: with less at the
    /// start of any picture, with more pictures where their references allow it.
    pub(crate) fn may_follow(&self, from: &Self, place: &LayerPosition) -> bool {
        let fewer = self.temporal <= from.temporal;
        let more = place.up_from.is_some_and(|least| from.temporal >= least);
        self.is_of(from) && place.begins_picture && (fewer || more)
    }

    /// Whether it is the same picture, or a smaller one of the same sequence: no keyframe is needed to come here.
    pub(crate) fn is_of(&self, from: &Self) -> bool {
        self.source == from.source && self.spatial <= from.spatial
    }
}

/// The variants that a track of so many sequences can be sent as: first each sequence whole, then thinned.
pub(crate) fn variants(codec: Option<VideoCodec>, sources: usize) -> Vec<Variant> {
    let thinnest = match codec {
        Some(VideoCodec::Vp9 | VideoCodec::Av1) => 0,
        Some(VideoCodec::Vp8) => TOP,
        Some(VideoCodec::H264) | None => TOP + 1,
    };
    let thinned = (0..sources).flat_map(|source| {
        let all = (thinnest..=TOP).flat_map(|spatial| (0..=TOP).map(move |temporal| (spatial, temporal)));
        all.map(move |(spatial, temporal)| Variant { source, spatial, temporal })
    });
    (0..sources).map(Variant::whole).chain(thinned.filter(|variant| !variant.is_whole())).collect()
}

/// From this packet on so many packets and pictures were left out before.
#[derive(Clone, Copy, Debug, Default)]
struct Break {
    from: u64,
    packets: u64,
    pictures: u16,
}

impl Break {
    fn number(&self, sequence: u64) -> u64 {
        sequence - self.packets
    }
}

/// The newest packet, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    timestamp: u32,
    picture: Option<u16>,
    /// Its picture is whole: only padding or another picture can follow.
    complete: bool,
}

impl Newest {
    fn then(self, packet: &Packet) -> Self {
        if packet.payload.is_empty() {
            return self;
        }
        Self { timestamp: packet.timestamp, picture: packet.place.picture, complete: packet.marker }
    }

    /// Whether what is missing before `packet` can be padding alone: a picture between would have a time, or a number.
    fn padded_until(&self, packet: &Packet) -> bool {
        let next = || {
            let (before, next) = (self.picture?, packet.place.picture?);
            Some(next.wrapping_sub(before) & 0x7f == 1 && packet.place.begins_picture)
        };
        let same = packet.payload.is_empty() && packet.timestamp == self.timestamp;
        self.complete && (same || next() == Some(true))
    }
}

/// Makes a sequence's [`Variant`]: leaves out padding and what does not belong to it, and numbers what stays without a
/// gap.
///
/// A packet that is missing keeps a number, unless it can have been padding alone.
#[derive(Debug)]
pub(crate) struct LayerFilter {
    variant: Variant,
    breaks: VecDeque<Break>,
    next: u64,
    newest: Newest,
    /// VP8's picture id of the last picture that was left out.
    left_out: Option<u16>,
}

impl LayerFilter {
    pub(crate) fn new(variant: Variant) -> Self {
        Self { variant, breaks: VecDeque::from([Break::default()]), next: 0, newest: Newest::default(), left_out: None }
    }

    /// The packet as it goes out in this variant; `None`: it does not.
    pub(crate) fn thin(&mut self, packet: &Arc<Packet>) -> Option<Arc<Packet>> {
        let kept = self.variant.keeps(&packet.place) && !packet.payload.is_empty();
        let is_newest = packet.sequence >= self.next;
        if is_newest {
            if packet.sequence > self.next && self.newest.padded_until(packet) {
                let before = self.breaks.back().copied().unwrap_or_default();
                let missing = packet.sequence - self.next;
                self.add(Break { from: packet.sequence, packets: before.packets + missing, ..before });
            }
            (self.next, self.newest) = (packet.sequence + 1, self.newest.then(packet));
        }
        let index = self.breaks.iter().rposition(|known| known.from <= packet.sequence)?;
        let before = self.breaks[index];
        if !kept && is_newest {
            self.leave_out(packet, before);
            return None;
        }
        let sequence = before.number(packet.sequence);
        // The gap was assumed to be padding and its output number reused; drop this late packet.
        if self.breaks.get(index + 1).is_some_and(|after| sequence >= after.number(after.from)) {
            return None;
        }
        let ends = packet.place.ends_layer && packet.place.spatial == self.variant.spatial;
        let marker = packet.marker || ends;
        if kept && (sequence, marker, before.pictures) == (packet.sequence, packet.marker, 0) {
            return Some(packet.clone());
        }
        Some(Arc::new(Packet {
            sequence,
            timestamp: packet.timestamp,
            marker: kept && marker,
            keyframe: kept && packet.keyframe,
            place: packet.place,
            vp8: packet.vp8.map(|descriptor| vp8::Descriptor {
                picture_id: descriptor.picture_id.map(|id| id.wrapping_sub(before.pictures) & 0x7fff),
                ..descriptor
            }),
            red_primary: packet.red_primary,
            descriptor: packet.descriptor.clone(),
            // One that was missing, had its number kept, and does not belong here: the number carries nothing.
            payload: if kept { packet.payload.clone() } else { Arc::new([]) },
            arrived: packet.arrived,
        }))
    }

    fn leave_out(&mut self, packet: &Packet, before: Break) {
        let picture = packet.vp8.and_then(|descriptor| descriptor.picture_id);
        let another = picture.is_some() && self.left_out != picture;
        self.left_out = picture.or(self.left_out);
        self.add(Break {
            from: packet.sequence + 1,
            packets: before.packets + 1,
            pictures: before.pictures.wrapping_add(u16::from(another)),
        });
    }

    /// Merges a gap into the previous one if no packet was forwarded between them.
    fn add(&mut self, after: Break) {
        let number = after.number(after.from);
        match self.breaks.back_mut().filter(|last| last.number(last.from) == number && last.packets > 0) {
            Some(last) => *last = after,
            None => {
                if self.breaks.len() == BREAKS_MAX {
                    self.breaks.pop_front();
                }
                self.breaks.push_back(after);
            }
        }
    }
}

/// Bit rate and picture rate of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    pub bits_per_second: u32,
    pub pictures_per_second: u32,
}

type PerPlace<T> = [[T; TOP as usize + 1]; TOP as usize + 1];

/// Bit rate, picture rate and picture size of each layer within a sequence.
#[derive(Debug, Default)]
pub(crate) struct LayerRates {
    counted: PerPlace<(u64, u32)>,
    since: Option<Instant>,
    rates: PerPlace<Rate>,
    sizes: [(u32, u32); TOP as usize + 1],
}

impl LayerRates {
    pub(crate) fn packet(&mut self, place: &LayerPosition, bytes: usize) {
        let (counted, pictures) = &mut self.counted[usize::from(place.spatial)][usize::from(place.temporal)];
        *counted += bytes as u64;
        *pictures += u32::from(place.begins_picture);
    }

    /// A keyframe told how large each spatial layer is, from small to large.
    pub(crate) fn sizes(&mut self, sizes: &[(u32, u32)]) {
        for (known, told) in self.sizes.iter_mut().zip(sizes) {
            *known = *told;
        }
    }

    /// Once a second.
    pub(crate) fn second(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(*self.since.get_or_insert(now));
        if elapsed < METERED_FOR {
            return;
        }
        self.since = Some(now);
        let seconds = elapsed.as_secs_f64();
        for (rates, counted) in self.rates.iter_mut().flatten().zip(self.counted.iter_mut().flatten()) {
            let (bytes, pictures) = std::mem::take(counted);
            *rates = Rate {
                bits_per_second: (bytes as f64 * 8.0 / seconds) as u32,
                pictures_per_second: (f64::from(pictures) / seconds).round() as u32,
            };
        }
    }

    fn cells(&self) -> impl Iterator<Item = (u8, u8, &Rate)> {
        let rows = (0..=TOP).zip(&self.rates);
        rows.flat_map(|(spatial, row)| (0..=TOP).zip(row).map(move |(temporal, rate)| (spatial, temporal, rate)))
    }

    /// Rate and picture size of a variant. `None`: there is no such layer, or it is the whole sequence.
    pub(crate) fn of(&self, variant: &Variant) -> Option<(Rate, (u32, u32))> {
        let is_live = |rate: &Rate| rate.bits_per_second > 0;
        let most = |layer: fn((u8, u8, &Rate)) -> u8| {
            self.cells().filter(|(.., rate)| is_live(rate)).map(layer).max().unwrap_or_default()
        };
        let (spatial, temporal) = (most(|(spatial, ..)| spatial), most(|(_, temporal, _)| temporal));
        let fits = |mine: u8, most: u8| mine == TOP || mine < most;
        if variant.is_whole() || !fits(variant.spatial, spatial) || !fits(variant.temporal, temporal) {
            return None;
        }
        let mut rate = Rate::default();
        for (_, _, more) in self.cells().filter(|(s, t, _)| *s <= variant.spatial && *t <= variant.temporal) {
            rate.bits_per_second += more.bits_per_second;
            rate.pictures_per_second += more.pictures_per_second;
        }
        Some((rate, self.sizes[usize::from(variant.spatial.min(spatial))]))
    }

    /// Pictures a second, of all layers.
    pub(crate) fn pictures_per_second(&self) -> u32 {
        self.cells().map(|(.., rate)| rate.pictures_per_second).sum()
    }
}

#[cfg(test)]
#[path = "scalability_tests.rs"]
mod tests;

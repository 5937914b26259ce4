//! Which pictures are too large, or too many, to be decoded by whoever they are sent to.
//!
//! A [`PictureGuard`] watches one sequence of pictures. After one that is out of bounds it refuses all, until a picture
//! begins that a decoder can start at and is within bounds. No I/O and no clock: `now` comes in.

use std::time::{Duration, Instant};

use crate::CodedSize;

/// Pictures at once, as a multiple of those of a second: they come in clusters after a loss was mended.
const BURST: Duration = Duration::from_secs(1);
/// How long a sequence that was too fast must be slower before it is taken again, at most.
const DEBT_MAX: Duration = Duration::from_secs(2);

/// What may be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureBounds {
    /// Width × height.
    pub pixels_max: u32,
    /// Width, and height.
    pub side_max: u32,
    /// Pictures a second.
    pub per_second_max: u32,
}

impl PictureBounds {
    /// Whether a picture of so many pixels by so many is within bounds.
    pub fn admit(&self, width: u32, height: u32) -> bool {
        let pixels = u64::from(width) * u64::from(height);
        width.max(height) <= self.side_max && pixels <= u64::from(self.pixels_max)
    }
}

/// Why pictures are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More pixels than allowed.
    TooLarge,
    /// The size is not where it can be read.
    Unreadable,
    /// More a second than allowed.
    TooMany,
}

impl Refusal {
    /// A word for metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "picture_too_large",
            Self::Unreadable => "picture_size_unreadable",
            Self::TooMany => "pictures_too_many",
        }
    }
}

/// Watches one sequence of pictures.
#[derive(Clone, Debug)]
pub struct PictureGuard {
    bounds: PictureBounds,
    size: Option<Refusal>,
    rate: Option<Refusal>,
    newest: Option<u32>,
    /// When as many pictures have come as a sequence at the limit would have had.
    due: Option<Instant>,
}

impl PictureGuard {
    /// Nothing has come yet.
    pub fn new(bounds: PictureBounds) -> Self {
        Self { bounds, size: None, rate: None, newest: None, due: None }
    }

    /// Whether pictures are refused, and why.
    pub fn refused(&self) -> Option<Refusal> {
        self.size.or(self.rate)
    }

    /// Forgets why pictures are refused; the next ones tell.
    pub fn forgive(&mut self) {
        (self.size, self.rate) = (None, None);
    }

    /// A packet, or a whole picture, came: what it says of sizes, whether a decoder can start at it, and its RTP
    /// timestamp.
    pub fn check(&mut self, size: CodedSize, keyframe: bool, timestamp: u32, now: Instant) -> Result<(), Refusal> {
        let due = self.due.unwrap_or(now).max(now);
        let is_new = self.newest.is_none_or(|newest| timestamp.wrapping_sub(newest).wrapping_sub(1) < 1 << 31);
        if is_new {
            self.newest = Some(timestamp);
            let interval = Duration::from_secs(1) / self.bounds.per_second_max.max(1);
            self.due = Some((due + interval).min(now + DEBT_MAX));
        }
        if due > now + BURST {
            self.rate = Some(Refusal::TooMany);
        } else if keyframe {
            self.rate = None;
        }
        match size {
            CodedSize::Unchanged => {}
            CodedSize::Unreadable => self.size = Some(Refusal::Unreadable),
            CodedSize::Pixels(width, height) if !self.bounds.admit(width, height) => {
                self.size = Some(Refusal::TooLarge)
            }
            CodedSize::Pixels(..) if keyframe => self.size = None,
            CodedSize::Pixels(..) => {}
        }
        self.refused().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: PictureBounds = PictureBounds { pixels_max: 3840 * 2160, side_max: 8192, per_second_max: 120 };

    #[test]
    fn bounds_are_of_area_and_of_sides_and_nothing_overflows() {
        for (width, height, admitted) in [
            (3840, 2160, true),
            (2160, 3840, true),
            (3841, 2160, false),
            (8192, 1012, true),
            (8193, 16, false),
            (65_536, 65_536, false),
            (u32::MAX, u32::MAX, false),
        ] {
            assert_eq!(BOUNDS.admit(width, height), admitted, "{width}×{height}");
        }
    }

    #[test]
    fn all_is_refused_from_a_picture_too_large_until_a_keyframe_within_bounds() {
        let (mut guard, now) = (PictureGuard::new(BOUNDS), Instant::now());
        let (large, unreadable) = (Err(Refusal::TooLarge), Err(Refusal::Unreadable));
        for (n, (size, keyframe, expected)) in (0..).zip([
            (CodedSize::Unchanged, false, Ok(())),
            (CodedSize::Pixels(640, 360), true, Ok(())),
            (CodedSize::Pixels(16_383, 16_383), true, large),
            (CodedSize::Unchanged, false, large),
            (CodedSize::Pixels(640, 360), false, large),
            (CodedSize::Unchanged, true, large),
            (CodedSize::Pixels(640, 360), true, Ok(())),
            (CodedSize::Unreadable, true, unreadable),
            (CodedSize::Unchanged, false, unreadable),
            (CodedSize::Pixels(640, 360), true, Ok(())),
            (CodedSize::Pixels(16_383, 16_383), false, large),
        ]) {
            assert_eq!(guard.check(size, keyframe, n * 3000, now), expected, "{n}");
        }
        guard.forgive();
        assert_eq!((guard.refused(), guard.check(CodedSize::Unchanged, false, 90_000, now)), (None, Ok(())));
    }

    /// Pictures at a rate for so many seconds, each of two packets, every tenth a keyframe: how many packets passed.
    fn run(guard: &mut PictureGuard, start: Instant, per_second: u32, seconds: u32) -> u32 {
        let count = per_second * seconds;
        (0..count * 2).fold(0, |passed, n| {
            let (picture, first) = (n / 2, n % 2 == 0);
            let now = start + Duration::from_secs(1) / per_second * picture;
            // 90 kHz, wherever the clock stands.
            let timestamp = (now - start).as_micros() as u32 / 100 * 9;
            let timestamp = guard.newest.map_or(timestamp, |newest| newest.wrapping_add(u32::from(first)));
            let size =
                if picture.is_multiple_of(10) && first { CodedSize::Pixels(640, 360) } else { CodedSize::Unchanged };
            passed + u32::from(guard.check(size, size != CodedSize::Unchanged, timestamp, now).is_ok())
        })
    }

    #[test]
    fn a_sequence_within_the_rate_passes_whole_and_one_beyond_it_only_at_first() {
        let (mut guard, start) = (PictureGuard::new(BOUNDS), Instant::now());
        assert_eq!(run(&mut guard, start, 60, 10), 60 * 10 * 2);
        assert_eq!(run(&mut guard, start + Duration::from_secs(10), 120, 10), 120 * 10 * 2);
        let passed = run(&mut guard, start + Duration::from_secs(20), 1000, 10);
        assert!((100..300).contains(&(passed / 2)), "{passed}");
        assert_eq!(guard.refused(), Some(Refusal::TooMany));
        let passed = run(&mut guard, start + Duration::from_secs(33), 30, 10);
        assert!(passed >= 30 * 9 * 2, "slow again: {passed}");
    }

    #[test]
    fn packets_sent_again_are_no_new_pictures() {
        let (mut guard, now) = (PictureGuard::new(BOUNDS), Instant::now());
        assert_eq!(guard.check(CodedSize::Unchanged, false, u32::MAX, now), Ok(()));
        assert!((0..10_000).all(|n| guard.check(CodedSize::Unchanged, false, u32::MAX - n % 500, now).is_ok()));
        assert_eq!(guard.check(CodedSize::Unchanged, false, 5, now), Ok(()), "it wraps");
        assert_eq!(guard.newest, Some(5));
    }
}

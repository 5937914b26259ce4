//! The quality that a publisher is asked to send of a track.
//!
//! More is asked for at once, less only when that lasts: somebody who scrolls past a picture and back should not wait
//! for it. Pure.

use std::time::{Duration, Instant};

use livekit_protocol::VideoQuality;

/// A lower quality must suffice for this long before it is asked for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The quality that one track is asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The quality that the publisher was last told; `None`: none yet, so it sends all.
    told: Option<VideoQuality>,
    less_since: Option<Instant>,
}

impl Asked {
    /// A track that is sent once it is asked for.
    pub(crate) fn off() -> Self {
        Self { told: Some(VideoQuality::Off), less_since: None }
    }

    /// The quality that is asked for now.
    pub(crate) fn told(&self) -> VideoQuality {
        self.told.unwrap_or(VideoQuality::High)
    }

    /// Subscribers want `wanted` now. Returns the quality to tell the publisher, if it changes; `Err`: ask again later.
    pub(crate) fn want(&mut self, wanted: VideoQuality, now: Instant) -> Result<Option<VideoQuality>, ()> {
        let told = self.told();
        if rank(wanted) < rank(told) {
            let since = *self.less_since.get_or_insert(now);
            if now.saturating_duration_since(since) < PATIENCE {
                return Err(());
            }
        }
        self.less_since = None;
        Ok((self.told.replace(wanted).unwrap_or(VideoQuality::High) != wanted).then_some(wanted))
    }
}

/// A quality's rank, from `Off` to `High`.
pub(crate) fn rank(quality: VideoQuality) -> u8 {
    match quality {
        VideoQuality::Off => 0,
        VideoQuality::Low => 1,
        VideoQuality::Medium => 2,
        VideoQuality::High => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_quality_is_asked_for_at_once_and_lower_after_a_while() {
        use VideoQuality::{High, Low, Off};
        let (mut asked, start) = (Asked::default(), Instant::now());
        let mut want = |seconds, quality| asked.want(quality, start + Duration::from_secs(seconds));
        assert_eq!(want(0, High), Ok(None), "which is what is sent without asking");
        assert_eq!(want(1, Low), Err(()));
        assert_eq!(want(2, High), Ok(None), "it was wanted again");
        assert_eq!(want(3, Off), Err(()));
        assert_eq!(want(5, Low), Err(()));
        assert_eq!(want(6, Low), Ok(Some(Low)));
        assert_eq!(want(7, High), Ok(Some(High)));
    }
}

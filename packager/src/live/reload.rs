//! Decides whether a playlist request is answered now, held or refused (rfc8216bis §6.2.5.2).
//!
//! Pure: where the rendition stands, the directives and how long the request has waited come in. Driven by `origin.rs`.

use std::time::Duration;

use crate::delivery::BroadcastSpec;
use crate::live::query::{PlaylistQuery, QueryError};
use crate::live::window::RenditionProgress;
use crate::object::Position;

/// The facts of a broadcast that decide about requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Parts in a whole segment.
    pub parts_per_segment: u32,
    /// Advance Part Limit, parts.
    pub parts_ahead_max: u64,
    /// Three target durations.
    pub hold_max: Duration,
}

/// The decision about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// Answer with the playlist as it stands, or its delta.
    Answer {
        /// A delta update is wanted (there may be none; the full playlist is always right).
        delta: bool,
    },
    /// Hold it until the rendition moves on.
    Wait,
    /// Answer 400.
    Refuse(QueryError),
    /// Answer 503.
    TimeOut,
}

impl Rules {
    /// The rules of a broadcast.
    pub(crate) fn new(spec: &BroadcastSpec) -> Self {
        // Shorter parts may be asked for further ahead: three seconds' worth.
        let part_seconds = spec.part_target_seconds_max();
        let parts_ahead_max = if part_seconds < 1.0 { (3.0 / part_seconds).ceil() as u64 } else { 3 };
        Self {
            parts_per_segment: spec.parts_per_segment(),
            parts_ahead_max,
            hold_max: Duration::from_secs(3 * u64::from(spec.target_duration_seconds())),
        }
    }

    /// Decides on a request that has waited for `waited` already.
    pub(crate) fn decide(&self, at: RenditionProgress, query: &PlaylistQuery, waited: Duration) -> Reload {
        let answer = Reload::Answer { delta: query.skip && !at.ended };
        let Some(msn) = query.msn else { return answer };
        if at.ended {
            return answer;
        }
        let per_segment = u64::from(self.parts_per_segment);
        // A part past its segment's last is the first of the next segment.
        let wanted = match query.part {
            Some(part) if part >= per_segment => Position { msn: msn.saturating_add(1), part: 0 },
            Some(part) => Position { msn, part: part as u32 },
            None => Position { msn, part: self.parts_per_segment.saturating_sub(1) },
        };
        if wanted < at.next {
            return answer;
        }
        // The last segment that stands whole in the playlist is the one before the next part's.
        if msn > (at.next.msn + 1) {
            return Reload::Refuse(QueryError::MsnTooFar);
        }
        let index = |position: Position| position.msn.saturating_mul(per_segment) + u64::from(position.part);
        if query.part.is_some() && index(wanted) + 1 > index(at.next) + self.parts_ahead_max {
            return Reload::Refuse(QueryError::PartTooFar);
        }
        if waited >= self.hold_max { Reload::TimeOut } else { Reload::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    fn at(msn: u64, part: u32) -> RenditionProgress {
        RenditionProgress { next: Position { msn, part }, ended: false }
    }

    #[test]
    fn requests_are_answered_held_or_refused_by_the_protocol() {
        let rules = Rules::new(&spec());
        assert_eq!(rules.parts_ahead_max, 15);
        let now = Reload::Answer { delta: false };
        let delta = Reload::Answer { delta: true };
        let (far, too_far) = (Reload::Refuse(QueryError::MsnTooFar), Reload::Refuse(QueryError::PartTooFar));
        // The next part is 4 of segment 10; segment 9 is the last whole one.
        let table = [
            ("", now),
            ("_HLS_skip=YES", delta),
            ("_HLS_msn=0", now),
            ("_HLS_msn=9", now),
            ("_HLS_msn=9&_HLS_part=10", now),
            ("_HLS_msn=10", Reload::Wait),
            ("_HLS_msn=11", Reload::Wait),
            ("_HLS_msn=12", far),
            ("_HLS_msn=18446744073709551615", far),
            ("_HLS_msn=10&_HLS_part=3&_HLS_skip=YES", delta),
            ("_HLS_msn=10&_HLS_part=4", Reload::Wait),
            ("_HLS_msn=10&_HLS_part=10", Reload::Wait),
            ("_HLS_msn=10&_HLS_part=18446744073709551615", Reload::Wait),
            ("_HLS_msn=11&_HLS_part=8", Reload::Wait),
            ("_HLS_msn=11&_HLS_part=9", too_far),
            ("_HLS_msn=18446744073709551615&_HLS_part=18446744073709551615", far),
        ];
        for (query, expected) in table {
            let query_parsed = PlaylistQuery::parse(query).unwrap();
            assert_eq!(rules.decide(at(10, 4), &query_parsed, Duration::ZERO), expected, "{query}");
        }
    }

    #[test]
    fn request_with_msn_alone_waits_for_the_whole_segment() {
        let rules = Rules::new(&spec());
        let query = PlaylistQuery::parse("_HLS_msn=10").unwrap();
        assert_eq!(rules.decide(at(10, 9), &query, Duration::ZERO), Reload::Wait);
        assert_eq!(rules.decide(at(11, 0), &query, Duration::ZERO), Reload::Answer { delta: false });
    }

    #[test]
    fn blocked_request_waits_at_most_three_target_durations() {
        let rules = Rules::new(&spec());
        let query = PlaylistQuery::parse("_HLS_msn=10").unwrap();
        assert_eq!(rules.decide(at(10, 0), &query, Duration::from_millis(5_999)), Reload::Wait);
        assert_eq!(rules.decide(at(10, 0), &query, Duration::from_secs(6)), Reload::TimeOut);
    }

    #[test]
    fn directives_are_ignored_after_the_end() {
        let ended = RenditionProgress { ended: true, ..at(10, 0) };
        let query = PlaylistQuery::parse("_HLS_msn=99&_HLS_part=1&_HLS_skip=YES").unwrap();
        assert_eq!(Rules::new(&spec()).decide(ended, &query, Duration::ZERO), Reload::Answer { delta: false });
    }
}

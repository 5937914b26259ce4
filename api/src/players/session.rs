//! One player's session: its state, and what its reports add to a [`Tally`].
//!
//! Reports come late, twice and out of order: players send each in a request of its own, and again where no answer
//! came. No I/O and no clock: `now` comes in. Driven by `accounting.rs`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::report::{PlayState, Report};
use super::tally::Tally;

/// A player that was silent for so long is gone: three times the interval of the standard, and the way.
pub(super) const SILENT_MAX: Duration = Duration::from_secs(95);
/// Reports that are known again. A player repeats a batch at most.
const RECENT_MAX: usize = 16;
/// A report adds no more than this, whatever it says.
const STALLS_ADDED_MAX: u64 = 100;
const STALLED_MS_ADDED_MAX: u64 = 600_000;
const ERRORS_ADDED_MAX: u64 = 10;
/// A player's clock that goes back by more than this was set; by less, the report is late. Milliseconds.
const LATE_MS_MAX: i64 = 60_000;

/// One player's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) state: PlayState,
    heard_at: Instant,
    /// When the newest report was made by the player's clock, Unix milliseconds.
    newest_ms: Option<i64>,
    /// The state's beginning by the same clock.
    state_since_ms: Option<i64>,
    has_played: bool,
    has_told_startup: bool,
    /// Stalls and their length since the session began, where the player tells of them so.
    stalls: Option<u64>,
    stalled_ms: Option<u64>,
    /// Digests of the newest reports.
    recent: VecDeque<u64>,
}

impl Session {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: PlayState::Unknown,
            heard_at: now,
            newest_ms: None,
            state_since_ms: None,
            has_played: false,
            has_told_startup: false,
            stalls: None,
            stalled_ms: None,
            recent: VecDeque::new(),
        }
    }

    /// Whether the player has been silent for too long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) >= SILENT_MAX
    }

    /// Follows a report. `false`: it came before.
    pub(super) fn follow(&mut self, report: &Report, now: Instant, tally: &mut Tally) -> bool {
        self.heard_at = self.heard_at.max(now);
        if self.recent.contains(&report.digest) {
            return false;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(report.digest);
        tally.errors += u64::from(report.errors).min(ERRORS_ADDED_MAX);
        if let Some(startup_ms) = report.startup_ms.filter(|_| !self.has_told_startup) {
            self.has_told_startup = true;
            tally.startup_ms.observe(startup_ms);
        }
        tally.stalls += grown(&mut self.stalls, report.stalls).min(STALLS_ADDED_MAX);
        let stalled_ms = match report.stalled_ms.or(self.stalled_ms) {
            Some(_) => grown(&mut self.stalled_ms, report.stalled_ms),
            None => report.stalled_now_ms.unwrap_or(0),
        };
        tally.stalled_ms += stalled_ms.min(STALLED_MS_ADDED_MAX);
        if !self.is_late(report.at_ms) {
            self.newest_ms = report.at_ms.or(self.newest_ms);
            self.change_state(report, tally);
        }
        true
    }

    fn is_late(&self, at_ms: Option<i64>) -> bool {
        let (Some(at_ms), Some(newest_ms)) = (at_ms, self.newest_ms) else { return false };
        (1..=LATE_MS_MAX).contains(&newest_ms.saturating_sub(at_ms))
    }

    fn change_state(&mut self, report: &Report, tally: &mut Tally) {
        let before = self.state;
        self.state = report.state.unwrap_or(before);
        let plays_first = self.state == PlayState::Playing && !self.has_played;
        if self.state != before {
            let since_ms = std::mem::replace(&mut self.state_since_ms, report.at_ms);
            let lasted_ms =
                report.at_ms.zip(since_ms).and_then(|(end, since)| u64::try_from(end.saturating_sub(since)).ok());
            // The standard's own measure of a start, for players that tell of none.
            if before == PlayState::Starting && plays_first && !self.has_told_startup {
                self.has_told_startup = lasted_ms.is_some();
                lasted_ms.into_iter().for_each(|ms| tally.startup_ms.observe(ms));
            }
            if self.state == PlayState::Rebuffering && self.stalls.is_none() {
                tally.stalls += 1;
            }
            let tells_length = self.stalled_ms.is_some() || report.stalled_now_ms.is_some();
            if before == PlayState::Rebuffering && !tells_length {
                tally.stalled_ms += lasted_ms.unwrap_or(0).min(STALLED_MS_ADDED_MAX);
            }
        }
        if self.state == PlayState::Playing && (report.is_interval || plays_first) {
            report.latency_ms.into_iter().for_each(|ms| tally.latency_ms.observe(ms));
            report.bits_per_second.into_iter().for_each(|rate| tally.bits_per_second.observe(rate));
        }
        self.has_played |= plays_first;
    }
}

/// The growth of a count that only grows. The first is where it begins: it was not told to this server.
fn grown(known: &mut Option<u64>, told: Option<u64>) -> u64 {
    let Some(told) = told else { return 0 };
    let before = known.unwrap_or(told);
    *known = Some(before.max(told));
    told.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::super::report::reports;
    use super::*;

    /// A session that has followed these reports, and the tally.
    fn followed(lines: &str) -> (Session, Tally) {
        let now = Instant::now();
        let (mut session, mut tally) = (Session::new(now), Tally::default());
        for report in reports(lines).unwrap() {
            session.follow(&report, now, &mut tally);
        }
        (session, tally)
    }

    #[test]
    fn report_that_comes_twice_counts_once() {
        let (_, tally) = followed("e=e,ec=(\"a\"),sn=1\ne=e,ec=(\"a\"),sn=1\ne=e,ec=(\"a\"),sn=2");
        assert_eq!(tally.errors, 2);
    }

    #[test]
    fn late_report_changes_no_state_and_a_clock_that_was_set_back_does() {
        assert_eq!(followed("sta=p,ts=20000\nsta=s,ts=19999").0.state, PlayState::Playing);
        assert_eq!(followed("sta=p,ts=100000\nsta=a,ts=30000").0.state, PlayState::Paused);
        assert_eq!(followed("sta=p,ts=20000\nsta=a").0.state, PlayState::Paused);
        assert_eq!(followed("sta=p\ne=t,ts=1").0.state, PlayState::Playing, "a report without a state leaves it");
    }

    #[test]
    fn stalls_are_counted_once_however_a_player_tells_of_them() {
        for (player, lines) in [
            ("by its states", "sta=p,ts=0\nsta=r,ts=1000\nsta=p,ts=2500"),
            ("by its states and the length", "sta=p,ts=0\nsta=r,ts=1000\nbs,bsd=(1500),sta=p,ts=2600"),
            (
                "by sums",
                "bsa=(0),bsda=(0),sta=p,ts=0\nbsa=(1),bsda=(0),sta=r,ts=1000\nbsa=(1;v 1;a),bsda=(1500),sta=p,ts=9000",
            ),
            ("by sums alone", "bsa=(4),bsda=(700),ts=0\nbsa=(5),bsda=(2200),ts=1000\nbsa=(5),bsda=(2200),ts=1001"),
        ] {
            let (_, tally) = followed(lines);
            assert_eq!((tally.stalls, tally.stalled_ms), (1, 1500), "{player}");
        }
    }

    #[test]
    fn one_report_adds_only_so_much() {
        let (_, tally) =
            followed(&format!("bsa=(0),bsda=(0)\nbsa=(999999),bsda=(80000000),e=e,ec=({})", "\"x\" ".repeat(20)));
        assert_eq!((tally.stalls, tally.stalled_ms, tally.errors), (100, 600_000, 10));
    }

    #[test]
    fn startup_counts_once_and_rates_at_the_first_picture_and_with_each_interval() {
        let lines = "sta=s,ts=1\nbr=(3000),ltc=900,msd=700,sta=p,ts=2\nbr=(3000),msd=700,sta=a,ts=3\ne=t,br=(1),sta=a,ts=4\n\
                     br=(1),e=ps,sta=p,ts=5\ne=t,br=(5000),ltc=1100,ts=6";
        let (_, tally) = followed(lines);
        assert_eq!((tally.startup_ms.sum, tally.startup_ms.cumulative().last()), (700, Some(1)));
        assert_eq!((tally.latency_ms.sum, tally.bits_per_second.sum), (2000, 8_000_000));
        for (lines, startup_ms) in [
            ("sta=s,ts=1000\nsta=p,ts=1400", 400),
            ("sta=s,ts=1000\nsta=p,ts=1400\nmsd=500,ts=1401", 400),
            ("sta=s,ts=1000\nmsd=500,sta=p,ts=1400", 500),
            ("sta=s\nsta=p,ts=1400", 0),
            ("sta=a,ts=1000\nsta=p,ts=1400", 0),
        ] {
            assert_eq!(followed(lines).1.startup_ms.sum, startup_ms, "{lines}");
        }
    }

    #[test]
    fn silent_player_is_gone_after_three_intervals() {
        let now = Instant::now();
        let (mut session, mut tally) = (Session::new(now), Tally::default());
        assert!(!session.is_silent(now + SILENT_MAX - Duration::from_millis(1)) && session.is_silent(now + SILENT_MAX));
        session.follow(&reports("e=t").unwrap()[0], now + SILENT_MAX, &mut tally);
        assert!(!session.is_silent(now + SILENT_MAX));
    }
}

//! Event reports of CMCD version 2 (CTA-5004-B, the corrected CTA-5004-A), read from the body of a request.
//!
//! A body holds one report a line. A line that is no dictionary refuses the whole body; a key whose value is of another
//! type, too long or absurd is passed over, as are keys that count for nothing here (§6 of the standard). No I/O.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::dictionary::{Fault, Member, Value, dictionary};

/// Reports in one body.
pub(crate) const REPORTS_MAX: usize = 100;
/// The newest version that is understood; reports of later ones are passed over.
const VERSION_MAX: i64 = 2;
/// Lengths by the standard, characters.
const SID_CHARS_MAX: usize = 64;
const CID_CHARS_MAX: usize = 128;
/// Beyond these a value is absurd, and passed over.
const TIME_MS_MAX: u64 = 24 * 3600 * 1000;
const BIT_RATE_KBPS_MAX: u64 = 10_000_000;
const STALLS_MAX: u64 = 1_000_000;

/// The state of a player (`sta`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PlayState {
    /// The player has not said.
    #[default]
    Unknown,
    /// It loads ahead, or waits for its user: nobody watches yet.
    Preloading,
    Starting,
    Playing,
    Seeking,
    Rebuffering,
    Paused,
    /// It ended, broke for good, or its user left.
    Over,
}

impl PlayState {
    /// All states, in the order of their numbers.
    pub(super) const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Preloading,
        Self::Starting,
        Self::Playing,
        Self::Seeking,
        Self::Rebuffering,
        Self::Paused,
        Self::Over,
    ];

    fn of(token: &str) -> Option<Self> {
        match token {
            "d" | "w" => Some(Self::Preloading),
            "s" => Some(Self::Starting),
            "p" => Some(Self::Playing),
            "k" => Some(Self::Seeking),
            "r" => Some(Self::Rebuffering),
            "a" => Some(Self::Paused),
            "e" | "f" | "q" => Some(Self::Over),
            _ => None,
        }
    }

    /// The word of the metric.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Preloading => "preloading",
            Self::Starting => "starting",
            Self::Playing => "playing",
            Self::Seeking => "seeking",
            Self::Rebuffering => "rebuffering",
            Self::Paused => "paused",
            Self::Over => "over",
        }
    }

    /// Whether somebody watches.
    pub(super) fn is_viewing(self) -> bool {
        !matches!(self, Self::Preloading | Self::Over)
    }
}

/// The keys of a report that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Identifies the player's session (`sid`).
    pub(crate) session: Option<String>,
    /// The content (`cid`).
    pub(crate) content: Option<String>,
    /// An object that was asked for (`url`).
    pub(crate) url: Option<String>,
    /// The report is of a later version than is understood.
    pub(crate) is_of_later_version: bool,
    /// The report comes because time has passed (`e=t`).
    pub(super) is_interval: bool,
    pub(super) state: Option<PlayState>,
    /// When it happened by the player's clock (`ts`), Unix milliseconds.
    pub(super) at_ms: Option<i64>,
    /// From the wish to play to the first picture (`msd`), milliseconds.
    pub(super) startup_ms: Option<u64>,
    /// Behind live (`ltc`), milliseconds.
    pub(super) latency_ms: Option<u64>,
    /// All that plays, together (`br`, `ab`).
    pub(super) bits_per_second: Option<u64>,
    /// Times that media ran out since the session began (`bsa`).
    pub(super) stalls: Option<u64>,
    /// How long it was out in all of them (`bsda`), milliseconds.
    pub(super) stalled_ms: Option<u64>,
    /// How long it was out in those that are told of now (`bsd`), milliseconds.
    pub(super) stalled_now_ms: Option<u64>,
    /// Errors that are told of (`ec`, `e=e`).
    pub(super) errors: u32,
    /// The same for the same line.
    pub(super) digest: u64,
}

/// A body that is not of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadReports {
    #[error("the body holds no report")]
    Empty,
    #[error("the body holds more than {REPORTS_MAX} reports")]
    TooMany,
    /// `number` counts from 1.
    #[error("report {number} is no dictionary of RFC 8941: {fault}")]
    Malformed { number: usize, fault: Fault },
}

/// The reports of a body. Empty lines, and spaces around the others, are passed over.
pub(crate) fn reports(body: &str) -> Result<Vec<Report>, BadReports> {
    let lines = body.split('\n').map(str::trim).filter(|line| !line.is_empty());
    let mut reports = Vec::new();
    for (index, line) in lines.enumerate() {
        if index >= REPORTS_MAX {
            return Err(BadReports::TooMany);
        }
        reports.push(Report::of(line).map_err(|fault| BadReports::Malformed { number: index + 1, fault })?);
    }
    if reports.is_empty() { Err(BadReports::Empty) } else { Ok(reports) }
}

impl Report {
    fn of(line: &str) -> Result<Self, Fault> {
        let mut digest = DefaultHasher::new();
        line.hash(&mut digest);
        let mut report = Self { digest: digest.finish(), ..Self::default() };
        let (mut is_error, mut aggregate) = (false, None);
        for (key, member) in dictionary(line)? {
            match key {
                "v" => report.is_of_later_version = integer(&member).is_some_and(|version| version > VERSION_MAX),
                "sid" => report.session = text(&member, SID_CHARS_MAX),
                "cid" => report.content = text(&member, CID_CHARS_MAX),
                "url" => report.url = text(&member, usize::MAX),
                "e" => (report.is_interval, is_error) = (token(&member) == Some("t"), token(&member) == Some("e")),
                "sta" => report.state = token(&member).and_then(PlayState::of),
                "ts" => report.at_ms = integer(&member),
                "msd" => report.startup_ms = sum(&member, TIME_MS_MAX),
                "ltc" => report.latency_ms = sum(&member, TIME_MS_MAX),
                "br" => report.bits_per_second = sum(&member, BIT_RATE_KBPS_MAX).map(|kbps| kbps * 1000),
                "ab" => aggregate = sum(&member, BIT_RATE_KBPS_MAX).map(|kbps| kbps * 1000),
                "bsa" => report.stalls = most(&member, STALLS_MAX),
                "bsda" => report.stalled_ms = most(&member, TIME_MS_MAX),
                "bsd" => report.stalled_now_ms = sum(&member, TIME_MS_MAX),
                "ec" => report.errors = texts(&member),
                _ => {}
            }
        }
        report.bits_per_second = report.bits_per_second.or(aggregate);
        report.errors = report.errors.max(is_error.into());
        Ok(report)
    }
}

fn items<'a, 'b>(member: &'b Member<'a>) -> &'b [Value<'a>] {
    match member {
        Member::Item(value) => std::slice::from_ref(value),
        Member::List(values) => values,
    }
}

fn text(member: &Member<'_>, chars_max: usize) -> Option<String> {
    match member {
        Member::Item(Value::Text(text)) if !text.is_empty() && text.chars().count() <= chars_max => {
            Some(text.clone().into_owned())
        }
        _ => None,
    }
}

fn texts(member: &Member<'_>) -> u32 {
    let texts = items(member).iter().filter(|value| matches!(value, Value::Text(_)));
    u32::try_from(texts.count()).unwrap_or(u32::MAX)
}

fn token<'a>(member: &Member<'a>) -> Option<&'a str> {
    match member {
        Member::Item(Value::Token(token)) => Some(token),
        _ => None,
    }
}

fn integer(member: &Member<'_>) -> Option<i64> {
    match member {
        Member::Item(Value::Integer(integer)) => Some(*integer),
        _ => None,
    }
}

/// The numbers of an item or a list, rounded. `None`: one of them is none, is negative, or lies beyond `max`.
fn numbers(member: &Member<'_>, max: u64) -> Option<Vec<u64>> {
    let number = |value: &Value<'_>| match value {
        Value::Integer(integer) => u64::try_from(*integer).ok(),
        Value::Decimal(thousandths) => u64::try_from(*thousandths).ok().map(|thousandths| (thousandths + 500) / 1000),
        Value::Text(_) | Value::Token(_) | Value::Bytes(_) | Value::Boolean(_) => None,
    };
    let numbers = items(member).iter().map(|value| number(value).filter(|number| *number <= max));
    numbers.collect::<Option<Vec<u64>>>().filter(|numbers| !numbers.is_empty())
}

/// Version 1 has a number where version 2 has a list with one for each type of object.
fn sum(member: &Member<'_>, max: u64) -> Option<u64> {
    numbers(member, max).map(|numbers| numbers.iter().sum()).filter(|sum| *sum <= max)
}

/// A stall of picture and of sound is one for who watches.
fn most(member: &Member<'_>, max: u64) -> Option<u64> {
    numbers(member, max).and_then(|numbers| numbers.into_iter().max())
}

#[cfg(test)]
mod tests;

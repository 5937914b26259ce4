//! The low-latency media playlist (rfc8216bis), and its delta.
//!
//! One small writer: the libraries at hand know no parts. Plain players read the same text; they skip the tags they do
//! not know. Pure. Rendered once a change by `run.rs`, shared by everybody who asks.

use std::fmt::Write as _;

use crate::delivery::{BroadcastSpec, RenditionSpec};
use crate::live::lending::Source;
use crate::live::window::{Segment, Window};
use crate::object::{Object, Position};

/// The values that every media playlist of a broadcast shares.
#[derive(Clone, Debug)]
pub struct Control {
    /// EXT-X-TARGETDURATION, seconds.
    pub target_duration_seconds: u32,
    /// PART-HOLD-BACK, seconds.
    pub part_hold_back_seconds: f64,
    /// UTC of tick 0, milliseconds since the Unix epoch.
    pub programme_zero_utc_ms: i64,
    /// Whether the parts near the live edge are listed, as they are while they can be fetched.
    pub lists_parts: bool,
}

impl Control {
    /// For a broadcast whose players stay `hold_back_parts` behind the live edge.
    pub fn new(spec: &BroadcastSpec, hold_back_parts: f64, programme_zero_utc_ms: i64) -> Self {
        Self {
            target_duration_seconds: spec.target_duration_seconds(),
            // Against the PART-TARGETs as they are printed, rounded up.
            part_hold_back_seconds: round_up(round_up(spec.part_target_seconds_max()) * hold_back_parts),
            programme_zero_utc_ms,
            lists_parts: true,
        }
    }
}

/// The latest segment and part of another rendition (EXT-X-RENDITION-REPORT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of that rendition.
    pub name: String,
    /// Its last published part.
    pub last: Position,
}

/// A playlist in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playlist {
    /// The playlist with every listed segment.
    pub full: String,
    /// The delta, without the segments that a player with a recent copy knows; `None`: there is none to skip.
    pub delta: Option<String>,
}

/// Writes the playlist of a rendition.
pub fn render(
    rendition: &RenditionSpec,
    part_target_ticks: u64,
    window: &Window,
    control: &Control,
    reports: &[Report],
) -> Playlist {
    let (timescale, target) = (window.timescale(), control.target_duration_seconds);
    let edge = window.live_edge().unwrap_or(0);
    let before_edge = |seconds: u32| edge.saturating_sub(u64::from(seconds) * u64::from(timescale));
    let (skip_before, parts_after) = (before_edge(6 * target), before_edge(3 * target));
    let first_msn = window.listed().next().map_or(0, |segment| segment.msn);
    let mut head = header(part_target_ticks, timescale, control, first_msn);
    if window.discontinuity_sequence() > 0 {
        let _ = writeln!(head, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", window.discontinuity_sequence());
    }
    let names = Names { own: &rendition.name, lender: window.lender() };
    let (mut skipped, mut old, mut recent) = (0, String::new(), String::with_capacity(8192));
    let (mut source, mut source_skipped) = (Source::default(), Source::default());
    for segment in window.listed() {
        let skip = segment.complete && segment.start + segment.duration < skip_before;
        skipped += u32::from(skip);
        let text = if skip { &mut old } else { &mut recent };
        if segment.discontinuity {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        write_map(text, names, source, segment.source);
        let with_parts = control.lists_parts && segment.start + segment.duration > parts_after;
        write_segment(text, names, segment, timescale, control, with_parts);
        source = segment.source;
        if skip {
            source_skipped = source;
        }
    }
    let progress = window.progress();
    if progress.ended {
        recent.push_str("#EXT-X-ENDLIST\n");
    } else {
        // Players take the hinted part for one of the last EXT-X-MAP.
        let next = window.next_source();
        write_map(&mut recent, names, source, next);
        let part = Object::Part { rendition: names.of(next), at: progress.next };
        let _ = writeln!(recent, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{part}\"");
    }
    for report in reports {
        let (other, last) = (Object::Playlist { rendition: &report.name }, report.last);
        let _ =
            writeln!(recent, "#EXT-X-RENDITION-REPORT:URI=\"{other}\",LAST-MSN={},LAST-PART={}", last.msn, last.part);
    }
    let delta = (skipped > 0).then(|| {
        // A player that applied all maps that are listed would take the last one for the first segment's.
        let mut map = String::new();
        if source != source_skipped && !recent.starts_with("#EXT-X-MAP") {
            write_map(&mut map, names, Source::default(), source_skipped);
        }
        format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n{map}{recent}")
    });
    Playlist { full: format!("{head}{old}{recent}"), delta }
}

fn header(part_target_ticks: u64, timescale: u32, control: &Control, first_msn: u64) -> String {
    let target = control.target_duration_seconds;
    let part_target = round_up(part_target_ticks as f64 / f64::from(timescale));
    format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,\
         PART-HOLD-BACK={:.5},HOLD-BACK={:.1},CAN-SKIP-UNTIL={:.1}\n#EXT-X-PART-INF:PART-TARGET={part_target:.5}\n\
         #EXT-X-MEDIA-SEQUENCE:{first_msn}\n#EXT-X-INDEPENDENT-SEGMENTS\n",
        control.part_hold_back_seconds,
        f64::from(3 * target),
        f64::from(6 * target),
    )
}

/// The renditions whose media a playlist names.
#[derive(Clone, Copy, Debug)]
struct Names<'a> {
    own: &'a str,
    lender: &'a str,
}

impl<'a> Names<'a> {
    fn of(self, source: Source) -> &'a str {
        if source.lent { self.lender } else { self.own }
    }
}

/// Writes the init segment that holds from here on, if it is another one than before.
fn write_map(text: &mut String, names: Names<'_>, before: Source, source: Source) {
    if let (true, Some(map)) = (before != source, source.map) {
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", Object::Init { rendition: names.of(source), map });
    }
}

fn write_segment(
    text: &mut String,
    names: Names<'_>,
    segment: &Segment,
    timescale: u32,
    control: &Control,
    with_parts: bool,
) {
    let (rendition, msn) = (names.of(segment.source), segment.msn);
    let seconds = |ticks: u64| ticks as f64 / f64::from(timescale);
    let _ = writeln!(
        text,
        "#EXT-X-PROGRAM-DATE-TIME:{}",
        date_time(control.programme_zero_utc_ms, segment.start, timescale)
    );
    if with_parts {
        for (index, part) in segment.parts.iter().enumerate() {
            let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
            let gap = if part.gap { ",GAP=YES" } else { "" };
            let duration = seconds(part.duration);
            let uri = Object::Part { rendition, at: Position { msn, part: index as u32 } };
            let _ = writeln!(text, "#EXT-X-PART:DURATION={duration:.5},URI=\"{uri}\"{independent}{gap}");
        }
    }
    if segment.complete {
        if segment.has_gap() {
            text.push_str("#EXT-X-GAP\n");
        }
        let _ = writeln!(text, "#EXTINF:{:.5},\n{}", seconds(segment.duration), Object::Segment { rendition, msn });
    }
}

/// Programme time of an instant, as EXT-X-PROGRAM-DATE-TIME wants it.
fn date_time(zero_utc_ms: i64, ticks: u64, timescale: u32) -> String {
    instant(zero_utc_ms, ticks, timescale).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Programme time of an instant.
pub(crate) fn instant(zero_utc_ms: i64, ticks: u64, timescale: u32) -> chrono::DateTime<chrono::Utc> {
    let offset_ms = (u128::from(ticks) * 1000 / u128::from(timescale)).min(1 << 53) as i64;
    chrono::DateTime::from_timestamp_millis(zero_utc_ms.saturating_add(offset_ms)).unwrap_or_default()
}

/// Up to the five decimals that are printed: a target must never be printed shorter than a part.
fn round_up(seconds: f64) -> f64 {
    (seconds * 1e5 - 1e-6).ceil() / 1e5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{spec, window};

    fn playlist(seconds: u32, segments: u64) -> Playlist {
        let spec = spec();
        render(&spec.renditions[0], 18_000, &window(&spec, seconds, segments), &Control::new(&spec, 3.0, 0), &[])
    }

    #[test]
    fn delta_skips_all_segments_beyond_the_skip_boundary_and_no_nearer_one() {
        // 15 segments end at 30 s; CAN-SKIP-UNTIL is 12 s; the segment that ends on the boundary stays.
        let delta = playlist(30, 15).delta.unwrap();
        assert!(delta.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=8\n"), "{delta}");
        assert!(!delta.contains("720p/7.m4s") && delta.contains("720p/8.m4s"));
        assert_eq!(playlist(30, 6).delta, None);
    }

    #[test]
    fn parts_are_listed_within_three_target_durations_only() {
        let full = playlist(30, 15).full;
        assert_eq!(full.matches("#EXT-X-PART:").count(), 30);
        assert!(!full.contains("720p/11.9.m4s") && full.contains("720p/12.0.m4s"));
    }

    #[test]
    fn header_keeps_the_proportions_of_the_protocol() {
        let full = playlist(30, 15).full;
        let control =
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.64002,HOLD-BACK=6.0,CAN-SKIP-UNTIL=12.0\n";
        assert!(full.contains(control) && full.contains("#EXT-X-PART-INF:PART-TARGET=0.20000\n"), "{full}");
        assert!(full.contains("#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:02.000Z\n"));
    }
}

//! The end of a media playlist, as a player at the live edge reads it: which parts are new, and what to ask for next.
//! Pure.
//!
//! Full playlists and deltas alike: EXT-X-SKIP counts as the segments that it stands for.

/// A part of a segment (rfc8216bis).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Media sequence number.
    pub msn: u64,
    /// Index in the segment.
    pub part: u32,
}

/// A part that can be fetched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Relative to the playlist.
    pub uri: String,
    /// Programme time of its end, milliseconds since the Unix epoch; 0 where the playlist does not tell.
    pub end_utc_ms: i64,
}

/// The news of a playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct News {
    /// The parts from the one that was asked for on; of a first playlist the last part alone. Without gaps.
    pub parts: Vec<Part>,
    /// The next step.
    pub next: Position,
    /// URI of the last EXT-X-MAP.
    pub map: Option<String>,
    /// EXT-X-ENDLIST.
    pub has_ended: bool,
}

impl News {
    /// Reads a playlist that was asked for from `wanted` on, or for the first time. `None`: it is no media playlist.
    pub(crate) fn parse(text: &str, wanted: Option<Position>) -> Option<Self> {
        let (mut news, mut at, mut clock_ms) = (Self::default(), Position::default(), None::<f64>);
        let mut lines = text.lines();
        lines.next().filter(|line| *line == "#EXTM3U")?;
        for line in lines {
            if let Some(part) = line.strip_prefix("#EXT-X-PART:") {
                let seconds: f64 = value(part, "DURATION=").and_then(|text| text.parse().ok()).unwrap_or_default();
                clock_ms = clock_ms.map(|ms| ms + seconds * 1000.0);
                if wanted.is_none_or(|wanted| wanted <= at) && !part.contains("GAP=YES") {
                    let uri = value(part, "URI=\"")?.to_owned();
                    if wanted.is_none() {
                        news.parts.clear();
                    }
                    news.parts.push(Part { uri, end_utc_ms: clock_ms.unwrap_or_default() as i64 });
                }
                at.part += 1;
            } else if line.starts_with("#EXTINF:") {
                at = Position { msn: at.msn + 1, part: 0 };
            } else if let Some(text) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
                clock_ms = utc_ms(text).map(|ms| ms as f64);
            } else if let Some(text) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
                at.msn = text.parse().ok()?;
            } else if let Some(text) = line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS=") {
                at.msn += text.split(',').next()?.parse::<u64>().ok()?;
            } else if let Some(map) = line.strip_prefix("#EXT-X-MAP:") {
                news.map = value(map, "URI=\"").map(str::to_owned);
            } else if line == "#EXT-X-ENDLIST" {
                news.has_ended = true;
            }
        }
        news.next = at;
        Some(news)
    }
}

/// The text between `begin` and the quote or comma that ends it.
fn value<'a>(attributes: &'a str, begin: &str) -> Option<&'a str> {
    attributes.split_once(begin)?.1.split(['"', ',']).next()
}

/// `2026-11-27T10:00:00.123Z` as milliseconds since the Unix epoch.
fn utc_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, ms) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    // Days since 1970, years beginning in March so that a leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"v/i.mp4\"\n";
    const REST: &str = "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:10.000Z\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"v/9.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.20000,URI=\"v/9.1.m4s\"\n\
        #EXTINF:0.40000,\nv/9.m4s\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:10.400Z\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"v/10.0.m4s\"\n#EXT-X-PART:DURATION=0.20000,URI=\"v/10.1.m4s\",GAP=YES\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v/10.2.m4s\"\n";

    fn parts(news: &News) -> Vec<(&str, i64)> {
        news.parts.iter().map(|part| (part.uri.as_str(), part.end_utc_ms)).collect()
    }

    #[test]
    fn first_playlist_gives_its_last_part_and_a_later_one_all_from_the_wanted_one_on() {
        let full = format!("{HEAD}#EXTINF:2,\nv/7.m4s\n#EXTINF:2,\nv/8.m4s\n{REST}");
        let first = News::parse(&full, None).unwrap();
        assert_eq!((parts(&first), first.map.as_deref()), (vec![("v/10.0.m4s", 10_600)], Some("v/i.mp4")));
        assert_eq!(first.next, Position { msn: 10, part: 2 });
        let later = News::parse(&full, Some(Position { msn: 9, part: 1 })).unwrap();
        assert_eq!(parts(&later), [("v/9.1.m4s", 10_400), ("v/10.0.m4s", 10_600)]);
        assert_eq!(parts(&News::parse(&full, Some(Position { msn: 10, part: 2 })).unwrap()), []);
    }

    #[test]
    fn delta_counts_the_segments_that_it_skips() {
        let delta = format!("{HEAD}#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n{REST}#EXT-X-ENDLIST\n");
        let news = News::parse(&delta, Some(Position { msn: 10, part: 0 })).unwrap();
        assert_eq!((parts(&news), news.next.msn, news.has_ended), (vec![("v/10.0.m4s", 10_600)], 10, true));
        assert_eq!(News::parse("<html>", None), None);
    }

    #[test]
    fn dates_are_milliseconds_since_the_epoch() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.001Z", 1),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("2026-07-01T00:00:00.000Z", 1_782_864_000_000),
            ("2026-11-27T10:00:00.123Z", 1_795_773_600_123),
        ] {
            assert_eq!(utc_ms(text), Some(ms), "{text}");
        }
        assert_eq!(utc_ms("yesterday"), None);
    }
}

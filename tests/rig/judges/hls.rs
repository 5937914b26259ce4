//! An LL-HLS origin read as a player reads it: playlists over HTTP, with the few tags a timeline check needs.

use crate::error::{Error, Result};
use crate::http::Http;

/// A rendition of the multivariant playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// URL path of its media playlist.
    pub path: String,
    /// Whether it is a group's sound.
    pub audio: bool,
    /// Height of the picture; 0 for sound.
    pub height: u32,
}

/// A media playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaPlaylist {
    /// Its text.
    pub text: String,
    /// EXT-X-MEDIA-SEQUENCE.
    pub first: u64,
    /// URL path of the last EXT-X-MAP.
    pub map: Option<String>,
    /// Whole segments.
    pub segments: Vec<Segment>,
    /// Parts: URL path, and duration in seconds.
    pub parts: Vec<(String, f64)>,
    /// Those of `parts` that are INDEPENDENT.
    pub independent: Vec<String>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

/// A whole segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// URL path.
    pub path: String,
    /// Duration in seconds.
    pub seconds: f64,
    /// EXT-X-GAP: it cannot be fetched.
    pub gap: bool,
}

/// Fetches and reads a multivariant playlist.
pub fn renditions(http: &Http, path: &str) -> Result<Vec<Rendition>> {
    let text = http.text(path)?;
    let renditions = renditions_of(&text, path);
    if renditions.is_empty() {
        Err(Error::Malformed { what: "multivariant playlist", detail: text })
    } else {
        Ok(renditions)
    }
}

/// The renditions of a multivariant playlist at `path`.
pub fn renditions_of(text: &str, path: &str) -> Vec<Rendition> {
    let mut found = vec![];
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(media) = line.strip_prefix("#EXT-X-MEDIA:") {
            let uri = attribute(media, "URI").map(|uri| resolve(path, uri));
            found.extend(uri.map(|path| Rendition { path, audio: media.contains("TYPE=AUDIO"), height: 0 }));
        } else if let Some(variant) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            let size = attribute(variant, "RESOLUTION").and_then(|size| size.split_once('x')?.1.parse().ok());
            let uri = lines.by_ref().find(|line| !line.starts_with('#') && !line.is_empty());
            found.extend(uri.map(|uri| Rendition {
                path: resolve(path, uri),
                audio: false,
                height: size.unwrap_or(0),
            }));
        }
    }
    found
}

/// Fetches and reads a media playlist.
pub fn media_playlist(http: &Http, path: &str) -> Result<MediaPlaylist> {
    Ok(media_playlist_of(&http.text(path)?, path))
}

fn media_playlist_of(text: &str, path: &str) -> MediaPlaylist {
    let mut playlist = MediaPlaylist { text: text.to_owned(), ..MediaPlaylist::default() };
    let (mut seconds, mut gap) = (0.0, false);
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            playlist.first = value.parse().unwrap_or(0);
        } else if let Some(map) = line.strip_prefix("#EXT-X-MAP:") {
            playlist.map = attribute(map, "URI").map(|uri| resolve(path, uri));
        } else if let Some(part) = line.strip_prefix("#EXT-X-PART:") {
            let seconds = attribute(part, "DURATION").and_then(|seconds| seconds.parse().ok()).unwrap_or(0.0);
            let uri = attribute(part, "URI").map(|uri| resolve(path, uri));
            if attribute(part, "INDEPENDENT") == Some("YES") {
                playlist.independent.extend(uri.clone());
            }
            playlist.parts.extend(uri.map(|uri| (uri, seconds)));
        } else if let Some(info) = line.strip_prefix("#EXTINF:") {
            seconds = info.split(',').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0.0);
        } else if line == "#EXT-X-GAP" {
            gap = true;
        } else if line == "#EXT-X-ENDLIST" {
            playlist.ended = true;
        } else if !line.starts_with('#') && !line.is_empty() {
            playlist.segments.push(Segment { path: resolve(path, line), seconds, gap });
            gap = false;
        }
    }
    playlist
}

/// An attribute's value (RFC 8216 §4.2), unquoted.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key == name {
            return Some(value);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// A relative reference against a playlist's path (RFC 3986 §5.2, as far as playlists use it).
pub fn resolve(base: &str, uri: &str) -> String {
    if uri.starts_with('/') || uri.contains("://") {
        return uri.to_owned();
    }
    let base = base.split('?').next().unwrap_or(base);
    let mut folder: Vec<&str> = base.split('/').collect();
    folder.pop();
    for step in uri.split('/') {
        match step {
            "." => {}
            ".." => drop(folder.pop()),
            step => folder.push(step),
        }
    }
    folder.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_against_the_playlist() {
        for (base, uri, path) in [
            ("/live/r/index.m3u8", "e/v.m3u8", "/live/r/e/v.m3u8"),
            ("/live/r/e/v.m3u8?_HLS_msn=3", "v/3.m4s", "/live/r/e/v/3.m4s"),
            ("/live/r/e/v.m3u8", "../../x", "/live/x"),
            ("/a", "/b/c", "/b/c"),
        ] {
            assert_eq!(resolve(base, uri), path);
        }
    }

    #[test]
    fn playlists_are_read_as_a_player_reads_them() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a,b\",URI=\"e/a.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"x,y\",RESOLUTION=640x360\ne/v.m3u8\n";
        let [audio, video] = &renditions_of(text, "/live/r/index.m3u8")[..] else { panic!() };
        assert_eq!((audio.path.as_str(), audio.audio), ("/live/r/e/a.m3u8", true));
        assert_eq!((video.path.as_str(), video.height), ("/live/r/e/v.m3u8", 360));
        let text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"v/i.mp4\"\n#EXT-X-PART:DURATION=0.2,URI=\"v/7.0.m4s\",INDEPENDENT=YES\n\
            #EXTINF:2.00000,\nv/7.m4s\n#EXT-X-GAP\n#EXTINF:2.00000,\nv/8.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v/9.0.m4s\"\n";
        let playlist = media_playlist_of(text, "/e/v.m3u8");
        assert_eq!((playlist.first, playlist.map.as_deref(), playlist.ended), (7, Some("/e/v/i.mp4"), false));
        let segments: Vec<_> = playlist.segments.iter().map(|s| (s.path.as_str(), s.seconds, s.gap)).collect();
        assert_eq!(segments, [("/e/v/7.m4s", 2.0, false), ("/e/v/8.m4s", 2.0, true)]);
        assert_eq!(playlist.parts, [("/e/v/7.0.m4s".to_owned(), 0.2)]);
        assert_eq!(playlist.independent, ["/e/v/7.0.m4s"]);
    }
}

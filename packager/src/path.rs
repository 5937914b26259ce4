//! What the paths below `/live/{room}/` name.
//!
//! Pure, and safe on any input. Driven by `origin.rs`.

use crate::grid::Position;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object<'a> {
    Multivariant,
    Playlist { epoch: &'a str, rendition: &'a str },
    Init { epoch: &'a str, rendition: &'a str, map: u32 },
    Segment { epoch: &'a str, rendition: &'a str, msn: u64 },
    Part { epoch: &'a str, rendition: &'a str, at: Position },
}

impl<'a> Object<'a> {
    /// Reads a path; anything not of the exact form names nothing.
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        if path == "index.m3u8" {
            return Some(Self::Multivariant);
        }
        if path.len() > 96 || !path.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b"-./".contains(&b))
        {
            return None;
        }
        let (epoch, rest) = path.split_once('/')?;
        if epoch.is_empty() || epoch.contains(['.', '-']) {
            return None;
        }
        let is_name = |name: &str| !name.is_empty() && !name.contains(['.', '/']);
        if let Some(rendition) = rest.strip_suffix(".m3u8") {
            return is_name(rendition).then_some(Self::Playlist { epoch, rendition });
        }
        let (rendition, file) = rest.split_once('/')?;
        if !is_name(rendition) {
            return None;
        }
        if let Some(map) = file.strip_prefix("init-").and_then(|file| file.strip_suffix(".mp4")) {
            return Some(Self::Init { epoch, rendition, map: number(map)?.try_into().ok()? });
        }
        let stem = file.strip_suffix(".m4s")?;
        match stem.split_once('.') {
            None => Some(Self::Segment { epoch, rendition, msn: number(stem)? }),
            Some((msn, part)) => {
                let at = Position { msn: number(msn)?, part: number(part)?.try_into().ok()? };
                Some(Self::Part { epoch, rendition, at })
            }
        }
    }
}

/// A decimal number in its one spelling: a second one would be a second cache entry.
fn number(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let (epoch, rendition) = ("k3f9a1", "720p");
        let table = [
            ("index.m3u8", Some(Object::Multivariant)),
            ("k3f9a1/720p.m3u8", Some(Object::Playlist { epoch, rendition })),
            ("k3f9a1/720p/init-2.mp4", Some(Object::Init { epoch, rendition, map: 2 })),
            ("k3f9a1/720p/17.m4s", Some(Object::Segment { epoch, rendition, msn: 17 })),
            ("k3f9a1/720p/17.3.m4s", Some(Object::Part { epoch, rendition, at: Position { msn: 17, part: 3 } })),
        ];
        for (path, expected) in table {
            assert_eq!(Object::parse(path), expected, "{path}");
        }
        let nothing = [
            "",
            "/",
            "k3f9a1",
            "k3f9a1/",
            "../720p.m3u8",
            "k3f9a1/../x.m3u8",
            "k3f9a1/720p/017.m4s",
            "k3f9a1/720p/1.2.3.m4s",
            "k3f9a1/720p/.m4s",
            "k3f9a1/720p/99999999999999999999.m4s",
            "k3f9a1/a/b.m3u8",
            "k3f9a1/720p/init-.mp4",
            "K3F9A1/720p.m3u8",
            "k3f9a1/720p.m3u8?x",
            "k3f9a1//1.m4s",
        ];
        for path in nothing {
            assert_eq!(Object::parse(path), None, "{path}");
        }
    }
}

//! The line grammar of RFC 8866 §5: text → session block and media blocks of `(attribute, value)`.

use super::limits::{LINE_BYTES_MAX, Limits};
use super::{SdpError, malformed, unacceptable};

/// The attributes of the session or of one media section, in their order.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    /// The value of `m=`; empty for the session.
    pub(super) media: &'a str,
    attributes: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Block<'a> {
    /// Whether the property is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(n, _)| *n == name)
    }

    /// The values of every attribute of this name; a property counts as an empty value.
    pub(super) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        self.attributes.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v.unwrap_or(""))
    }

    /// The value of an attribute that may stand once at most.
    pub(super) fn one(&self, name: &str) -> Result<Option<&'a str>, SdpError> {
        let mut all = self.attributes.iter().filter(|(n, _)| *n == name);
        match (all.next(), all.next()) {
            (_, Some(_)) => malformed(format!("a={name} stands twice")),
            (Some((_, Some(value))), None) if !value.is_empty() => Ok(Some(value)),
            (Some(_), None) => malformed(format!("a={name} has no value")),
            (None, None) => Ok(None),
        }
    }
}

/// A description cut into its blocks.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    /// `<sess-version>` of the `o=` line.
    pub(super) session_version: u64,
    pub(super) session: Block<'a>,
    pub(super) media: Vec<Block<'a>>,
}

/// Cuts `text` into blocks. Lines end in CRLF or LF.
pub(super) fn split(text: &str, limits: Limits) -> Result<Blocks<'_>, SdpError> {
    if text.len() > limits.bytes {
        return malformed(format!("longer than {} bytes", limits.bytes));
    }
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').map(line);
    let mut expect = |kind: char| match lines.next() {
        Some(Ok((k, value))) if k == kind => Ok(value),
        Some(Err(why)) => Err(why),
        _ => malformed(format!("the {kind}= line is missing")),
    };
    if expect('v')? != "0" {
        return malformed("not SDP version 0");
    }
    let session_version = origin(expect('o')?)?;
    expect('s')?;
    let mut blocks = Blocks { session_version, session: Block::default(), media: Vec::new() };
    let mut timed = false;
    for line in lines {
        let (kind, value) = line?;
        let sections = blocks.media.len();
        let block = blocks.media.last_mut().unwrap_or(&mut blocks.session);
        match kind {
            'a' => block.attributes.push(attribute(value)?),
            't' if sections == 0 => timed = true,
            'm' if sections == limits.sections => {
                return unacceptable(format!("more than {} media sections", limits.sections));
            }
            'm' if value.is_empty() => return malformed("an empty m= line"),
            'm' => blocks.media.push(Block { media: value, attributes: Vec::new() }),
            'i' | 'c' | 'b' | 'k' => {}
            'u' | 'e' | 'p' | 'r' | 'z' if sections == 0 => {}
            _ => return malformed(format!("a {kind}= line where none may stand")),
        }
    }
    if timed { Ok(blocks) } else { malformed("the t= line is missing") }
}

fn line(line: &str) -> Result<(char, &str), SdpError> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.len() > LINE_BYTES_MAX {
        return malformed(format!("a line longer than {LINE_BYTES_MAX} bytes"));
    }
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return malformed("a control character");
    }
    match (line.chars().next(), line.get(1..2)) {
        (Some(kind), Some("=")) if kind.is_ascii_lowercase() => Ok((kind, &line[2..])),
        _ => malformed(format!("not an SDP line: {:?}", printable(line))),
    }
}

/// `o=<username> <sess-id> <sess-version> IN IP4|IP6 <address>` → the version.
fn origin(value: &str) -> Result<u64, SdpError> {
    let fields: Vec<&str> = value.split(' ').collect();
    match fields[..] {
        [user, id, version, "IN", "IP4" | "IP6", address]
            if !user.is_empty() && !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && !address.is_empty() =>
        {
            version.parse().or_else(|_| malformed("the o= line's version is no number"))
        }
        _ => malformed("the o= line"),
    }
}

fn attribute(value: &str) -> Result<(&str, Option<&str>), SdpError> {
    let (name, value) = match value.split_once(':') {
        Some((name, value)) => (name, Some(value)),
        None => (value, None),
    };
    if is_token(name) { Ok((name, value)) } else { malformed(format!("attribute name {:?}", printable(name))) }
}

/// `token` of RFC 8866 §9.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b))
}

/// `ice-char` of RFC 8839 §5.4, between `least` and 256 of them.
pub(in super::super) fn is_ice_string(text: &str, least: usize) -> bool {
    (least..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// The start of a peer's text, short enough for an error message.
pub(in super::super) fn printable(text: &str) -> String {
    text.chars().take(48).collect()
}

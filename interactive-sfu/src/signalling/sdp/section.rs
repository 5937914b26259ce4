//! One media section of a peer's description.

use super::codec::OfferedCodec;
use super::formats::codecs;
use super::limits::{EXTENSIONS_MAX, MID_BYTES_MAX};
use super::lines::{Block, is_token, printable};
use super::sources::{msid, rids, sources};
use super::types::{Direction, Extension, Msid, SectionKind};
use super::{Candidate, SdpError, malformed, unacceptable};

/// The attribute for headers of both lengths (RFC 8285 §6).
pub(super) const EXTMAP_ALLOW_MIXED: &str = "extmap-allow-mixed";

/// One `m=` section, reduced to the attributes that an SFU decides by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteSection {
    /// The MID, 1 to 16 token characters; the section's index when a single section has none.
    pub mid: String,
    /// The kind of media.
    pub kind: SectionKind,
    /// The direction as the offerer sees it.
    pub direction: Direction,
    /// The codecs that we know, in the order of the `m=` line.
    pub codecs: Vec<OfferedCodec>,
    /// The extensions that we know and that a one-byte header (RFC 8285 §4.2) can carry: with ids of 1 to 14.
    pub extensions: Vec<(u8, Extension)>,
    /// One-byte and two-byte headers of extensions may take turns (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// RIDs of the layers that the offerer sends, in simulcast order.
    pub rids: Vec<String>,
    /// Announced sources, RTX included.
    pub ssrcs: Vec<u32>,
    /// (media, RTX) of `a=ssrc-group:FID`.
    pub fid_groups: Vec<(u32, u32)>,
    /// The track.
    pub msid: Option<Msid>,
    /// `<media>` of the `m=` line.
    pub media: String,
    /// `<proto>` of the `m=` line.
    pub proto: String,
    /// `<fmt>`s of the `m=` line.
    pub formats: Vec<String>,
    /// Data channels as WebRTC has them: SCTP over DTLS (RFC 8841), on port 5000.
    pub data: bool,
    /// The section has port 0 without `bundle-only`, and must be answered with port 0.
    pub rejected: bool,
}

impl RemoteSection {
    pub(super) fn parse(block: &Block<'_>, index: usize, session_direction: Direction) -> Result<Self, SdpError> {
        let mut section = media_line(block.media)?;
        section.mid = match block.one("mid")? {
            Some(mid) if mid.len() <= MID_BYTES_MAX && is_token(mid) => mid.to_owned(),
            Some(mid) if mid.len() > MID_BYTES_MAX => {
                return unacceptable(format!("a=mid is longer than {MID_BYTES_MAX} bytes"));
            }
            Some(_) => return malformed("a=mid is no token"),
            None => index.to_string(),
        };
        section.rejected = section.rejected && !block.has("bundle-only");
        section.direction = direction(block)?.unwrap_or(session_direction);
        for candidate in block.all("candidate") {
            Candidate::parse(candidate)?;
        }
        let port = block.one("sctp-port")?.is_none_or(|port| port == "5000");
        section.data = section.kind == SectionKind::Application
            && section.proto.ends_with("DTLS/SCTP")
            && section.formats == ["webrtc-datachannel"]
            && port;
        if section.rejected || !matches!(section.kind, SectionKind::Audio | SectionKind::Video) {
            return Ok(section);
        }
        if !section.proto.ends_with("RTP/SAVPF") && !section.proto.ends_with("RTP/SAVP") {
            return unacceptable(format!("media must go over DTLS-SRTP, not {}", printable(&section.proto)));
        }
        if !block.has("rtcp-mux") && !block.has("rtcp-mux-only") {
            return unacceptable("a=rtcp-mux is required");
        }
        section.codecs = codecs(block, &section.formats)?;
        section.extensions = extensions(block)?;
        section.extmap_allow_mixed = block.has(EXTMAP_ALLOW_MIXED);
        section.rids = rids(block)?;
        (section.ssrcs, section.fid_groups) = sources(block)?;
        section.msid = msid(block)?;
        Ok(section)
    }
}

/// `<media> <port>[/<count>] <proto> <fmt>…` (RFC 8866 §5.14).
fn media_line(value: &str) -> Result<RemoteSection, SdpError> {
    let mut fields = value.split(' ');
    let (Some(media), Some(port), Some(proto)) = (fields.next(), fields.next(), fields.next()) else {
        return malformed("the m= line");
    };
    let Ok(port) = port.parse::<u16>() else { return malformed("the m= line's port") };
    let formats: Vec<String> = fields.map(str::to_owned).collect();
    if !is_token(media) || !proto.split('/').all(is_token) || formats.is_empty() || !formats.iter().all(|f| is_token(f))
    {
        return malformed("the m= line");
    }
    let kind = match media {
        "audio" => SectionKind::Audio,
        "video" => SectionKind::Video,
        "application" => SectionKind::Application,
        _ => SectionKind::Other,
    };
    Ok(RemoteSection {
        mid: String::new(),
        kind,
        direction: Direction::SendRecv,
        codecs: Vec::new(),
        extensions: Vec::new(),
        extmap_allow_mixed: false,
        rids: Vec::new(),
        ssrcs: Vec::new(),
        fid_groups: Vec::new(),
        msid: None,
        media: media.to_owned(),
        proto: proto.to_owned(),
        formats,
        data: false,
        rejected: port == 0,
    })
}

/// The direction that stands in this block, if one does.
pub(super) fn direction(block: &Block<'_>) -> Result<Option<Direction>, SdpError> {
    let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let mut found = all.into_iter().filter(|d| block.has(d.as_str()));
    match (found.next(), found.next()) {
        (_, Some(_)) => malformed("two directions"),
        (direction, None) => Ok(direction),
    }
}

/// `(id, uri)` of every `a=extmap` (RFC 8285 §5), unknown ones included.
pub(super) fn extmaps<'a>(block: &Block<'a>) -> Result<Vec<(u16, &'a str)>, SdpError> {
    let mut found: Vec<(u16, &str)> = Vec::new();
    for value in block.all("extmap") {
        let Some((id, rest)) = value.split_once(' ') else { return malformed("a=extmap") };
        let id = id.split_once('/').map_or(id, |(id, _direction)| id).parse::<u16>();
        let Some(id) = id.ok().filter(|id| *id > 0) else { return malformed("a=extmap's id is not 1 to 65535") };
        let uri = rest.split(' ').next().unwrap_or(rest);
        if found.len() == EXTENSIONS_MAX {
            return unacceptable(format!("more than {EXTENSIONS_MAX} header extensions in a section"));
        }
        if uri.is_empty() || found.iter().any(|(other, _)| *other == id) {
            return malformed(format!("a=extmap id {id} stands twice or names nothing"));
        }
        found.push((id, uri));
    }
    Ok(found)
}

fn extensions(block: &Block<'_>) -> Result<Vec<(u8, Extension)>, SdpError> {
    let mut known: Vec<(u8, Extension)> = Vec::new();
    for (id, uri) in extmaps(block)? {
        let (Some(extension), Some(id)) = (Extension::from_uri(uri), u8::try_from(id).ok().filter(|id| *id < 15))
        else {
            continue;
        };
        if known.iter().any(|(_, e)| *e == extension) {
            return malformed(format!("two ids for {uri}"));
        }
        known.push((id, extension));
    }
    Ok(known)
}

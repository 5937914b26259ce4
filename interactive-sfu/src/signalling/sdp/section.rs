//! One media section of what a peer describes.

use super::codec::{Codec, Feedback, OfferedCodec, parameter};
use super::limits::{CODECS_MAX, EXTENSIONS_MAX, MID_BYTES_MAX, MSID_BYTES_MAX, RID_BYTES_MAX, RIDS_MAX, SSRCS_MAX};
use super::lines::{Block, is_token, printable};
use super::types::{Direction, Extension, Msid, SectionKind};
use super::{Candidate, SdpError, malformed, unacceptable};

/// RFC 8285 §6.
pub(super) const EXTMAP_ALLOW_MIXED: &str = "extmap-allow-mixed";

/// One `m=` section, with what an SFU cares for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteSection {
    /// 1 to 16 token characters; the section's index when a single section has none.
    pub mid: String,
    /// What it carries.
    pub kind: SectionKind,
    /// As the offerer sees it.
    pub direction: Direction,
    /// Those we know, in the order of the `m=` line.
    pub codecs: Vec<OfferedCodec>,
    /// Those we know, with ids of 1 to 14: what a one-byte header (RFC 8285 §4.2) can carry.
    pub extensions: Vec<(u8, Extension)>,
    /// One-byte and two-byte headers of extensions may take turns (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// What the offerer sends, in simulcast order.
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
    /// Port 0 without `bundle-only`: it must be answered with port 0.
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

fn codecs(block: &Block<'_>, formats: &[String]) -> Result<Vec<OfferedCodec>, SdpError> {
    // Payload type → (encoding, clock, channels).
    let mut maps: Vec<(u8, &str, u32, u8)> = Vec::new();
    for value in block.all("rtpmap") {
        let map = rtpmap(value)?;
        if maps.len() == CODECS_MAX {
            return unacceptable(format!("more than {CODECS_MAX} codecs in a section"));
        }
        if maps.iter().any(|(pt, ..)| *pt == map.0) {
            return malformed(format!("payload type {} is mapped twice", map.0));
        }
        maps.push(map);
    }
    let fmtps: Vec<(&str, &str)> = block.all("fmtp").filter_map(|v| v.split_once(' ')).collect();
    let fmtp = |pt: &str| fmtps.iter().find(|(p, _)| *p == pt).map_or("", |(_, f)| f.trim());
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    for format in formats {
        let Some(&(payload_type, encoding, clock_rate_hz, channels)) =
            maps.iter().find(|(pt, ..)| format.parse() == Ok(*pt))
        else {
            continue;
        };
        if codecs.iter().any(|c| c.payload_type == payload_type) {
            return malformed(format!("payload type {payload_type} stands twice in the m= line"));
        }
        let fmtp = fmtp(format);
        let Some(codec) = Codec::from_sdp(encoding, clock_rate_hz, channels, fmtp)? else { continue };
        let rtx = maps.iter().find(|(rtx, encoding, ..)| {
            let rtx = rtx.to_string();
            let apt = fmtps.iter().find(|(p, _)| *p == rtx).and_then(|(_, f)| parameter(f, "apt"));
            encoding.eq_ignore_ascii_case("rtx") && apt == Some(format.as_str()) && formats.contains(&rtx)
        });
        let red = maps.iter().find(|(red, encoding, clock_hz, _)| {
            let blocks = fmtps.iter().find(|(p, _)| p.parse() == Ok(*red)).map_or("", |(_, f)| f.trim());
            let same = *clock_hz == clock_rate_hz && encoding.eq_ignore_ascii_case("red");
            same && blocks.split('/').all(|block| block == format) && formats.contains(&red.to_string())
        });
        codecs.push(OfferedCodec {
            payload_type,
            codec,
            clock_rate_hz,
            channels,
            fmtp: fmtp.to_owned(),
            rtx_payload_type: rtx.map(|(pt, ..)| *pt),
            red_payload_type: red.map(|(pt, ..)| *pt),
            feedback: feedback(block, format),
        });
    }
    Ok(codecs)
}

/// `<payload type> <encoding>/<clock rate>[/<channels>]`.
fn rtpmap(value: &str) -> Result<(u8, &str, u32, u8), SdpError> {
    let parse = || {
        let (pt, rest) = value.split_once(' ')?;
        let mut fields = rest.trim_end().split('/');
        let (encoding, clock) = (fields.next().filter(|e| is_token(e))?, fields.next()?);
        let channels = fields.next().map_or(Some(1), |c| c.parse().ok())?;
        let pt = pt.parse().ok().filter(|pt| *pt < 128)?;
        fields.next().is_none().then_some((pt, encoding, clock.parse().ok()?, channels))
    };
    parse().map_or_else(|| malformed(format!("a=rtpmap:{}", printable(value))), Ok)
}

fn feedback(block: &Block<'_>, format: &str) -> Feedback {
    let mut feedback = Feedback::default();
    for (pt, name) in block.all("rtcp-fb").filter_map(|v| v.split_once(' ')) {
        if pt == format || pt == "*" {
            feedback.set(name.trim_end());
        }
    }
    feedback
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

/// `a=rid:<id> send` in the order of `a=simulcast:send` (RFC 8853 §5.1): of alternatives the first, paused ones too.
fn rids(block: &Block<'_>) -> Result<Vec<String>, SdpError> {
    let mut sent: Vec<&str> = Vec::new();
    for value in block.all("rid") {
        let mut fields = value.split(' ');
        let (Some(id), Some(way)) = (fields.next(), fields.next()) else { return malformed("a=rid") };
        let fits = (1..=RID_BYTES_MAX).contains(&id.len());
        if !fits || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return malformed(format!("a=rid's name is not 1 to {RID_BYTES_MAX} letters and digits"));
        }
        match way {
            "send" if sent.contains(&id) => return malformed(format!("a=rid:{id} stands twice")),
            "send" => sent.push(id),
            "recv" => {}
            _ => return malformed("a=rid's direction"),
        }
        if sent.len() > RIDS_MAX {
            return unacceptable(format!("more than {RIDS_MAX} RIDs in a section"));
        }
    }
    let Some(simulcast) = block.one("simulcast")? else { return Ok(sent.into_iter().map(str::to_owned).collect()) };
    let fields: Vec<&str> = simulcast.split(' ').collect();
    let Some(list) = fields.chunks(2).find(|pair| pair[0] == "send").and_then(|pair| pair.get(1)) else {
        return Ok(Vec::new());
    };
    let mut ordered: Vec<String> = Vec::new();
    for stream in list.split(';') {
        let first = stream.split(',').next().unwrap_or(stream);
        let id = first.strip_prefix('~').unwrap_or(first);
        if !sent.contains(&id) || ordered.iter().any(|o| o == id) {
            return malformed("a=simulcast names a RID twice, or one that a=rid does not send");
        }
        ordered.push(id.to_owned());
    }
    Ok(ordered)
}

/// SSRCs, and (media, RTX) pairs of them.
type Sources = (Vec<u32>, Vec<(u32, u32)>);

/// `a=ssrc` and `a=ssrc-group:FID` (RFC 5576).
fn sources(block: &Block<'_>) -> Result<Sources, SdpError> {
    let mut ssrcs: Vec<u32> = Vec::new();
    for value in block.all("ssrc") {
        let id = value.split(' ').next().unwrap_or(value);
        let Ok(ssrc) = id.parse() else { return malformed("a=ssrc") };
        if !ssrcs.contains(&ssrc) {
            ssrcs.push(ssrc);
        }
        if ssrcs.len() > SSRCS_MAX {
            return unacceptable(format!("more than {SSRCS_MAX} SSRCs in a section"));
        }
    }
    let mut groups: Vec<(u32, u32)> = Vec::new();
    for value in block.all("ssrc-group").filter_map(|v| v.strip_prefix("FID ")) {
        match value.split_once(' ').map(|(a, b)| (a.parse(), b.parse())) {
            Some((Ok(media), Ok(rtx))) if groups.len() < SSRCS_MAX && media != rtx => groups.push((media, rtx)),
            _ => return malformed("a=ssrc-group:FID"),
        }
    }
    Ok((ssrcs, groups))
}

/// `a=msid`, or what older peers write behind `a=ssrc`.
fn msid(block: &Block<'_>) -> Result<Option<Msid>, SdpError> {
    let old = || block.all("ssrc").find_map(|v| v.split_once(' ')?.1.strip_prefix("msid:"));
    let Some(value) = block.all("msid").next().or_else(old) else { return Ok(None) };
    let (stream, track) = value.split_once(' ').unwrap_or((value, ""));
    let fits = |id: &str| id.len() <= MSID_BYTES_MAX && !id.contains(' ');
    if stream.is_empty() || !fits(stream) || !fits(track) {
        return malformed("a=msid");
    }
    Ok(Some(Msid { stream: stream.to_owned(), track: track.to_owned() }))
}

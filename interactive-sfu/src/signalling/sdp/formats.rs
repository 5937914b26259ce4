//! The payload types of a section: `a=rtpmap`, `a=fmtp`, and the payload types that repair or repeat others.

use super::codec::{Codec, OfferedCodec, parameter};
use super::feedback::Feedback;
use super::limits::CODECS_MAX;
use super::lines::{Block, is_token, printable};
use super::{SdpError, malformed, unacceptable};

/// The codecs that we know, in the order of the `m=` line's `formats`.
pub(super) fn codecs(block: &Block<'_>, formats: &[String]) -> Result<Vec<OfferedCodec>, SdpError> {
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
            feedback: Feedback::parse(block, format),
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

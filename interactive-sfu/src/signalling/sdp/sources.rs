//! The streams that a section sends: layers by RID, sources by SSRC, and the track that they are.

use super::limits::{MSID_BYTES_MAX, RID_BYTES_MAX, RIDS_MAX, SSRCS_MAX};
use super::lines::Block;
use super::types::Msid;
use super::{SdpError, malformed, unacceptable};

/// `a=rid:<id> send` in the order of `a=simulcast:send` (RFC 8853 §5.1): of alternatives the first, paused ones too.
pub(super) fn rids(block: &Block<'_>) -> Result<Vec<String>, SdpError> {
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
pub(super) type Sources = (Vec<u32>, Vec<(u32, u32)>);

/// `a=ssrc` and `a=ssrc-group:FID` (RFC 5576).
pub(super) fn sources(block: &Block<'_>) -> Result<Sources, SdpError> {
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

/// `a=msid`, or `msid` behind `a=ssrc` as older peers write it.
pub(super) fn msid(block: &Block<'_>) -> Result<Option<Msid>, SdpError> {
    let old = || block.all("ssrc").find_map(|v| v.split_once(' ')?.1.strip_prefix("msid:"));
    let Some(value) = block.all("msid").next().or_else(old) else { return Ok(None) };
    let (stream, track) = value.split_once(' ').unwrap_or((value, ""));
    let fits = |id: &str| id.len() <= MSID_BYTES_MAX && !id.contains(' ');
    if stream.is_empty() || !fits(stream) || !fits(track) {
        return malformed("a=msid");
    }
    Ok(Some(Msid { stream: stream.to_owned(), track: track.to_owned() }))
}

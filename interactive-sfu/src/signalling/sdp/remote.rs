//! A peer's description, whole: the session's attributes, and that its sections agree on one transport.

use std::collections::HashSet;

use plane::Fingerprint;

use super::limits::Limits;
use super::lines::{Block, Blocks, is_token, split};
use super::section::{EXTMAP_ALLOW_MIXED, RemoteSection, direction, extmaps};
use super::types::{Direction, IceCredentials, SectionKind, Setup, parse_fingerprint};
use super::{SdpError, malformed, unacceptable};

/// An offer, or the answer to one of ours, that is within limits and can go over one ICE and DTLS transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteDescription {
    /// `<sess-version>` of the `o=` line.
    pub session_version: u64,
    /// The peer's credentials on the bundled transport.
    pub ice: IceCredentials,
    /// The peer's certificate on the bundled transport.
    pub fingerprint: Fingerprint,
    /// The peer's DTLS role.
    pub setup: Setup,
    /// The sections: an answer has as many, in the same order.
    pub sections: Vec<RemoteSection>,
    /// The MIDs of the first BUNDLE group; that of the only section when there is none.
    pub bundle: Vec<String>,
}

impl RemoteDescription {
    /// [Parses](Self::parse_within) a description of a WHIP or WHEP session.
    pub fn parse(sdp: &str) -> Result<Self, SdpError> {
        Self::parse_within(sdp, Limits::SESSION)
    }

    /// Parses a description. A text that breaks the grammar or contradicts itself is [`SdpError::Malformed`]; one that
    /// a server of one bundled, muxed DTLS-SRTP transport cannot serve is [`SdpError::Unacceptable`].
    pub fn parse_within(sdp: &str, limits: Limits) -> Result<Self, SdpError> {
        let Blocks { session_version, session, media } = split(sdp, limits)?;
        let session_direction = direction(&session)?.unwrap_or(Direction::SendRecv);
        let mut sections: Vec<RemoteSection> = Vec::with_capacity(media.len());
        let mut mids = HashSet::new();
        for (index, block) in media.iter().enumerate() {
            let mut section = RemoteSection::parse(block, index, session_direction)?;
            section.extmap_allow_mixed |= session.has(EXTMAP_ALLOW_MIXED);
            if !mids.insert(section.mid.clone()) {
                return malformed(format!("a=mid:{} stands twice", section.mid));
            }
            sections.push(section);
        }
        for candidate in session.all("candidate") {
            super::Candidate::parse(candidate)?;
        }
        let bundle = bundle(&session, &sections)?;
        one_meaning_each(&media, &sections)?;
        let tagged = tagged(&sections, &bundle);
        let Some(block) = tagged.and_then(|i| media.get(i)) else { return unacceptable("no media section to serve") };
        Ok(Self {
            session_version,
            ice: ice(block, &session)?,
            fingerprint: fingerprint(block, &session)?,
            setup: match either(block, &session, "setup")? {
                Some(value) => Setup::parse(value)?,
                None => return unacceptable("a=setup is required"),
            },
            sections,
            bundle,
        })
    }
}

/// The section whose transport is the bundled one (RFC 9143 §7.3.1): the first of the group that we shall accept.
fn tagged(sections: &[RemoteSection], bundle: &[String]) -> Option<usize> {
    let in_group = |wanted: fn(&RemoteSection) -> bool| {
        let fits = |section: &RemoteSection| !section.rejected && wanted(section);
        bundle.iter().find_map(|mid| sections.iter().position(|s| fits(s) && s.mid == *mid))
    };
    in_group(|s| matches!(s.kind, SectionKind::Audio | SectionKind::Video)).or_else(|| in_group(|_| true))
}

fn bundle(session: &Block<'_>, sections: &[RemoteSection]) -> Result<Vec<String>, SdpError> {
    let Some(group) = session.all("group").find_map(|v| v.strip_prefix("BUNDLE")) else {
        let mut live = sections.iter().filter(|s| !s.rejected);
        return match (live.next(), live.next()) {
            (Some(only), None) => Ok(vec![only.mid.clone()]),
            (None, _) => unacceptable("no media section to serve"),
            _ => unacceptable("several media sections need BUNDLE"),
        };
    };
    let described: HashSet<&str> = sections.iter().map(|section| section.mid.as_str()).collect();
    let mut mids: HashSet<&str> = HashSet::new();
    let mut ordered: Vec<String> = Vec::new();
    for mid in group.split(' ').filter(|mid| !mid.is_empty()) {
        if !is_token(mid) || !mids.insert(mid) || !described.contains(mid) {
            return malformed("a=group:BUNDLE names a section twice, or one that is not there");
        }
        ordered.push(mid.to_owned());
    }
    if sections.iter().any(|s| !s.rejected && !mids.contains(s.mid.as_str())) {
        return unacceptable("every media section must be in the BUNDLE group");
    }
    Ok(ordered)
}

/// On one transport a payload type and an extension id mean the same in every section (RFC 9143 §7.1, RFC 8285 §6).
fn one_meaning_each(media: &[Block<'_>], sections: &[RemoteSection]) -> Result<(), SdpError> {
    let mut types: [Option<&str>; 128] = [None; 128];
    let mut ids: Vec<(u16, &str)> = Vec::new();
    for (block, _) in media.iter().zip(sections).filter(|(_, s)| !s.rejected) {
        for (pt, map) in block.all("rtpmap").filter_map(|v| v.split_once(' ')) {
            let Some(slot) = pt.parse::<usize>().ok().and_then(|pt| types.get_mut(pt)) else { continue };
            match slot {
                Some(known) if !known.eq_ignore_ascii_case(map) => {
                    return unacceptable(format!("payload type {pt} means two codecs in one BUNDLE group"));
                }
                Some(_) => {}
                None => *slot = Some(map),
            }
        }
        for (id, uri) in extmaps(block)? {
            match ids.iter().find(|(known, _)| *known == id) {
                Some((_, known)) if *known != uri => {
                    return unacceptable(format!("extension id {id} means two things in one BUNDLE group"));
                }
                Some(_) => {}
                None => ids.push((id, uri)),
            }
        }
    }
    Ok(())
}

/// The section's attribute, else the session's.
fn either<'a>(block: &Block<'a>, session: &Block<'a>, name: &str) -> Result<Option<&'a str>, SdpError> {
    Ok(block.one(name)?.or(session.one(name)?))
}

fn ice(block: &Block<'_>, session: &Block<'_>) -> Result<IceCredentials, SdpError> {
    match (either(block, session, "ice-ufrag")?, either(block, session, "ice-pwd")?) {
        (Some(ufrag), Some(pwd)) => IceCredentials::new(ufrag, pwd),
        _ => malformed("a=ice-ufrag and a=ice-pwd are required"),
    }
}

fn fingerprint(block: &Block<'_>, session: &Block<'_>) -> Result<Fingerprint, SdpError> {
    let at = if block.has("fingerprint") { block } else { session };
    let mut found = None;
    for value in at.all("fingerprint") {
        found = found.or(parse_fingerprint(value)?);
    }
    found.map_or_else(|| unacceptable("a sha-256 a=fingerprint is required"), Ok)
}

//! How much of anything a description may hold. Each bound is checked against what this server itself asks clients for.

/// A whole WHIP or WHEP offer, or a fragment.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;
/// Sections that a LiveKit participant is sent media on at a time: sound and picture of 160 others. Further tracks stay
/// unsubscribed.
pub const SUBSCRIBED_SECTIONS_MAX: usize = 320;
/// Sections of a LiveKit participant besides: the data channels, what it publishes and has published.
const OWN_SECTIONS_MAX: usize = 64;
/// A media section as browsers write it. Chromium 156 takes 4.9 kB for a video section with all its codecs, 1.7 kB for
/// an audio section.
const SECTION_BYTES_MAX: usize = 5 * 1024;

/// How large a description may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Of the whole text.
    pub bytes: usize,
    /// `m=` sections.
    pub sections: usize,
}

impl Limits {
    /// Of a WHIP or WHEP session.
    pub const SESSION: Self = Self { bytes: OFFER_BYTES_MAX, sections: 64 };
    /// Of a LiveKit participant, who has a section for each track of the others.
    pub const PARTICIPANT: Self = {
        let sections = SUBSCRIBED_SECTIONS_MAX + OWN_SECTIONS_MAX;
        Self { bytes: sections * SECTION_BYTES_MAX, sections }
    };
}
/// One line; `sprop-parameter-sets` are the longest seen.
pub(super) const LINE_BYTES_MAX: usize = 4096;
/// `a=rtpmap` lines of a section, those we do not know included.
pub(super) const CODECS_MAX: usize = 64;
/// `a=extmap` lines of a section, those we do not know included.
pub(super) const EXTENSIONS_MAX: usize = 64;
/// Synchronisation sources of a section.
pub(super) const SSRCS_MAX: usize = 64;
/// Restriction identifiers of a section.
pub(super) const RIDS_MAX: usize = 16;
/// A MID: it travels in a one-byte header extension (RFC 8843 §15, RFC 8285 §4.2), which holds 16 bytes.
pub(super) const MID_BYTES_MAX: usize = 16;
/// A RID, for the same reason.
pub(super) const RID_BYTES_MAX: usize = 16;
/// Stream and track identifiers of `a=msid` (RFC 8830 §2 allows 64 each).
pub(super) const MSID_BYTES_MAX: usize = 64;

//! The bounds of a description. A test checks each against the descriptions that this server itself asks clients for.

/// A whole WHIP or WHEP offer, or a fragment.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;
/// Sections that a LiveKit participant is sent media on at a time: sound and picture of 160 others. Further tracks stay
/// unsubscribed.
pub const SUBSCRIBED_SECTIONS_MAX: usize = 320;
/// Further sections of a LiveKit participant: the data channels, and the tracks that it publishes or has published.
const OWN_SECTIONS_MAX: usize = 64;
/// A media section as browsers write it. Chromium 156 takes 4.9 kB for a video section with all its codecs, 1.7 kB for
/// an audio section.
const SECTION_BYTES_MAX: usize = 5 * 1024;

/// The bounds of one kind of description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// `m=` sections.
    pub sections: usize,
}

impl Limits {
    /// A description of a WHIP or WHEP session.
    pub const SESSION: Self = Self { bytes: OFFER_BYTES_MAX, sections: 64 };
    /// A description of a LiveKit participant, which has a section for each track of the others.
    pub const PARTICIPANT: Self = {
        let sections = SUBSCRIBED_SECTIONS_MAX + OWN_SECTIONS_MAX;
        Self { bytes: sections * SECTION_BYTES_MAX, sections }
    };
}
/// Bytes of one line; lines with `sprop-parameter-sets` are the longest seen.
pub(super) const LINE_BYTES_MAX: usize = 4096;
/// `a=rtpmap` lines of a section, unknown ones included.
pub(super) const CODECS_MAX: usize = 64;
/// `a=extmap` lines of a section, unknown ones included.
pub(super) const EXTENSIONS_MAX: usize = 64;
/// Synchronisation sources of a section.
pub(super) const SSRCS_MAX: usize = 64;
/// Restriction identifiers of a section.
pub(super) const RIDS_MAX: usize = 16;
/// Bytes of a MID: a one-byte header extension (RFC 8843 §15, RFC 8285 §4.2) carries it, and holds 16 bytes.
pub(super) const MID_BYTES_MAX: usize = 16;
/// Bytes of a RID, for the same reason.
pub(super) const RID_BYTES_MAX: usize = 16;
/// Bytes of a stream's or a track's identifier in `a=msid` (RFC 8830 §2 allows 64 each).
pub(super) const MSID_BYTES_MAX: usize = 64;

//! How much of anything an offer may hold. Browsers stay an order of magnitude below each.

/// A message of a data channel, as descriptions of ours say (RFC 8841 §6).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// A whole offer or fragment.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;
/// One line; `sprop-parameter-sets` are the longest seen.
pub(super) const LINE_BYTES_MAX: usize = 4096;
/// Media sections.
pub(super) const SECTIONS_MAX: usize = 64;
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

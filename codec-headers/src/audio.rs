//! Audio facts: how loud (RFC 6464), and whether Opus pauses.

/// One `ssrc-audio-level` extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevel {
    /// The encoder thinks this is speech.
    pub voice: bool,
    /// −dBov: 0 the loudest, 127 silence.
    pub level: u8,
}

/// The extension's data. Its one-byte-header form has one byte, the two-byte form may pad to two (RFC 6464 §3).
#[inline]
pub fn audio_level(extension: &[u8]) -> Option<AudioLevel> {
    match extension {
        [byte] | [byte, _] => Some(AudioLevel { voice: byte & 0x80 != 0, level: byte & 0x7f }),
        _ => None,
    }
}

/// Whether an Opus payload carries no coded sound: a table of contents alone, or with one byte of frame count or
/// comfort noise (RFC 6716 §3.1: frames of 0 or 1 bytes mean DTX or loss).
#[inline]
pub fn is_opus_dtx(payload: &[u8]) -> bool {
    (1..=2).contains(&payload.len())
}

//! How loud a packet is (RFC 6464).

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

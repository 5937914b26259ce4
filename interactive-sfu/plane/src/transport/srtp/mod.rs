//! SRTP and SRTCP (RFC 3711), with AEAD_AES_128_GCM (RFC 7714) and AES_CM_128_HMAC_SHA1_80.
//!
//! Seals and opens in place, allocates nothing per packet, and takes packet indexes from its caller, who counts in 48
//! bits: a rollover counter cannot drift. State for an SSRC is made only after a packet of it has been authenticated,
//! and bounded. No I/O and no clock. Driven by the peers of a shard.

mod cipher;
mod sources;
#[cfg(test)]
mod tests;
mod window;

use super::profile::Profile;
use cipher::Cipher;
use sources::{Known, Sources};
pub(crate) use window::Window;

/// The longest tag and trailer a packet grows by: a GCM tag, and SRTCP's index.
pub(crate) const OVERHEAD_MAX: usize = 16 + 4;
/// Set in SRTCP's index word: the packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// Both directions of a session, from the DTLS exporter's bytes (RFC 5764 §4.2). `client`: we are DTLS's client, whose
/// keys come first.
pub(crate) fn contexts(profile: Profile, material: &[u8], client: bool) -> Option<(Sealer, Opener)> {
    let salt = profile.salt_len();
    if material.len() != profile.keying_material_len() {
        return None;
    }
    let (keys, salts) = material.split_at(32);
    let of_client = Cipher::new(profile, &keys[..16], &salts[..salt])?;
    let of_server = Cipher::new(profile, &keys[16..], &salts[salt..])?;
    let (ours, theirs) = if client { (of_client, of_server) } else { (of_server, of_client) };
    let opener = Opener { cipher: theirs, rtp: Sources::default(), rtcp: Sources::default() };
    let sealer = Sealer { cipher: ours, rtcp_index: 0 };
    Some((sealer, opener))
}

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not even long enough for a header and a tag.
    Short,
    /// Seen before, or too old to know.
    Replayed,
    /// Wrong key, or changed on the way.
    Forged,
    /// More SSRCs than one peer has use for.
    TooManySources,
}

/// Protects the packets that we send.
pub(crate) struct Sealer {
    cipher: Cipher,
    rtcp_index: u32,
}

impl Sealer {
    /// Protects the RTP packet `buffer[..len]` whose header takes `header_len`; `index` is its 48-bit packet index (RFC
    /// 3711 §3.3.1), used for this content alone. `buffer` has [`OVERHEAD_MAX`] spare bytes. Returns the new length;
    /// `None`: it lacks them.
    pub(crate) fn seal_rtp(&self, buffer: &mut [u8], header_len: usize, len: usize, index: u64) -> Option<usize> {
        self.cipher.seal_rtp(buffer, header_len, len, index)
    }

    /// Protects a compound RTCP packet. `None`: it is too short, or 2^31 packets have been sent.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Option<()> {
        if self.rtcp_index >= ENCRYPTED - 1 {
            return None;
        }
        self.rtcp_index += 1;
        self.cipher.seal_rtcp(packet, self.rtcp_index)
    }
}

/// Opens the packets that we receive.
pub(crate) struct Opener {
    cipher: Cipher,
    rtp: Sources,
    rtcp: Sources,
}

impl Opener {
    /// Opens an RTP packet in place: authentic, and not seen before. Returns its length without the tag, and its 48-bit
    /// index.
    pub(crate) fn open_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        sequence: u16,
    ) -> Result<(usize, u64), Refused> {
        let known = self.rtp.find(ssrc);
        let index = match self.rtp.highest(known) {
            Some(highest) => nearest(highest, sequence).ok_or(Refused::Forged)?,
            None => u64::from(sequence),
        };
        refuse_old(&self.rtp, known, index)?;
        let len = self.cipher.open_rtp(packet, header_len, index)?;
        self.rtp.accept(known, ssrc, index);
        Ok((len, index))
    }

    /// Opens a compound RTCP packet in place. Returns its length without tag and index.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let ssrc = packet.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes).ok_or(Refused::Short)?;
        let word = self.cipher.rtcp_index_word(packet).ok_or(Refused::Short)?;
        if word & ENCRYPTED == 0 {
            return Err(Refused::Forged);
        }
        let index = u64::from(word & !ENCRYPTED);
        let known = self.rtcp.find(ssrc);
        refuse_old(&self.rtcp, known, index)?;
        let len = self.cipher.open_rtcp(packet, word)?;
        self.rtcp.accept(known, ssrc, index);
        Ok(len)
    }
}

/// Before anything is decrypted.
fn refuse_old(sources: &Sources, known: Known, index: u64) -> Result<(), Refused> {
    if matches!(known, Known::Full) {
        return Err(Refused::TooManySources);
    }
    if sources.is_new(known, index) { Ok(()) } else { Err(Refused::Replayed) }
}

/// The 48-bit index nearest to `highest` that ends in `sequence` (RFC 3711 §3.3.1). `None`: it would lie before the
/// first one.
pub(crate) fn nearest(highest: u64, sequence: u16) -> Option<u64> {
    let here = (highest & !0xffff) | u64::from(sequence);
    let (low, high) = (highest.saturating_sub(0x8000), highest + 0x8000);
    if here > high {
        here.checked_sub(0x1_0000)
    } else if here < low {
        Some(here + 0x1_0000)
    } else {
        Some(here)
    }
}

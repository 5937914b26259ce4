//! The two transforms, each keyed for RTP and for RTCP.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::{ENCRYPTED, Refused};
use crate::transport::profile::Profile;

/// Bytes of a GCM tag.
const GCM_TAG: usize = 16;
/// Bytes of a truncated HMAC-SHA1.
const SHA1_TAG: usize = 10;
/// Bytes of RTCP that stay readable: the first header and SSRC.
const RTCP_CLEAR: usize = 8;
/// SRTCP's index word.
const RTCP_INDEX: usize = 4;

/// Session salts, padded with zeros.
#[derive(Clone)]
pub(super) struct Salts {
    rtp: [u8; 14],
    rtcp: [u8; 14],
}

/// One direction of one session.
pub(super) enum Cipher {
    Gcm { rtp: LessSafeKey, rtcp: LessSafeKey, salts: Salts },
    Cm { rtp: Box<CmKeys>, rtcp: Box<CmKeys>, salts: Salts },
}

pub(super) struct CmKeys {
    encryption: EncryptingKey,
    authentication: hmac::Key,
}

impl Cipher {
    /// Derives the session's keys (RFC 3711 §4.3). `None`: a key or salt of the wrong length.
    pub(super) fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Option<Self> {
        if master_salt.len() != profile.salt_len() {
            return None;
        }
        let prf = ctr_key(master_key)?;
        let derive = |label: u8, out: &mut [u8]| {
            let mut x = [0; 16];
            x[..master_salt.len()].copy_from_slice(master_salt);
            x[7] ^= label;
            out.fill(0);
            key_stream(&prf, x, out)
        };
        let key = |label| derive_array::<16>(&derive, label);
        let mut salts = Salts { rtp: [0; 14], rtcp: [0; 14] };
        derive(2, &mut salts.rtp[..profile.salt_len()])?;
        derive(5, &mut salts.rtcp[..profile.salt_len()])?;
        Some(match profile {
            Profile::AeadAes128Gcm => Self::Gcm { rtp: gcm_key(&key(0)?)?, rtcp: gcm_key(&key(3)?)?, salts },
            Profile::Aes128CmSha1_80 => {
                let keys = |encryption, authentication| {
                    let mac = derive_array::<20>(&derive, authentication)?;
                    let authentication = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &mac);
                    Some(Box::new(CmKeys { encryption: ctr_key(&key(encryption)?)?, authentication }))
                };
                Self::Cm { rtp: keys(0, 1)?, rtcp: keys(3, 4)?, salts }
            }
        })
    }

    pub(super) fn seal_rtp(&self, buffer: &mut [u8], header_len: usize, len: usize, index: u64) -> Option<usize> {
        let ssrc = ssrc_of(buffer, 8)?;
        match self {
            Self::Gcm { rtp, salts, .. } => {
                let (header, rest) = buffer.get_mut(..len + GCM_TAG)?.split_at_mut_checked(header_len)?;
                let (payload, tag) = rest.split_at_mut_checked(len.checked_sub(header_len)?)?;
                let nonce = gcm_nonce(&salts.rtp, ssrc, index);
                tag.copy_from_slice(rtp.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload).ok()?.as_ref());
                Some(len + GCM_TAG)
            }
            Self::Cm { rtp, salts, .. } => {
                let (packet, rest) = buffer.split_at_mut_checked(len)?;
                key_stream(&rtp.encryption, cm_iv(&salts.rtp, ssrc, index), packet.get_mut(header_len..)?)?;
                rest.get_mut(..SHA1_TAG)?.copy_from_slice(&rtp.tag(packet, rollover(index))[..SHA1_TAG]);
                Some(len + SHA1_TAG)
            }
        }
    }

    pub(super) fn open_rtp(&self, packet: &mut [u8], header_len: usize, index: u64) -> Result<usize, Refused> {
        let ssrc = ssrc_of(packet, 8).ok_or(Refused::Short)?;
        let tag_len = match self {
            Self::Gcm { .. } => GCM_TAG,
            Self::Cm { .. } => SHA1_TAG,
        };
        let len = packet.len().checked_sub(tag_len).filter(|len| *len >= header_len).ok_or(Refused::Short)?;
        match self {
            Self::Gcm { rtp, salts, .. } => {
                let (header, sealed) = packet.split_at_mut(header_len);
                let nonce = gcm_nonce(&salts.rtp, ssrc, index);
                rtp.open_in_place(nonce, Aad::from(&*header), sealed).map_err(|_| Refused::Forged)?;
            }
            Self::Cm { rtp, salts, .. } => {
                let (packet, tag) = packet.split_at_mut(len);
                same(&rtp.tag(packet, rollover(index))[..SHA1_TAG], tag)?;
                key_stream(&rtp.encryption, cm_iv(&salts.rtp, ssrc, index), &mut packet[header_len..])
                    .ok_or(Refused::Forged)?;
            }
        }
        Ok(len)
    }

    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Option<()> {
        let ssrc = ssrc_of(packet, 4)?;
        let word = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Gcm { rtcp, salts, .. } => {
                let aad = gcm_rtcp_aad(packet.first_chunk()?, word);
                let nonce = gcm_nonce(&salts.rtcp, ssrc, u64::from(index));
                let tag = rtcp.seal_in_place_separate_tag(nonce, Aad::from(aad), packet.get_mut(RTCP_CLEAR..)?).ok()?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&word);
            }
            Self::Cm { rtcp, salts, .. } => {
                let iv = cm_iv(&salts.rtcp, ssrc, u64::from(index));
                key_stream(&rtcp.encryption, iv, packet.get_mut(RTCP_CLEAR..)?)?;
                let tag = rtcp.tag(packet, word);
                packet.extend_from_slice(&word);
                packet.extend_from_slice(&tag[..SHA1_TAG]);
            }
        }
        Some(())
    }

    /// Where SRTCP's index stands: last with GCM, before the tag otherwise. `None`: the packet is too short for it.
    pub(super) fn rtcp_index_word(&self, packet: &[u8]) -> Option<u32> {
        let (after, before) = match self {
            Self::Gcm { .. } => (0, RTCP_CLEAR + GCM_TAG),
            Self::Cm { .. } => (SHA1_TAG, RTCP_CLEAR),
        };
        let at = packet.len().checked_sub(after + RTCP_INDEX).filter(|at| *at >= before)?;
        Some(u32::from_be_bytes(*packet.get(at..)?.first_chunk()?))
    }

    /// `word` is this packet's index word.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], word: u32) -> Result<usize, Refused> {
        let ssrc = ssrc_of(packet, 4).ok_or(Refused::Short)?;
        let index = u64::from(word & !ENCRYPTED);
        match self {
            Self::Gcm { rtcp, salts, .. } => {
                let end = packet.len() - RTCP_INDEX;
                let aad = gcm_rtcp_aad(packet.first_chunk().ok_or(Refused::Short)?, word.to_be_bytes());
                let nonce = gcm_nonce(&salts.rtcp, ssrc, index);
                let sealed = packet.get_mut(RTCP_CLEAR..end).ok_or(Refused::Short)?;
                rtcp.open_in_place(nonce, Aad::from(aad), sealed).map_err(|_| Refused::Forged)?;
                Ok(end - GCM_TAG)
            }
            Self::Cm { rtcp, salts, .. } => {
                let end = packet.len() - SHA1_TAG;
                let (signed, tag) = packet.split_at_mut(end);
                let (body, word) = signed.split_at_mut(end - RTCP_INDEX);
                same(&rtcp.tag(body, *word.first_chunk().ok_or(Refused::Short)?)[..SHA1_TAG], tag)?;
                let iv = cm_iv(&salts.rtcp, ssrc, index);
                key_stream(&rtcp.encryption, iv, &mut body[RTCP_CLEAR..]).ok_or(Refused::Forged)?;
                Ok(end - RTCP_INDEX)
            }
        }
    }
}

impl CmKeys {
    fn tag(&self, packet: &[u8], trailer: [u8; 4]) -> [u8; 20] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(packet);
        context.update(&trailer);
        let mut tag = [0; 20];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

fn same(a: &[u8], b: &[u8]) -> Result<(), Refused> {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).map_err(|_| Refused::Forged)
}

fn derive_array<const N: usize>(derive: &impl Fn(u8, &mut [u8]) -> Option<()>, label: u8) -> Option<[u8; N]> {
    let mut key = [0; N];
    derive(label, &mut key)?;
    Some(key)
}

fn gcm_key(key: &[u8]) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).ok()?))
}

fn ctr_key(key: &[u8]) -> Option<EncryptingKey> {
    EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()
}

/// XORs AES-CTR's key stream from `iv` on into `data`.
fn key_stream(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Option<()> {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv))).ok().map(|_| ())
}

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn ssrc_of(packet: &[u8], at: usize) -> Option<[u8; 4]> {
    packet.get(at..)?.first_chunk().copied()
}

/// RFC 7714 §8.1 and §9.1: SSRC and a 48-bit index (31-bit for RTCP), XORed with the salt.
fn gcm_nonce(salt: &[u8; 14], ssrc: [u8; 4], index: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc);
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    nonce.iter_mut().zip(salt).for_each(|(n, s)| *n ^= s);
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 7714 §9.2.
fn gcm_rtcp_aad(head: &[u8; RTCP_CLEAR], word: [u8; 4]) -> [u8; RTCP_CLEAR + RTCP_INDEX] {
    let mut aad = [0; RTCP_CLEAR + RTCP_INDEX];
    aad[..RTCP_CLEAR].copy_from_slice(head);
    aad[RTCP_CLEAR..].copy_from_slice(&word);
    aad
}

/// RFC 3711 §4.1.1: salt, SSRC and index, above a 16-bit block counter.
fn cm_iv(salt: &[u8; 14], ssrc: [u8; 4], index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    iv[4..8].iter_mut().zip(ssrc).for_each(|(i, s)| *i ^= s);
    iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(i, x)| *i ^= x);
    iv
}

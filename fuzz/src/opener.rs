//! SRTP and SRTCP: what was sealed is opened once, and nothing else ever.

use crate::media::rtp::Header;
use crate::transport::profile::Profile;
use crate::transport::srtp::{OVERHEAD_MAX, Opener, Sealer, contexts};

/// Both ends of a session.
pub struct Session {
    sealer: Sealer,
    opener: Opener,
}

impl Session {
    /// With keys that anybody may know.
    pub fn new(profile: Profile) -> Self {
        let material: Vec<u8> = (0..profile.keying_material_len()).map(|byte| byte as u8).collect();
        let ours = contexts(profile, &material, true).expect("keying material of the right length");
        let theirs = contexts(profile, &material, false).expect("keying material of the right length");
        Self { sealer: ours.0, opener: theirs.1 }
    }

    /// Any bytes as they come from the network: nobody can make an authentic packet by chance.
    pub fn receive(&mut self, bytes: &[u8]) {
        if let Some(header) = Header::parse(bytes) {
            let opened = self.opener.open_rtp(&mut bytes.to_vec(), header.len, header.ssrc, header.sequence);
            assert!(opened.is_err(), "a forged packet was opened");
        }
        assert!(self.opener.open_rtcp(&mut bytes.to_vec()).is_err(), "a forged report was opened");
    }

    /// Seals a packet that has a header, opens it, and opens it no second time; one changed bit is enough for a
    /// refusal. `change` says which.
    pub fn exchange(&mut self, packet: &[u8], change: usize) {
        let Some(header) = Header::parse(packet) else { return };
        let mut sealed = packet.to_vec();
        sealed.resize(packet.len() + OVERHEAD_MAX, 0);
        let (ssrc, sequence) = (header.ssrc, header.sequence);
        let index = u64::from(sequence);
        let Some(len) = self.sealer.seal_rtp(&mut sealed, header.len, packet.len(), index) else { return };
        sealed.truncate(len);
        let mut forged = sealed.clone();
        let bit = change % (8 * len);
        forged[bit / 8] ^= 1 << (bit % 8);
        if let Some(other) = Header::parse(&forged) {
            assert!(self.opener.open_rtp(&mut forged, other.len, other.ssrc, other.sequence).is_err());
        }
        let mut again = sealed.clone();
        if let Ok((opened, _)) = self.opener.open_rtp(&mut sealed, header.len, ssrc, sequence) {
            assert_eq!(&sealed[..opened], packet);
        }
        // It was opened now, or is a number that came before.
        assert!(self.opener.open_rtp(&mut again, header.len, ssrc, sequence).is_err(), "a packet was opened twice");
    }

    /// The same for a compound report.
    pub fn exchange_report(&mut self, report: &[u8]) {
        let mut sealed = report.to_vec();
        if self.sealer.seal_rtcp(&mut sealed).is_none() {
            return;
        }
        let mut again = sealed.clone();
        if let Ok(len) = self.opener.open_rtcp(&mut sealed) {
            assert_eq!(&sealed[..len], report);
        }
        assert!(self.opener.open_rtcp(&mut again).is_err(), "a report was opened twice");
    }
}

#![allow(clippy::unwrap_used)]
//! Against the webrtc project's SRTP, both ways.

use rtc_srtp::context::Context;
use rtc_srtp::crypto::RTCCryptoProvider as _;
use rtc_srtp::crypto::providers::AwsLcRsProvider;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;

/// Each profile, as DTLS's server and as its client.
const ENDS: [(Profile, bool); 4] = [
    (Profile::AeadAes128Gcm, false),
    (Profile::AeadAes128Gcm, true),
    (Profile::Aes128CmSha1_80, false),
    (Profile::Aes128CmSha1_80, true),
];

/// Contexts of our end, and the library's of the other end: (seals, opens).
fn both_ends(profile: Profile, client: bool) -> (Sealer, Opener, Context, Context) {
    let material: Vec<u8> = (0..profile.keying_material_len()).map(|i| (i * 7 + 3) as u8).collect();
    let (sealer, opener) = contexts(profile, &material, client).unwrap();
    let provider = AwsLcRsProvider::new();
    let (theirs, salt) = match profile {
        Profile::AeadAes128Gcm => (ProtectionProfile::AeadAes128Gcm, 12),
        Profile::Aes128CmSha1_80 => (ProtectionProfile::Aes128CmHmacSha1_80, 14),
    };
    let context = |key: usize, at: usize| {
        let (key, salt) = (&material[key..key + 16], &material[at..at + salt]);
        let (rtp, rtcp) = (srtp_replay_protection(256), srtcp_replay_protection(256));
        Context::new(key, salt, theirs, Some(rtp), Some(rtcp), provider.crypto()).unwrap()
    };
    let (of_client, of_server) = (context(0, 32), context(16, 32 + salt));
    if client { (sealer, opener, of_server, of_client) } else { (sealer, opener, of_client, of_server) }
}

fn rtp(sequence: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 9, 0, 0, 0, 5];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend((0..payload).map(|i| i as u8));
    packet
}

const RTCP: [u8; 16] = [0x80, 201, 0, 1, 0, 0, 0, 5, 0x81, 206, 0, 1, 1, 2, 3, 4];

#[test]
fn another_library_opens_our_packets_across_the_wrap() {
    for (profile, as_client) in ENDS {
        let (mut sealer, _, _, mut client) = both_ends(profile, as_client);
        for index in 32_000..140_000u64 {
            if index % 911 != 0 && !(65_530..65_545).contains(&index) {
                continue;
            }
            let packet = rtp(index as u16, 40);
            let mut buffer = packet.clone();
            buffer.resize(packet.len() + OVERHEAD_MAX, 0);
            let len = sealer.seal_rtp(&mut buffer, 12, packet.len(), index).unwrap();
            assert_eq!(&client.decrypt_rtp(&buffer[..len]).unwrap()[..], &packet, "{profile:?} {index}");
        }
        for _ in 0..3 {
            let mut packet = RTCP.to_vec();
            sealer.seal_rtcp(&mut packet).unwrap();
            assert_eq!(&client.decrypt_rtcp(&packet).unwrap()[..], &RTCP, "{profile:?}");
        }
    }
}

#[test]
fn packet_of_another_library_is_opened_once() {
    for (profile, as_client) in ENDS {
        let (_, mut opener, mut client, _) = both_ends(profile, as_client);
        for sequence in (65_000..=65_535u16).chain(0..300) {
            let packet = rtp(sequence, 100);
            let sealed = client.encrypt_rtp(&packet).unwrap();
            let (mut first, mut again) = (sealed.clone(), sealed);
            let (len, index) = opener.open_rtp(&mut first, 12, 5, sequence).unwrap();
            assert_eq!((&first[..len], index & 0xffff), (&packet[..], u64::from(sequence)));
            assert_eq!(index >> 16, u64::from(sequence < 65_000), "rollover at {sequence}");
            assert_eq!(opener.open_rtp(&mut again, 12, 5, sequence), Err(Refused::Replayed));
        }
        let sealed = client.encrypt_rtcp(&RTCP).unwrap();
        let (mut first, mut again) = (sealed.clone(), sealed);
        let len = opener.open_rtcp(&mut first).unwrap();
        assert_eq!(&first[..len], &RTCP);
        assert_eq!(opener.open_rtcp(&mut again), Err(Refused::Replayed));
    }
}

#[test]
fn a_changed_bit_or_a_cut_is_refused_and_costs_nothing() {
    for (profile, as_client) in ENDS {
        let (_, mut opener, mut client, _) = both_ends(profile, as_client);
        let (rtp, rtcp) = (client.encrypt_rtp(&rtp(40_000, 30)).unwrap(), client.encrypt_rtcp(&RTCP).unwrap());
        for len in 0..rtp.len() {
            let sequence = 40_000;
            assert!(opener.open_rtp(&mut rtp[..len].to_vec(), 12.min(len), 5, sequence).is_err());
        }
        for len in 0..rtcp.len() {
            assert!(opener.open_rtcp(&mut rtcp[..len].to_vec()).is_err());
        }
        for bit in 0..rtp.len() * 8 {
            let mut spoiled = rtp.clone();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            let header: [u8; 12] = spoiled[..12].try_into().unwrap();
            let (sequence, ssrc) =
                (u16::from_be_bytes([header[2], header[3]]), u32::from_be_bytes(*header.last_chunk().unwrap()));
            assert_eq!(opener.open_rtp(&mut spoiled, 12, ssrc, sequence), Err(Refused::Forged), "bit {bit}");
        }
        assert!(opener.rtp.is_empty() && opener.rtcp.is_empty(), "a forgery made state");
        assert!(opener.open_rtp(&mut rtp.clone(), 12, 5, 40_000).is_ok());
    }
}

#[test]
fn a_peer_may_go_through_hundreds_of_ssrcs_and_none_can_be_replayed() {
    let (_, mut opener, mut client, _) = both_ends(Profile::AeadAes128Gcm, false);
    let mut recorded = Vec::new();
    for ssrc in 0..300u32 {
        let mut packet = rtp(1000, 10);
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let sealed = client.encrypt_rtp(&packet).unwrap();
        assert!(opener.open_rtp(&mut sealed.to_vec(), 12, ssrc, 1000).is_ok(), "{ssrc}");
        recorded.push(sealed);
    }
    for (ssrc, sealed) in (0..).zip(recorded) {
        assert_eq!(opener.open_rtp(&mut sealed.to_vec(), 12, ssrc, 1000), Err(Refused::Replayed), "{ssrc}");
    }
}

#[test]
fn an_index_is_the_nearest() {
    let table = [
        (100, 101, Some(101)),
        (100, 65_530, None),
        (70_000, 65_530, Some(65_530)),
        (70_000, 5_000, Some(70_536)),
        (65_535, 0, Some(65_536)),
    ];
    for (highest, sequence, expected) in table {
        assert_eq!(nearest(highest, sequence), expected, "{highest} {sequence}");
    }
}

//! The forwarding path under load, from a publisher's datagram to the packets of fifty subscribers: received, opened,
//! renumbered, sealed, sent. `tests/instructions.sh` runs it under callgrind. The shard's clock is virtual, so every
//! run executes the same instructions.

use std::net::SocketAddr;

use codec_headers::VideoCodec;

use super::*;
use crate::ids::TrackId;
use crate::order::{NewTrack, Source};
use crate::transport::srtp::Sealer;

const SUBSCRIBERS: u32 = 50;
/// Packets that are counted, and those before: the first is the keyframe with which the subscribers begin.
const PACKETS: u16 = 200;
const PACKETS_BEFORE: u16 = 20;
/// Between two packets: 150 a second.
const INTERVAL: Duration = Duration::from_micros(6_667);
/// RTP payload of a packet, bytes.
const PAYLOAD_BYTES: usize = 1160;
const TRACK: TrackId = TrackId(1);
const SSRC: u32 = 1000;
const MATERIAL: [u8; 56] = [7; 56];

fn track() -> NewTrack {
    NewTrack {
        id: TRACK,
        video: Some(VideoCodec::Vp8),
        clock_hz: 90_000,
        payload_type: 96,
        rtx_payload_type: None,
        red_payload_type: None,
        nack: true,
        rids: vec![],
        ssrcs: vec![SSRC],
        fid_groups: vec![],
        mid: "0".into(),
        mid_extension: None,
        rid_extension: None,
        rrid_extension: None,
        abs_send_time_extension: None,
        audio_level_extension: None,
        dependency_descriptor_extension: None,
    }
}

fn source() -> Source {
    Source {
        track: TRACK,
        shard: 0,
        video: Some(VideoCodec::Vp8),
        clock_hz: 90_000,
        sequences: 1,
        payload_type: 96,
        rtx_payload_type: Some(97),
        red_payload_type: None,
    }
}

impl Rig {
    /// A peer with an address and keys.
    fn joined(&mut self, serial: u32, tracks: Vec<NewTrack>, sections: Vec<NewSection>) -> Agent {
        let (peer, ice, agent) = (PeerId { shard: 0, serial }, local_ice(serial), Agent::new());
        self.order(Order::Add(Box::new(NewPeer { id: peer, ice: ice.clone(), tracks, sections })));
        agent.nominate(self, &ice);
        // A datagram of the handshake proves the address.
        self.runner.shard.task(ShardTask::Datagram { peer, datagram: BytesMut::from(&b"hello"[..]) });
        let keys = contexts(Profile::AeadAes128Gcm, &MATERIAL, false).unwrap();
        self.runner.shard.task(ShardTask::Keys { peer, keys: Box::new(keys) });
        agent
    }
}

/// A VP8 frame of one packet (RFC 7741 §4.2, with picture id, TL0PICIDX and TID), sealed.
fn frame(sealer: &Sealer, number: u16) -> Vec<u8> {
    let keyframe = number == 0;
    let mut packet = vec![0x80, 0x80 | 96];
    packet.extend_from_slice(&(100 + number).to_be_bytes());
    packet.extend_from_slice(&(u32::from(number) * 600).to_be_bytes());
    packet.extend_from_slice(&SSRC.to_be_bytes());
    let header_len = packet.len();
    let [high, low] = number.to_be_bytes();
    packet.extend_from_slice(&[0x90, 0xe0, 0x80 | high, low, low, 0x20]);
    // The frame's tag, and of a keyframe start code and size: 640 × 360 (RFC 6386 §9.1).
    packet.extend_from_slice(&[if keyframe { 0x10 } else { 0x11 }, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
    let len = header_len + PAYLOAD_BYTES;
    packet.resize(len + 20, 0xa5);
    let sealed_len = sealer.seal_rtp(&mut packet, header_len, len, u64::from(100 + number)).unwrap();
    packet.truncate(sealed_len);
    packet
}

/// Each packet is a wake-up of its own.
fn forward(shard: &mut Shard, from: SocketAddr, packets: &mut [Vec<u8>]) {
    for packet in packets {
        shard.now += INTERVAL;
        shard.datagram(RemoteSource::Udp(0, from), from, packet).unwrap();
        shard.send_pending();
    }
}

/// The function whose instructions callgrind counts: `tests/instructions.sh` has its name.
#[inline(never)]
fn forward_counted(shard: &mut Shard, from: SocketAddr, packets: &mut [Vec<u8>]) {
    forward(shard, from, packets);
}

#[test]
fn every_packet_of_a_publisher_reaches_fifty_subscribers() {
    let mut rig = rig();
    let publisher = rig.joined(1, vec![track()], vec![]);
    let extended = |serial| NewSection { mid_extension: Some(1), abs_send_time_extension: Some(2), ..section(serial) };
    let _agents: Vec<Agent> = (2..2 + SUBSCRIBERS)
        .map(|serial| {
            let agent = rig.joined(serial, vec![], vec![extended(serial * 10)]);
            let peer = PeerId { shard: 0, serial };
            rig.order(Order::Attach { peer, section: 0, source: Some(Box::new(source())) });
            agent
        })
        .collect();
    let (sealer, _) = contexts(Profile::AeadAes128Gcm, &MATERIAL, true).unwrap();
    let mut packets: Vec<_> = (0..PACKETS_BEFORE + PACKETS).map(|number| frame(&sealer, number)).collect();
    let (before, counted) = packets.split_at_mut(PACKETS_BEFORE.into());
    let (shard, from) = (&mut rig.runner.shard, publisher.socket.local_addr().unwrap());
    forward(shard, from, before);
    let forwarded_before = shard.counters.forwarded;
    forward_counted(shard, from, counted);
    let forwarded = shard.counters.forwarded - forwarded_before;
    assert_eq!(forwarded, u64::from(SUBSCRIBERS) * u64::from(PACKETS));
    eprintln!("forwarded {forwarded}");
}

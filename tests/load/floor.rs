//! The floor: what sealing and sending the same packets to as many sockets costs on this machine, with nothing else to
//! do.
//!
//! AES-128-GCM as SRTP has it (RFC 7714), with a key for each destination, and `sendmmsg`. One thread sends, on the CPU
//! that the server has; another one takes what arrives, so that no receive buffer is full, which would make sending
//! cheaper.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rig::process::{pin_to_cpu, thread_cpu_time};
use rig::vp8::RTP_HEADER;
use rig::{Error, Result};

use crate::cli::Options;
use crate::receive::{Batch, Epoll, set_receive_buffer};
use crate::send::{DESTINATIONS_MAX, Outgoing, segments_max, send_all};

/// Receive buffer of each destination, bytes: as a subscriber's.
const RECEIVE_BUFFER: i32 = 1 << 20;
/// Authentication tag of AES-GCM, bytes.
const TAG_BYTES: usize = 16;
/// Lateness after which the schedule starts anew.
const LATE_MAX: Duration = Duration::from_millis(100);

/// What one measurement of the floor came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    packets: u64,
    cpu: Duration,
}

impl Cost {
    /// Packets a second, were one core full of it.
    pub(crate) fn per_second_and_core(&self) -> f64 {
        self.packets as f64 / self.cpu.as_secs_f64()
    }
}

/// One subscriber's keys and counters.
struct Destination {
    to: SocketAddrV4,
    key: LessSafeKey,
    salt: [u8; 12],
    ssrc: u32,
    /// Sequence number and rollover counter in one.
    index: u64,
}

impl Destination {
    fn new(n: u32, to: SocketAddrV4) -> Result<Self> {
        let secret: [u8; 16] = rand::random();
        let key = UnboundKey::new(&AES_128_GCM, &secret).map_err(|_| Error::Srtp("a key for the floor".into()))?;
        Ok(Self { to, key: LessSafeKey::new(key), salt: rand::random(), ssrc: 0x2000_0000 + n, index: 1024 })
    }

    /// Makes the next packet of `source` (header and payload) in `packet`, which is longer by the tag.
    fn seal(&mut self, source: &[u8], packet: &mut [u8]) -> Result<()> {
        packet[..source.len()].copy_from_slice(source);
        packet[2..4].copy_from_slice(&(self.index as u16).to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        let nonce = nonce(&self.salt, self.ssrc, self.index);
        self.index += 1;
        let (sealed, tag) = packet.split_at_mut(source.len());
        let (header, payload) = sealed.split_at_mut(RTP_HEADER);
        let made =
            self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&*header), payload);
        tag.copy_from_slice(made.map_err(|_| Error::Srtp("sealing for the floor".into()))?.as_ref());
        Ok(())
    }
}

/// RFC 7714 §8.1: two zero bytes, SSRC, rollover counter and sequence number, by exclusive or with the salt.
fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut nonce = *salt;
    let numbers = ssrc.to_be_bytes().into_iter().chain(index.to_be_bytes().into_iter().skip(2));
    nonce.iter_mut().skip(2).zip(numbers).for_each(|(byte, number)| *byte ^= number);
    nonce
}

/// Sockets and keys.
pub(crate) struct Floor<'a> {
    options: &'a Options,
    cpu: usize,
    socket: UdpSocket,
    receivers: Vec<UdpSocket>,
    destinations: Vec<Destination>,
    /// A packet before it is sealed.
    source: Vec<u8>,
}

impl<'a> Floor<'a> {
    /// For what `options` describe, sent from `cpu`.
    pub(crate) fn new(options: &'a Options, cpu: usize) -> Result<Self> {
        let bind = || UdpSocket::bind("127.0.0.1:0").map_err(Error::io("binding the floor's sockets"));
        let receivers: Vec<UdpSocket> = (0..options.subscribers).map(|_| bind()).collect::<Result<_>>()?;
        let destination = |(n, socket): (u32, &UdpSocket)| match socket.local_addr() {
            Ok(SocketAddr::V4(to)) => Destination::new(n, to),
            other => Err(Error::Child(format!("the floor's socket is at {other:?}"))),
        };
        receivers.iter().for_each(|socket| set_receive_buffer(socket, RECEIVE_BUFFER));
        let destinations = (0..).zip(&receivers).map(destination).collect::<Result<_>>()?;
        let mut source = vec![0xa5; RTP_HEADER + options.bytes as usize];
        source[0] = 0x80;
        Ok(Self { options, cpu, socket: bind()?, receivers, destinations, source })
    }

    /// Sends for `time`; `meanwhile` runs in this thread until then.
    pub(crate) fn measure(&mut self, time: Duration, mut meanwhile: impl FnMut()) -> Result<Cost> {
        let Self { options, cpu, socket, receivers, destinations, source } = self;
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let drain = scope.spawn(|| drain(receivers, &done));
            let send = scope.spawn(|| {
                if !pin_to_cpu(*cpu) {
                    return Err(Error::Child("the floor cannot be bound to that CPU".into()));
                }
                send(options, socket, destinations, source, time)
            });
            while !send.is_finished() {
                meanwhile();
            }
            done.store(true, Relaxed);
            let drained = drain.join().unwrap_or_else(|_| Err(Error::Child("the floor's receiver failed".into())));
            let sent = send.join().unwrap_or_else(|_| Err(Error::Child("the floor's sender failed".into())));
            drained.and(sent)
        })
    }
}

/// Sends on the schedule of the publishers, each frame to all who watch its publisher.
fn send(
    options: &Options,
    socket: &UdpSocket,
    destinations: &mut [Destination],
    source: &[u8],
    time: Duration,
) -> Result<Cost> {
    let (publishers, packet_bytes) = (options.publishers.max(1) as usize, source.len() + TAG_BYTES);
    let watched_by_all = options.all || options.meeting.is_some();
    let at_once = segments_max(packet_bytes).min(options.burst as usize);
    let mut buffer = vec![0; packet_bytes * at_once * DESTINATIONS_MAX];
    let period = Duration::from_secs(1) * options.burst / options.pps / publishers as u32;
    let (start, cpu) = (Instant::now(), thread_cpu_time());
    let (mut packets, mut next) = (0, start);
    for publisher in (0..publishers).cycle() {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        if start.elapsed() >= time {
            break;
        }
        next = if next.elapsed() > LATE_MAX { Instant::now() } else { next + period };
        let step = if watched_by_all { 1 } else { publishers };
        let first = if watched_by_all { 0 } else { publisher };
        let mut watching: Vec<&mut Destination> = destinations.iter_mut().skip(first).step_by(step).collect();
        for flush in watching.chunks_mut(DESTINATIONS_MAX) {
            for from in (0..options.burst as usize).step_by(at_once) {
                let count = at_once.min(options.burst as usize - from);
                send_flush(socket, flush, source, &mut buffer, count)?;
                packets += (count * flush.len()) as u64;
            }
        }
    }
    Ok(Cost { packets, cpu: thread_cpu_time() - cpu })
}

/// Seals and sends `count` packets to each of a few destinations.
fn send_flush(
    socket: &UdpSocket,
    flush: &mut [&mut Destination],
    source: &[u8],
    buffer: &mut [u8],
    count: usize,
) -> Result<()> {
    let packet_bytes = source.len() + TAG_BYTES;
    let mut outgoing = Vec::with_capacity(DESTINATIONS_MAX);
    for (destination, packets) in flush.iter_mut().zip(buffer.chunks_mut(packet_bytes * count)) {
        packets.chunks_mut(packet_bytes).try_for_each(|packet| destination.seal(source, packet))?;
        outgoing.push(Outgoing { to: destination.to, packets });
    }
    send_all(socket, &mut outgoing, packet_bytes).map_err(Error::io("sending for the floor"))
}

/// Takes what arrives, and looks at nothing of it.
fn drain(receivers: &[UdpSocket], done: &AtomicBool) -> Result<()> {
    let mut epoll = Epoll::new().map_err(Error::io("making an epoll"))?;
    for (i, socket) in receivers.iter().enumerate() {
        epoll.add(socket, i).map_err(Error::io("watching the floor's sockets"))?;
    }
    let mut batch = Batch::new();
    while !done.load(Relaxed) {
        let ready: Vec<usize> = epoll.wait(Duration::from_millis(5)).collect();
        ready.into_iter().for_each(|i| batch.receive(&receivers[i], RTP_HEADER, |_| {}));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_packet_is_the_one_of_rfc_7714() {
        // Key, salt, header and payload of §16.1.1.
        let key: Vec<u8> = (0..16).collect();
        let mut destination = Destination {
            to: SocketAddrV4::new([127, 0, 0, 1].into(), 9),
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()),
            salt: *b"Quid pro quo",
            ssrc: 0x5501_a0b2,
            index: 0xf17b,
        };
        let header = [0x80, 0x40, 0, 0, 0x80, 0x41, 0xf8, 0xd3, 0, 0, 0, 0];
        let source = [&header[..], b"Gallia est omnis divisa in partes tres"].concat();
        let mut packet = vec![0; source.len() + TAG_BYTES];
        destination.seal(&source, &mut packet).unwrap();
        let sealed: String = packet.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d\
            7f27beb16a9152cf765ee4390cce";
        assert_eq!(sealed, expected);
        // The rollover counter stands before the sequence number.
        assert_eq!(nonce(&[0; 12], 0, 0x1_0002), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    }
}

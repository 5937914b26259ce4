//! The subscribers: one loop receives for all of them.
//!
//! A plain subscriber looks at RTP headers only, once it has had a whole keyframe of each track. A sampled one decrypts
//! every packet, which proves that it could be shown, and compares the kernel's receive time with the send time in the
//! payload. Each sends a receiver report with REMB once a second, with a keyframe request while it has nothing, and
//! renews its consent every five. Checks of the server's and its DTLS are answered.

use std::time::{Duration, Instant};

use rig::peer::{DATAGRAM_BYTES_MAX, Peer};
use rig::{Error, Result, rtcp, vp8};

use crate::receive::{Batch, Epoll, enable_timestamps, set_receive_buffer};
use crate::source::Source;

/// Bytes of a datagram that a plain subscriber reads: a connectivity check fits.
const HEAD_BYTES: usize = 256;
/// Receive buffer of each subscriber, bytes.
const RECEIVE_BUFFER: i32 = 1 << 20;
/// How often the loop attends to reports.
pub(crate) const TURN: Duration = Duration::from_millis(5);
/// Consent is renewed with every so-many-th report.
const CONSENT_EVERY: u64 = 5;

/// Marks the token of a signal connection; a media socket's is the subscriber's place alone.
const SIGNAL: usize = 1 << 32;

/// A subscriber that has its keys.
pub(crate) struct Joined {
    pub peer: Peer,
    /// It decrypts everything.
    pub sampled: bool,
    /// When it began to ask.
    pub since: Instant,
    /// How many tracks it is to get.
    pub tracks: usize,
    /// They are sound.
    pub sound: bool,
}

struct Subscriber {
    joined: Joined,
    sources: Vec<Source>,
    /// Has had a whole keyframe of every track.
    started: bool,
}

/// What all subscribers together have seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Packets of pictures.
    pub received: u64,
    /// Packets there must have been, by their sequence numbers.
    pub numbered: u64,
    /// Packets of other kinds: retransmissions, padding, sound.
    pub other: u64,
    /// Packets that sampled subscribers decrypted and found whole.
    pub decrypted: u64,
    /// Packets that they could not decrypt, or that were not ours.
    pub bad: u64,
    /// Tracks of which a subscriber never received anything.
    pub silent: u64,
}

/// All subscribers.
pub(crate) struct Audience {
    subscribers: Vec<Subscriber>,
    epoll: Epoll,
    batch: Batch,
    /// Datagrams of one batch that are no media.
    aside: Vec<Vec<u8>>,
    other: u64,
    decrypted: u64,
    bad: u64,
    reports: u64,
    /// Reports that are due, and when that was found.
    owed: (f64, Instant),
    remb_bits_per_second: u64,
    /// Datagrams are read whole.
    whole: bool,
    /// From asking until each track's first packet, milliseconds.
    pub first_packet_ms: Vec<f64>,
    /// From asking until each track's first whole keyframe, milliseconds.
    pub first_frame_ms: Vec<f64>,
    /// From send call to kernel receipt at sampled subscribers, microseconds, since last cleared.
    pub latency_us: Vec<f64>,
}

impl Audience {
    /// For so many. Each claims to be able to receive `remb_bits_per_second`; `whole`: datagrams are read whole.
    pub(crate) fn new(subscribers: u32, remb_bits_per_second: u64, whole: bool) -> Result<Self> {
        Ok(Self {
            subscribers: Vec::with_capacity(subscribers as usize),
            epoll: Epoll::new().map_err(Error::io("making an epoll"))?,
            batch: Batch::new(),
            aside: vec![],
            other: 0,
            decrypted: 0,
            bad: 0,
            reports: 0,
            owed: (0.0, Instant::now()),
            remb_bits_per_second,
            whole,
            first_packet_ms: vec![],
            first_frame_ms: vec![],
            latency_us: vec![],
        })
    }

    /// One more.
    pub(crate) fn add(&mut self, mut joined: Joined) -> Result<()> {
        set_receive_buffer(&joined.peer.socket, RECEIVE_BUFFER);
        if joined.sampled {
            enable_timestamps(&joined.peer.socket);
        }
        let i = self.subscribers.len();
        self.epoll.add(&joined.peer.socket, i).map_err(Error::io("watching a subscriber's socket"))?;
        if let Some(signal) = joined.peer.session.signal() {
            self.epoll.add(signal, SIGNAL | i).map_err(Error::io("watching a signal connection"))?;
        }
        self.subscribers.push(Subscriber { joined, sources: vec![], started: false });
        Ok(())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.subscribers.len() as u32
    }

    /// The profile that most were given.
    pub(crate) fn profile(&self) -> String {
        self.subscribers.first().map_or(String::new(), |s| format!("{:?}", s.joined.peer.profile))
    }

    /// Receives for `time`.
    pub(crate) fn run(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.turn();
        }
    }

    /// Receives what there is, or waits a moment for it; reports where that is due.
    pub(crate) fn turn(&mut self) {
        let ready: Vec<usize> = self.epoll.wait(TURN).collect();
        for token in ready {
            if token & SIGNAL == 0 {
                self.receive(token);
            } else {
                self.listen(token & !SIGNAL);
            }
        }
        let (owed, at) = &mut self.owed;
        *owed += at.elapsed().as_secs_f64() * self.subscribers.len() as f64;
        *at = Instant::now();
        while self.owed.0 >= 1.0 {
            self.owed.0 -= 1.0;
            self.report();
        }
    }

    /// Something came on a signal connection.
    fn listen(&mut self, i: usize) {
        let subscriber = self.subscribers.get_mut(i);
        let Some(signal) = subscriber.and_then(|subscriber| subscriber.joined.peer.session.signal()) else { return };
        signal.drain();
        if signal.is_ended() {
            self.epoll.remove(signal);
        }
    }

    fn receive(&mut self, i: usize) {
        let Some(subscriber) = self.subscribers.get_mut(i) else { return };
        let Subscriber { joined: Joined { peer, sampled, since, tracks, sound }, sources, started } = subscriber;
        let payload_type = if *sound { peer.answer.audio_pt } else { peer.answer.video_pt };
        let aside = &mut self.aside;
        let head = if *sampled || !*started || self.whole { DATAGRAM_BYTES_MAX } else { HEAD_BYTES };
        self.batch.receive(&peer.socket, head, |datagram| {
            let bytes = datagram.bytes;
            if bytes.first().is_some_and(|first| first >> 6 != 2) {
                aside.push(bytes.to_vec());
                return;
            }
            if bytes.len() < vp8::RTP_HEADER || rtcp::is_rtcp(bytes) {
                return;
            }
            let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            let ours = (bytes[1] & 0x7f == payload_type).then(|| Source::of(sources, *tracks, ssrc));
            let Some(source) = ours.flatten() else {
                self.other += 1;
                return;
            };
            if source.sequence.received == 0 {
                self.first_packet_ms.push(since.elapsed().as_secs_f64() * 1000.0);
            }
            source.sequence.count(u16::from_be_bytes([bytes[2], bytes[3]]));
            if *started && !*sampled {
                return;
            }
            let plain = peer.rx.decrypt_rtp(bytes).ok();
            let first = &mut source.first;
            if plain.as_ref().is_some_and(|plain| if *sound { first.add_sound() } else { first.add(plain) }) {
                self.first_frame_ms.push(since.elapsed().as_secs_f64() * 1000.0);
                *started = sources.len() == *tracks && sources.iter().all(|source| source.first.done);
            }
            match plain.and_then(|plain| vp8::sent_ns(&plain)) {
                Some(_) if !*sampled => {}
                Some(sent) => {
                    self.decrypted += 1;
                    self.latency_us.push(datagram.received_ns.saturating_sub(sent) as f64 / 1000.0);
                }
                None => self.bad += 1,
            }
        });
        aside.drain(..).for_each(|datagram| peer.hear(&datagram));
    }

    /// One subscriber's; each time on another of its tracks.
    fn report(&mut self) {
        let (count, n) = (self.subscribers.len().max(1) as u64, self.reports);
        self.reports += 1;
        let Some(Subscriber { joined, sources, started }) = self.subscribers.get_mut((n % count) as usize) else {
            return;
        };
        let on = sources.get((n / count) as usize % sources.len().max(1));
        let (source, highest) = on.map_or((0, 0), |on| (on.ssrc, on.sequence.highest as u32));
        let mut compound = rtcp::receiver_report_remb(1, source, highest, self.remb_bits_per_second);
        if !*started && !joined.sound {
            // As a browser does that has nothing to show.
            let waiting = sources.iter().filter(|source| !source.first.done).map(|source| source.ssrc);
            let nothing = sources.is_empty().then(|| joined.peer.answer.video_ssrc.unwrap_or(source));
            waiting.chain(nothing).for_each(|source| compound.extend(rtcp::pli(1, source)));
        }
        let peer = &mut joined.peer;
        let _ = peer.send_rtcp(&compound);
        peer.beat();
        if n / count % CONSENT_EVERY == 0
            && let Ok(check) = peer.binding_request()
        {
            let _ = peer.socket.send(&check);
        }
    }

    /// What has been seen since the beginning.
    pub(crate) fn seen(&self) -> Seen {
        let mut seen = Seen { other: self.other, decrypted: self.decrypted, bad: self.bad, ..Seen::default() };
        for Subscriber { joined, sources, .. } in &self.subscribers {
            seen.silent += (joined.tracks - sources.len()) as u64;
            for Source { sequence, .. } in sources {
                seen.received += sequence.received;
                seen.numbered += sequence.numbered();
            }
        }
        seen
    }

    /// How many have received nothing, although they began to ask so long ago.
    pub(crate) fn silent_for(&self, time: Duration) -> u64 {
        let silent = |one: &&Subscriber| one.sources.is_empty() && one.joined.since.elapsed() >= time;
        self.subscribers.iter().filter(silent).count() as u64
    }

    /// How many the server has ended.
    pub(crate) fn ended(&self) -> u64 {
        self.subscribers.iter().filter(|subscriber| subscriber.joined.peer.is_ended()).count() as u64
    }

    /// The sessions, to end them.
    pub(crate) fn into_peers(self) -> impl Iterator<Item = Peer> {
        self.subscribers.into_iter().map(|subscriber| subscriber.joined.peer)
    }
}

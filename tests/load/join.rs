//! Who joins, and how: publishers and subscribers, by either protocol, or a meeting.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::livekit::{self, Attendee};
use rig::peer::{Credentials, Peer, Request};
use rig::sdp::Direction;
use rig::stats::quantile;
use rig::token::KeyPair;
use rig::{Error, Result};

use crate::cli::{Options, Protocol};
use crate::measure::{Moment, resident_kib};
use crate::report::Joins;
use crate::subscriber::{Audience, Joined};

/// What joining takes.
pub(crate) struct Door<'a> {
    pub options: &'a Options,
    pub http: &'a Http,
    pub credentials: &'a Credentials,
    /// Those of a meeting who have published and do not watch yet.
    attendees: Mutex<Vec<Option<Attendee>>>,
    /// What they watch.
    tracks: Mutex<Vec<String>>,
}

impl<'a> Door<'a> {
    pub(crate) fn new(options: &'a Options, http: &'a Http, credentials: &'a Credentials) -> Self {
        Self { options, http, credentials, attendees: Mutex::default(), tracks: Mutex::default() }
    }

    /// A publisher, with its SSRC.
    pub(crate) fn join_publisher(&self, m: u32) -> Result<(Peer, u32)> {
        let (ssrc, name) = (0x1000_0000 + m * 2, publisher_name(m));
        if self.options.meeting.is_some() {
            // They are in one room.
            let token = self.keys().mint(self.room(0), &name, true);
            let (attendee, signalled) = Attendee::join(self.http, self.credentials, &token, ssrc)?;
            lock(&self.tracks).push(attendee.track.clone());
            lock(&self.attendees).push(Some(attendee));
            return Ok((Peer::connect(self.credentials, signalled)?, ssrc));
        }
        let peer = match self.options.protocol {
            Protocol::Whip => {
                let mut request = self.request("whip", m, &name, Direction::Publish);
                request.ssrc = ssrc;
                Peer::join(self.http, self.credentials, &request)?
            }
            Protocol::Livekit => {
                let token = self.keys().mint_publisher(self.room(m), &name);
                Peer::connect(self.credentials, livekit::publish(self.http, self.credentials, &token, ssrc)?)?
            }
        };
        Ok((peer, ssrc))
    }

    /// Subscribers join from several threads, at the rate asked for, and receive from then on.
    pub(crate) fn join_audience(&self) -> Result<(Audience, Joins)> {
        let mut audience = Audience::new(self.options)?;
        let before_kib = resident_kib(self.options.pid);
        let (from, next) = (Moment::now(self.options.pid), AtomicU32::new(0));
        let took_us = thread::scope(|scope| {
            let (sender, joined) = channel();
            let threads: Vec<_> = (0..self.options.join_threads)
                .map(|_| {
                    let sender = sender.clone();
                    scope.spawn(|| self.join_some(&next, sender))
                })
                .collect();
            drop(sender);
            let mut took_us = vec![];
            loop {
                match joined.try_recv() {
                    Ok((subscriber, took)) => {
                        took_us.push(f64::from(took));
                        audience.add(subscriber)?;
                    }
                    Err(TryRecvError::Empty) => audience.turn(),
                    Err(TryRecvError::Disconnected) => break,
                }
            }
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(()))).map(|()| took_us)
        })?;
        let usage = from.until_now(self.options.pid);
        let resident_kib = resident_kib(self.options.pid).zip(before_kib).map(|(after, before)| after - before);
        let joins = Joins {
            usage,
            count: took_us.len() as u32,
            took_p50_us: quantile(&took_us, 0.5),
            took_p99_us: quantile(&took_us, 0.99),
            resident_kib,
        };
        Ok((audience, joins))
    }

    fn join_some(&self, next: &AtomicU32, joined: Sender<(Joined, u32)>) -> Result<()> {
        let start = Instant::now();
        let sample = self.options.sample.min(self.options.subscribers);
        loop {
            let n = next.fetch_add(1, Relaxed);
            if n >= self.options.subscribers {
                return Ok(());
            }
            if let Some(due) = (Duration::from_secs(1) * n).checked_div(self.options.join_rate) {
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            let since = Instant::now();
            match self.join_subscriber(n, n % self.options.publishers) {
                Ok(peer) => {
                    // From the middle of each stretch: fan-out is serial, and its first and last are not typical.
                    let (sampled, tracks) = (n % sample == sample / 2, self.options.tracks());
                    let subscriber = Joined { peer, sampled, since, tracks };
                    // The receiver outlives this thread, unless it failed.
                    let _ = joined.send((subscriber, since.elapsed().as_micros() as u32));
                }
                Err(error) => {
                    // The others need not go on.
                    next.store(self.options.subscribers, Relaxed);
                    return Err(error);
                }
            }
        }
    }

    fn join_subscriber(&self, n: u32, m: u32) -> Result<Peer> {
        let identity = format!("load-sub-{n}");
        if self.options.meeting.is_some() {
            let attendee = lock(&self.attendees).get_mut(n as usize).and_then(Option::take);
            let attendee = attendee.ok_or_else(|| Error::Child("an attendee did not join".into()))?;
            let mut tracks = lock(&self.tracks).clone();
            tracks.retain(|track| *track != attendee.track);
            return Peer::connect(self.credentials, attendee.watch(&tracks)?);
        }
        match self.options.protocol {
            Protocol::Whip => {
                let mut request = self.request("whep", m, &identity, Direction::Watch);
                request.path = format!("{}?participant={}", request.path, publisher_name(m));
                Peer::join(self.http, self.credentials, &request)
            }
            Protocol::Livekit => {
                let token = self.keys().mint(self.room(m), &identity, false);
                let alone = self.options.publishers as usize <= self.options.rooms.len();
                let signalled = livekit::watch(self.http, self.credentials, &token, &publisher_name(m), alone)?;
                Peer::connect(self.credentials, signalled)
            }
        }
    }

    fn keys(&self) -> KeyPair {
        KeyPair { key: self.options.key.clone(), secret: self.options.secret.clone() }
    }

    fn room(&self, m: u32) -> &str {
        let rooms = &self.options.rooms;
        &rooms[m as usize % rooms.len()]
    }

    fn request(&self, kind: &str, m: u32, identity: &str, direction: Direction) -> Request {
        let (room, keys) = (self.room(m), self.keys());
        let token = (!keys.key.is_empty()).then(|| keys.mint(room, identity, direction == Direction::Publish));
        Request::vp8(&format!("/{kind}/{room}"), token, direction)
    }

    pub(crate) fn leave(&self, peers: impl Iterator<Item = Peer>) {
        for mut peer in peers {
            // A server that forgets a session sooner than we end it has done no wrong.
            let _ = peer.session.leave(self.http);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn publisher_name(m: u32) -> String {
    format!("load-pub-{m}")
}

//! Who joins, and how: publishers and subscribers, by either protocol, or a meeting.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::livekit::{self, Attendee, Kind};
use rig::peer::{Credentials, Peer, Request};
use rig::sdp::Direction;
use rig::stats::quantile;
use rig::token::KeyPair;
use rig::{Error, Result};

use crate::cli::{Options, Protocol};
use crate::measure::{Moment, resident_kib};
use crate::report::Joins;
use crate::subscriber::{Audience, Joined};

/// How many joins may fail while none succeeds.
const FAILURES_MAX: u32 = 20;
/// Before some joins are measured apart, the server is watched for so long.
const BASE: Duration = Duration::from_secs(3);

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

/// Some joins, under way in several threads.
struct Under<'a> {
    /// The next subscriber to join, and the first not to.
    next: AtomicU32,
    end: u32,
    failures: &'a Mutex<Failures>,
}

/// The joins that failed.
#[derive(Default)]
struct Failures {
    count: u32,
    first: Option<Error>,
}

impl<'a> Door<'a> {
    pub(crate) fn new(options: &'a Options, http: &'a Http, credentials: &'a Credentials) -> Self {
        Self { options, http, credentials, attendees: Mutex::default(), tracks: Mutex::default() }
    }

    /// A publisher, with its SSRC.
    fn join_publisher(&self, m: u32) -> Result<(Peer, u32)> {
        let (kind, offered, name) = (self.options.kind(), 0x1000_0000 + m * 2, self.publisher_name(m));
        // Sound has the next one in an offer.
        let ssrc = if kind == Kind::Sound { offered + 1 } else { offered };
        if self.options.meeting.is_some() {
            // They are in one room.
            let token = self.keys().mint(self.room(0), &name, true);
            let joined = Attendee::join(self.http, self.credentials, &token, kind, offered);
            let (attendee, peer) = joined.inspect_err(|_| lock(&self.attendees).push(None))?;
            lock(&self.tracks).push(attendee.track.clone());
            lock(&self.attendees).push(Some(attendee));
            return Ok((peer, ssrc));
        }
        let peer = match self.options.protocol {
            Protocol::Whip => {
                let request = Request { ssrc: offered, ..self.request(m, &name, Direction::Publish) };
                Peer::join(self.http, self.credentials, &request)?
            }
            Protocol::Livekit => {
                let token = self.keys().mint_publisher(self.room(m), &name);
                livekit::publish(self.http, self.credentials, &token, kind, offered)?
            }
        };
        Ok((peer, ssrc))
    }

    /// All publishers. In a meeting some may fail: they will be found missing when it is their turn to watch.
    pub(crate) fn join_publishers(&self) -> Result<Vec<(Peer, u32)>> {
        let mut joined = vec![];
        for m in 0..self.options.publishers {
            match self.join_publisher(m) {
                Ok(publisher) => joined.push(publisher),
                Err(error) if self.options.meeting.is_none() || joined.is_empty() => return Err(error),
                Err(error) => eprintln!("attendee {m} cannot publish: {error}"),
            }
        }
        Ok(joined)
    }

    /// Subscribers join from several threads, at the rate asked for, and receive from then on.
    pub(crate) fn join_audience(&self) -> Result<(Audience, Joins)> {
        let Options { subscribers, remb_kbps, data, .. } = self.options;
        let (mut audience, failures) =
            (Audience::new(*subscribers, remb_kbps * 1000, *data)?, Mutex::new(Failures::default()));
        let before_kib = resident_kib(self.options.pid);
        let apart = self.options.joins_measured.map(|last| self.options.subscribers - last);
        let mut base = None;
        if let Some(early) = apart {
            self.join_range(0, early, &mut audience, &failures)?;
            let from = Moment::now(self.options.processes());
            audience.run(BASE);
            base = Some(from.until_now());
        }
        let (there, from) = (audience.len(), Moment::now(self.options.processes()));
        let took_us = self.join_range(apart.unwrap_or(0), self.options.subscribers, &mut audience, &failures)?;
        let usage = from.until_now();
        let Failures { count: failed, first } = std::mem::take(&mut *lock(&failures));
        let (joined, first_failure) = (audience.len(), first.map(|error| error.to_string()));
        eprintln!("joined: {joined}, failed: {failed}");
        let resident_kib = resident_kib(self.options.pid).zip(before_kib).map(|(after, before)| after - before);
        let joins = Joins {
            usage,
            base,
            there,
            count: took_us.len() as u32,
            failed,
            first_failure,
            took_p50_us: quantile(&took_us, 0.5),
            took_p99_us: quantile(&took_us, 0.99),
            kib_each: resident_kib.map(|kib| kib / f64::from(joined.max(1))),
        };
        Ok((audience, joins))
    }

    /// The subscribers from `first` up to `end`; how long each took, microseconds.
    fn join_range(
        &self,
        first: u32,
        end: u32,
        audience: &mut Audience,
        failures: &Mutex<Failures>,
    ) -> Result<Vec<f64>> {
        let under = Under { next: AtomicU32::new(first), end, failures };
        thread::scope(|scope| {
            let (sender, joined) = channel();
            let threads: Vec<_> = (0..self.options.join_threads)
                .map(|_| {
                    let sender = sender.clone();
                    scope.spawn(|| self.join_some(first, &under, sender))
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
            threads.into_iter().for_each(|thread| drop(thread.join()));
            let mut failures = lock(failures);
            match failures.first.take() {
                Some(error) if audience.len() == 0 => Err(error),
                error => {
                    failures.first = error;
                    Ok(took_us)
                }
            }
        })
    }

    fn join_some(&self, first: u32, under: &Under<'_>, joined: Sender<(Joined, u32)>) {
        let (start, mut succeeded) = (Instant::now(), false);
        let sample = self.options.sample.min(self.options.subscribers);
        loop {
            let n = under.next.fetch_add(1, Relaxed);
            if n >= under.end {
                return;
            }
            if let Some(due) = (Duration::from_secs(1) * (n - first)).checked_div(self.options.join_rate) {
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            let since = Instant::now();
            match self.join_subscriber(n) {
                Ok(peer) => {
                    // From the middle of each stretch: fan-out is serial, and its first and last are not typical.
                    let (sampled, tracks, sound) =
                        (n % sample == sample / 2, self.options.tracks(), self.options.sound);
                    let subscriber = Joined { peer, sampled, since, tracks, sound };
                    succeeded = true;
                    // The receiver outlives this thread, unless it failed.
                    let _ = joined.send((subscriber, since.elapsed().as_micros() as u32));
                }
                Err(error) => {
                    let mut failures = lock(under.failures);
                    failures.count += 1;
                    failures.first.get_or_insert(error);
                    if !succeeded && failures.count >= FAILURES_MAX {
                        under.next.store(under.end, Relaxed);
                    }
                }
            }
        }
    }

    fn join_subscriber(&self, n: u32) -> Result<Peer> {
        let options = self.options;
        if options.meeting.is_some() {
            let attendee = lock(&self.attendees).get_mut(n as usize).and_then(Option::take);
            let attendee = attendee.ok_or_else(|| Error::Child("an attendee could not publish".into()))?;
            let mut tracks = lock(&self.tracks).clone();
            tracks.retain(|track| *track != attendee.track);
            return attendee.watch(&tracks);
        }
        let (identity, m) = (format!("{}-sub-{n}", options.prefix), n % options.publishers.max(1));
        match options.protocol {
            Protocol::Whip => Peer::join(self.http, self.credentials, &self.request(m, &identity, Direction::Watch)),
            Protocol::Livekit => {
                let token = self.keys().mint(self.room(m), &identity, false);
                let (whom, alone) = self.watched(m);
                let mut peer = livekit::watch(self.http, self.credentials, &token, &whom, alone)?;
                if options.data {
                    peer.begin_data(false);
                }
                Ok(peer)
            }
        }
    }

    /// Whom a subscriber of publisher `m` watches, and whether nobody else publishes in the room.
    fn watched(&self, m: u32) -> (Vec<String>, bool) {
        let (options, rooms) = (self.options, self.options.rooms.len() as u32);
        match &options.watch {
            Some(other) => (vec![other.clone()], false),
            None if options.all => {
                let of_room = (m % rooms..options.publishers).step_by(rooms as usize);
                (of_room.map(|m| self.publisher_name(m)).collect(), true)
            }
            None => (vec![self.publisher_name(m)], options.publishers <= rooms),
        }
    }

    fn publisher_name(&self, m: u32) -> String {
        format!("{}-pub-{m}", self.options.prefix)
    }

    fn keys(&self) -> KeyPair {
        KeyPair { key: self.options.key.clone(), secret: self.options.secret.clone() }
    }

    fn room(&self, m: u32) -> &str {
        let rooms = &self.options.rooms;
        &rooms[m as usize % rooms.len()]
    }

    fn request(&self, m: u32, identity: &str, direction: Direction) -> Request {
        let (room, keys) = (self.room(m), self.keys());
        let token = (!keys.key.is_empty()).then(|| keys.mint(room, identity, direction == Direction::Publish));
        let path = if direction == Direction::Publish { &self.options.whip } else { &self.options.whep };
        let path = path.replace("{room}", room).replace("{publisher}", &self.publisher_name(m));
        Request::vp8(&path, token, direction)
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

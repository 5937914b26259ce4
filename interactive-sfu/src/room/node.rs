//! The counts that all rooms of this process share: numbers that are never used twice, the load of each media thread,
//! how many participants there are, and which of them are not connected yet.
//!
//! Rooms share no lock. Each count here is an atomic, or a lock that is held for one operation.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::participant::ParticipantKey;
use super::place::place;
use crate::control::Admission;
use access::{Identity, RoomName};
use plane::{PeerId, Pending, Ticket, TrackId};

/// Whoever has sessions by WHIP or WHEP: a room and an identity in it.
pub(crate) type Holder = (RoomName, Identity);

/// A participant of a room, by the room's name and the participant's number in it.
pub(crate) type Resident = (RoomName, ParticipantKey);

/// The counts of this process.
pub(crate) struct Node {
    next_peer: AtomicU32,
    next_track: AtomicU32,
    next_connection: AtomicU32,
    /// Peers of each media thread.
    peers: Box<[AtomicU32]>,
    participants: AtomicUsize,
    participants_max: usize,
    on_stage: AtomicUsize,
    pending: Mutex<Pending<Holder, Resident>>,
    admission: AtomicU8,
    closed: AtomicBool,
}

impl Node {
    /// Nobody yet, on `shards` media threads. `participants_max` bounds the participants of all rooms together.
    pub(crate) fn new(shards: usize, participants_max: usize) -> Self {
        Self {
            next_peer: AtomicU32::new(0),
            next_track: AtomicU32::new(0),
            next_connection: AtomicU32::new(0),
            peers: (0..shards).map(|_| AtomicU32::new(0)).collect(),
            participants: AtomicUsize::new(0),
            participants_max,
            on_stage: AtomicUsize::new(0),
            pending: Mutex::new(Pending::default()),
            admission: AtomicU8::new(Admission::Open as u8),
            closed: AtomicBool::new(false),
        }
    }

    /// A number for one more peer, on the media thread that suits a room at `home`.
    pub(crate) fn new_peer(&self, home: u16) -> PeerId {
        let loads: Vec<u32> = self.peers.iter().map(|peers| peers.load(Ordering::Relaxed)).collect();
        let shard = place(&loads, Some(home));
        if let Some(peers) = self.peers.get(usize::from(shard)) {
            peers.fetch_add(1, Ordering::Relaxed);
        }
        PeerId { shard, serial: self.next_peer.fetch_add(1, Ordering::Relaxed).wrapping_add(1) }
    }

    /// A media thread has forgotten a peer.
    pub(crate) fn peer_gone(&self, peer: PeerId) {
        if let Some(peers) = self.peers.get(usize::from(peer.shard)) {
            // A thread that reports one peer twice must not make the count wrap round.
            let _ = peers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |peers| peers.checked_sub(1));
        }
    }

    /// The media thread with the fewest peers: a new room begins there.
    pub(crate) fn emptiest_shard(&self) -> u16 {
        let loads: Vec<u32> = self.peers.iter().map(|peers| peers.load(Ordering::Relaxed)).collect();
        place(&loads, None)
    }

    /// Peers that media threads still have.
    pub(crate) fn peers(&self) -> u32 {
        self.peers.iter().map(|peers| peers.load(Ordering::Relaxed)).sum()
    }

    /// A number for one more track.
    pub(crate) fn new_track(&self) -> TrackId {
        TrackId(self.next_track.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// A number for one more signal connection.
    pub(crate) fn new_connection(&self) -> u32 {
        self.next_connection.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Takes a place for one more participant. `false`: this process has as many as it may have.
    pub(crate) fn take_place(&self) -> bool {
        let one_more = |participants: usize| (participants < self.participants_max).then_some(participants + 1);
        self.participants.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Gives a place back.
    pub(crate) fn leave_place(&self) {
        self.participants.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there is a place for one more participant.
    pub(crate) fn has_place(&self) -> bool {
        self.participants() < self.participants_max
    }

    /// Participants of all rooms.
    pub(crate) fn participants(&self) -> usize {
        self.participants.load(Ordering::Relaxed)
    }

    /// Participants on stage, of all rooms.
    pub(crate) fn on_stage(&self) -> usize {
        self.on_stage.load(Ordering::Relaxed)
    }

    /// A participant has come on stage, or has left it.
    pub(crate) fn count_on_stage(&self, came: bool) {
        if came {
            self.on_stage.fetch_add(1, Ordering::Relaxed);
        } else {
            self.on_stage.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Participants by WHIP and WHEP whose peer connection has not come up yet.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending<Holder, Resident>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A participant is not pending any more.
    pub(crate) fn settle(&self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.pending().remove(ticket);
        }
    }

    /// How this process lets people in from now on.
    pub(crate) fn admit(&self, admission: Admission) {
        self.admission.store(admission as u8, Ordering::Release);
    }

    /// How this process lets people in.
    pub(crate) fn admission(&self) -> Admission {
        match self.admission.load(Ordering::Acquire) {
            open if open == Admission::Open as u8 => Admission::Open,
            busy if busy == Admission::Busy as u8 => Admission::Busy,
            _ => Admission::Draining,
        }
    }

    /// Nobody is let in from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether nobody is let in any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

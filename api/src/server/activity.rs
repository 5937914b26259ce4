//! The state of one connection, so that idleness and stalls can be told.
//!
//! A request is under way until its answer's body has been received, or is given up. A connection with none is idle. A
//! body stalls when its client takes none of it; while more of it is being made, nobody stalls. No I/O and no clock:
//! `now` comes in. Driven by `connection.rs` and `body.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// The times that a connection may do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The time without a request.
    pub(super) idle: Duration,
    /// The time in which its client takes nothing of an answer.
    pub(super) stall: Duration,
}

/// A reason to end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// It had no request for too long.
    Idle,
    /// Its client did not read.
    Stalled,
}

/// The requests and bodies under way on one connection, and when it was last busy.
#[derive(Debug)]
pub(super) struct Activity {
    /// Requests that wait for the head of their answer.
    unanswered: u32,
    last_end: Instant,
    /// Bodies under way, by number.
    bodies: BTreeMap<u64, Delivery>,
    next_body: u64,
}

/// A body under way.
#[derive(Debug)]
struct Delivery {
    /// The moment when the client last took a piece, or could first take more.
    moved_at: Instant,
    /// Pieces that were given out and that the client has not taken yet.
    pieces: u32,
    /// Whether the next piece is not made yet.
    is_being_made: bool,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self { unanswered: 0, last_end: now, bodies: BTreeMap::new(), next_body: 0 }
    }

    /// A request came.
    pub(super) fn asked(&mut self) {
        self.unanswered += 1;
    }

    /// A request was given up before its answer.
    pub(super) fn abandoned(&mut self, now: Instant) {
        self.unanswered -= 1;
        self.last_end = now;
    }

    /// The head of an answer is there. Returns the number of its body.
    pub(super) fn answered(&mut self, now: Instant) -> u64 {
        self.unanswered -= 1;
        self.next_body += 1;
        self.bodies.insert(self.next_body, Delivery { moved_at: now, pieces: 0, is_being_made: false });
        self.next_body
    }

    /// There is a piece of a body for the client to take.
    pub(super) fn piece_given(&mut self, body: u64, now: Instant) {
        if let Some(delivery) = self.bodies.get_mut(&body) {
            *delivery = Delivery { moved_at: now, pieces: delivery.pieces + 1, is_being_made: false };
        }
    }

    /// The client took a piece of a body.
    pub(super) fn piece_taken(&mut self, body: u64, now: Instant) {
        if let Some(delivery) = self.bodies.get_mut(&body) {
            (delivery.moved_at, delivery.pieces) = (now, delivery.pieces - 1);
        }
    }

    /// There is room for a piece of a body, and no piece yet.
    pub(super) fn piece_awaited(&mut self, body: u64) {
        if let Some(delivery) = self.bodies.get_mut(&body) {
            delivery.is_being_made = true;
        }
    }

    /// All of a body was taken, or it was given up.
    pub(super) fn finished(&mut self, body: u64, now: Instant) {
        self.bodies.remove(&body);
        self.last_end = now;
    }

    /// The reason to end the connection now, or else the time to look again.
    pub(super) fn lapse(&self, now: Instant, patience: Patience) -> Result<Lapse, Instant> {
        // A request may come meanwhile, and its answer stall.
        let look_again = now + patience.idle.min(patience.stall);
        if self.unanswered == 0 && self.bodies.is_empty() {
            let idle_at = self.last_end + patience.idle;
            return if idle_at <= now { Ok(Lapse::Idle) } else { Err(idle_at.min(look_again)) };
        }
        let untaken = self.bodies.values().filter(|delivery| delivery.pieces > 0 || !delivery.is_being_made);
        match untaken.map(|delivery| delivery.moved_at + patience.stall).min() {
            Some(stalled_at) if stalled_at <= now => Ok(Lapse::Stalled),
            Some(stalled_at) => Err(stalled_at.min(look_again)),
            None => Err(look_again),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { idle: Duration::from_secs(60), stall: Duration::from_secs(30) };

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn connection_without_requests_lapses_after_the_idle_time() {
        let start = Instant::now();
        let mut activity = Activity::new(start);
        assert_eq!(activity.lapse(start, PATIENCE), Err(start + second(30)), "a request may come, and stall");
        assert_eq!(activity.lapse(start + second(40), PATIENCE), Err(start + second(60)));
        activity.asked();
        let body = activity.answered(start + second(50));
        activity.finished(body, start + second(50));
        assert_eq!(activity.lapse(start + second(90), PATIENCE), Err(start + second(110)));
        assert_eq!(activity.lapse(start + second(110), PATIENCE), Ok(Lapse::Idle));
    }

    #[test]
    fn request_that_waits_for_its_answer_never_lapses() {
        let start = Instant::now();
        let mut activity = Activity::new(start);
        activity.asked();
        assert_eq!(activity.lapse(start + second(600), PATIENCE), Err(start + second(630)));
        activity.abandoned(start + second(600));
        assert_eq!(activity.lapse(start + second(650), PATIENCE), Err(start + second(660)));
    }

    #[test]
    fn untaken_body_lapses_and_slowly_taken_body_does_not() {
        let start = Instant::now();
        let mut activity = Activity::new(start);
        activity.asked();
        activity.asked();
        let (slow, stuck) = (activity.answered(start), activity.answered(start + second(10)));
        activity.piece_given(slow, start + second(1));
        activity.piece_taken(slow, start + second(29));
        assert_eq!(activity.lapse(start + second(39), PATIENCE), Err(start + second(40)));
        assert_eq!(activity.lapse(start + second(40), PATIENCE), Ok(Lapse::Stalled));
        activity.finished(stuck, start + second(40));
        activity.piece_given(slow, start + second(58));
        assert_eq!(activity.lapse(start + second(60), PATIENCE), Err(start + second(88)));
    }

    #[test]
    fn unfinished_body_lapses_only_while_a_piece_is_untaken() {
        let start = Instant::now();
        let mut activity = Activity::new(start);
        activity.asked();
        let body = activity.answered(start);
        activity.piece_given(body, start);
        activity.piece_awaited(body);
        assert_eq!(activity.lapse(start + second(30), PATIENCE), Ok(Lapse::Stalled));
        activity.piece_taken(body, start + second(30));
        assert!(activity.lapse(start + second(600), PATIENCE).is_err(), "the client has taken everything so far");
        activity.piece_given(body, start + second(600));
        assert_eq!(activity.lapse(start + second(630), PATIENCE), Ok(Lapse::Stalled));
    }
}

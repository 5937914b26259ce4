//! Tells one receiver the facts of the database's outbox.
//!
//! A fact is tried until it is taken, or until it is [`AGE_MAX`] old; then it is given up, and the next one of its room
//! follows. `backlog.rs` decides what is told when. The cursor of the receiver is kept in the database about once a
//! second, so that a server that is started again goes on where it was; what it told in the last second comes twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use access::RoomName;
use bytes::Bytes;
use chrono::Utc;
use livekit_protocol as proto;
use rooms::{Fact, Facts, Rooms};
use serde::Serialize;
use serde_json::Value;
use tokio::task::{JoinError, JoinSet};

use super::backlog::Backlog;
use super::sender::Sender;
use super::webhook_room;
use crate::metrics;

/// A fact that is older is tried once more, and given up.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Facts that are read at once.
const READ_MAX: usize = 256;
/// How often the cursor is kept.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before a database is asked again that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Failures in a row of which the log warns, some seconds after the first.
const WARN_AT: u32 = 5;

/// A receiver of facts.
pub(super) struct Receiver {
    pub(super) sender: Arc<Sender>,
    pub(super) rooms: Rooms,
    pub(super) url: String,
    /// Names it in logs and metrics: its place in the settings. The URL may carry a secret.
    pub(super) number: usize,
}

/// The end of an attempt.
#[derive(Debug, PartialEq)]
enum Outcome {
    Told,
    GivenUp(String),
    /// The database has it no more.
    Gone,
    Failed(String),
}

impl Outcome {
    /// Of an attempt to tell a fact of that age, which is negative if the clock was set back.
    fn of(attempt: Result<(), String>, age_ms: i64) -> Self {
        let is_old = u128::try_from(age_ms).is_ok_and(|age_ms| age_ms > AGE_MAX.as_millis());
        match attempt {
            Ok(()) => Self::Told,
            Err(failure) if is_old => Self::GivenUp(failure),
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// The body of a POST: LiveKit's, and an object of our own, which LiveKit's SDKs pass over.
#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    event: proto::WebhookEvent,
    spillway: Value,
}

impl Receiver {
    /// Runs until it is dropped.
    pub(super) async fn tell(self: Arc<Self>, mut facts: Facts) {
        let (mut backlog, mut attempts) = (Backlog::new(facts.cursor()), JoinSet::new());
        let mut keep_at = Instant::now() + KEEP_EVERY;
        loop {
            while let Some((fact, room)) = backlog.next(Instant::now()) {
                attempts.spawn(self.clone().attempt(facts.clone(), fact, room));
            }
            metrics::webhooks_waiting(self.number, backlog.len());
            let (read, space, timeout) = (backlog.read(), backlog.space().min(READ_MAX), backlog.poll_timeout());
            let is_unkept = backlog.done_up_to() > facts.cursor();
            let reader = facts.clone();
            tokio::select! {
                (found, up_to) = read_after(reader, read, space), if space > 0 => {
                    let now = Instant::now();
                    found.into_iter().for_each(|(fact, room)| backlog.add(fact, room, now));
                    backlog.read_up_to(up_to);
                }
                Some(ended) = attempts.join_next() => {
                    if let Err(error) = self.take_end(&mut backlog, ended) {
                        tracing::error!(%error, receiver = self.number, "a webhook's task was lost: beginning again");
                        attempts.shutdown().await;
                        backlog = Backlog::new(facts.cursor());
                    }
                }
                () = sleep_until(timeout), if timeout.is_some() => {}
                () = sleep_until(Some(keep_at)), if is_unkept => {
                    if let Err(error) = facts.done(backlog.done_up_to()).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, receiver = self.number, "webhooks told are not noted yet");
                    }
                    keep_at = Instant::now() + KEEP_EVERY;
                }
            }
        }
    }

    fn take_end(&self, backlog: &mut Backlog, ended: Result<(RoomName, Outcome), JoinError>) -> Result<(), JoinError> {
        let (room, outcome) = ended?;
        let (now, receiver) = (Instant::now(), self.number);
        match outcome {
            Outcome::Told => {
                metrics::webhooks("delivered", 1);
                backlog.done(room, now);
            }
            Outcome::Gone => {
                metrics::webhooks("dropped", 1);
                backlog.done(room, now);
            }
            Outcome::GivenUp(failure) => {
                tracing::warn!(failure, receiver, "a webhook is given up");
                metrics::webhooks("failed", 1);
                backlog.done(room, now);
            }
            Outcome::Failed(failure) => match backlog.failed(room, now, rand::random()) {
                WARN_AT => tracing::warn!(failure, receiver, "a webhook is not taken; trying on"),
                failures => tracing::debug!(failure, failures, receiver, "a webhook was not taken"),
            },
        }
        Ok(())
    }

    async fn attempt(self: Arc<Self>, facts: Facts, fact: i64, room: RoomName) -> (RoomName, Outcome) {
        let fact = match facts.fact(fact).await {
            Ok(Some(fact)) => fact,
            Ok(None) => return (room, Outcome::Gone),
            Err(error) => return (room, Outcome::Failed(error.to_string())),
        };
        let age_ms = Utc::now().timestamp_millis().saturating_sub(fact.at_utc_ms);
        let Some(body) = self.body(fact).await else { return (room, Outcome::Gone) };
        (room, Outcome::of(self.sender.attempt(&self.url, &body).await, age_ms))
    }

    async fn body(&self, fact: Fact) -> Option<Bytes> {
        let event = proto::WebhookEvent {
            event: fact.kind.name().to_owned(),
            room: Some(webhook_room(&self.rooms, &fact.room).await),
            id: fact.id,
            created_at: fact.at_utc_ms / 1000,
            ..proto::WebhookEvent::default()
        };
        let body = serde_json::to_vec(&Body { event, spillway: fact.kind.details() });
        body.inspect_err(|error| tracing::error!(%error, "a webhook cannot be written")).ok().map(Bytes::from)
    }
}

/// Facts after that one, once there are some, and the last number up to which they are all.
async fn read_after(mut facts: Facts, fact: i64, count_max: usize) -> (Vec<(i64, RoomName)>, i64) {
    let newest = facts.news(fact).await;
    match facts.after(fact, u32::try_from(count_max).unwrap_or(u32::MAX)).await {
        Ok(found) if found.len() < count_max => (found, newest),
        Ok(found) => (found, fact),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "facts for webhooks cannot be read");
            tokio::time::sleep(RETRY).await;
            (vec![], fact)
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fact_is_given_up_when_it_is_a_day_old_and_was_tried_once_more() {
        const DAY_MS: i64 = 24 * 3_600_000;
        let refused = || Err("500".to_owned());
        for (attempt, age_ms, outcome) in [
            (refused(), -1, Outcome::Failed("500".into())),
            (refused(), DAY_MS, Outcome::Failed("500".into())),
            (refused(), DAY_MS + 1, Outcome::GivenUp("500".into())),
            (Ok(()), 9 * DAY_MS, Outcome::Told),
        ] {
            assert_eq!(Outcome::of(attempt, age_ms), outcome);
        }
    }
}

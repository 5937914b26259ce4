//! Facts about rooms that this server alone knows, for receivers outside of it: webhooks.
//!
//! A change of a room writes its fact in its own transaction. All other facts ([`Rooms::tell`]) wait in a bounded
//! queue, and [`Rooms::write_facts`] writes them a few times a second, those of all rooms in one transaction; people
//! who were moved in a room for one reason meanwhile are one fact. Followers read facts in order, each with a cursor
//! that outlives the process. Facts that all followers have done are deleted, and of more than [`FACTS_MAX`] the
//! oldest. Without followers nothing is written.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::RoomName;
use tokio::sync::{Notify, watch};

use crate::store::Store;
use crate::{Error, Rooms};

mod fact;

pub use fact::{EndReason, Fact, FactKind, MovedViewer};

/// Facts that followers may have before them. A busy server writes some a second, so a follower finds all that happened
/// while it was away for an hour.
pub(crate) const FACTS_MAX: u32 = 20_000;
/// Facts that may wait to be written; further ones are dropped, with a warning.
const WAITING_MAX: usize = 4096;
/// Facts of one transaction.
const BATCH_MAX: usize = 256;
/// How long facts wait for others, to be written with them.
const GATHER: Duration = Duration::from_millis(250);
/// How long to wait before a database is asked again that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Facts on their way into the database.
#[derive(Debug)]
pub(crate) struct FactQueue {
    is_followed: AtomicBool,
    /// A fact was dropped since the last write.
    is_full: AtomicBool,
    waiting: Mutex<Waiting>,
    news: Notify,
    /// Held while facts are written, so that they keep their order.
    writing: tokio::sync::Mutex<()>,
    /// The number of the newest fact in the database.
    newest: watch::Sender<i64>,
}

/// Facts that are not written.
#[derive(Debug, Default)]
struct Waiting {
    facts: VecDeque<Fact>,
    /// Of these, facts at the front that may be in the database already, under their ids.
    tried: usize,
}

impl FactQueue {
    pub(crate) fn new(newest: i64) -> Self {
        Self {
            is_followed: AtomicBool::default(),
            is_full: AtomicBool::default(),
            waiting: Mutex::default(),
            news: Notify::new(),
            writing: tokio::sync::Mutex::default(),
            newest: watch::Sender::new(newest),
        }
    }

    /// The fact, if somebody follows.
    pub(crate) fn wanted(&self, fact: Option<Fact>) -> Option<Fact> {
        fact.filter(|_| self.is_followed.load(Ordering::Acquire))
    }

    /// Wakes followers.
    pub(crate) fn written(&self, seq: Option<i64>) {
        if let Some(seq) = seq {
            self.newest.send_modify(|newest| *newest = seq.max(*newest));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), Error> {
        let _turn = self.writing.lock().await;
        loop {
            let batch = self.waiting().batch();
            if batch.is_empty() {
                return Ok(());
            }
            // A write that is dropped between the two is done again, under the same ids.
            self.written(Some(store.push_facts(&batch, FACTS_MAX).await?));
            self.waiting().written(batch.len());
            self.is_full.store(false, Ordering::Release);
        }
    }
}

impl Waiting {
    /// Adds a fact, or its people to the room's last fact. `Err`: there is no space for it.
    fn add(&mut self, fact: Fact) -> Result<(), Fact> {
        let last = self.facts.iter_mut().skip(self.tried).rev().find(|known| known.room == fact.room);
        if last.is_some_and(|last| last.kind.take_in(&fact.kind)) {
            return Ok(());
        }
        if self.facts.len() >= WAITING_MAX {
            return Err(fact);
        }
        self.facts.push_back(fact);
        Ok(())
    }

    /// The next facts to be written, which are not changed any more.
    fn batch(&mut self) -> Vec<Fact> {
        self.tried = self.tried.max(self.facts.len().min(BATCH_MAX));
        self.facts.iter().take(BATCH_MAX).cloned().collect()
    }

    /// So many facts are written.
    fn written(&mut self, count: usize) {
        self.facts.drain(..count.min(self.facts.len()));
        self.tried = self.tried.saturating_sub(count);
    }
}

impl Rooms {
    /// Tells the followers of a fact. Returns at once.
    pub fn tell(&self, room: &RoomName, kind: FactKind) {
        let facts = &self.inner.facts;
        let Some(fact) = facts.wanted(Some(Fact::now(room.clone(), kind))) else { return };
        match facts.waiting().add(fact) {
            Ok(()) => facts.news.notify_one(),
            Err(fact) if !facts.is_full.swap(true, Ordering::AcqRel) => {
                tracing::warn!(kind = fact.kind.name(), "facts are dropped: too many wait for the database");
            }
            Err(_) => {}
        }
    }

    /// Writes facts that wait, a few times a second. Runs until it is dropped; [`Rooms::close`] writes the rest.
    pub async fn write_facts(&self) {
        let facts = &self.inner.facts;
        loop {
            facts.news.notified().await;
            tokio::time::sleep(GATHER).await;
            while let Err(error) = facts.write(&self.inner.store).await {
                tracing::error!(error = &error as &dyn std::error::Error, "facts about rooms are not written yet");
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Those of these names follow the facts from now on, and nobody else: each goes on where it was, and one that is
    /// new begins with the next fact.
    pub async fn follow_facts(&self, consumers: &[String]) -> Result<Vec<Facts>, Error> {
        let inner = &self.inner;
        let cursors = inner.store.follow_facts(consumers).await?;
        inner.facts.is_followed.store(!consumers.is_empty(), Ordering::Release);
        let followers = consumers.iter().zip(cursors).map(|(consumer, cursor)| Facts {
            store: inner.store.clone(),
            consumer: consumer.as_str().into(),
            cursor,
            newest: inner.facts.newest.subscribe(),
        });
        Ok(followers.collect())
    }
}

/// One follower's view of the facts. Made by [`Rooms::follow_facts`]. A clone reads as well.
#[derive(Clone, Debug)]
pub struct Facts {
    store: Store,
    consumer: Arc<str>,
    cursor: i64,
    newest: watch::Receiver<i64>,
}

impl Facts {
    /// The number of the last fact that is done, and so are all before it.
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Waits until there may be facts after that number, and returns the number of the newest. May be dropped while it
    /// waits.
    pub async fn news(&mut self, seq: i64) -> i64 {
        match self.newest.wait_for(|newest| *newest > seq).await.map(|newest| *newest) {
            Ok(newest) => newest,
            Err(_) => std::future::pending().await,
        }
    }

    /// The numbers and rooms of the facts after that number, in order, at most so many.
    pub async fn after(&self, seq: i64, count_max: u32) -> Result<Vec<(i64, RoomName)>, Error> {
        self.store.facts_after(seq, count_max).await
    }

    /// A fact. `None`: it is deleted, for there were too many, or this version cannot read it.
    pub async fn fact(&self, seq: i64) -> Result<Option<Fact>, Error> {
        let Some(body) = self.store.fact(seq).await? else { return Ok(None) };
        let fact = serde_json::from_str(&body);
        Ok(fact.inspect_err(|error| tracing::error!(%error, seq, "a fact cannot be read by this version")).ok())
    }

    /// All facts up to that one are done. Where the database fails some are told again after a restart.
    pub async fn done(&mut self, seq: i64) -> Result<(), Error> {
        self.store.facts_done(&self.consumer, seq).await?;
        self.cursor = seq;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

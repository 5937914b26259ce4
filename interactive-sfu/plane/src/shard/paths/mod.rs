//! The addresses of one peer, and which of them it is sent media on.
//!
//! An address belongs to a peer once an authentic binding request has come from it. That does not show that the peer
//! receives there: a source address can be forged, and a request recorded and sent again. So once media flows it moves
//! to another address only when a check of our own (RFC 8445 §7.2.2; a lite agent may send them) was answered from
//! there. Until the handshake is complete, nothing but its few datagrams is sent, and the peer's nominations are
//! followed at once; the handshake itself then shows that the peer receives where all of its datagrams went. An address
//! from which nothing comes any more is sent nothing (RFC 7675 §5.1). No I/O and no clock; driven by [`super::peers`].

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::net::{Path, RemoteSource};

/// Addresses a peer may use at a time: its candidate pairs while ICE decides.
pub(super) const ORIGINS_MAX: usize = 16;
/// Requests that are remembered, so that a copy of one changes nothing.
const REQUESTS_REMEMBERED: usize = 32;
/// When a check is sent again, after its first time. Peers repeat their nominations, and each begins anew.
const CHECK_AGAIN: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400)];

pub(super) type TransactionId = [u8; 12];

/// An authentic binding request.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub transaction: TransactionId,
    /// USE-CANDIDATE: the peer sends media on this path.
    pub nominates: bool,
}

/// An address from which authentic requests come.
struct Origin {
    source: RemoteSource,
    heard: Instant,
    /// The peer was seen to receive there.
    proven: bool,
}

/// A check of ours that has not been answered.
struct Check {
    to: RemoteSource,
    transaction: TransactionId,
    /// Times that it was sent.
    sent: usize,
    again_at: Instant,
}

/// Where the handshake's datagrams went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HandshakeTo {
    Nowhere,
    Only(RemoteSource),
    Several,
}

/// The effect of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// There is a way to the peer, where there was none before.
    pub reachable: bool,
    /// The address is new.
    pub is_new: bool,
    /// An address that the peer does not have any more.
    pub gone: Option<RemoteSource>,
}

/// The addresses of one peer.
pub(crate) struct Paths {
    origins: Vec<Origin>,
    in_use: Option<RemoteSource>,
    /// The way to `in_use`.
    path: Option<Path>,
    /// When something authentic came from `in_use`.
    in_use_heard: Instant,
    /// The handshake is complete: media flows.
    is_secured: bool,
    handshake_to: HandshakeTo,
    /// The address to use once it is proven.
    nominated: Option<RemoteSource>,
    check: Option<Check>,
    recent: VecDeque<TransactionId>,
}

impl Paths {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            origins: Vec::new(),
            in_use: None,
            path: None,
            in_use_heard: now,
            is_secured: false,
            handshake_to: HandshakeTo::Nowhere,
            nominated: None,
            check: None,
            recent: VecDeque::new(),
        }
    }

    /// The way to the peer.
    #[inline]
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_ref()
    }

    /// All addresses of the peer.
    pub(super) fn sources(&self) -> impl Iterator<Item = RemoteSource> + '_ {
        self.origins.iter().map(|origin| origin.source)
    }

    fn use_source(&mut self, source: Option<RemoteSource>, now: Instant) {
        if self.in_use != source {
            (self.in_use, self.path, self.in_use_heard) = (source, source.map(RemoteSource::path), now);
        }
        if source == self.nominated {
            self.nominated = None;
        }
    }

    fn is_proven(&self, source: RemoteSource) -> bool {
        self.origins.iter().any(|origin| origin.source == source && origin.proven)
    }

    /// An authentic request came from `source`. `consent`: for how long an address stays proven without being heard.
    /// `None`: it is a copy of an earlier request, and from elsewhere.
    pub(super) fn heard(
        &mut self,
        source: RemoteSource,
        request: Request,
        consent: Duration,
        now: Instant,
    ) -> Option<Heard> {
        let mut heard = Heard { is_new: self.origins.iter().all(|origin| origin.source != source), ..Heard::default() };
        if self.recent.contains(&request.transaction) {
            // Clients repeat a request whose answer was lost.
            return (!heard.is_new).then_some(heard);
        }
        if self.recent.len() == REQUESTS_REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(request.transaction);
        if heard.is_new {
            heard.gone = self.make_room();
            self.origins.push(Origin { source, heard: now, proven: false });
        }
        for origin in self.origins.iter_mut().filter(|origin| origin.source == source) {
            origin.proven &= now.saturating_duration_since(origin.heard) <= consent;
            origin.heard = now;
        }
        if self.in_use == Some(source) {
            self.in_use_heard = now;
        } else if self.is_secured {
            self.nominate(source, request.nominates, now);
        } else if self.in_use.is_none() || request.nominates {
            heard.reachable = self.in_use.is_none();
            self.use_source(Some(source), now);
        }
        Some(heard)
    }

    /// Media flows, and a request came from another address than the one in use.
    fn nominate(&mut self, source: RemoteSource, nominates: bool, now: Instant) {
        if !nominates && self.in_use.is_some() {
            return;
        }
        if self.is_proven(source) {
            self.use_source(Some(source), now);
        } else {
            self.nominated = Some(source);
        }
    }

    /// One address more comes: if there are too many, the oldest that is neither in use nor nominated goes.
    fn make_room(&mut self) -> Option<RemoteSource> {
        if self.origins.len() < ORIGINS_MAX {
            return None;
        }
        let needed = [self.in_use, self.nominated];
        let oldest = self.origins.iter().position(|origin| !needed.contains(&Some(origin.source)))?;
        Some(self.origins.remove(oldest).source)
    }

    /// Something authentic came from `source`.
    #[inline]
    pub(super) fn media_heard(&mut self, source: RemoteSource, now: Instant) {
        if self.in_use == Some(source) {
            self.in_use_heard = now;
        }
    }

    /// A datagram of the handshake was sent to the address in use.
    pub(super) fn handshake_sent(&mut self) {
        let Some(source) = self.in_use.filter(|_| !self.is_secured) else { return };
        self.handshake_to = match self.handshake_to {
            HandshakeTo::Nowhere => HandshakeTo::Only(source),
            HandshakeTo::Only(other) if other == source => HandshakeTo::Only(source),
            HandshakeTo::Only(_) | HandshakeTo::Several => HandshakeTo::Several,
        };
    }

    /// The handshake is complete. Where its datagrams went to one address, that one is proven; else media waits for the
    /// answer to a check.
    pub(super) fn secured(&mut self, now: Instant) {
        self.is_secured = true;
        let Some(source) = self.in_use else { return };
        if self.handshake_to == HandshakeTo::Only(source) {
            self.prove(source);
        }
        if !self.is_proven(source) {
            self.use_source(None, now);
            self.nominated = Some(source);
        }
    }

    fn prove(&mut self, source: RemoteSource) {
        self.origins.iter_mut().filter(|origin| origin.source == source).for_each(|origin| origin.proven = true);
    }

    /// The check to send now, if one is due: where to, and its transaction, for which `fresh` has 96 random bits.
    pub(super) fn poll_check(&mut self, fresh: TransactionId, now: Instant) -> Option<(RemoteSource, TransactionId)> {
        // Before the handshake is complete only a second address needs one: it may be complete a moment later.
        let moved = |paths: &Self| match paths.handshake_to {
            HandshakeTo::Only(source) => paths.in_use.filter(|in_use| *in_use != source),
            HandshakeTo::Several => paths.in_use,
            HandshakeTo::Nowhere => None,
        };
        let wanted = if self.is_secured { self.nominated } else { moved(self) };
        let Some(to) = wanted.filter(|to| !self.is_proven(*to)) else {
            self.check = None;
            return None;
        };
        let check = match &mut self.check {
            Some(check) if check.to == to => check,
            none => none.insert(Check { to, transaction: fresh, sent: 0, again_at: now }),
        };
        if now < check.again_at {
            return None;
        }
        match CHECK_AGAIN.get(check.sent) {
            Some(wait) => check.again_at = now + *wait,
            None if check.sent == CHECK_AGAIN.len() => check.again_at = now + CHECK_AGAIN[CHECK_AGAIN.len() - 1],
            None => {
                // The peer's next nomination begins anew.
                (self.check, self.nominated) = (None, None);
                return None;
            }
        }
        check.sent += 1;
        Some((to, check.transaction))
    }

    /// Whether a check waits for its answer.
    pub(super) fn awaits_answer(&self) -> bool {
        self.check.is_some()
    }

    /// Whether `transaction` is that of the check that `source` was sent. The answer's authenticity is yet to be
    /// looked at.
    pub(super) fn was_asked(&self, source: RemoteSource, transaction: &TransactionId) -> bool {
        self.check.as_ref().is_some_and(|check| check.to == source && check.transaction == *transaction)
    }

    /// The check was answered from the address it was sent to. Returns whether media goes there from now on.
    pub(super) fn answered(&mut self, now: Instant) -> bool {
        let Some(check) = self.check.take() else { return false };
        self.prove(check.to);
        let moves = self.is_secured && self.nominated == Some(check.to);
        if moves {
            self.use_source(Some(check.to), now);
        }
        moves
    }

    /// The peer is not reached at `source` any more.
    pub(super) fn lose(&mut self, source: RemoteSource) {
        self.origins.retain(|origin| origin.source != source);
        if self.nominated == Some(source) {
            self.nominated = None;
        }
        if self.in_use == Some(source) {
            (self.in_use, self.path) = (None, None);
        }
    }

    /// Once a second: an address from which nothing came for `consent` is sent nothing more. Another proven one, from
    /// which something came, takes its place.
    pub(super) fn lapse(&mut self, consent: Duration, now: Instant) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) <= consent;
        if !self.is_secured || self.in_use.is_none() || is_recent(self.in_use_heard) {
            return;
        }
        self.origins.iter_mut().filter(|origin| Some(origin.source) == self.in_use).for_each(|o| o.proven = false);
        let others = self.origins.iter().filter(|origin| origin.proven && is_recent(origin.heard));
        let newest = others.max_by_key(|origin| origin.heard).map(|origin| origin.source);
        self.use_source(newest, now);
    }
}

use super::*;

const CONSENT: Duration = Duration::from_secs(15);

fn at(port: u16) -> RemoteSource {
    RemoteSource::Udp(0, std::net::SocketAddr::from(([127, 0, 0, 1], port)))
}

struct Peer {
    paths: Paths,
    now: Instant,
    transactions: u32,
}

impl Peer {
    /// One whose handshake went to port 1.
    fn secured() -> Self {
        let now = Instant::now();
        let mut peer = Self { paths: Paths::new(now), now, transactions: 0 };
        assert!(peer.request(1, true).reachable);
        peer.paths.handshake_sent();
        peer.paths.secured(now);
        assert_eq!(peer.paths.in_use, Some(at(1)));
        peer
    }

    fn fresh(&mut self) -> TransactionId {
        self.transactions += 1;
        std::array::from_fn(|i| self.transactions.to_be_bytes()[i % 4])
    }

    fn request(&mut self, port: u16, nominates: bool) -> Heard {
        let transaction = self.fresh();
        self.repeat(transaction, port, nominates).unwrap()
    }

    fn repeat(&mut self, transaction: TransactionId, port: u16, nominates: bool) -> Option<Heard> {
        self.paths.heard(at(port), Request { transaction, nominates }, CONSENT, self.now)
    }

    fn check(&mut self) -> Option<(RemoteSource, TransactionId)> {
        let fresh = self.fresh();
        self.paths.poll_check(fresh, self.now)
    }
}

#[test]
fn media_moves_to_a_nominated_address_only_when_a_check_is_answered_from_there() {
    let mut peer = Peer::secured();
    peer.request(2, true);
    assert_eq!(peer.paths.in_use, Some(at(1)), "anybody can forge a source address");
    let (to, transaction) = peer.check().unwrap();
    assert_eq!(to, at(2));
    assert!(!peer.paths.was_asked(at(3), &transaction) && !peer.paths.was_asked(at(2), &[99; 12]));
    assert!(peer.paths.was_asked(at(2), &transaction) && peer.paths.answered(peer.now));
    assert_eq!(peer.paths.in_use, Some(at(2)));
    // Back to an address that is proven: at once.
    peer.request(1, true);
    assert_eq!((peer.paths.in_use, peer.check()), (Some(at(1)), None));
}

#[test]
fn check_is_repeated_a_few_times_and_again_for_the_next_nomination() {
    let mut peer = Peer::secured();
    peer.request(2, true);
    let mut sent = 0;
    for _ in 0..300 {
        sent += usize::from(peer.check().is_some());
        peer.now += Duration::from_millis(10);
    }
    assert_eq!((sent, peer.paths.awaits_answer()), (4, false));
    peer.request(2, true);
    assert!(peer.check().is_some());
}

#[test]
fn first_nominations_are_followed_at_once_and_the_handshake_proves_the_only_address_it_went_to() {
    let now = Instant::now();
    let mut peer = Peer { paths: Paths::new(now), now, transactions: 0 };
    assert!(peer.request(1, false).reachable);
    assert!(!peer.request(2, true).reachable);
    assert_eq!((peer.paths.in_use, peer.check()), (Some(at(2)), None));
    peer.paths.handshake_sent();
    peer.paths.secured(now);
    assert_eq!((peer.paths.in_use, peer.check()), (Some(at(2)), None));
}

#[test]
fn handshake_that_moved_proves_nothing_and_its_check_goes_out_before_it_is_complete() {
    let now = Instant::now();
    let mut peer = Peer { paths: Paths::new(now), now, transactions: 0 };
    peer.request(1, true);
    peer.paths.handshake_sent();
    peer.request(2, true);
    let (to, _) = peer.check().unwrap();
    assert_eq!(to, at(2));
    let mut unanswered = Peer { paths: Paths::new(now), now, transactions: 100 };
    std::mem::swap(&mut unanswered.paths, &mut peer.paths);
    unanswered.paths.handshake_sent();
    unanswered.paths.secured(now);
    assert!(unanswered.paths.path().is_none(), "no media until the answer has come");
    assert!(unanswered.paths.answered(now) && unanswered.paths.in_use == Some(at(2)));
}

#[test]
fn copy_of_a_request_moves_nothing_and_keeps_no_consent() {
    let mut peer = Peer::secured();
    let transaction = peer.fresh();
    assert!(peer.repeat(transaction, 1, true).is_some());
    assert_eq!(peer.repeat(transaction, 2, true), None, "recorded, and sent from elsewhere");
    assert!(peer.repeat(transaction, 1, true).is_some(), "its answer was lost");
    assert_eq!((peer.paths.in_use, peer.paths.nominated), (Some(at(1)), None));
    for _ in 0..20 {
        peer.now += Duration::from_secs(1);
        peer.repeat(transaction, 1, true);
        peer.paths.lapse(CONSENT, peer.now);
    }
    assert!(peer.paths.path().is_none());
}

#[test]
fn address_that_is_not_heard_is_sent_nothing_though_the_peer_is_heard_elsewhere() {
    let mut peer = Peer::secured();
    for _ in 0..20 {
        peer.now += Duration::from_secs(1);
        peer.request(2, false);
        peer.paths.media_heard(at(2), peer.now);
        peer.paths.lapse(CONSENT, peer.now);
    }
    assert!(peer.paths.path().is_none(), "the other address is not proven");
    // Any request asks for a check now.
    peer.request(2, false);
    assert!(peer.check().is_some() && peer.paths.answered(peer.now));
    assert_eq!(peer.paths.in_use, Some(at(2)));
    for _ in 0..20 {
        peer.now += Duration::from_secs(1);
        peer.paths.media_heard(at(2), peer.now);
        peer.paths.lapse(CONSENT, peer.now);
    }
    assert_eq!(peer.paths.in_use, Some(at(2)), "media is consent too");
    // The old address was proven once; that has lapsed.
    peer.request(1, true);
    assert_eq!(peer.paths.nominated, Some(at(1)));
}

#[test]
fn one_address_too_many_replaces_the_oldest_that_is_not_in_use() {
    let mut peer = Peer::secured();
    for port in 2..=ORIGINS_MAX as u16 {
        assert_eq!(peer.request(port, false).gone, None);
    }
    assert_eq!(peer.request(100, false).gone, Some(at(2)));
    assert_eq!(peer.paths.in_use, Some(at(1)));
}

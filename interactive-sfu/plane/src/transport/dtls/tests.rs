use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use mio::{Poll, Token, Waker};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;

use super::*;
use crate::ids::PeerId;
use crate::shard::inbox::{Inbox, ShardTask};
use crate::transport::association::{Channel, Data, DtlsRole, Expected};

const PEER: PeerId = PeerId { shard: 0, serial: 1 };
const PATIENCE: Duration = Duration::from_secs(20);

/// Both threads, and a peer's other end.
struct Rig {
    dtls: Dtls,
    threads: Vec<JoinHandle<()>>,
    inbox: Inbox,
    _poll: Poll,
    _reports: Receiver<Report>,
    theirs: Identity,
    client: Endpoint,
    waiting: Waiting,
    established: bool,
}

impl Rig {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let (inboxes, mut ends) = Inboxes::new(vec![Waker::new(poll.registry(), Token(0)).unwrap()]);
        let (reports, reports_end) = channel();
        let (dtls, threads) = start(Arc::new(Identity::generate().unwrap()), inboxes, reports).unwrap();
        let theirs = Identity::generate().unwrap();
        Self {
            dtls,
            threads: threads.into(),
            inbox: ends.remove(0),
            _poll: poll,
            _reports: reports_end,
            theirs,
            client: Endpoint::new(REMOTE, TransportProtocol::UDP, None),
            waiting: Waiting::default(),
            established: false,
        }
    }

    fn expect(&self) {
        let expected = Expected { fingerprint: self.theirs.fingerprint, role: DtlsRole::Server, data: Data::Accept };
        self.dtls.tell(HandshakeTask::Expect { peer: PEER, expected });
    }

    /// Sends what the client has to say.
    fn send(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            self.dtls.datagram(PEER, self.established, &self.waiting, &transmit.message).unwrap();
        }
    }

    /// The next task for the shard that is no datagram; datagrams reach the client. `None`: there is none for a while.
    fn task(&mut self, patience: Duration) -> Option<ShardTask> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            match self.inbox.task() {
                Some(ShardTask::Datagram { datagram, .. }) => {
                    // Once it is stopped, an error.
                    let events = self.client.read(Instant::now(), REMOTE, None, datagram).unwrap_or_default();
                    assert!(!events.iter().any(|event| matches!(event, EndpointEvent::PeerClosed)));
                    self.send();
                }
                Some(task) => return Some(task),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        None
    }

    fn connect(&mut self) {
        let config = self.theirs.client_config().clone();
        self.client.connect(Instant::now(), REMOTE, config, None).unwrap();
        self.send();
    }

    fn stop(self) {
        self.dtls.tell(HandshakeTask::Stop);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn handshake_gives_keys_and_the_association_goes_on_at_the_other_thread() {
    let mut rig = Rig::new();
    rig.expect();
    rig.connect();
    assert!(matches!(rig.task(PATIENCE), Some(ShardTask::Keys { peer: PEER, .. })));
    rig.established = true;
    // A message for a peer without an open channel does no harm.
    rig.dtls.send(None, Arc::new([PEER]), Channel::Reliable, Bytes::from_static(b"x"));
    drop(rig.client.stop(Instant::now(), REMOTE));
    rig.send();
    assert!(matches!(rig.task(PATIENCE), Some(ShardTask::Closed { peer: PEER })));
    rig.dtls.tell(HandshakeTask::Close { peer: PEER });
    assert!(matches!(rig.task(PATIENCE), Some(ShardTask::Forget { peer: PEER })));
    rig.stop();
}

#[test]
fn client_hello_before_the_description_is_answered_after_it() {
    let mut rig = Rig::new();
    rig.connect();
    assert!(rig.task(Duration::from_millis(50)).is_none());
    rig.expect();
    assert!(matches!(rig.task(PATIENCE), Some(ShardTask::Keys { .. })));
    rig.stop();
}

#[test]
fn handshake_of_too_many_bytes_goes_no_further() {
    let mut rig = Rig::new();
    rig.expect();
    // A handshake record of a message that never becomes whole.
    let fragment = [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0][..], &[11; 1024]].concat();
    for _ in 0..70 {
        while rig.dtls.datagram(PEER, false, &rig.waiting, &BytesMut::from(&fragment[..])).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    rig.connect();
    assert!(rig.task(Duration::from_millis(300)).is_none(), "no keys");
    rig.stop();
}

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream as Client;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::accepting::{AUTHENTICATE_WITHIN, STRANGERS_PER_NETWORK_MAX};
use super::connection::{NONSENSE_MAX, STRANGER_TRIES};

use super::*;

struct Rig {
    poll: Poll,
    connections: Connections,
    address: SocketAddr,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (poll, address) = (Poll::new().unwrap(), listener.local_addr().unwrap());
        let connections = Connections::new(vec![listener], 1, poll.registry()).unwrap();
        Self { poll, connections, address, now: Instant::now() }
    }

    /// One more client, the id of its connection, and how many strangers made way for it.
    fn connect(&mut self) -> (Client, ConnectionId, u64) {
        let client = Client::connect(self.address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let accepted = self.connections.accept(0, self.poll.registry(), self.now);
        assert_eq!((accepted.refused, accepted.more), (0, false));
        let newest = self.connections.strangers.newest().copied().unwrap();
        (client, newest, accepted.evicted)
    }

    /// Waits until `id` has something to read.
    fn wait_for(&mut self, id: ConnectionId) {
        let mut events = Events::with_capacity(64);
        while self.connections.turns.iter().all(|turn| *turn != id) {
            self.poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
            for event in events.iter().filter(|event| event.is_readable()) {
                if let Some(Subject::Connection(id)) = self.connections.subject(event.token()) {
                    self.connections.readable(id);
                }
            }
        }
    }
}

fn is_closed(mut client: &Client) -> bool {
    // An end, or a reset.
    !matches!(client.read(&mut [0]), Ok(1..))
}

#[test]
fn one_stranger_too_many_of_a_network_closes_its_oldest() {
    let mut rig = Rig::new();
    let (first, _, _) = rig.connect();
    let clients: Vec<_> = (1..STRANGERS_PER_NETWORK_MAX).map(|_| rig.connect()).collect();
    assert!(clients.iter().all(|(.., evicted)| *evicted == 0));
    let (_newest, newest, evicted) = rig.connect();
    assert!(evicted == 1 && is_closed(&first));
    assert!(rig.connections.remote(clients[0].1).is_some() && rig.connections.remote(newest).is_some());
    assert_eq!(rig.connections.len(), STRANGERS_PER_NETWORK_MAX);
}

#[test]
fn strangers_have_their_time_and_peers_stay() {
    let mut rig = Rig::new();
    let ((stranger, ..), (_peer, peer, _)) = (rig.connect(), rig.connect());
    assert_eq!(rig.connections.belongs_to(peer, 7), None);
    assert_eq!(rig.connections.expire(rig.now + AUTHENTICATE_WITHIN), 0);
    assert_eq!(rig.connections.expire(rig.now + AUTHENTICATE_WITHIN + Duration::from_secs(1)), 1);
    assert!(is_closed(&stranger) && rig.connections.remote(peer).is_some());
}

#[test]
fn a_connection_is_never_mistaken_for_a_later_one_in_its_place() {
    let mut rig = Rig::new();
    let (_before, before, _) = rig.connect();
    rig.connections.belongs_to(before, 7);
    rig.connections.close(before);
    let (_after, after, _) = rig.connect();
    assert_eq!((before.index, rig.connections.len()), (after.index, 1), "the place is used again");
    assert!(!rig.connections.send(before, b"for the one before") && rig.connections.send(after, b"x"));
    rig.connections.close(before);
    rig.connections.close_peer(7);
    assert!(rig.connections.remote(after).is_some());
}

#[test]
fn a_peer_with_too_many_connections_loses_its_oldest() {
    let mut rig = Rig::new();
    let clients: Vec<_> = (0..=PER_PEER_MAX).map(|_| rig.connect()).collect();
    let closed: Vec<_> = clients.iter().filter_map(|(_, id, _)| rig.connections.belongs_to(*id, 7)).collect();
    assert_eq!(closed, [clients[0].1]);
    rig.connections.close(closed[0]);
    assert_eq!(rig.connections.belongs_to(clients[1].1, 8), None, "it moves to another peer");
    rig.connections.close_peer(7);
    assert!(clients[2..].iter().all(|(client, ..)| is_closed(client)));
    assert_eq!((rig.connections.len(), rig.connections.by_peer.len()), (1, 1));
}

#[test]
fn connection_with_more_to_read_waits_for_the_others() {
    let mut rig = Rig::new();
    let (mut flood, flooding, _) = rig.connect();
    let (mut quiet, other, _) = rig.connect();
    rig.connections.belongs_to(flooding, 7);
    flood.write_all(&[0; 100_000]).unwrap();
    quiet.write_all(&[0, 1, 9]).unwrap();
    rig.wait_for(flooding);
    rig.wait_for(other);
    let mut scratch = [0; 64 * 1024];
    assert_eq!(rig.connections.next_turn(), Some(flooding));
    assert_eq!(rig.connections.read(flooding, &mut scratch), Some(true));
    rig.connections.wants_turn(flooding);
    rig.connections.wants_turn(flooding);
    assert_eq!(rig.connections.next_turn(), Some(other));
    assert_eq!(rig.connections.read(other, &mut scratch), Some(true));
    assert_eq!(rig.connections.packet(other, &mut scratch), Ok(Some(1)));
    assert_eq!(rig.connections.next_turn(), Some(flooding));
    assert!(rig.connections.next_turn().is_none() && rig.connections.is_idle());
}

#[test]
fn a_stranger_is_closed_at_its_first_nonsense_and_a_peer_when_it_sends_little_else() {
    let mut rig = Rig::new();
    let (_stranger, stranger, _) = rig.connect();
    assert_eq!(rig.connections.judge(stranger, Judgement::Nonsense), Err(Dropped::TcpStranger));
    for _ in 1..STRANGER_TRIES {
        assert_eq!(rig.connections.judge(stranger, Judgement::Unauthenticated), Ok(()));
    }
    assert_eq!(rig.connections.judge(stranger, Judgement::Unauthenticated), Err(Dropped::TcpUnauthenticated));
    rig.connections.belongs_to(stranger, 7);
    for _ in 0..1000 {
        assert_eq!(rig.connections.judge(stranger, Judgement::Nonsense), Ok(()));
        assert_eq!(rig.connections.judge(stranger, Judgement::Sensible), Ok(()));
    }
    for _ in 0..NONSENSE_MAX {
        assert_eq!(rig.connections.judge(stranger, Judgement::Nonsense), Ok(()));
    }
    assert_eq!(rig.connections.judge(stranger, Judgement::Nonsense), Err(Dropped::TcpNonsense));
}

#[test]
fn queue_of_a_slow_reader_is_bounded_and_freed_with_its_connection() {
    let mut rig = Rig::new();
    let (_slow, slow, _) = rig.connect();
    let packet = [0; 1200];
    let sent = (0..20_000).take_while(|_| rig.connections.send(slow, &packet)).count();
    assert!((1..20_000).contains(&sent) && (1..=257 * 1024).contains(&rig.connections.waiting_bytes), "{sent}");
    rig.connections.close(slow);
    assert_eq!(rig.connections.waiting_bytes, 0);
}

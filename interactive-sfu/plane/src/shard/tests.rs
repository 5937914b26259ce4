#![allow(clippy::unwrap_used)]
//! A shard without its thread: tasks go in, and their effects are looked at.

mod forwarding;

use std::sync::mpsc::{Receiver, channel};

use bytes::BytesMut;
use mio::Waker;

use super::inbox::ShardTask;
use super::*;
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::order::{NewPeer, NewSection, Order};
use crate::transport::association::{Data, DtlsRole, Expected, Fingerprint};
use crate::transport::ice::{LocalIce, RemoteIce, local_ice};
use crate::transport::password::Password;
use crate::transport::profile::Profile;
use crate::transport::srtp::contexts;
use crate::transport::stun::{self, BindingRequest};

const PEER: PeerId = PeerId { shard: 0, serial: 1 };

struct Rig {
    runner: Runner,
    inboxes: Inboxes,
    handshakes: Receiver<HandshakeTask>,
    _reports: Receiver<Report>,
}

fn rig() -> Rig {
    let poll = Poll::new().unwrap();
    let (inboxes, mut ends) = Inboxes::new(vec![Waker::new(poll.registry(), WAKER).unwrap()]);
    let ((tasks, handshakes), (data, _)) = (channel(), channel());
    let (reports, reports_end) = channel();
    let setup = ShardSetup {
        index: 0,
        config: Arc::new(Config::default()),
        poll,
        sockets: vec![UdpSocket::bind("127.0.0.1:0").unwrap()],
        listeners: vec![],
        inbox: ends.remove(0),
        inboxes: inboxes.clone(),
        dtls: Dtls::new(tasks, data),
        reports,
    };
    Rig { runner: Runner::new(setup).unwrap(), inboxes, handshakes, _reports: reports_end }
}

fn section(ssrc: u32) -> NewSection {
    NewSection {
        video: true,
        ssrc,
        rtx_ssrc: ssrc + 1,
        cname: "c".into(),
        mid: "0".into(),
        mid_extension: None,
        abs_send_time_extension: None,
        dependency_descriptor_extension: None,
        pausable: true,
    }
}

impl Rig {
    fn order(&mut self, order: Order) {
        self.runner.shard.task(ShardTask::Order(order));
    }

    /// A subscriber whose handshake is complete. Returns its slot.
    fn connected(&mut self, sections: Vec<NewSection>) -> usize {
        self.order(Order::Add(Box::new(NewPeer { sections, ..NewPeer::bare(PEER, local_ice(PEER.serial)) })));
        let profile = Profile::AeadAes128Gcm;
        let keys = contexts(profile, &vec![7; profile.keying_material_len()], false).unwrap();
        self.runner.shard.task(ShardTask::Keys { peer: PEER, keys: Box::new(keys) });
        self.runner.shard.peers.slot_of(PEER).unwrap()
    }
}

#[test]
fn description_of_a_peer_that_is_gone_reaches_no_dtls_thread() {
    let mut rig = rig();
    let expected = Expected { fingerprint: Fingerprint([0; 32]), role: DtlsRole::Server, data: Data::None };
    rig.order(Order::Add(Box::new(NewPeer::bare(PEER, local_ice(PEER.serial)))));
    rig.order(Order::Expect { peer: PEER, expected });
    assert!(matches!(rig.handshakes.try_recv(), Ok(HandshakeTask::Expect { .. })));
    // It times out, and its answer comes after all.
    rig.runner.shard.leave(0, "join_timeout");
    rig.order(Order::Expect { peer: PEER, expected });
    assert!(matches!(rig.handshakes.try_recv(), Ok(HandshakeTask::Close { .. })));
    rig.runner.shard.task(ShardTask::Forget { peer: PEER });
    rig.order(Order::Expect { peer: PEER, expected });
    assert!(rig.handshakes.try_recv().is_err(), "nobody would close it");
}

#[test]
fn flood_of_orders_lets_the_sockets_have_their_turn() {
    let mut rig = rig();
    for _ in 0..TASKS_MAX + 10 {
        rig.inboxes.tell(0, ShardTask::Order(Order::Remove { peer: PEER }));
    }
    assert!(rig.runner.look_at_inbox(), "there is more");
    assert!(!rig.runner.look_at_inbox());
    assert!(rig.runner.inbox.task().is_none());
}

#[test]
fn flood_of_nacks_is_cut_before_anything_is_looked_up() {
    let mut rig = rig();
    let slot = rig.connected(vec![section(100)]);
    // 17 packets each.
    let items = [0, 1, 0xff, 0xff].repeat(300);
    rig.runner.shard.nack(slot, 100, &items);
    rig.runner.shard.now += Duration::from_millis(100);
    rig.runner.shard.nack(slot, 100, &items);
    assert_eq!(rig.runner.shard.counters.dropped(Dropped::NackTooMany), 2 * 5100 - 2000 - 200);
}

#[test]
fn flood_of_estimates_is_one_decision_with_the_next_tick() {
    let mut rig = rig();
    let slot = rig.connected(vec![section(100)]);
    (0..1000).for_each(|estimate| rig.runner.shard.estimate(slot, estimate));
    assert_eq!(rig.runner.shard.undecided.iter().collect::<Vec<_>>(), [&slot]);
    rig.runner.shard.tick();
    assert!(rig.runner.shard.undecided.is_empty());
}

/// A full agent at an address of its own.
struct Agent {
    socket: UdpSocket,
    password: Password,
}

impl Agent {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self { socket, password: Password::new(THEIR_PWD) }
    }

    /// Nominates its address.
    fn nominate(&self, rig: &mut Rig, ours: &LocalIce) {
        let password = Password::new(&ours.pwd);
        let mut request = stun::request(rand::random(), &ours.ufrag, "theirs", true, |message| password.sign(message));
        self.say(rig, &mut request);
    }

    fn say(&self, rig: &mut Rig, bytes: &mut [u8]) {
        let from = self.socket.local_addr().unwrap();
        let _ = rig.runner.shard.datagram(RemoteSource::Udp(0, from), from, bytes);
        rig.runner.shard.net.flush();
    }

    /// Messages that came, up to a pause.
    fn received(&self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec())).collect()
    }

    /// Answers the checks among what came. Returns how many.
    fn answer_checks(&self, rig: &mut Rig) -> usize {
        let received = self.received();
        let checks: Vec<_> = received.iter().filter_map(|message| BindingRequest::parse(message)).collect();
        for check in &checks {
            assert!(self.password.made(check) && check.local_ufrag == "theirs");
            let mut answer = check.success(self.socket.local_addr().unwrap(), |message| self.password.sign(message));
            self.say(rig, &mut answer);
        }
        checks.len()
    }

    /// Whether what the peer is sent arrives here.
    fn gets_media(&self, rig: &mut Rig) -> bool {
        drop(self.received());
        rig.runner.shard.task(ShardTask::Datagram { peer: PEER, datagram: BytesMut::from(&b"media"[..]) });
        rig.runner.shard.net.flush();
        self.received().iter().any(|message| message == b"media")
    }
}

const THEIR_PWD: &str = "theirs-0123456789012345";

#[test]
fn media_moves_to_another_address_once_it_answers_a_check_and_never_to_one_that_does_not() {
    let mut rig = rig();
    let new = NewPeer::bare(PEER, local_ice(PEER.serial));
    let ours = new.ice.clone();
    rig.order(Order::Add(Box::new(new)));
    rig.order(Order::RemoteIce { peer: PEER, ice: RemoteIce { ufrag: "theirs".into(), pwd: THEIR_PWD.into() } });
    let [home, victim, roaming] = [(); 3].map(|()| Agent::new());
    home.nominate(&mut rig, &ours);
    // The handshake goes there, at once.
    assert!(home.gets_media(&mut rig));
    let profile = Profile::AeadAes128Gcm;
    let keys = contexts(profile, &vec![7; profile.keying_material_len()], false).unwrap();
    rig.runner.shard.task(ShardTask::Keys { peer: PEER, keys: Box::new(keys) });
    assert!(home.gets_media(&mut rig), "no check is needed: the handshake showed that it receives");
    // Somebody who knows our password forges the victim's address.
    victim.nominate(&mut rig, &ours);
    assert!(!victim.gets_media(&mut rig) && home.gets_media(&mut rig));
    let mut forged = stun::check([1; 12], "theirs", "ours", |message| victim.password.sign(message));
    forged[..2].copy_from_slice(&[0x01, 0x01]);
    victim.say(&mut rig, &mut forged);
    assert!(!victim.gets_media(&mut rig));
    // A new network: the check is answered.
    roaming.nominate(&mut rig, &ours);
    assert_eq!(roaming.answer_checks(&mut rig), 1);
    assert!(roaming.gets_media(&mut rig) && !home.gets_media(&mut rig));
}

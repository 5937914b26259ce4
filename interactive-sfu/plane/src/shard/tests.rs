#![allow(clippy::unwrap_used)]
//! A shard without its thread: tasks go in, and what comes of them is looked at.

use std::sync::mpsc::{Receiver, channel};

use mio::Waker;

use super::inbox::ShardTask;
use super::*;
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::order::{NewPeer, NewSection, Order};
use crate::transport::association::{Data, DtlsRole, Expected, Fingerprint};
use crate::transport::ice::local_ice;
use crate::transport::profile::Profile;
use crate::transport::srtp::contexts;

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

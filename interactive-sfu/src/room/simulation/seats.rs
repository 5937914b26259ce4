//! Single rules of seats, each in a world of its own.

use access::Class;
use livekit_protocol as proto;
use livekit_protocol::data_packet::Value;
use plane::{Channel, Report};
use prost::Message as _;

use super::descriptions;
use super::rules::{people, publishes};
use super::step::{Join, Media, Step};
use super::world::{ROOMS, World};
use crate::control::{
    Command, Demote, GrantSeat, JoinRequest, MOVE_TOPIC, NoSeat, Reply, SeatAnswer, SeatLimits, SetSeats, SfuError,
};
use crate::room::seats::LEASE;

const FULL: SfuError = SfuError::NoSeat(NoSeat::RoomFull);

fn limit(world: &World, max: u32) {
    let limits = SeatLimits { max, ..SeatLimits::default() };
    world.call(Command::SetSeats(SetSeats { room: ROOMS[0].parse().unwrap(), limits }));
}

fn lease(world: &World, identity: &str) -> Reply {
    let (room, identity) = (ROOMS[0].parse().unwrap(), identity.parse().unwrap());
    let limits = SeatLimits { max: 1, ..SeatLimits::default() };
    let ask = GrantSeat { room, identity, class: Class::Viewer, limits, leased_until_utc_ms: None };
    world.driver.call(Command::GrantSeat(ask), world.now).unwrap()
}

/// A session by WHIP or WHEP.
fn session(identity: &str, publishes: bool, ours: bool) -> Command {
    let request = JoinRequest {
        room: ROOMS[0].parse().unwrap(),
        identity: identity.parse().unwrap(),
        name: identity.into(),
        participant: None,
        local: ours,
        hidden: ours,
        class: Class::Viewer,
        leased_until_utc_ms: None,
        seats: SeatLimits::default(),
        offer: descriptions::session(publishes, true),
    };
    if publishes { Command::Publish(request) } else { Command::Subscribe(request) }
}

/// Every peer's channel for reliable messages opens.
fn open_data(world: &mut World) {
    for peer in world.plane.peers.values_mut().map(|peer| (peer.data_open = true, peer.id).1).collect::<Vec<_>>() {
        world.report(Report::DataOpened { peer, channel: Channel::Reliable });
    }
}

fn join(who: u8) -> Step {
    let (publishes, subscribes) = (true, true);
    Step::Join(Join { who, room: 0, single: false, publishes, subscribes, hidden: false, auto: true })
}

#[test]
fn full_room_refuses_every_protocol_but_whoever_is_there_and_the_broadcast() {
    let mut world = people(2, false);
    publishes(&mut world);
    limit(&world, 2);
    let call = |command| world.driver.call(command, world.now);
    for publishes in [true, false] {
        assert_eq!(call(session("hal", publishes, false)).unwrap_err(), FULL);
    }
    assert_eq!(lease(&world, "hal"), Reply::Seat(SeatAnswer::Refused(NoSeat::RoomFull)));
    call(session("ben", false, false)).unwrap();
    call(session("spillway-ingest", false, true)).unwrap();
    world.take(&join(2));
    world.take(&join(1));
    world.settle();
    let clients: Vec<&str> = world.clients.iter().map(|client| client.identity.as_str()).collect();
    assert_eq!(clients, ["ann", "ben"], "ben came again and keeps the seat; cat was refused");
    world.take(&Step::Leave(0));
    world.settle();
    world.take(&join(2));
    world.settle();
    assert!(world.clients.iter().any(|client| client.identity == "cat"));
}

#[test]
fn lease_keeps_the_last_seat_until_its_holder_comes_or_it_ends() {
    let mut world = World::new();
    assert!(matches!(lease(&world, "ann"), Reply::Seat(SeatAnswer::Granted { .. })));
    world.take(&join(1));
    assert!(world.clients.is_empty(), "the seat is Ann's");
    world.take(&join(0));
    world.settle();
    assert_eq!(world.clients.len(), 1);
    world.take(&Step::Leave(0));
    world.settle();
    assert!(matches!(lease(&world, "ben"), Reply::Seat(SeatAnswer::Granted { .. })));
    world.wait(LEASE.as_millis() as u64);
    assert!(world.driver.names().is_empty(), "nobody came, and the room is forgotten");
    world.take(&join(0));
    assert_eq!(world.clients.len(), 1);
}

#[test]
fn demoted_participant_is_told_the_answer_and_shown_out_in_time() {
    let mut world = people(2, false);
    publishes(&mut world);
    open_data(&mut world);
    let (room, identity) = (ROOMS[0].parse().unwrap(), "ben".parse().unwrap());
    let demote = Demote { room, identity, answer: "{\"delivery\":\"broadcast\"}".into(), within_ms: 5000 };
    world.call(Command::Demote(demote));
    world.plane.take_orders();
    let (to, message) = world.plane.last_message.take().unwrap();
    let packet = proto::DataPacket::decode(message).unwrap();
    let Some(Value::User(user)) = packet.value else { panic!("not a message for the application") };
    assert_eq!((user.topic.as_deref(), user.payload), (Some(MOVE_TOPIC), b"{\"delivery\":\"broadcast\"}".to_vec()));
    assert_eq!((to.len(), packet.participant_identity), (1, String::new()), "the server says so, to Ben alone");
    assert_eq!(lease(&world, "ben"), Reply::Seat(SeatAnswer::Refused(NoSeat::RoomFull)), "Ben is on the way out");
    world.wait(4999);
    assert_eq!(world.driver.seats(ROOMS[0]).seated.len(), 2);
    world.wait(1);
    world.settle();
    assert_eq!(world.driver.seats(ROOMS[0]).seated.len(), 1);
    assert!(!world.clients.iter().any(|client| client.identity == "ben"), "Ben was told to leave");
}

#[test]
fn participant_cannot_tell_others_to_move() {
    let mut world = people(2, false);
    publishes(&mut world);
    open_data(&mut world);
    let from = world.plane.peers.values().find(|peer| !peer.tracks.is_empty()).unwrap().id;
    let mut send = |topic: &str| {
        let user = proto::UserPacket { payload: vec![1], topic: Some(topic.into()), ..Default::default() };
        let packet = proto::DataPacket { value: Some(Value::User(user)), ..Default::default() };
        world.report(Report::Data { peer: from, channel: Channel::Reliable, message: packet.encode_to_vec().into() });
        world.plane.take_orders();
        world.plane.last_message.take().is_some()
    };
    assert_eq!((send("chat"), send(MOVE_TOPIC)), (true, false));
}

#[test]
fn viewers_who_pause_all_video_are_idle_until_they_look_again() {
    let mut world = people(2, false);
    world.take(&Step::Publish(0, Media::Picture));
    world.settle();
    let idle = |world: &World| -> Vec<bool> {
        world.driver.seats(ROOMS[0]).seated.iter().map(|one| one.idle_since_utc_ms.is_some()).collect()
    };
    assert_eq!(idle(&world), [false, false]);
    world.take(&Step::Setting(1, 0, 0));
    assert_eq!(idle(&world), [false, true]);
    world.take(&Step::Setting(1, 0, 1));
    assert_eq!(idle(&world), [false, false]);
}

//! Single rules of rooms, each in a world of its own.

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use plane::Report;

use super::descriptions::Line;
use super::step::{Join, Media, Message, Step};
use super::world::{OTHERS, ROOMS, World};
use crate::control::{Command, SfuError};

/// A room with so many people who may publish; the last one is hidden if so wanted.
pub(super) fn people(count: u8, last_hidden: bool) -> World {
    let mut world = World::new();
    for who in 0..count {
        let hidden = last_hidden && who + 1 == count;
        world.take(&Step::Join(Join {
            who,
            room: 0,
            single: false,
            publishes: true,
            subscribes: true,
            hidden,
            auto: true,
        }));
    }
    world.settle();
    world
}

/// The first participant publishes a sound, and everybody is sent it.
pub(super) fn publishes(world: &mut World) -> String {
    world.take(&Step::Publish(0, Media::Sound));
    world.settle();
    world.clients[0].own.tracks[0].sid.clone()
}

/// The serial number of the peer by which a WHIP or WHEP session came last.
fn last_peer(world: &World) -> u32 {
    *world.plane.peers.keys().max().unwrap()
}

#[test]
fn mutes_toggled_within_a_tick_are_one_message_to_each_participant() {
    let mut world = people(3, false);
    let sid = publishes(&mut world);
    // With the first news since Ann came on stage goes the quality of her path.
    world.say(0, Request::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted: true }));
    world.settle();
    let before = world.clients[1].messages;
    for n in 0..302 {
        world.say(0, Request::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted: n % 2 == 1 }));
    }
    world.wait(100);
    world.clients[1].read();
    assert_eq!(world.clients[1].messages - before, 1);
    assert!(world.clients[1].others["ann"].tracks[0].muted, "the last toggle counts");
}

#[test]
fn subscription_permissions_changed_within_a_tick_are_worked_out_once() {
    let mut world = people(6, false);
    publishes(&mut world);
    world.plane.take_orders();
    world.plane.taken = 0;
    for n in 0..200 {
        let permission = proto::SubscriptionPermission { all_participants: n % 2 == 0, ..Default::default() };
        world.say(0, Request::SubscriptionPermission(permission));
    }
    world.plane.take_orders();
    assert_eq!(world.plane.taken, 0, "nothing before the tick");
    world.wait(100);
    world.plane.take_orders();
    assert!(world.plane.taken <= 10, "{} orders", world.plane.taken);
}

#[test]
fn requests_of_an_identity_are_charged_across_its_connections() {
    let mut world = people(2, false);
    let flood = |world: &mut World| {
        let mut pause = std::time::Duration::ZERO;
        for _ in 0..400 {
            pause = world.say(1, Request::PingReq(proto::Ping::default()));
        }
        pause
    };
    assert!(flood(&mut world).is_zero(), "a burst is let through");
    world.take(&Step::LoseSocket(1));
    world.take(&Step::Resume(1));
    assert!(flood(&mut world).as_secs_f64() > 2.0, "a new socket has no burst of its own");
    world.take(&Step::Join(Join {
        who: 1,
        room: 0,
        single: true,
        publishes: true,
        subscribes: true,
        hidden: false,
        auto: true,
    }));
    world.settle();
    assert!(flood(&mut world).as_secs_f64() > 5.0, "nor has a new session");
    assert!(world.say(0, Request::PingReq(proto::Ping::default())).is_zero(), "nobody else notices");
}

#[test]
fn end_to_end_encrypted_tracks_are_on_no_stage() {
    let mut world = people(2, false);
    world.say(
        0,
        Request::AddTrack(proto::AddTrackRequest {
            cid: "secret".into(),
            source: proto::TrackSource::Microphone.into(),
            encryption: proto::encryption::Type::Gcm.into(),
            ..Default::default()
        }),
    );
    world.clients[0].published.push(Line { cid: "secret".into(), media: Media::Sound, active: true, ssrc: 1000 });
    world.clients[0].owes_offer = true;
    world.settle();
    world.check_settled().unwrap();
    assert_eq!(world.clients[1].others["ann"].tracks.len(), 1, "participants, who may have the key, are sent it");
    assert!(world.driver.speakers(ROOMS[0]).is_empty());
    assert_eq!(world.whep(0, None).unwrap_err(), SfuError::NotLive, "a viewer by WHEP has no key");
}

#[test]
fn subscription_permissions_hold_for_viewers_by_whep() {
    let mut world = people(2, false);
    publishes(&mut world);
    world.whep(0, None).unwrap();
    world.settle();
    let viewer = last_peer(&world);
    assert_eq!(world.plane.sent_to(viewer).len(), 1);
    world.say(0, Request::SubscriptionPermission(proto::SubscriptionPermission::default()));
    world.settle();
    assert_eq!(world.plane.sent_to(viewer), [] as [u32; 0], "nobody is named, so nobody is let");
    let named =
        proto::TrackPermission { participant_identity: OTHERS[0].into(), all_tracks: true, ..Default::default() };
    let permission = proto::SubscriptionPermission { track_permissions: vec![named], ..Default::default() };
    world.say(0, Request::SubscriptionPermission(permission));
    world.settle();
    assert_eq!(world.plane.sent_to(viewer).len(), 1);
}

#[test]
fn viewer_by_whep_may_name_whoever_is_on_stage_and_nobody_else() {
    let mut world = people(3, false);
    publishes(&mut world);
    world.take(&Step::Whip { who: 1, room: 0, video: false, hidden: false });
    world.settle();
    for identity in ["ann", OTHERS[1]] {
        world.whep(0, Some(identity)).unwrap();
        world.settle();
        assert_eq!(world.plane.sent_to(last_peer(&world)).len(), 1, "{identity}");
    }
    assert_eq!(world.whep(0, Some("ben")).unwrap_err(), SfuError::NotLive);
}

#[test]
fn hidden_participants_are_seen_by_administrators_alone_and_can_be_removed() {
    let mut world = people(2, true);
    world.take(&Step::Whip { who: 0, room: 0, video: true, hidden: true });
    world.settle();
    let ghost = world.plane.peers.values().find(|peer| peer.id.serial == last_peer(&world)).map(|peer| peer.id);
    world.report(Report::Loudness { peer: ghost.unwrap(), step: 5 });
    let before = world.clients[0].messages;
    world.clients[0].read();
    assert_eq!(world.clients[0].messages, before, "nobody hears that somebody hidden speaks");
    let named = |world: &World, hidden| -> Vec<String> {
        let all = world.driver.participants(ROOMS[0], hidden).into_iter();
        all.map(|one| one.identity).collect()
    };
    assert!(world.driver.speakers(ROOMS[0]).is_empty());
    assert_eq!(named(&world, false), ["ann"]);
    assert_eq!(named(&world, true), [OTHERS[0], "ann", "ben"]);
    for identity in [OTHERS[0], "ben"] {
        let who =
            proto::RoomParticipantIdentity { room: ROOMS[0].into(), identity: identity.into(), ..Default::default() };
        world.driver.call(Command::Remove(who), world.now).unwrap();
    }
    assert_eq!(named(&world, true), ["ann"]);
}

#[test]
fn one_identity_is_seen_once_whichever_protocol_it_comes_by() {
    let mut world = people(2, false);
    // Ann again, by WHIP.
    world.take(&Step::Whip { who: 3, room: 0, video: false, hidden: false });
    world.settle();
    let ben = world.clients.iter().find(|client| client.identity == "ben").unwrap();
    assert_eq!((ben.others.len(), ben.others["ann"].tracks.len()), (1, 1));
    assert!(!world.clients.iter().any(|client| client.identity == "ann"), "the client is told to leave");
    world.take(&Step::Join(Join {
        who: 0,
        room: 0,
        single: false,
        publishes: true,
        subscribes: true,
        hidden: false,
        auto: true,
    }));
    world.settle();
    world.check_settled().unwrap();
    let ben = world.clients.iter().find(|client| client.identity == "ben").unwrap();
    assert_eq!((ben.others.len(), ben.others["ann"].tracks.len()), (1, 0));
}

#[test]
fn publisher_that_changes_its_ssrcs_keeps_its_tracks() {
    let mut world = people(2, false);
    world.take(&Step::Publish(0, Media::Picture));
    world.settle();
    let (tracks, told) = (world.plane.tracks(), world.clients[1].others.clone());
    world.take(&Step::ChangeSsrcs(0, 0));
    world.settle();
    world.check_settled().unwrap();
    assert_eq!((world.plane.tracks(), world.clients[1].others.clone()), (tracks, told));
}

#[test]
fn publisher_that_resumes_is_told_the_quality_that_was_asked_for_meanwhile() {
    let mut world = people(2, false);
    world.take(&Step::Publish(0, Media::Simulcast));
    world.settle();
    let setting = |world: &mut World, size: u8| {
        world.take(&Step::Setting(1, 0, size));
        world.wait(100);
        world.wait(4000);
        world.settle();
    };
    setting(&mut world, 1);
    let asked = |world: &World| world.clients[0].asked.values().copied().collect::<Vec<_>>();
    assert_eq!(asked(&world), [proto::VideoQuality::Low]);
    world.take(&Step::LoseSocket(0));
    world.take(&Step::Setting(1, 0, 4));
    world.wait(100);
    world.take(&Step::Resume(0));
    world.settle();
    assert_eq!(asked(&world), [proto::VideoQuality::High]);
}

#[test]
fn picture_that_nobody_looked_at_is_asked_for_again_when_a_viewer_comes_by_whep() {
    let mut world = people(2, false);
    world.take(&Step::Publish(0, Media::Picture));
    world.settle();
    world.take(&Step::Setting(1, 0, 0));
    world.wait(100);
    world.wait(4000);
    world.settle();
    let asked = |world: &World| world.clients[0].asked.values().copied().collect::<Vec<_>>();
    assert_eq!(asked(&world), [proto::VideoQuality::Off]);
    world.whep(0, None).unwrap();
    world.settle();
    assert_eq!(asked(&world), [proto::VideoQuality::High]);
}

#[test]
fn messages_wait_for_a_slow_receiver_up_to_a_bound_and_come_in_order() {
    let mut world = people(2, false);
    // Ann's peer comes first, and Ben's channel is not open yet.
    for _ in 0..12 {
        world.take(&Step::Message(0, Message::Large));
    }
    world.take(&Step::Message(0, Message::Reliable));
    world.plane.take_orders();
    assert_eq!(world.plane.heard, 0);
    world.take(&Step::OpenData(1));
    world.plane.take_orders();
    assert_eq!(world.plane.heard, 8 + 1, "eight large messages fit, and a small one beside them");
    world.check_settled().unwrap();
}

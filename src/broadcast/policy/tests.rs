use super::*;

const IDLE_END: Duration = Duration::from_secs(300);

fn speaker(session: &str) -> Speaker {
    Speaker { identity: "ann".into(), name: "Ann".into(), session: session.into(), audio: true, video: true }
}

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_first_speaker_starts_the_broadcast_and_others_join_it() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    assert_eq!(policy.joined(speaker("1"), now), Some(BroadcastOrder::Start(vec![speaker("1")])));
    assert_eq!(policy.joined(speaker("2"), now), Some(BroadcastOrder::Join(speaker("2"))));
    assert_eq!(policy.joined(speaker("2"), now), None, "told twice");
    assert_eq!(policy.left("1", now), Some(BroadcastOrder::Leave(speaker("1"))));
    assert_eq!(policy.left("1", now), None);
    assert_eq!(policy.poll_timeout(), None, "somebody is still there");
}

#[test]
fn silence_is_borne_until_it_lasts_too_long() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.left("1", now);
    assert_eq!(policy.poll(now + second(299)), None);
    policy.joined(speaker("2"), now + second(299));
    assert_eq!(policy.poll(now + second(600)), None, "the silence was broken");
    policy.left("2", now + second(600));
    assert_eq!(policy.poll(now + second(900)), Some(BroadcastOrder::End));
    assert_eq!(policy.poll(now + second(901)), None, "once");
    assert!(!policy.is_over());
    assert_eq!(policy.ended(now + second(902)), None);
    assert!(policy.is_over());
}

#[test]
fn who_comes_while_it_ends_starts_the_next_one() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.left("1", now);
    policy.poll(now + IDLE_END);
    assert_eq!(policy.joined(speaker("2"), now + IDLE_END), None);
    assert_eq!(policy.ended(now + IDLE_END), Some(BroadcastOrder::Start(vec![speaker("2")])));
}

#[test]
fn a_deleted_room_ends_and_leaves_nothing() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    assert_eq!(policy.deleted(), Some(BroadcastOrder::End));
    assert_eq!(policy.deleted(), None, "once");
    assert_eq!(policy.left("1", now), None, "everybody had gone with it");
    assert_eq!(policy.ended(now), None);
    assert!(policy.is_over());
}

#[test]
fn a_room_made_again_has_a_broadcast_of_its_own() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.deleted();
    assert_eq!(policy.joined(speaker("2"), now), None, "the old one is still ending");
    assert_eq!(policy.ended(now), Some(BroadcastOrder::Start(vec![speaker("2")])));
}

#[test]
fn a_room_deleted_while_its_broadcast_pauses_is_over_at_once() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.ended(now);
    assert_eq!(policy.deleted(), None);
    assert!(policy.is_over());
}

#[test]
fn a_broadcast_that_fails_is_tried_again_with_growing_pauses() {
    let (mut policy, mut now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    for pause_s in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(policy.ended(now), None);
        assert_eq!(policy.poll(now + second(pause_s) - Duration::from_millis(1)), None, "{pause_s}");
        now += second(pause_s);
        assert_eq!(policy.poll(now), Some(BroadcastOrder::Start(vec![speaker("1")])), "{pause_s}");
    }
    now += RAN_WELL;
    policy.ended(now);
    assert_eq!(policy.poll_timeout(), Some(now + second(1)), "it had run well");
    policy.left("1", now);
    assert_eq!(policy.poll(now + second(1)), None, "nobody is waiting for it");
    assert!(policy.is_over());
}

#[test]
fn a_pause_ends_when_there_is_reason_to_hurry() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.hurry(now);
    assert_eq!(policy.poll_timeout(), None, "there is no pause");
    policy.joined(speaker("1"), now);
    policy.ended(now);
    policy.hurry(now);
    assert_eq!(policy.poll(now), Some(BroadcastOrder::Start(vec![speaker("1")])));
    policy.hurry(now);
    assert_eq!(policy.poll_timeout(), None, "it is on the air");
}

#[test]
fn missed_events_are_made_up_for() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.joined(speaker("2"), now);
    let orders = policy.resync(vec![speaker("2"), speaker("3")], now);
    assert_eq!(orders, [BroadcastOrder::Leave(speaker("1")), BroadcastOrder::Join(speaker("3"))]);
    assert_eq!(policy.resync(vec![speaker("2"), speaker("3")], now), []);
}

#[test]
fn switched_off_it_ends_and_switched_on_it_starts_with_whoever_is_on_stage() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    assert_eq!(policy.switched(true, now), None, "it is on");
    assert_eq!(policy.switched(false, now), Some(BroadcastOrder::End));
    assert_eq!(policy.switched(false, now), None, "once");
    assert_eq!(policy.ended(now), None);
    assert_eq!(policy.joined(speaker("2"), now), None);
    assert!(!policy.is_over(), "who is on stage must be known when it is switched on");
    assert_eq!(policy.switched(true, now), Some(BroadcastOrder::Start(vec![speaker("1"), speaker("2")])));
}

#[test]
fn switched_on_again_while_it_ends_it_starts_after_its_end() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.switched(false, now);
    assert_eq!(policy.switched(true, now), None);
    assert_eq!(policy.ended(now), Some(BroadcastOrder::Start(vec![speaker("1")])));
}

#[test]
fn one_that_failed_is_not_tried_again_once_it_is_switched_off() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.ended(now);
    assert_eq!(policy.switched(false, now), None);
    assert_eq!((policy.poll_timeout(), policy.poll(now + second(60))), (None, None));
    policy.left("1", now);
    assert!(policy.is_over());
}

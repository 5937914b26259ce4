use super::*;

const IDLE_END: Duration = Duration::from_secs(300);

fn speaker(session: &str) -> Speaker {
    let identity = "ann".parse().unwrap();
    Speaker { identity, name: "Ann".into(), session: session.into(), audio: true, video: true }
}

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn first_speaker_starts_the_broadcast_and_others_join_it() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    assert_eq!(policy.joined(speaker("1"), now), Some(BroadcastOrder::Start(vec![speaker("1")])));
    assert_eq!(policy.joined(speaker("2"), now), Some(BroadcastOrder::Join(speaker("2"))));
    assert_eq!(policy.joined(speaker("2"), now), None, "told twice");
    assert_eq!(policy.left("1", now), Some(BroadcastOrder::Leave(speaker("1"))));
    assert_eq!(policy.left("1", now), None);
    assert_eq!(policy.poll_timeout(), None, "somebody is still there");
}

#[test]
fn empty_stage_ends_the_broadcast_after_the_idle_time() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.left("1", now);
    assert_eq!(policy.poll(now + second(299)), None);
    policy.joined(speaker("2"), now + second(299));
    assert_eq!(policy.poll(now + second(600)), None, "the silence was broken");
    policy.left("2", now + second(600));
    assert_eq!(policy.poll(now + second(900)), Some(BroadcastOrder::End(EndReason::StageEmpty)));
    assert_eq!(policy.poll(now + second(901)), None, "once");
    assert!(!policy.is_over());
    assert_eq!(policy.ended(now + second(902)), None);
    assert!(policy.is_over());
}

#[test]
fn speaker_who_comes_while_it_ends_starts_the_next_one() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.left("1", now);
    policy.poll(now + IDLE_END);
    assert_eq!(policy.joined(speaker("2"), now + IDLE_END), None);
    assert_eq!(policy.ended(now + IDLE_END), Some(BroadcastOrder::Start(vec![speaker("2")])));
}

#[test]
fn deleted_room_ends_its_broadcast_and_is_forgotten() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    assert_eq!(policy.deleted(), Some(BroadcastOrder::End(EndReason::RoomDeleted)));
    assert_eq!(policy.deleted(), None, "once");
    assert_eq!(policy.left("1", now), None, "everybody had gone with it");
    assert_eq!(policy.ended(now), None);
    assert!(policy.is_over());
}

#[test]
fn room_made_again_has_a_broadcast_of_its_own() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.deleted();
    assert_eq!(policy.joined(speaker("2"), now), None, "the old one is still ending");
    assert_eq!(policy.ended(now), Some(BroadcastOrder::Start(vec![speaker("2")])));
}

#[test]
fn room_deleted_while_its_broadcast_pauses_is_over_at_once() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.ended(now);
    assert_eq!(policy.deleted(), None);
    assert!(policy.is_over());
}

#[test]
fn failed_broadcast_is_tried_again_with_growing_pauses() {
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
fn hurry_ends_the_pause_at_once() {
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
fn resync_orders_what_missed_events_would_have() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.joined(speaker("2"), now);
    let orders = policy.resync(vec![speaker("2"), speaker("3")], now);
    assert_eq!(orders, [BroadcastOrder::Leave(speaker("1")), BroadcastOrder::Join(speaker("3"))]);
    assert_eq!(policy.resync(vec![speaker("2"), speaker("3")], now), []);
}

#[test]
fn switch_off_ends_the_broadcast_and_switch_on_starts_it_with_the_stage() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    assert_eq!(policy.switched_on(now), None, "it is on");
    assert_eq!(policy.switched_off(EndReason::SwitchedOff), Some(BroadcastOrder::End(EndReason::SwitchedOff)));
    assert_eq!(policy.switched_off(EndReason::SwitchedOff), None, "once");
    assert_eq!(policy.ended(now), None);
    assert_eq!(policy.joined(speaker("2"), now), None);
    assert!(!policy.is_over(), "who is on stage must be known when it is switched on");
    assert_eq!(policy.switched_on(now), Some(BroadcastOrder::Start(vec![speaker("1"), speaker("2")])));
}

#[test]
fn switch_on_while_it_ends_starts_the_next_one_after_the_end() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.switched_off(EndReason::SwitchedOff);
    assert_eq!(policy.switched_on(now), None);
    assert_eq!(policy.ended(now), Some(BroadcastOrder::Start(vec![speaker("1")])));
}

#[test]
fn failed_broadcast_is_not_tried_again_once_it_is_switched_off() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.ended(now);
    assert_eq!(policy.switched_off(EndReason::SwitchedOff), None);
    assert_eq!((policy.poll_timeout(), policy.poll(now + second(60))), (None, None));
    policy.left("1", now);
    assert!(policy.is_over());
}

#[test]
fn broadcast_is_due_always_never_or_while_the_audience_needs_it() {
    let due = |setting| (is_due(setting, false), is_due(setting, true));
    assert_eq!(due(BroadcastSetting::Off), (false, false));
    assert_eq!(due(BroadcastSetting::Auto), (false, true));
    assert_eq!(due(BroadcastSetting::On), (true, true));
}

#[test]
fn room_is_admitted_if_its_broadcast_is_due_and_a_slot_is_free() {
    assert_eq!(admit(true, 3, 4), Ok(()));
    assert_eq!(admit(true, 4, 4), Err(NotStarted::NoSlot));
    assert_eq!(admit(true, 0, 0), Err(NotStarted::NoSlot));
    assert_eq!(admit(false, 4, 4), Err(NotStarted::SwitchedOff));
}

#[test]
fn room_without_a_slot_starts_as_soon_as_one_is_free() {
    let (mut waiting, mut failed, now) =
        (BroadcastPolicy::new(IDLE_END), BroadcastPolicy::new(IDLE_END), Instant::now());
    for (policy, reason) in [(&mut waiting, NotStarted::NoSlot), (&mut failed, NotStarted::Failed)] {
        policy.joined(speaker("1"), now);
        policy.not_started(reason, now);
        assert_eq!(policy.poll(now), None);
        policy.slot_is_free(now);
    }
    assert_eq!(waiting.poll(now), Some(BroadcastOrder::Start(vec![speaker("1")])));
    assert_eq!(failed.poll(now), None, "a slot does not mend it");
    assert_eq!(failed.poll(now + second(1)), Some(BroadcastOrder::Start(vec![speaker("1")])));
}

#[test]
fn room_that_turns_out_to_be_switched_off_is_not_tried_again() {
    let (mut policy, now) = (BroadcastPolicy::new(IDLE_END), Instant::now());
    policy.joined(speaker("1"), now);
    policy.not_started(NotStarted::SwitchedOff, now);
    assert_eq!((policy.poll_timeout(), policy.is_over()), (None, false));
    assert_eq!(policy.switched_on(now), Some(BroadcastOrder::Start(vec![speaker("1")])));
}

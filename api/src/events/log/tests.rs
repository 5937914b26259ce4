use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn event(lane: Lane, number: u64) -> Event {
    Event::new(lane, &json!({ "type": "test", "n": number })).unwrap()
}

/// The JSON in a frame with the short or middle head.
fn payload(frame: &[u8]) -> Value {
    let head_bytes = if frame[1] == 126 { 4 } else { 2 };
    serde_json::from_slice(&frame[head_bytes..]).unwrap()
}

fn numbers(frame: &[u8]) -> Vec<u64> {
    payload(frame)["events"].as_array().unwrap().iter().map(|event| event["n"].as_u64().unwrap()).collect()
}

fn cut_all(log: &mut Log) -> Vec<Arc<TickFrame>> {
    std::iter::from_fn(|| log.cut()).collect()
}

#[test]
fn frame_has_a_form_for_those_behind_and_a_form_for_those_who_return_into_it() {
    let mut log = Log::new(Epoch(7));
    assert!(log.cut().is_none());
    for (number, lane) in [(1, Lane::Droppable), (2, Lane::Durable), (3, Lane::Droppable), (4, Lane::Durable)] {
        assert_eq!(log.append(event(lane, number)).unwrap(), Position { epoch: Epoch(7), offset: number });
    }
    assert_eq!(log.position().offset, 0, "a place is after what was framed");
    let frame = log.cut().unwrap();
    assert_eq!((log.position().offset, log.is_pending()), (4, false));
    let whole = payload(frame.bytes());
    assert_eq!((&whole["offset"], whole.get("missed")), (&json!(4), None));
    assert_eq!(numbers(frame.bytes()), [1, 2, 3, 4]);
    assert_eq!((numbers(frame.durable()), &payload(frame.durable())["missed"]), (vec![2, 4], &json!(2)));
    assert_eq!((numbers(&frame.after(2)), &payload(&frame.after(2))["offset"]), (vec![3, 4], &json!(4)));
}

#[test]
fn droppable_events_are_refused_before_durable_ones_and_both_are_bounded() {
    let mut log = Log::new(Epoch(1));
    let accepted = |log: &mut Log, lane| (0..100_000).take_while(|n| log.append(event(lane, *n)).is_ok()).count();
    assert_eq!(accepted(&mut log, Lane::Droppable), PENDING_EVENTS_MAX);
    assert_eq!(accepted(&mut log, Lane::Durable), PENDING_EVENTS_MAX * (DURABLE_FACTOR - 1));
    let frames = cut_all(&mut log);
    assert_eq!(frames.len(), PENDING_EVENTS_MAX * DURABLE_FACTOR / FRAME_EVENTS_MAX);
    assert_eq!((log.pending_bytes, frames.last().unwrap().last()), (0, log.position().offset));
    let kept: u64 = log.window.iter().map(|frame| frame.last() - frame.before()).sum();
    assert!(kept <= WINDOW_EVENTS_MAX as u64 && log.window_bytes <= WINDOW_BYTES_MAX, "{kept}");
}

#[test]
fn place_outside_of_the_window_or_of_another_hub_is_no_place_to_resume_at() {
    let mut log = Log::new(Epoch(1));
    let at = |offset| Position { epoch: Epoch(1), offset };
    assert_eq!(log.since(at(0)).unwrap().len(), 0);
    assert!(log.since(at(1)).is_none() && log.since(Position { epoch: Epoch(2), offset: 0 }).is_none());
    for number in 0..WINDOW_EVENTS_MAX as u64 + 1 {
        log.append(event(Lane::Durable, number)).unwrap();
        log.cut().unwrap();
    }
    assert!(log.since(at(0)).is_none());
    assert_eq!(log.since(at(1)).unwrap().len(), WINDOW_EVENTS_MAX);
    assert_eq!(log.since(log.position()).unwrap().len(), 0);
}

/// One step of a room and one client of it.
#[derive(Clone, Copy, Debug)]
enum Step {
    Publish(Lane),
    Tick,
    Disconnect,
    /// Comes back `early` events before the place that was reached, as if so many had been lost on the way.
    Return {
        early: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![Just(Lane::Droppable), Just(Lane::Durable)].prop_map(Step::Publish),
        3 => Just(Step::Tick),
        1 => Just(Step::Disconnect),
        1 => (0..5_u64).prop_map(|early| Step::Return { early }),
    ]
}

proptest! {
    #[test]
    fn client_that_comes_and_goes_has_every_event_once_and_in_order(steps in prop::collection::vec(step(), 1..400)) {
        let (mut log, mut published) = (Log::new(Epoch(9)), 0);
        let (mut got, mut reached, mut connected) = (Vec::new(), log.position(), true);
        for step in steps.into_iter().chain([Step::Disconnect, Step::Return { early: 0 }, Step::Tick]) {
            match step {
                Step::Publish(lane) => {
                    log.append(event(lane, published)).unwrap();
                    published += 1;
                }
                Step::Tick => for frame in cut_all(&mut log) {
                    if connected {
                        got.extend(numbers(frame.bytes()));
                        reached.offset = payload(frame.bytes())["offset"].as_u64().unwrap();
                    }
                },
                Step::Disconnect => connected = false,
                Step::Return { early } if !connected => {
                    reached.offset = reached.offset.saturating_sub(early);
                    got.truncate(reached.offset as usize);
                    for missed in log.since(reached).expect("the window is longer than this test") {
                        let bytes = match &missed {
                            Missed::Whole(frame) => frame.bytes(),
                            Missed::Rest(bytes) => bytes,
                        };
                        got.extend(numbers(bytes));
                        reached.offset = payload(bytes)["offset"].as_u64().unwrap();
                    }
                    connected = true;
                }
                Step::Return { .. } => {}
            }
        }
        prop_assert_eq!(got, (0..published).collect::<Vec<_>>());
    }
}

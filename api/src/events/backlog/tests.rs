use serde_json::{Value, json};

use super::super::event::{Event, Lane};
use super::super::log::{Epoch, Log};
use super::*;

/// Makes ticks of one event each, padded to some kilobytes.
struct Ticks(Log);

impl Ticks {
    fn next(&mut self, lane: Lane, text_bytes: usize) -> Arc<TickFrame> {
        let event = json!({ "type": "test", "text": "x".repeat(text_bytes) });
        self.0.append(Event::new(lane, &event).unwrap()).unwrap();
        self.0.cut().unwrap()
    }
}

/// Takes everything, `at_once` bytes at a time, as frames.
fn take(backlog: &mut Backlog, at_once: usize) -> Vec<Value> {
    let mut bytes = Vec::new();
    while !backlog.is_empty() {
        let slice = backlog.slices().next().unwrap().to_vec();
        let taken = slice.len().min(at_once);
        bytes.extend_from_slice(&slice[..taken]);
        backlog.advance(taken);
    }
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let (head_bytes, payload_bytes) = match rest[1] {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            short => (2, usize::from(short)),
        };
        frames.push(serde_json::from_slice(&rest[head_bytes..head_bytes + payload_bytes]).unwrap());
        rest = &rest[head_bytes + payload_bytes..];
    }
    frames
}

#[test]
fn connection_that_is_behind_gets_each_durable_event_and_is_told_how_many_others_it_missed() {
    let (mut ticks, mut backlog) = (Ticks(Log::new(Epoch(1))), Backlog::default());
    let (mut events, mut left_out) = (0, 0);
    for number in 0..200_u64 {
        let lane = if number % 10 == 9 { Lane::Durable } else { Lane::Droppable };
        left_out += backlog.push_tick(&ticks.next(lane, 4000)).unwrap();
        events += 1;
    }
    assert!(left_out > 100 && backlog.waiting_bytes() < BEHIND_BYTES, "{left_out}");
    let frames = take(&mut backlog, 1500);
    let (mut offset, mut missed, mut got) = (0, 0, 0);
    for frame in frames {
        let count = frame["events"].as_array().map_or(0, Vec::len) as u64;
        let told = frame["missed"].as_u64().unwrap_or_default();
        offset += count + told;
        (missed, got) = (missed + told, got + count);
        assert_eq!(frame["offset"], offset, "no event is passed over in silence");
    }
    assert_eq!((missed, got + missed, offset), (left_out, events, events));
}

#[test]
fn connection_that_caught_up_is_told_at_once_and_keeps_no_memory() {
    let (mut ticks, mut backlog) = (Ticks(Log::new(Epoch(1))), Backlog::default());
    while backlog.push_tick(&ticks.next(Lane::Droppable, 4000)).unwrap() == 0 {}
    let frames = take(&mut backlog, usize::MAX);
    let last = frames.last().unwrap();
    assert_eq!((&last["type"], &last["missed"], &last["offset"]), (&json!("missed"), &json!(1), &json!(frames.len())));
    assert!(backlog.is_empty() && backlog.waiting_bytes() == 0);
    assert_eq!(size_of::<Backlog>(), 8);
}

#[test]
fn connection_with_more_durable_events_than_may_wait_ends_with_the_frame_that_was_begun() {
    let (mut ticks, mut backlog) = (Ticks(Log::new(Epoch(1))), Backlog::default());
    let pushed = (0..1000).take_while(|_| backlog.push_tick(&ticks.next(Lane::Durable, 8000)).is_ok()).count();
    assert!((100..140).contains(&pushed), "{pushed}");
    backlog.advance(10);
    let begun = backlog.slices().next().unwrap().len();
    backlog.end_with(Bytes::from_static(b"end"));
    assert_eq!(backlog.waiting_bytes(), begun + 3);
    let sent: Vec<u8> = backlog.slices().flat_map(|slice| slice.to_vec()).collect();
    assert!(sent.ends_with(b"]}end"));
    backlog.advance(begun + 3);
    assert!(backlog.is_empty());
}

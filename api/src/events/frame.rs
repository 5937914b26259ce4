//! One tick's events of a room, framed once for all who are sent them.
//!
//! The form for connections that are behind, without the droppable events, is made when the first one needs it.

use std::sync::OnceLock;

use bytes::Bytes;

use super::event::{Event, Lane};
use super::framing::frame_head;

/// The events of one tick, as one WebSocket frame.
#[derive(Debug)]
pub(super) struct TickFrame {
    /// Events of the room before the first one in here.
    before: u64,
    bytes: Bytes,
    spans: Box<[Span]>,
    durable: OnceLock<Bytes>,
}

/// The place of an event in the frame, bytes.
#[derive(Debug)]
struct Span {
    start: u32,
    end: u32,
    lane: Lane,
}

impl TickFrame {
    /// `before`: how many events of the room come before these.
    pub(super) fn new(before: u64, events: &[Event]) -> Self {
        let last = before + events.len() as u64;
        let bytes = framed(last, 0, || events.iter().map(|event| &event.json[..]));
        // The events stand at the end, with a comma between them and "]}" behind.
        let length = events.iter().map(|event| event.json.len() + 1).sum::<usize>();
        let mut start = bytes.len() - 1 - length;
        let spans = events.iter().map(|event| {
            let span = Span { start: start as u32, end: (start + event.json.len()) as u32, lane: event.lane };
            start += event.json.len() + 1;
            span
        });
        Self { before, spans: spans.collect(), bytes, durable: OnceLock::new() }
    }

    /// Events of the room before this frame.
    pub(super) fn before(&self) -> u64 {
        self.before
    }

    /// The offset after the last event.
    pub(super) fn last(&self) -> u64 {
        self.before + self.spans.len() as u64
    }

    /// The whole frame.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many events are droppable.
    pub(super) fn droppable(&self) -> u64 {
        self.spans.iter().filter(|span| span.lane == Lane::Droppable).count() as u64
    }

    /// Whether some event is not droppable.
    pub(super) fn has_durable(&self) -> bool {
        self.spans.iter().any(|span| span.lane == Lane::Durable)
    }

    /// The frame without its droppable events, which says how many these were.
    pub(super) fn durable(&self) -> &Bytes {
        if self.droppable() == 0 {
            return &self.bytes;
        }
        self.durable.get_or_init(|| {
            let durable = || self.spans.iter().filter(|span| span.lane == Lane::Durable).map(|span| self.event(span));
            framed(self.last(), self.droppable(), durable)
        })
    }

    /// A frame of the events after `offset`, which lies within this one.
    pub(super) fn after(&self, offset: u64) -> Bytes {
        let skipped = usize::try_from(offset.saturating_sub(self.before)).unwrap_or(usize::MAX);
        framed(self.last(), 0, || self.spans.iter().skip(skipped).map(|span| self.event(span)))
    }

    fn event(&self, span: &Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }
}

fn framed<'a, E: Iterator<Item = &'a [u8]>>(last: u64, missed: u64, events: impl Fn() -> E) -> Bytes {
    let missed = if missed == 0 { String::new() } else { format!(r#","missed":{missed}"#) };
    let begin = format!(r#"{{"type":"events","offset":{last}{missed},"events":["#);
    let (count, length) = events().fold((0, 0), |(count, length), event| (count + 1, length + event.len()));
    let commas = usize::saturating_sub(count, 1);
    let (head, head_bytes) = frame_head(true, begin.len() + length + commas + 2);
    let mut bytes = Vec::with_capacity(head_bytes + begin.len() + length + commas + 2);
    bytes.extend_from_slice(&head[..head_bytes]);
    bytes.extend_from_slice(begin.as_bytes());
    for (index, event) in events().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(event);
    }
    bytes.extend_from_slice(b"]}");
    bytes.into()
}

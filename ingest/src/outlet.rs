//! The way out: access units into the packager's bounded channel, from the encoders' own threads.
//!
//! A full channel means the packager has stalled. An encoder thread must not wait for it, so the unit is dropped and
//! counted; a video rendition then loses the rest of its segment, because what follows refers to what is missing.
//! Decoder configurations are kept and sent before the next unit that fits.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use packager::delivery::{AccessUnit, CodecConfig, Delivery, RenditionId};
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{locked, metrics};

/// One broadcast's end of the channel.
pub(crate) struct Outlet {
    channel: mpsc::Sender<Delivery>,
    ways: Vec<Mutex<Way>>,
}

#[derive(Default)]
struct Way {
    sent: Option<CodecConfig>,
    unsent: Option<CodecConfig>,
    broken: bool,
    last: Option<u64>,
    units: u64,
    dropped: u64,
}

/// The deliveries of one rendition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenditionStatus {
    /// Access units taken by the packager.
    pub units: u64,
    /// Access units dropped because its channel was full.
    pub dropped: u64,
}

impl Outlet {
    pub(crate) fn new(channel: mpsc::Sender<Delivery>, renditions: usize) -> Self {
        Self { channel, ways: (0..renditions).map(|_| Mutex::default()).collect() }
    }

    /// The first message. False if nobody listens.
    pub(crate) fn clock(&self, programme_zero_utc_ms: i64) -> bool {
        self.channel.try_send(Delivery::Clock { programme_zero_utc_ms }).is_ok()
    }

    /// Remembers a decoder configuration; it goes out before the next unit if it is a new one.
    pub(crate) fn codec(&self, rendition: RenditionId, config: CodecConfig) {
        let mut way = locked(&self.ways[rendition.0]);
        if way.sent.as_ref() != Some(&config) {
            way.unsent = Some(config);
        }
    }

    /// Sends a unit or drops it. Times never run backwards: a unit that would is dropped too.
    pub(crate) fn unit(&self, unit: AccessUnit) {
        let mut way = locked(&self.ways[unit.rendition.0]);
        if way.broken && !unit.keyframe || way.last.is_some_and(|last| unit.time <= last) {
            way.dropped += 1;
            return;
        }
        let (time, rendition) = (unit.time, unit.rendition);
        let taken = match way.unsent.take() {
            Some(config) => {
                let taken = self.offer(Delivery::Codec { rendition, config: config.clone() });
                if taken {
                    way.sent = Some(config)
                } else {
                    way.unsent = Some(config)
                }
                taken
            }
            None => true,
        };
        let taken = taken && self.offer(Delivery::Unit(unit));
        way.broken = !taken;
        if taken {
            way.units += 1;
            way.last = Some(time);
        } else {
            way.dropped += 1;
            metrics::delivery_dropped();
        }
    }

    /// Sends a message that must not be lost: the caller tries again later if this says false.
    pub(crate) fn offer(&self, delivery: Delivery) -> bool {
        self.channel.try_send(delivery).is_ok()
    }

    /// Sends the last message, waiting for room at most `limit`. Blocks: not for an encoder thread. False if it did not
    /// fit.
    pub(crate) fn end(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            match self.channel.try_send(Delivery::End) {
                Ok(()) => return true,
                Err(TrySendError::Full(_)) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                Err(_) => return false,
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    pub(crate) fn status(&self) -> Vec<RenditionStatus> {
        self.ways.iter().map(locked).map(|way| RenditionStatus { units: way.units, dropped: way.dropped }).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn unit(n: u64, keyframe: bool) -> AccessUnit {
        let (rendition, encoded_at) = (RenditionId(0), Instant::now());
        AccessUnit { rendition, time: n * 3000, duration: 3000, keyframe, data: Bytes::new(), encoded_at }
    }

    fn drain(channel: &mut mpsc::Receiver<Delivery>) -> Vec<String> {
        std::iter::from_fn(|| channel.try_recv().ok())
            .map(|delivery| match delivery {
                Delivery::Clock { .. } => "clock".to_owned(),
                Delivery::Codec { .. } => "codec".to_owned(),
                Delivery::Rest { .. } | Delivery::Wake { .. } => "turn".to_owned(),
                Delivery::Unit(unit) => (unit.time / 3000).to_string(),
                Delivery::End => "end".to_owned(),
            })
            .collect()
    }

    #[test]
    fn full_channel_drops_the_rest_of_the_segment_but_no_configuration() {
        let (sender, mut channel) = mpsc::channel(3);
        let outlet = Outlet::new(sender, 1);
        outlet.codec(RenditionId(0), CodecConfig::Avc(Bytes::from_static(b"1")));
        (0..4).for_each(|n| outlet.unit(unit(n, n == 0)));
        assert_eq!(drain(&mut channel), ["codec", "0", "1"]);
        outlet.codec(RenditionId(0), CodecConfig::Avc(Bytes::from_static(b"2")));
        outlet.codec(RenditionId(0), CodecConfig::Avc(Bytes::from_static(b"2")));
        (4..8).for_each(|n| outlet.unit(unit(n, n == 6)));
        assert_eq!(drain(&mut channel), ["codec", "6", "7"]);
        assert_eq!(outlet.status()[0], RenditionStatus { units: 4, dropped: 4 });
    }

    #[test]
    fn times_of_a_rendition_never_run_backwards() {
        let (sender, mut channel) = mpsc::channel(9);
        let outlet = Outlet::new(sender, 1);
        [5, 5, 4, 6].into_iter().for_each(|n| outlet.unit(unit(n, true)));
        assert_eq!(drain(&mut channel), ["5", "6"]);
    }

    #[test]
    fn end_waits_a_bounded_time_for_room_in_the_channel() {
        let (sender, channel) = mpsc::channel(1);
        let outlet = Outlet::new(sender, 1);
        assert!(outlet.clock(0));
        assert!(!outlet.end(Duration::from_millis(20)));
        drop(channel);
        assert!(outlet.is_closed());
    }
}

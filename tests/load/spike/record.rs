//! A spike as it goes, by the second. Shared by the generator's threads; `series.rs` makes figures of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Samples of one kind that a second keeps; further ones are dropped.
const SAMPLES_MAX: usize = 65_536;

/// How a viewer watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A seat by WHEP.
    Whep,
    /// A seat by LiveKit's protocol.
    Livekit,
    /// The broadcast.
    Broadcast,
}

/// Something that went wrong for a viewer.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where.
    pub kind: &'static str,
    /// Why.
    pub error: String,
}

impl Fault {
    /// For `map_err`.
    pub(crate) fn at<E: std::fmt::Display>(kind: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self { kind, error: error.to_string() }
    }
}

/// Durations that are sampled, milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample {
    /// From a viewer's arrival to the answer of the join.
    Answer,
    /// From a viewer's arrival to the first media: a packet, or a part of the picture.
    Join,
    /// From asking for a part to its last byte.
    Part,
    /// From the end of a part in programme time to its last byte at the player.
    Edge,
    /// From when the generator was to do something until it did.
    Lateness,
}

/// Kinds of [`Sample`].
const SAMPLES: usize = 5;

/// One second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Second {
    pub arrived: u32,
    /// Viewers who began to watch, by delivery.
    pub began: [u32; 3],
    /// Viewers for whom something went wrong; among them those who watched before, by delivery.
    pub failed: u32,
    pub stopped: [u32; 3],
    /// HTTP requests of players, and those that were not answered as they must be.
    pub requests: u64,
    pub requests_failed: u64,
    /// Viewers who were told to ask again.
    pub told_to_wait: u32,
    samples: [Vec<f64>; SAMPLES],
    /// Packets that seated viewers received so far, and those that were sent to them, by sequence number.
    pub packets: Option<(u64, u64)>,
    /// CPU time of server and generator so far, and the server's memory in bytes.
    pub server_cpu: Option<Duration>,
    pub generator_cpu: Option<Duration>,
    pub server_bytes: Option<u64>,
}

impl Second {
    pub(crate) fn samples(&self, sample: Sample) -> &[f64] {
        self.samples.get(sample as usize).map_or(&[], Vec::as_slice)
    }
}

/// All seconds, and the kinds of faults with how often and the first one's text.
#[derive(Debug, Default)]
pub(crate) struct Seconds {
    pub seconds: Vec<Second>,
    pub faults: BTreeMap<&'static str, (u64, String)>,
}

/// The record of a spike.
#[derive(Debug)]
pub(crate) struct Record {
    /// When the first second began.
    pub began: Instant,
    seconds_max: usize,
    inner: Mutex<Seconds>,
}

impl Record {
    /// A spike that begins at `began` and is over after so many seconds; what happens later counts in the last one.
    pub(crate) fn new(began: Instant, seconds_max: usize) -> Self {
        Self { began, seconds_max: seconds_max.max(1), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Seconds> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the second that it is.
    pub(crate) fn now(&self, change: impl FnOnce(&mut Second)) {
        let index = (self.began.elapsed().as_secs() as usize).min(self.seconds_max - 1);
        let mut all = self.lock();
        if all.seconds.len() <= index {
            all.seconds.resize(index + 1, Second::default());
        }
        if let Some(second) = all.seconds.get_mut(index) {
            change(second);
        }
    }

    pub(crate) fn sample(&self, sample: Sample, took: Duration) {
        let ms = took.as_secs_f64() * 1000.0;
        self.now(|second| second.push(sample, ms));
    }

    /// A part of a picture or of sound came.
    pub(crate) fn part(&self, took: Duration, behind_ms: Option<f64>) {
        let ms = took.as_secs_f64() * 1000.0;
        self.now(|second| {
            second.push(Sample::Part, ms);
            behind_ms.into_iter().for_each(|behind_ms| second.push(Sample::Edge, behind_ms));
        });
    }

    /// A viewer has the first media.
    pub(crate) fn watches(&self, delivery: Delivery, since: Instant) {
        let ms = since.elapsed().as_secs_f64() * 1000.0;
        self.now(|second| {
            second.push(Sample::Join, ms);
            second.began[delivery as usize] += 1;
        });
    }

    /// Something went wrong for a viewer, who watched before by `delivery`.
    pub(crate) fn fault(&self, fault: Fault, delivery: Option<Delivery>) {
        self.now(|second| {
            second.failed += 1;
            delivery.into_iter().for_each(|delivery| second.stopped[delivery as usize] += 1);
        });
        self.lock().faults.entry(fault.kind).or_insert((0, fault.error)).0 += 1;
    }

    /// A request was answered, as it must be or not.
    pub(crate) fn request(&self, is_good: bool) {
        self.now(|second| {
            second.requests += 1;
            second.requests_failed += u64::from(!is_good);
        });
    }

    pub(crate) fn take(&self) -> Seconds {
        std::mem::take(&mut *self.lock())
    }
}

impl Second {
    fn push(&mut self, sample: Sample, value: f64) {
        let samples = self.samples.get_mut(sample as usize).filter(|samples| samples.len() < SAMPLES_MAX);
        samples.into_iter().for_each(|samples| samples.push(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_kept_by_second_and_those_after_the_end_in_the_last_one() {
        let long_ago = Instant::now() - Duration::from_secs(100);
        let record = Record::new(long_ago, 3);
        record.watches(Delivery::Livekit, Instant::now());
        record.fault(Fault { kind: "part", error: "first".into() }, Some(Delivery::Livekit));
        record.fault(Fault { kind: "part", error: "second".into() }, None);
        let Seconds { seconds, faults } = record.take();
        assert_eq!(seconds.len(), 3);
        assert_eq!((seconds[2].began, seconds[2].stopped, seconds[2].failed), ([0, 1, 0], [0, 1, 0], 2));
        assert_eq!(seconds[2].samples(Sample::Join).len(), 1);
        assert_eq!(faults["part"], (2, "first".to_owned()));
    }

    #[test]
    fn a_second_keeps_no_more_samples_than_it_may() {
        let mut second = Second::default();
        (0..SAMPLES_MAX + 5).for_each(|_| second.push(Sample::Part, 1.0));
        assert_eq!(second.samples(Sample::Part).len(), SAMPLES_MAX);
    }
}

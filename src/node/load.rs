//! The node's load: what the SFU sends a second, and how much of the machine's cores this process uses.

use std::time::Instant;

use interactive_sfu::Sent;
use rooms::overflow::NodeLoad;

/// Measures the load between two calls.
#[derive(Debug, Default)]
pub(crate) struct LoadMeter {
    last: Option<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    sent: Sent,
    cpu_seconds: f64,
}

impl LoadMeter {
    /// The load since the last call. The first call measures nothing.
    pub(crate) fn measure(&mut self, now: Instant, sent: Sent) -> NodeLoad {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.take(Reading { at: now, sent, cpu_seconds: cpu_seconds() }, cores)
    }

    fn take(&mut self, reading: Reading, cores: usize) -> NodeLoad {
        let Some(last) = self.last.replace(reading) else { return NodeLoad::default() };
        let seconds = reading.at.saturating_duration_since(last.at).as_secs_f64();
        if seconds <= 0.0 {
            return NodeLoad::default();
        }
        let per_second = |now: u64, before: u64| (now.saturating_sub(before) as f64 / seconds) as u64;
        let cpu_percent = (reading.cpu_seconds - last.cpu_seconds) / seconds / cores as f64 * 100.0;
        NodeLoad {
            egress_bits_per_second: per_second(reading.sent.bytes, last.sent.bytes).saturating_mul(8),
            packets_per_second: per_second(reading.sent.packets, last.sent.packets),
            cpu_percent: cpu_percent.max(0.0) as u32,
        }
    }
}

/// The kernel counts CPU time in hundredths of a second (`USER_HZ`), whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of this process, all threads, user and system, seconds; 0 where the kernel does not tell (proc(5)).
fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/self/stat").map(|stat| seconds_of(&stat)).unwrap_or_default()
}

/// `utime` and `stime`, the 14th and 15th field; the second is a name in brackets, which may hold spaces.
fn seconds_of(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks = after_name.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    ticks.sum::<u64>() as f64 / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn load_is_per_second_and_of_all_cores() {
        let (mut meter, start) = (LoadMeter::default(), Instant::now());
        let reading = |seconds: u64, packets: u64, cpu_seconds: f64| Reading {
            at: start + Duration::from_secs(seconds),
            sent: Sent { packets, bytes: packets * 1000 },
            cpu_seconds,
        };
        assert_eq!(meter.take(reading(0, 500, 9.0), 4), NodeLoad::default(), "nothing to compare with");
        let load = meter.take(reading(2, 2500, 13.0), 4);
        assert_eq!((load.packets_per_second, load.egress_bits_per_second, load.cpu_percent), (1000, 8_000_000, 50));
        assert_eq!(meter.take(reading(2, 2500, 13.0), 4), NodeLoad::default(), "no time has passed");
    }

    #[test]
    fn name_of_the_process_may_hold_anything() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 9 0 1 1 1";
        assert!((seconds_of(stat) - 2.0).abs() < 1e-9);
        assert!(cpu_seconds() >= 0.0 && seconds_of("nonsense") == 0.0);
    }
}

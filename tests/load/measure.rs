//! What was used between two moments: the server's CPU and memory, ours, and what others took.

use std::time::{Duration, Instant};

use rig::process::{ProcessTimes, cpu_time, kernel_time, resident_bytes, stolen_time};

/// Whose CPU is measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Processes {
    /// The server's pid, where it is known.
    pub server: Option<u32>,
    /// Another process of the measurement.
    pub beside: Option<u32>,
}

/// One moment.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    processes: Processes,
    at: Instant,
    server: Option<Duration>,
    server_kernel: Option<Duration>,
    ours: Duration,
    stolen: Duration,
    all: ProcessTimes,
}

impl Moment {
    /// Now.
    pub(crate) fn now(processes: Processes) -> Self {
        let server = processes.server;
        Self {
            processes,
            at: Instant::now(),
            server: server.and_then(cpu_time),
            server_kernel: server.and_then(kernel_time),
            ours: cpu_time(std::process::id()).unwrap_or_default(),
            stolen: stolen_time(),
            all: ProcessTimes::now(),
        }
    }

    /// What was used from `self` until now.
    pub(crate) fn until_now(&self) -> Usage {
        let now = Self::now(self.processes);
        let used = |new: Option<Duration>, old: Option<Duration>| Some(new?.saturating_sub(old?).as_secs_f64());
        let since = |new: Duration, old: Duration| new.saturating_sub(old).as_secs_f64();
        // Without the server's pid its own work would count as others'.
        let Processes { server, beside } = self.processes;
        let ours: Vec<u32> = server.into_iter().chain(beside).chain([std::process::id()]).collect();
        let foreign = |_| now.all.used_since(&self.all, &ours).as_secs_f64();
        Usage {
            seconds: (now.at - self.at).as_secs_f64(),
            server_s: used(now.server, self.server),
            server_kernel_s: used(now.server_kernel, self.server_kernel),
            generator_s: since(now.ours, self.ours),
            foreign_s: server.map(foreign),
            deferred_interrupts_s: since(now.all.deferred_interrupts, self.all.deferred_interrupts),
            stolen_s: since(now.stolen, self.stolen),
        }
    }
}

/// CPU seconds used within `seconds`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub seconds: f64,
    /// By the server's process; `None` without a pid.
    pub server_s: Option<f64>,
    /// Of that in the kernel, to 10 ms.
    pub server_kernel_s: Option<f64>,
    /// By the generator.
    pub generator_s: f64,
    /// By all other processes; `None` without a pid.
    pub foreign_s: Option<f64>,
    /// In the kernel's threads for deferred interrupts: work for sockets that no process is charged with.
    pub deferred_interrupts_s: f64,
    /// Taken by other guests of the host.
    pub stolen_s: f64,
}

impl Usage {
    /// A share of the time as percent of a core.
    pub(crate) fn percent(&self, cpu_s: f64) -> f64 {
        100.0 * cpu_s / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Other processes' share, percent of a core.
    pub(crate) fn foreign_percent(&self) -> f64 {
        self.foreign_s.map_or(0.0, |foreign_s| self.percent(foreign_s))
    }
}

/// Resident memory of the server, KiB.
pub(crate) fn resident_kib(server: Option<u32>) -> Option<f64> {
    server.and_then(resident_bytes).map(|bytes| bytes as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_pid_nothing_is_said_about_the_server_or_others() {
        let usage = Moment::now(Processes::default()).until_now();
        assert!(usage.server_s.is_none() && usage.foreign_s.is_none());
        let ours = Processes { server: Some(std::process::id()), beside: None };
        assert!(Moment::now(ours).until_now().server_s.is_some());
    }
}

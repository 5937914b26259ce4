//! CPU and memory of processes, from procfs and the kernel's clocks.

use std::collections::HashMap;
use std::time::Duration;

/// The greatest process id of Linux on 64 bits (proc_pid(5), `pid_max`).
const PID_MAX: u32 = 1 << 22;

/// CPU time a process has used so far, all its threads; `None` when it is gone.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    // The pid is shifted into the clock's id: a greater one would come out as another.
    if pid > PID_MAX {
        return None;
    }
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` outlives the call.
    if unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call.
    let got = unsafe { libc::clock_gettime(clock, &mut time) };
    (got == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// CPU time the calling thread has used so far.
pub fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The part of [`cpu_time`] that was spent in the kernel, to 10 ms.
pub fn kernel_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses; fields count from behind it.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(12)?.parse().ok()?;
    Some(ticks_to_time(ticks))
}

/// Resident memory of a process, bytes. The rollup is exact; `statm` lags by some pages a thread and stands in for it.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let exact =
        rollup.lines().find_map(|line| line.strip_prefix("Rss:")?.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kib) = exact {
        return Some(kib * 1024);
    }
    let pages: u64 =
        std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: no pointers are involved.
    Some(pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(0) as u64)
}

/// CPU time of every process of the machine so far. Exact, where `/proc/stat` counts ticks, which work that wakes with
/// the tick escapes or hogs. A container's processes see only those of their own container.
#[derive(Clone, Debug, Default)]
pub struct ProcessTimes {
    /// By pid: its own time, and that of the children it has waited for.
    by_pid: HashMap<u32, (Duration, Duration)>,
    /// Time of the kernel's threads for deferred interrupts (`ksoftirqd/N`), in which loopback's receive path may run.
    pub deferred_interrupts: Duration,
}

impl ProcessTimes {
    /// Reads them all.
    pub fn now() -> Self {
        let mut times = Self::default();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Some((own, stat)) = cpu_time(pid).zip(std::fs::read_to_string(entry.path().join("stat")).ok()) else {
                continue;
            };
            if stat.contains("(ksoftirqd/") {
                times.deferred_interrupts += own;
            } else {
                times.by_pid.insert(pid, (own, children_time_of(&stat).unwrap_or_default()));
            }
        }
        times
    }

    /// What all processes but `except` have used since `before`; those that came and went meanwhile by what their
    /// parents were told of them.
    pub fn used_since(&self, before: &Self, except: &[u32]) -> Duration {
        let others = || self.by_pid.iter().filter(|(pid, _)| !except.contains(pid));
        let old = |pid: &u32| before.by_pid.get(pid).copied().unwrap_or_default();
        let own: Duration = others().map(|(pid, (own, _))| own.saturating_sub(old(pid).0)).sum();
        let children: Duration = others().map(|(pid, (_, children))| children.saturating_sub(old(pid).1)).sum();
        let gone = before.by_pid.iter().filter(|(pid, _)| !self.by_pid.contains_key(pid));
        // A child that ended hands its parent its whole life, of which only the last part belongs here.
        let of_their_past: Duration = gone.map(|(_, (own, children))| *own + *children).sum();
        own + children.saturating_sub(of_their_past)
    }
}

/// `cutime` and `cstime` (proc_pid_stat(5)).
fn children_time_of(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(ticks_to_time(ticks(13)? + ticks(14)?))
}

/// CPU time that other guests of the same host took from this machine so far.
pub fn stolen_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
    ticks_to_time(ticks.unwrap_or(0))
}

fn ticks_to_time(ticks: u64) -> Duration {
    // SAFETY: no pointers are involved.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    Duration::from_micros(ticks * 1_000_000 / per_second)
}

/// The CPU's name, as the kernel has it, and how many there are.
pub fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown CPU", |m| m.1);
    // SAFETY: no pointers are involved.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    format!("{model}, {count} CPUs")
}

/// Binds the calling thread, and those it will start, to one CPU. False if the kernel refuses.
pub fn pin_to_cpu(cpu: usize) -> bool {
    // SAFETY: an all-zero cpu_set_t is the empty set; CPU_SET checks its bounds; the set outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if cpu >= libc::CPU_SETSIZE as usize {
            return false;
        }
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) == 0
    }
}

/// Raises the limit of open files as far as it goes, and returns what it is now.
pub fn raise_open_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives both calls.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        }
    }
    limit.rlim_cur
}

/// Wall-clock time, nanoseconds since 1970: the clock of the kernel's receive timestamps.
pub fn realtime_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Wall-clock time in NTP's format (RFC 5905 §6): seconds since 1900 in 32.32 bits.
pub fn ntp_now() -> u64 {
    let ns = realtime_ns();
    let (seconds, rest) = (ns / 1_000_000_000 + 2_208_988_800, ns % 1_000_000_000);
    (seconds << 32) | ((rest << 32) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_figures_can_be_read() {
        let pid = std::process::id();
        assert!(cpu_time(pid).unwrap() > Duration::ZERO);
        assert!(kernel_time(pid).is_some());
        assert!((100_000..1 << 40).contains(&resident_bytes(pid).unwrap()));
        assert_eq!(cpu_time(PID_MAX + 1), None);
    }

    fn times(by_pid: &[(u32, u64, u64)]) -> ProcessTimes {
        let ms = Duration::from_millis;
        let by_pid = by_pid.iter().map(|(pid, own, children)| (*pid, (ms(*own), ms(*children)))).collect();
        ProcessTimes { by_pid, ..ProcessTimes::default() }
    }

    #[test]
    fn others_time_is_that_of_all_but_the_excepted_and_of_what_came_and_went() {
        let used = |before: &[_], after: &[_]| times(after).used_since(&times(before), &[1]).as_millis();
        assert_eq!(used(&[(1, 0, 0), (2, 100, 0)], &[(1, 900, 0), (2, 150, 0), (3, 20, 0)]), 70);
        // A shell's short-lived child of 30 ms.
        assert_eq!(used(&[(2, 100, 0)], &[(2, 100, 30)]), 30);
        // Its long-lived child, of which 5 ms fall into the time in question.
        assert_eq!(used(&[(2, 100, 0), (3, 400, 0)], &[(2, 100, 405)]), 5);
        assert_eq!(children_time_of("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 30 40 0"), Some(Duration::from_millis(700)));
    }

    #[test]
    fn our_own_process_is_among_all() {
        let (before, pid) = (ProcessTimes::now(), std::process::id());
        assert!(before.by_pid.contains_key(&pid));
        assert_eq!(before.used_since(&before, &[]), Duration::ZERO);
    }
}

//! CPU and memory of processes, and of the whole machine, from procfs and the kernel's clocks.

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

/// CPU time of the whole machine so far, summed over its CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineTime {
    /// In processes, in user mode and in the kernel.
    pub processes: Duration,
    /// In interrupts, which belong to no process: here a part of loopback's receive path may be.
    pub interrupts: Duration,
    /// Taken by other guests of the same host.
    pub stolen: Duration,
}

/// Reads `/proc/stat`.
pub fn machine_time() -> MachineTime {
    machine_time_of(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
}

fn machine_time_of(stat: &str) -> MachineTime {
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sum = |fields: &[usize]| ticks_to_time(fields.iter().filter_map(|at| ticks.get(*at)).sum());
    // user nice system idle iowait irq softirq steal
    MachineTime { processes: sum(&[0, 1, 2]), interrupts: sum(&[5, 6]), stolen: sum(&[7]) }
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

    #[test]
    fn machine_time_is_split_into_processes_interrupts_and_stolen() {
        let time = machine_time_of("cpu  100 10 50 900 5 7 3 20 0 0\ncpu0 1 1\n");
        let ms = |time: Duration| time.as_millis();
        assert_eq!((ms(time.processes), ms(time.interrupts), ms(time.stolen)), (1600, 100, 200));
        assert_eq!(machine_time_of(""), MachineTime::default());
    }
}

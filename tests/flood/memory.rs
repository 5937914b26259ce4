//! The server's resident memory, by phase of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rig::process::resident_bytes;

/// How often it is read.
const INTERVAL: Duration = Duration::from_millis(250);

/// What is read, until dropped.
pub(crate) struct Memory {
    pid: u32,
    peak: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Memory {
    pub(crate) fn watch(pid: u32) -> Self {
        let (peak, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (peak, over) = (peak.clone(), over.clone());
            move || {
                while !over.load(Relaxed) {
                    peak.fetch_max(resident_bytes(pid).unwrap_or(0), Relaxed);
                    std::thread::sleep(INTERVAL);
                }
            }
        });
        Self { pid, peak, over, thread: Some(thread) }
    }

    /// Now, MiB.
    pub(crate) fn now_mib(&self) -> f64 {
        mib(resident_bytes(self.pid).unwrap_or(0))
    }

    /// The most since this was asked last, MiB.
    pub(crate) fn take_peak_mib(&self) -> f64 {
        mib(self.peak.swap(0, Relaxed))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

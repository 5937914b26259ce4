//! The one place that puts the SFU together: the media plane, and the rooms above it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::Keys;
use plane::{Plane, Report, spawn_supervised};

use crate::config::Config;
use crate::error::StartError;
use crate::room::address::{OurEnd, ShardCandidates};
use crate::room::driver::Driver;
use crate::room::machine::Ground;
use crate::room::node::Node;
use crate::room::now::Now;

/// How often rooms look after what is due.
const ROOMS_TICK: Duration = Duration::from_millis(100);

/// A running SFU.
pub(crate) struct Running {
    pub driver: Arc<Driver>,
    plane: Plane,
    rooms_thread: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    /// Stops the threads, in the order in which they need each other. Blocks until they have ended.
    pub(crate) fn join(&self) {
        self.plane.join();
        let thread = self.rooms_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the rooms' thread has panicked");
        }
    }
}

pub(crate) fn start(config: Config, keys: Keys) -> Result<Running, StartError> {
    config.validate()?;
    let (reports, reports_end) = channel();
    let plane = Plane::start(config.plane(), reports)?;
    let shards = plane.ports().iter().map(|port| ShardCandidates::new(&config, plane.addresses(), *port)).collect();
    let our_end = OurEnd { fingerprint: plane.fingerprint(), shards };
    let node = Node::new(plane.ports().len(), config.sessions_max as usize);
    let ground = Ground { config: Arc::new(config), our_end, node };
    let driver = Arc::new(Driver::new(ground, keys, plane.handle().clone(), rand::random()));
    let rooms_thread = Mutex::new(Some(listen(driver.clone(), reports_end)?));
    Ok(Running { driver, plane, rooms_thread })
}

/// The thread that takes the plane's reports. It ends when the plane does.
fn listen(driver: Arc<Driver>, reports: Receiver<Report>) -> Result<JoinHandle<()>, StartError> {
    let run = move || {
        let mut tick_at = Instant::now() + ROOMS_TICK;
        loop {
            match reports.recv_timeout(tick_at.saturating_duration_since(Instant::now())) {
                Ok(report) => driver.report(report, Now::read()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            if now >= tick_at {
                tick_at = now + ROOMS_TICK;
                driver.tick(Now::read());
            }
        }
    };
    spawn_supervised("sfu-rooms".into(), run).map_err(StartError::Thread)
}

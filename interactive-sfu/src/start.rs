//! The one place that puts the SFU together: the media plane, and the authority above it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::Keys;
use plane::{Plane, Report};

use crate::config::Config;
use crate::error::StartError;
use crate::room::address::{OurEnd, ShardCandidates};
use crate::room::authority::Authority;

/// How often the authority looks after what is due.
const AUTHORITY_TICK: Duration = Duration::from_millis(100);

/// A running SFU.
pub(crate) struct Running {
    pub authority: Arc<Authority>,
    plane: Plane,
    authority_thread: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    /// Stops the threads, in the order in which they need each other. Blocks until they have ended.
    pub(crate) fn join(&self) {
        self.plane.join();
        let thread = self.authority_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the authority's thread has panicked");
        }
    }
}

pub(crate) fn start(config: Config, keys: Keys) -> Result<Running, StartError> {
    config.validate().map_err(StartError::Config)?;
    let (reports, reports_end) = channel();
    let plane = Plane::start(config.plane(), reports)?;
    let shards = plane.ports().iter().map(|port| ShardCandidates::new(&config, plane.addresses(), *port)).collect();
    let our_end = OurEnd { fingerprint: plane.fingerprint(), shards };
    let authority = Authority::new(Arc::new(config), keys, plane.handle().clone(), our_end, Instant::now());
    let authority = Arc::new(authority);
    let authority_thread = Mutex::new(Some(listen(authority.clone(), reports_end)?));
    Ok(Running { authority, plane, authority_thread })
}

/// The thread that takes the plane's reports. It ends when the plane does.
fn listen(authority: Arc<Authority>, reports: Receiver<Report>) -> Result<JoinHandle<()>, StartError> {
    let thread = std::thread::Builder::new().name("sfu-authority".into());
    let run = move || {
        let mut tick_at = Instant::now() + AUTHORITY_TICK;
        loop {
            match reports.recv_timeout(tick_at.saturating_duration_since(Instant::now())) {
                Ok(report) => authority.report(report),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            if now >= tick_at {
                tick_at = now + AUTHORITY_TICK;
                authority.tick(now);
            }
        }
    };
    thread.spawn(run).map_err(StartError::Thread)
}

//! Joins by others while something goes on: by WHEP and by LiveKit's protocol in turn. A join has succeeded when the
//! first packet of the publisher's picture has come.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::peer::{Credentials, DATAGRAM_BYTES_MAX, Peer, Request};
use rig::rtcp::is_rtcp;
use rig::sdp::Direction;
use rig::stats::quantile;
use rig::token::KeyPair;
use rig::{Error, Result, livekit};
use serde_json::{Value, json};

/// From the beginning of one join to that of the next, at least.
const INTERVAL: Duration = Duration::from_millis(250);
/// After it is connected a newcomer waits so long for the first packet.
const PACKET_MAX: Duration = Duration::from_secs(5);

/// What newcomers need to know.
pub(crate) struct Door {
    pub http: Http,
    pub credentials: Credentials,
    pub keys: KeyPair,
    pub room: String,
    pub publisher: String,
}

/// The joins of one phase.
#[derive(Clone, Debug, Default)]
struct Phase {
    took_ms: Vec<f64>,
    failed: u32,
    first_failure: Option<String>,
}

/// Joins in a thread of their own, until dropped.
pub(crate) struct Joins {
    phase: Arc<AtomicUsize>,
    phases: Arc<Mutex<[Phase; 3]>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Joins {
    pub(crate) fn start(door: Door) -> Self {
        let (phase, phases, over) = (Arc::default(), Arc::<Mutex<[Phase; 3]>>::default(), Arc::default());
        let thread = std::thread::spawn({
            let (phase, phases, over): (Arc<AtomicUsize>, _, Arc<AtomicBool>) =
                (Arc::clone(&phase), phases.clone(), Arc::clone(&over));
            move || {
                for n in 0.. {
                    if over.load(Relaxed) {
                        return;
                    }
                    // A join belongs to the phase that it begins in.
                    let (phase, start) = (phase.load(Relaxed), Instant::now());
                    let joined = join(&door, n);
                    let mut phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
                    let Some(phase) = phases.get_mut(phase) else { return };
                    match joined {
                        Ok(()) => phase.took_ms.push(start.elapsed().as_secs_f64() * 1000.0),
                        Err(error) => {
                            phase.failed += 1;
                            phase.first_failure.get_or_insert(error.to_string());
                        }
                    }
                    drop(phases);
                    std::thread::sleep(INTERVAL.saturating_sub(start.elapsed()));
                }
            }
        });
        Self { phase, phases, over, thread: Some(thread) }
    }

    /// Joins from now on belong to this phase, 0 to 2.
    pub(crate) fn enter(&self, phase: usize) {
        self.phase.store(phase, Relaxed);
    }

    /// The figures of a phase.
    pub(crate) fn phase(&self, phase: usize) -> Value {
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let Phase { took_ms, failed, first_failure } = phases.get(phase).cloned().unwrap_or_default();
        json!({
            "succeeded": took_ms.len(), "failed": failed, "first_failure": first_failure,
            "p50_ms": quantile(&took_ms, 0.5), "max_ms": quantile(&took_ms, 1.0),
        })
    }

    /// Waits for the last one.
    pub(crate) fn finish(&mut self) {
        self.over.store(true, Relaxed);
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Joins {
    fn drop(&mut self) {
        self.finish();
    }
}

fn join(door: &Door, n: u32) -> Result<()> {
    let token = door.keys.mint(&door.room, &format!("newcomer-{n}"), false);
    let mut peer = if n.is_multiple_of(2) {
        let path = format!("/whep/{}?participant={}", door.room, door.publisher);
        Peer::join(&door.http, &door.credentials, &Request::vp8(&path, Some(token), Direction::Watch))?
    } else {
        livekit::watch(&door.http, &door.credentials, &token, std::slice::from_ref(&door.publisher), false)?
    };
    let came = first_packet(&mut peer);
    let _ = peer.session.leave(&door.http);
    came
}

fn first_packet(peer: &mut Peer) -> Result<()> {
    let (start, mut datagram) = (Instant::now(), [0; DATAGRAM_BYTES_MAX]);
    while start.elapsed() < PACKET_MAX {
        // The socket has a time limit of its own.
        let Ok(n) = peer.socket.recv(&mut datagram) else { continue };
        if datagram[0] >> 6 == 2 && !is_rtcp(&datagram[..n]) && peer.rx.decrypt_rtp(&datagram[..n]).is_ok() {
            return Ok(());
        }
        peer.hear(&datagram[..n]);
    }
    let (what, seconds) = ("a newcomer's first packet".to_owned(), PACKET_MAX.as_secs());
    Err(Error::Timeout { what, seconds, detail: String::new() })
}

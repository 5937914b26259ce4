//! The way to the DTLS thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use bytes::{Bytes, BytesMut};

use crate::ids::PeerId;
use crate::transport::association::{Channel, Expected};

/// Datagrams that wait for the thread.
const WAITING_MAX: usize = 8192;

/// What the thread is asked.
pub(crate) enum Task {
    /// A peer has described itself.
    Expect(PeerId, Expected),
    /// There is a way to it: datagrams arrive from now on.
    Reachable(PeerId),
    /// It sent this.
    Datagram(PeerId, BytesMut),
    /// Send them this message, now or never.
    Send { to: Arc<[PeerId]>, channel: Channel, message: Bytes },
    /// We are done with it: say so, and forget it.
    Close(PeerId),
    /// End the thread, after what came before.
    Stop,
}

/// The way to the thread.
#[derive(Clone)]
pub(crate) struct Dtls {
    tasks: Sender<Task>,
    waiting: Arc<AtomicUsize>,
}

impl Dtls {
    pub(super) fn new(tasks: Sender<Task>, waiting: Arc<AtomicUsize>) -> Self {
        Self { tasks, waiting }
    }

    /// A datagram, which may be dropped. `false`: it was.
    pub(crate) fn datagram(&self, peer: PeerId, datagram: &[u8]) -> bool {
        if self.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
            return false;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.tell(Task::Datagram(peer, BytesMut::from(datagram)));
        true
    }

    /// Anything else, which is never dropped.
    pub(crate) fn tell(&self, task: Task) {
        // The thread ends when it is told to, and then nobody needs it.
        drop(self.tasks.send(task));
    }
}

//! The rooms that the director knows, and what it is told of their audiences.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use access::RoomName;
use rooms::EndReason;
use rooms::overflow::{StartReason, StopReason};
use tokio::task::{Id, JoinSet};

use super::pipeline::Pipeline;
use super::policy::BroadcastPolicy;

/// Whether the audience of a room needs its broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) room: RoomName,
    pub(crate) wanted: Wanted,
}

/// A need that begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes(StartReason),
    No(StopReason),
}

/// The director's rooms and the tasks that it waits for.
#[derive(Default)]
pub(super) struct DirectedRooms {
    pub(super) by_room: HashMap<String, DirectedRoom>,
    /// Rooms whose audience needs the broadcast, and why.
    pub(super) wanted: HashMap<String, StartReason>,
    /// Each of these tasks waits for the end of a broadcast.
    pub(super) ends: JoinSet<()>,
    /// The room of each of these tasks, by the task's id, so that a task that panics is missed too.
    pub(super) rooms_by_end: HashMap<Id, String>,
    /// Each of these tasks forgets the broadcast of a deleted room.
    pub(super) farewells: JoinSet<()>,
}

/// A broadcast that began: its handle, the future that owns it, and why it began.
pub(super) struct Started {
    pub(super) pipeline: Pipeline,
    pub(super) end: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(super) reason: StartReason,
}

/// A room whose policy remembers something.
pub(super) struct DirectedRoom {
    pub(super) policy: BroadcastPolicy,
    /// The running broadcast; `None`: the room is off the air, or its broadcast pauses.
    pub(super) pipeline: Option<Pipeline>,
    /// Why the broadcast was ordered to end; `None`: it was not.
    pub(super) end_reason: Option<EndReason>,
}

impl DirectedRoom {
    pub(super) fn new(policy: BroadcastPolicy) -> Self {
        Self { policy, pipeline: None, end_reason: None }
    }
}

impl DirectedRooms {
    pub(super) fn pipeline(&self, room: &str) -> Option<&Pipeline> {
        self.by_room.get(room)?.pipeline.as_ref()
    }

    /// The room's broadcast is ending.
    pub(super) fn ends_by(&mut self, room: &str, why: EndReason) {
        if let Some(directed) = self.by_room.get_mut(room) {
            directed.end_reason = Some(why);
        }
    }

    /// Ends every broadcast, and waits for their ends no longer than that.
    pub(super) async fn end(mut self, end_max: Duration) {
        let pipelines: Vec<_> = self.by_room.values().filter_map(|directed| directed.pipeline.as_ref()).collect();
        tracing::info!(broadcasts = pipelines.len(), "ending the broadcasts");
        pipelines.into_iter().for_each(Pipeline::end);
        let ends = async { while self.ends.join_next().await.is_some() {} };
        if tokio::time::timeout(end_max, ends).await.is_err() {
            tracing::warn!(
                broadcasts = self.ends.len(),
                "broadcasts did not end in time; their recordings lack the last segments"
            );
        }
    }
}

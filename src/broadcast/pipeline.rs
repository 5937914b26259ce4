//! One broadcast, from the stage to the origin: `ingest` encodes, `packager` packages, `api` hands out.
//!
//! The only file that touches `ingest`'s encoders. [`PipelineParts::start`] starts the two crates, and a future owns
//! them until they end: when told to, or when one of them fails. [`Pipeline`] is the handle.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use access::Keys;
use ingest::WhepSource;
use interactive_sfu::Speaker;
use object_store::ObjectStore;
use packager::delivery::RenditionId;
use rooms::{Layout, RecordSetting, Room, RoomAccess};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::director::sleep_until;
use super::rungs::RungPolicy;
use crate::error::Error;
use crate::own_token::{self, Bearer};

/// Access units on their way from the encoders to the packager: over two seconds of the largest ladder. When full,
/// `ingest` drops and counts.
const DELIVERIES_MAX: usize = 1024;
/// Changes on their way to a broadcast. A broadcast that does not take them is stuck: it is ended, and started anew.
const CHANGES_MAX: usize = 256;
/// The identity of the broadcast's own subscriber.
const INGEST_IDENTITY: &str = "spillway-ingest";

/// The parts that every broadcast is made of.
pub(crate) struct PipelineParts {
    pub(crate) ingest: ingest::Config,
    pub(crate) packager: packager::Config,
    /// How long after the last request for it a rung rests; 0: never.
    pub(crate) rest_after: Duration,
    /// The store of recordings; `None`: no room is recorded.
    pub(crate) store: Option<Arc<dyn ObjectStore>>,
    pub(crate) keys: Keys,
    /// This server's own HTTP address, over loopback.
    pub(crate) base_url: String,
    /// Every started broadcast is registered here, for the origin's routes.
    pub(crate) origins: api::OriginRegistry,
}

/// The handle of a running broadcast.
pub(crate) struct Pipeline {
    /// Whether the broadcast is recorded.
    pub(crate) recorded: bool,
    changes: mpsc::Sender<Change>,
    stop: CancellationToken,
}

enum Change {
    Joined(Speaker),
    Left(Speaker),
    Layout(Layout),
}

impl PipelineParts {
    /// Starts the broadcast of a room, to be watched by whoever `access` admits. The future owns it and must be polled;
    /// it is done when the broadcast has ended and its recording is complete or given up.
    pub(crate) fn start(
        &self,
        room: &Room,
        access: Arc<RoomAccess>,
        speakers: Vec<Speaker>,
    ) -> Result<(Pipeline, impl Future<Output = ()> + Send + use<>), Error> {
        // An epoch earlier than its room would be taken for an earlier room's, after the clock was set back.
        let made = Duration::from_millis(room.created_at_utc_ms.try_into().unwrap_or_default());
        let now = SystemTime::now().max(SystemTime::UNIX_EPOCH + made);
        let recorded = room.record == RecordSetting::On;
        let store = self.store.clone().filter(|_| recorded);
        let config = ingest::Config { layout: to_ingest(room.layout.clone()), ..self.ingest.clone() };
        let room = room.name.as_str();
        let rungs = RungPolicy::new(self.rest_after, recorded, config.ladder.rungs().len(), Instant::now());
        let spec = config.spec(room, packager::epoch(now, rand::random()));
        let (deliveries, deliveries_rx) = mpsc::channel(DELIVERIES_MAX);
        let bearer = Bearer { room, identity: INGEST_IDENTITY, name: "", speaks: false };
        let token = own_token::provider(&self.keys, bearer);
        let source = WhepSource { base_url: self.base_url.clone(), token };
        // Pipelines take their time to start.
        let broadcast = tokio::task::block_in_place(|| ingest::start(config, &spec, source, deliveries))?;
        let packaging = packager::start(spec, self.packager.clone(), store, deliveries_rx);
        self.origins.insert(room, Arc::new(packaging.origin.clone()), now, access);

        let (changes, changes_rx) = mpsc::channel(CHANGES_MAX);
        let stop = CancellationToken::new();
        let pipeline = Pipeline { recorded, changes, stop: stop.clone() };
        speakers.into_iter().for_each(|speaker| pipeline.speaker_joined(speaker));
        Ok((pipeline, run(room.to_owned(), broadcast, rungs, packaging, changes_rx, stop)))
    }
}

impl Pipeline {
    pub(crate) fn speaker_joined(&self, speaker: Speaker) {
        self.change(Change::Joined(speaker));
    }

    pub(crate) fn speaker_left(&self, speaker: Speaker) {
        self.change(Change::Left(speaker));
    }

    pub(crate) fn set_layout(&self, layout: Layout) {
        self.change(Change::Layout(layout));
    }

    /// Orders the broadcast to end. Its future is done when the end is written.
    pub(crate) fn end(&self) {
        self.stop.cancel();
    }

    fn change(&self, change: Change) {
        if self.changes.try_send(change).is_err() {
            self.stop.cancel();
        }
    }
}

async fn run(
    room: String,
    broadcast: ingest::Broadcast,
    mut rungs: RungPolicy,
    mut packaging: packager::Running,
    mut changes: mpsc::Receiver<Change>,
    stop: CancellationToken,
) {
    let mut summary = None;
    loop {
        let origin = &packaging.origin;
        for turn in rungs.step(&origin.asked_at(), Instant::now()) {
            broadcast.rest(RenditionId(turn.rung), turn.rests);
        }
        tokio::select! {
            () = origin.asked() => {}
            () = sleep_until(rungs.poll_timeout()) => {}
            Some(change) = changes.recv() => apply(&broadcast, change),
            () = stop.cancelled() => break,
            ended = &mut packaging.done => {
                tracing::error!(room, "the packager ended before the broadcast");
                summary = Some(ended);
                break;
            }
        }
    }
    if !broadcast.stop().await {
        tracing::warn!(room, "the encoders' last pictures were not delivered");
    }
    let summary = match summary {
        Some(summary) => summary,
        None => packaging.done.await,
    };
    match summary {
        Ok(summary) => tracing::info!(
            room,
            parts = summary.parts,
            gaps = summary.gaps,
            lent = summary.lent,
            segments = summary.segments,
            units_dropped = summary.units_dropped,
            stored = summary.stored,
            store_failed = summary.store_failed,
            "the broadcast is over"
        ),
        Err(error) => tracing::error!(room, %error, "the packager failed"),
    }
}

fn apply(broadcast: &ingest::Broadcast, change: Change) {
    match change {
        Change::Joined(Speaker { identity, name, session, .. }) => {
            let (identity, session) = (identity.into(), session.as_str().to_owned());
            if let Err(error) = broadcast.speaker_joined(ingest::Speaker { identity, name, session }) {
                tracing::error!(error = &error as &dyn std::error::Error, "taking a speaker into the picture");
            }
        }
        Change::Left(speaker) => broadcast.speaker_left(&speaker.identity, speaker.session.as_str()),
        Change::Layout(layout) => broadcast.set_layout(to_ingest(layout)),
    }
}

fn to_ingest(layout: Layout) -> ingest::Layout {
    match layout {
        Layout::Grid => ingest::Layout::Grid,
        Layout::ActiveSpeaker => ingest::Layout::ActiveSpeaker,
        Layout::Single(identity) => ingest::Layout::Single(identity),
    }
}

#[cfg(test)]
mod tests {
    use access::RoomName;

    #[test]
    fn longest_room_name_of_all_permitted_characters_can_be_packaged() {
        let characters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['_', '-']);
        let room: RoomName = characters.collect::<String>().parse().unwrap();
        assert!(format!("{room}x").parse::<RoomName>().is_err(), "a longer name is none");
        ingest::Config::default().spec(room.as_str(), "epoch00").validate().unwrap();
    }
}

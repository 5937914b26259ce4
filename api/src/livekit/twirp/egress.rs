//! The calls of `livekit.Egress`: the composite of a room is its broadcast.
//!
//! A room whose broadcast is switched on is broadcast when somebody is on its stage, and there is one broadcast for
//! everybody: composed and encoded as the server is configured, served as LL-HLS to whoever may watch the room. So
//! starting an egress switches the broadcast on and stopping it off, and one egress lasts from the one to the other:
//! `EGRESS_STARTING` while nobody is on stage, `EGRESS_ACTIVE` on the air, `EGRESS_ENDING` until its playlists have
//! ended, then `EGRESS_COMPLETE`. A request for another output is refused with a sentence that names the one there is.

use chrono::Utc;
use livekit_protocol as proto;
use proto::EgressStatus as Status;
use rooms::{BroadcastSetting, Layout, Room};

use super::failure::{Code, Failure};
use crate::app::App;

/// The output of every egress: the multivariant playlist.
const PLAYLIST: &str = "index.m3u8";

/// One caller's view of the broadcasts.
pub(super) struct Egress {
    pub(super) app: App,
    pub(super) public_url: String,
}

impl Egress {
    /// Switches the room's broadcast on. A broadcast that is on already is answered as it is. A playlist's name, prefix
    /// and segment length are the server's own: the answer has the playlist's URL.
    pub(super) async fn start_room_composite(
        &self,
        request: proto::RoomCompositeEgressRequest,
    ) -> Result<proto::EgressInfo, Failure> {
        check_served(&request)?;
        let layout = layout(&request.layout)?;
        let room = self.app.rooms.get(&request.room_name).await?;
        let is_live = self.run(&room).is_some_and(|run| run.live);
        if !is_live && self.app.origins.are_slots_taken(&room.name) {
            let sentence = "as many rooms are on the air as may be at once ([broadcast] rooms_on_air_max)";
            return Err(Failure::new(Code::ResourceExhausted, sentence));
        }
        let change = move |room: &mut Room| {
            let now_utc_ms = Utc::now().timestamp_millis();
            if let Some(layout) = layout {
                room.layout = layout;
            }
            room.broadcast = room.broadcast.set(BroadcastSetting::On, now_utc_ms);
            if !room.broadcast.was_turned() && !is_live {
                // It was on, but nobody had asked for it: from now on it is listed while it waits for a stage.
                room.broadcast.on_at_utc_ms = now_utc_ms;
            }
        };
        self.change(&room, change).await
    }

    /// Lists the egresses that were switched on or are on the air, and of each room the one that was stopped last.
    pub(super) async fn list(&self, request: proto::ListEgressRequest) -> Result<proto::ListEgressResponse, Failure> {
        let wanted = |room: &Room| request.room_name.is_empty() || room.name == *request.room_name;
        let told = |room: Room| {
            let info = self.info(&room);
            let by_id = request.egress_id == info.egress_id;
            let listed = by_id || request.egress_id.is_empty();
            let is_over = info.status() == Status::EgressComplete;
            let asked_for = room.broadcast.was_turned() || by_id && room.broadcast.is_on();
            let worth_telling = asked_for || info.status() == Status::EgressActive;
            (listed && worth_telling && !(request.active && is_over)).then_some(info)
        };
        let rooms = self.app.rooms.list().await?.into_iter().filter(wanted);
        Ok(proto::ListEgressResponse { items: rooms.filter_map(told).collect(), next_page_token: None })
    }

    /// Switches the broadcast off. The room stays, and whoever is in it.
    pub(super) async fn stop(&self, request: proto::StopEgressRequest) -> Result<proto::EgressInfo, Failure> {
        let room = self.running(&request.egress_id).await?;
        let off =
            |room: &mut Room| room.broadcast = room.broadcast.set(BroadcastSetting::Off, Utc::now().timestamp_millis());
        self.change(&room, off).await
    }

    pub(super) async fn update_layout(
        &self,
        request: proto::UpdateLayoutRequest,
    ) -> Result<proto::EgressInfo, Failure> {
        let room = self.running(&request.egress_id).await?;
        let layout = layout(&request.layout)?.unwrap_or_default();
        self.change(&room, |room| room.layout = layout).await
    }

    async fn change(
        &self,
        room: &Room,
        change: impl FnOnce(&mut Room) + Send + 'static,
    ) -> Result<proto::EgressInfo, Failure> {
        Ok(self.info(&self.app.rooms.change(&room.name, change).await?))
    }

    /// The room of an egress that has not been stopped.
    async fn running(&self, id: &str) -> Result<Room, Failure> {
        let unknown = || Failure::new(Code::NotFound, "no such egress");
        let room = match self.app.rooms.get(room_of(id).ok_or_else(unknown)?).await {
            Err(rooms::Error::UnknownRoom) => return Err(unknown()),
            known => known?,
        };
        let was_ever_on = room.broadcast.is_on() || room.broadcast.was_turned();
        if egress_id(&room) != id || !was_ever_on {
            return Err(unknown());
        }
        if room.broadcast.is_on() {
            Ok(room)
        } else {
            Err(Failure::new(Code::FailedPrecondition, "the egress has been stopped already"))
        }
    }

    fn info(&self, room: &Room) -> proto::EgressInfo {
        let base = self.app.config.playlist_base_url.as_deref().unwrap_or(&self.public_url);
        told(room, self.run(room), format!("{base}/live/{}/{PLAYLIST}", room.name))
    }

    fn run(&self, room: &Room) -> Option<Run> {
        let entry = self.app.origins.listed(&room.name, room.created_at_utc_ms)?;
        Some(Run { since_utc_ms: entry.since.timestamp_millis(), live: entry.playback.is_live() })
    }
}

/// The room's last broadcast.
#[derive(Clone, Copy)]
struct Run {
    since_utc_ms: i64,
    live: bool,
}

/// An egress's id: the room and the moment when its broadcast was switched on, so that it outlives the server.
fn egress_id(room: &Room) -> String {
    format!("EG_{}_{:x}", room.name, room.broadcast.on_at_utc_ms.max(room.created_at_utc_ms))
}

fn room_of(egress_id: &str) -> Option<&str> {
    Some(egress_id.strip_prefix("EG_")?.rsplit_once('_')?.0)
}

fn told(room: &Room, run: Option<Run>, playlist: String) -> proto::EgressInfo {
    // A broadcast that began before this egress was switched on belongs to an earlier egress, and may still be ending.
    let run = run.filter(|run| run.since_utc_ms >= room.broadcast.on_at_utc_ms);
    let status = match (room.broadcast.is_on(), run.is_some_and(|run| run.live)) {
        (true, false) => Status::EgressStarting,
        (true, true) => Status::EgressActive,
        (false, true) => Status::EgressEnding,
        (false, false) => Status::EgressComplete,
    };
    let started_at = run.filter(|_| status != Status::EgressStarting).map_or(0, |run| nanoseconds(run.since_utc_ms));
    let ended_at = room.broadcast.off_at_utc_ms.map_or(0, nanoseconds);
    let segments = proto::SegmentsInfo {
        playlist_name: PLAYLIST.to_owned(),
        live_playlist_name: PLAYLIST.to_owned(),
        playlist_location: playlist.clone(),
        live_playlist_location: playlist,
        started_at,
        ended_at,
        duration: if started_at > 0 { ended_at.saturating_sub(started_at).max(0) } else { 0 },
        ..proto::SegmentsInfo::default()
    };
    let request = proto::RoomCompositeEgressRequest {
        room_name: room.name.to_string(),
        layout: layout_name(&room.layout).to_owned(),
        ..proto::RoomCompositeEgressRequest::default()
    };
    proto::EgressInfo {
        egress_id: egress_id(room),
        room_id: room.sid(),
        room_name: room.name.to_string(),
        status: status.into(),
        started_at,
        ended_at,
        updated_at: ended_at.max(started_at),
        segment_results: vec![segments],
        request: Some(proto::egress_info::Request::RoomComposite(request)),
        ..proto::EgressInfo::default()
    }
}

fn nanoseconds(ms: i64) -> i64 {
    ms.saturating_mul(1_000_000)
}

/// The layout that a template of LiveKit names, in any of its colours; `None` for an empty name: the room's own.
fn layout(name: &str) -> Result<Option<Layout>, Failure> {
    match name.trim_end_matches("-light").trim_end_matches("-dark") {
        "" => Ok(None),
        "grid" => Ok(Some(Layout::Grid)),
        "speaker" => Ok(Some(Layout::ActiveSpeaker)),
        _ => Err(Failure::unimplemented(
            "the layouts are grid and speaker; PATCH /v1/rooms/{room} fixes one participant",
        )),
    }
}

fn layout_name(layout: &Layout) -> &'static str {
    match layout {
        Layout::Grid => "grid",
        Layout::ActiveSpeaker => "speaker",
        Layout::Single(_) => "",
    }
}

/// Refuses a request for another output, size or layout than the broadcast has.
#[expect(deprecated, reason = "LiveKit's older libraries name the one output so")]
fn check_served(request: &proto::RoomCompositeEgressRequest) -> Result<(), Failure> {
    use proto::room_composite_egress_request::Output;
    let output = request.output.as_ref();
    let mut segments = request.segment_outputs.iter().chain(match output {
        Some(Output::Segments(segments)) => Some(segments),
        Some(Output::File(_) | Output::Stream(_)) | None => None,
    });
    let asked = [
        (!request.file_outputs.is_empty() || matches!(output, Some(Output::File(_))), "a file"),
        (!request.stream_outputs.is_empty() || matches!(output, Some(Output::Stream(_))), "a push to another server"),
        (segments.any(|segments| segments.output.is_some()), "an upload of segments"),
        (!request.image_outputs.is_empty(), "images"),
        (!request.custom_base_url.is_empty(), "a template of one's own"),
        (request.audio_only || request.video_only || request.audio_mixing != 0, "a part of the programme"),
        (request.options.is_some(), "an encoding of one's own"),
        (!request.webhooks.is_empty(), "webhooks of one's own"),
    ];
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(only_the_broadcast(what)),
        None => Ok(()),
    }
}

/// The refusal of an output that is not served.
pub(super) fn only_the_broadcast(what: &str) -> Failure {
    Failure::unimplemented(format!(
        "{what} is not served: StartRoomCompositeEgress switches on the room's broadcast, which is served as LL-HLS at the playlist \
         in segment_results, composed and encoded as the server is configured"
    ))
}

#[cfg(test)]
mod tests;

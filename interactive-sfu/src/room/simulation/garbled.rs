//! Requests with some bits turned round: everything that a client could send, near to what it does send.

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use prost::Message as _;

use super::world::{World, choose};

impl World {
    /// Says a request of a kind, turned round at `flips`: bytes from the start, modulo its length, and a bit of each.
    pub(super) fn say_garbled(&mut self, who: u8, kind: u8, flips: &[(u16, u8)]) {
        let Some(at) = choose(&self.clients, who) else { return };
        // What it has left unsaid counts as well.
        self.clients[at].garbles = true;
        let mut bytes = proto::SignalRequest { message: Some(self.request_of(at, kind)) }.encode_to_vec();
        for (index, bit) in flips {
            let index = usize::from(*index) % bytes.len();
            bytes[index] ^= 1 << bit;
        }
        let Ok(proto::SignalRequest { message: Some(request) }) = proto::SignalRequest::decode(bytes.as_slice()) else {
            return;
        };
        self.say(at, request);
    }

    /// A request of a kind, about tracks and people that are there.
    fn request_of(&mut self, at: usize, kind: u8) -> Request {
        let client = &mut self.clients[at];
        let seen = client.others.values().flat_map(|one| &one.tracks);
        let track_sids: Vec<String> = client.own.tracks.iter().chain(seen).map(|track| track.sid.clone()).collect();
        let sid = track_sids.first().cloned().unwrap_or_else(|| "TR_none".into());
        let people = client.others.keys().cloned().collect::<Vec<_>>();
        match kind % 10 {
            0 => Request::AddTrack(proto::AddTrackRequest {
                cid: "garbled".into(),
                source: proto::TrackSource::Camera.into(),
                r#type: proto::TrackType::Video.into(),
                layers: vec![proto::VideoLayer { width: 320, height: 180, ..Default::default() }],
                simulcast_codecs: vec![proto::SimulcastCodec { codec: "vp8".into(), ..Default::default() }],
                ..Default::default()
            }),
            1 => Request::Mute(proto::MuteTrackRequest { sid, muted: true }),
            2 => Request::Subscription(proto::UpdateSubscription { track_sids, subscribe: true, ..Default::default() }),
            3 => Request::TrackSetting(proto::UpdateTrackSettings {
                track_sids,
                width: 320,
                height: 180,
                fps: 15,
                ..Default::default()
            }),
            4 => {
                let permission = |participant_identity| proto::TrackPermission {
                    participant_identity,
                    track_sids: track_sids.clone(),
                    ..Default::default()
                };
                let track_permissions = people.into_iter().map(permission).collect();
                let permission = proto::SubscriptionPermission { track_permissions, ..Default::default() };
                Request::SubscriptionPermission(permission)
            }
            5 => Request::UpdateMetadata(proto::UpdateParticipantMetadata {
                metadata: "garbled".into(),
                name: "Garbled".into(),
                attributes: [("key".to_owned(), "value".to_owned())].into(),
                ..Default::default()
            }),
            6 => Request::SyncState(proto::SyncState {
                subscription: Some(proto::UpdateSubscription { track_sids, subscribe: true, ..Default::default() }),
                ..Default::default()
            }),
            7 => client.offer(),
            8 => client.answer().unwrap_or(Request::Ping(0)),
            _ => Request::Simulate(proto::SimulateScenario::default()),
        }
    }
}

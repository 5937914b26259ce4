//! What clients of LiveKit's protocol say.

use livekit_protocol as proto;
use livekit_protocol::VideoQuality::{self, High, Low, Medium};
use livekit_protocol::signal_request::Message as Request;

use crate::room::machine::Signal;
use crate::room::simulation::client::Client;
use crate::room::simulation::descriptions::Line;
use crate::room::simulation::step::Media;
use crate::room::simulation::world::{IDENTITIES, World, choose};
use crate::signalling::livekit::Frame;

/// Pictures that clients have use for, pixels. 0 × 0: none; the last one: any.
const SIZES: [(u32, u32); 5] = [(0, 0), (320, 180), (500, 300), (1280, 720), (4000, 3000)];
/// The layers of a simulcast publisher.
const LAYERS: [(VideoQuality, u32, u32); 3] = [(Low, 320, 180), (Medium, 640, 360), (High, 1280, 720)];

impl World {
    pub(super) fn publish(&mut self, who: u8, media: Media) {
        let Some(index) = choose(&self.clients, who) else { return };
        self.counter += 1;
        let cid = format!("track{}", self.counter);
        let (source, kind) = match media {
            Media::Sound => (proto::TrackSource::Microphone, proto::TrackType::Audio),
            Media::Picture | Media::Simulcast => (proto::TrackSource::Camera, proto::TrackType::Video),
        };
        let layer = |(quality, width, height): (VideoQuality, u32, u32)| proto::VideoLayer {
            quality: quality.into(),
            width,
            height,
            ..Default::default()
        };
        let layers = if media == Media::Simulcast { LAYERS.map(layer).to_vec() } else { Vec::new() };
        let request = proto::AddTrackRequest {
            cid: cid.clone(),
            r#type: kind.into(),
            source: source.into(),
            layers,
            ..Default::default()
        };
        self.say(index, Request::AddTrack(request));
        let client = &mut self.clients[index];
        client.published.push(Line { cid, media, active: true, ssrc: 1000 * self.counter as u32 });
        client.owes_offer = true;
    }

    pub(super) fn unpublish(&mut self, who: u8, line: u8) {
        if let Some((client, line)) = self.line(who, line) {
            client.published[line].active = false;
            client.owes_offer = true;
        }
    }

    pub(super) fn change_ssrcs(&mut self, who: u8, line: u8) {
        if let Some((client, line)) = self.line(who, line) {
            client.published[line].ssrc += 10;
            client.owes_offer = true;
        }
    }

    fn line(&mut self, who: u8, line: u8) -> Option<(&mut Client, usize)> {
        let index = choose(&self.clients, who)?;
        let client = &mut self.clients[index];
        let line = choose(&client.published, line)?;
        Some((client, line))
    }

    pub(super) fn say_answer(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        if let Some(answer) = self.clients[index].answer() {
            self.say(index, answer);
        }
    }

    pub(super) fn say_offer(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who).filter(|index| self.clients[*index].owes_offer) else { return };
        let offer = self.clients[index].offer();
        self.say(index, offer);
    }

    pub(super) fn say_mute(&mut self, who: u8, track: u8, muted: bool) {
        let Some(index) = choose(&self.clients, who) else { return };
        let Some(sid) = own_track(&self.clients[index], track) else { return };
        self.say(index, Request::Mute(proto::MuteTrackRequest { sid, muted }));
    }

    pub(super) fn say_subscribe(&mut self, who: u8, track: u8, subscribe: bool) {
        let Some((index, sid)) = self.seen_track(who, track) else { return };
        let subscription = proto::UpdateSubscription { track_sids: vec![sid], subscribe, ..Default::default() };
        self.say(index, Request::Subscription(subscription));
    }

    pub(super) fn say_setting(&mut self, who: u8, track: u8, size: u8) {
        let Some((index, sid)) = self.seen_track(who, track) else { return };
        let (width, height) = SIZES[choose(&SIZES, size).unwrap()];
        // Named five hundred times, it costs no more.
        let (track_sids, disabled) = (vec![sid; 500], width == 0);
        let setting = proto::UpdateTrackSettings { track_sids, disabled, width, height, ..Default::default() };
        self.say(index, Request::TrackSetting(setting));
    }

    fn seen_track(&self, who: u8, track: u8) -> Option<(usize, String)> {
        let index = choose(&self.clients, who)?;
        let seen: Vec<_> = self.clients[index].others.values().flat_map(|one| &one.tracks).collect();
        choose(&seen, track).map(|track| (index, seen[track].sid.clone()))
    }

    pub(super) fn say_audience(&mut self, who: u8, all_participants: bool) {
        let Some(index) = choose(&self.clients, who) else { return };
        let only = proto::TrackPermission {
            participant_identity: IDENTITIES[choose(&IDENTITIES, who / 8).unwrap()].into(),
            all_tracks: true,
            ..Default::default()
        };
        let permission = proto::SubscriptionPermission { all_participants, track_permissions: vec![only] };
        self.say(index, Request::SubscriptionPermission(permission));
    }

    pub(super) fn say_name(&mut self, who: u8, name: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        let name = format!("name {name}");
        self.say(index, Request::UpdateMetadata(proto::UpdateParticipantMetadata { name, ..Default::default() }));
    }

    /// Any bytes, as text if they are UTF-8 in braces.
    pub(super) fn say_bytes(&mut self, who: u8, bytes: &[u8]) {
        let Some(index) = choose(&self.clients, who) else { return };
        // What it has left unsaid counts as well.
        self.clients[index].garbles = true;
        let frame = match std::str::from_utf8(bytes) {
            Ok(text) if text.starts_with('{') => Frame::Text(text.to_owned()),
            _ => Frame::Binary(bytes.to_vec().into()),
        };
        let length = frame.len();
        let Ok(request) = frame.request() else { return };
        self.say_signal(index, Signal::read(request, length));
    }
}

pub(super) fn own_track(client: &Client, track: u8) -> Option<String> {
    let track = choose(&client.own.tracks, track)?;
    Some(client.own.tracks[track].sid.clone())
}

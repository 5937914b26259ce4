//! Requests of LiveKit's clients on their signal connection, and how much each identity may ask.

use std::collections::HashMap;
use std::time::Duration;

use access::limits::{ATTRIBUTES_BYTES_MAX, METADATA_BYTES_MAX, NAME_BYTES_MAX};
use livekit_protocol as proto;
use livekit_protocol::request_response::Reason;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;

use super::leaving::Departure;
use crate::room::budget::Budget;
use crate::room::machine::{Room, Signal};
use crate::room::participant::ParticipantKey;
use crate::room::participant::livekit::Audience;
use crate::signalling::livekit::info::unix_time;
use crate::signalling::livekit::message::response;
use crate::signalling::sdp::{RemoteDescription, SdpError};

/// Tracks that a client may have said something about.
pub(super) const CHOICES_MAX: usize = 1024;
/// Participants that a client may let subscribe, and tracks of each.
const PERMISSIONS_MAX: usize = 1024;

/// Requests a second of one identity, and how many at once: clients that resize many pictures come to a tenth of it.
const REQUESTS_PER_SECOND: f64 = 100.0;
const REQUESTS_BURST: f64 = 500.0;
/// A frame of so many bytes counts as one request more: reading a long description takes as long as answering many
/// short requests.
const BYTES_OF_ONE: f64 = 4096.0;
/// Subscriptions of so many participants that a request makes the room work out count as one request more.
const PEOPLE_OF_ONE: f64 = 20.0;

impl Room {
    /// A request on a participant's current connection; older connections are ignored. Returns how long the client is
    /// to wait before the next one is read.
    pub(in crate::room) fn signal(&mut self, key: ParticipantKey, connection: u32, signal: Signal) -> Duration {
        let Some((who, livekit)) = self.roster.livekit(key) else { return Duration::ZERO };
        if livekit.connection != Some(connection) {
            return Duration::ZERO;
        }
        let identity = who.identity.clone();
        let reach = signal.request.as_ref().map_or(0.0, |request| self.reach(request));
        let cost = 1.0 + signal.bytes as f64 / BYTES_OF_ONE + reach / PEOPLE_OF_ONE;
        let now = self.now.instant;
        let full = || Budget::new(REQUESTS_PER_SECOND, REQUESTS_BURST, now);
        let budget = self.requests.entry(identity).or_insert_with(full);
        budget.charge(cost, now);
        let pause = budget.pause();
        if let Some(request) = signal.request {
            self.request(key, request, signal.description);
        }
        pause
    }

    /// For how many participants a request makes the room work something out.
    fn reach(&self, request: &Request) -> f64 {
        let reach = match request {
            Request::SubscriptionPermission(_) | Request::UpdateMetadata(_) | Request::Mute(_) => {
                self.roster.livekit_count()
            }
            Request::TrackSetting(setting) => setting.track_sids.len().min(CHOICES_MAX),
            Request::Subscription(subscription) => subscription.track_sids.len().min(CHOICES_MAX),
            _ => 0,
        };
        reach as f64
    }

    fn request(
        &mut self,
        key: ParticipantKey,
        request: Request,
        description: Option<Result<RemoteDescription, SdpError>>,
    ) {
        match request {
            Request::Ping(_) => self.reply(key, Message::Pong(unix_time(self.now.utc).1)),
            Request::PingReq(ping) => {
                let timestamp = unix_time(self.now.utc).1;
                let pong = proto::Pong { last_ping_timestamp: ping.timestamp, timestamp };
                self.reply(key, Message::PongResp(pong));
            }
            Request::Offer(offer) => {
                if let Some(parsed) = self.described(key, description) {
                    self.publisher_offer(key, offer.id, &parsed);
                }
            }
            Request::Answer(answer) => {
                if let Some(parsed) = self.described(key, description) {
                    self.subscriber_answer(key, answer.id, &parsed);
                }
            }
            Request::AddTrack(request) => self.add_track(key, &request),
            Request::Mute(request) => {
                self.mute(key, &request.sid, request.muted);
                if !request.muted {
                    self.enforce_mute(key, &request.sid, false);
                }
            }
            Request::Subscription(request) => self.update_subscription(key, &request),
            Request::TrackSetting(request) => self.update_track_settings(key, &request),
            Request::SubscriptionPermission(request) => self.set_audience(key, request),
            Request::UpdateMetadata(request) => self.update_own_metadata(key, request),
            Request::SyncState(sync) => self.sync(key, &sync),
            Request::Leave(_) => self.leave(key, Departure::Left),
            // We are ICE-lite: a client that can reach us does, and its candidates tell us nothing new.
            Request::Trickle(_) => {}
            // Statistics, hints, and requests that this server has no use for.
            _ => {}
        }
    }

    fn reply(&mut self, key: ParticipantKey, message: Message) {
        let connection = self.roster.livekit(key).and_then(|(_, livekit)| livekit.connection);
        self.out.tell(connection, message);
    }

    /// An offer or answer. One that cannot be served ends the session: neither side would know what holds.
    fn described(
        &mut self,
        key: ParticipantKey,
        description: Option<Result<RemoteDescription, SdpError>>,
    ) -> Option<RemoteDescription> {
        let refused = |error: &SdpError| {
            tracing::debug!(?key, %error, "a participant's description is refused");
            self.leave(key, Departure::Misunderstood);
        };
        description?.inspect_err(refused).ok()
    }

    /// The participant says whom it lets subscribe. Subscriptions follow with the next tick.
    fn set_audience(&mut self, key: ParticipantKey, request: proto::SubscriptionPermission) {
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        let few = request.track_permissions.len() <= PERMISSIONS_MAX
            && request.track_permissions.iter().all(|of| of.track_sids.len() <= PERMISSIONS_MAX);
        let only = (!request.all_participants).then_some(if few { request.track_permissions } else { Vec::new() });
        // Clients say so when they join, and mostly that everybody may.
        self.audiences_stale |= only.is_some() || livekit.audience.only.is_some();
        livekit.audience = Audience { only };
    }

    fn update_own_metadata(&mut self, key: ParticipantKey, request: proto::UpdateParticipantMetadata) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let said = if livekit.permission.can_update_metadata {
            let proto::UpdateParticipantMetadata { metadata, name, attributes, .. } = request;
            self.describe_participant(key, name, metadata, attributes)
        } else {
            Err((Reason::NotAllowed, "the token does not allow changing one's own metadata"))
        };
        let (reason, why) = said.err().unwrap_or((Reason::Ok, ""));
        self.reply(key, response(request.request_id, reason, why));
    }

    /// Changes how a participant is called and what is said of it. An empty name or metadata changes nothing; an
    /// attribute that is set to nothing goes.
    pub(super) fn describe_participant(
        &mut self,
        key: ParticipantKey,
        name: String,
        metadata: String,
        attributes: HashMap<String, String>,
    ) -> Result<(), (Reason, &'static str)> {
        let found = self.roster.livekit_mut(key);
        let Some((who, livekit)) = found else { return Err((Reason::NotFound, "no such participant")) };
        let mut merged = livekit.attributes.clone();
        merged.extend(attributes);
        merged.retain(|_, value| !value.is_empty());
        let bytes: usize = merged.iter().map(|(key, value)| key.len() + value.len()).sum();
        if name.len() > NAME_BYTES_MAX || metadata.len() > METADATA_BYTES_MAX || bytes > ATTRIBUTES_BYTES_MAX {
            return Err((Reason::LimitExceeded, "too long"));
        }
        livekit.attributes = merged;
        if !name.is_empty() {
            who.name = name;
        }
        if !metadata.is_empty() {
            livekit.metadata = metadata;
        }
        self.announce_soon(key);
        Ok(())
    }

    /// After a resume the client says what it holds: its choices may have been lost on the way.
    fn sync(&mut self, key: ParticipantKey, sync: &proto::SyncState) {
        if let Some(subscription) = &sync.subscription {
            self.update_subscription(key, subscription);
        }
    }
}

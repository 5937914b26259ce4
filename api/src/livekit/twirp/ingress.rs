//! The calls of `livekit.Ingress`: an ingress is a way in by WHIP, which this server serves itself.
//!
//! An ingress names a room and an identity, and is stored; its stream key is a token to publish there as that identity,
//! which names the ingress. The key is good until it expires (`ingress_key_ttl_days`) or the ingress is deleted: then
//! `/whip` refuses it, and whoever published with it is taken off the stage. Keys are not stored: each time an ingress
//! is told it has a new one, and older ones stay good.

use std::time::{Duration, SystemTime};

use access::limits::NAME_BYTES_MAX;
use access::{Identity, RoomName, TokenSpec, random_id};
use chrono::Utc;
use interactive_sfu::SfuError;
use livekit_protocol as proto;
use proto::ingress_state::Status;
use rooms::Ingress as Stored;

use super::failure::Failure;
use crate::Error;
use crate::app::App;
use crate::extract::parsed;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// One caller's view of the ingresses.
pub(super) struct Ingress {
    pub(super) app: App,
    pub(super) public_url: String,
}

impl Ingress {
    /// Stores an ingress. Its room need not exist: the publisher's key makes it, if `auto_create_rooms` is on.
    pub(super) async fn create(&self, request: proto::CreateIngressRequest) -> Result<proto::IngressInfo, Failure> {
        check_served(&request)?;
        let room: RoomName = parsed("room_name", &request.room_name)?;
        let identity: Identity = parsed("participant_identity", &request.participant_identity)?;
        for text in [&request.name, &request.participant_name] {
            if text.len() > NAME_BYTES_MAX {
                return Err(Error::Invalid(format!("names must be at most {NAME_BYTES_MAX} bytes")).into());
            }
        }
        let ingress = Stored {
            id: random_id("IN"),
            name: request.name,
            room,
            identity: identity.into(),
            participant_name: request.participant_name,
            created_at_utc_ms: Utc::now().timestamp_millis(),
        };
        self.app.rooms.create_ingress(ingress.clone(), self.app.config.ingresses_max).await?;
        self.with_key(ingress)
    }

    /// Lists all ingresses, or those of a room or an id.
    pub(super) async fn list(&self, request: proto::ListIngressRequest) -> Result<proto::ListIngressResponse, Failure> {
        let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let wanted = |one: &Stored| fits(&request.room_name, &one.room) && fits(&request.ingress_id, &one.id);
        let stored = self.app.rooms.ingresses().await?.into_iter().filter(wanted);
        let items = stored.map(|ingress| self.with_key(ingress)).collect::<Result<_, _>>()?;
        Ok(proto::ListIngressResponse { items, next_page_token: None })
    }

    /// Deletes an ingress. Its keys are worthless from now on, and its speaker leaves the stage.
    pub(super) async fn delete(&self, request: proto::DeleteIngressRequest) -> Result<proto::IngressInfo, Failure> {
        let media = self.app.media.clone();
        let remove = move |ingress: Stored| async move {
            let (room, identity) = (ingress.room.into(), ingress.identity);
            let publisher = proto::RoomParticipantIdentity { room, identity, ..Default::default() };
            media.ask(publisher).await
        };
        match self.app.rooms.delete_ingress(&request.ingress_id, remove).await? {
            (deleted, Ok(()) | Err(SfuError::UnknownParticipant)) => Ok(self.info(deleted)),
            (_, Err(error)) => Err(error.into()),
        }
    }

    fn with_key(&self, ingress: Stored) -> Result<proto::IngressInfo, Failure> {
        let spec = TokenSpec {
            room: ingress.room.to_string(),
            identity: ingress.identity.clone(),
            name: ingress.participant_name.clone(),
            publish: true,
            ingress: Some(ingress.id.clone()),
            ttl: DAY * self.app.config.ingress_key_ttl_days,
            ..TokenSpec::default()
        };
        let stream_key = self.app.keys.mint(&spec, SystemTime::now())?;
        Ok(proto::IngressInfo { stream_key, ..self.info(ingress) })
    }

    /// The ingress without a stream key.
    fn info(&self, ingress: Stored) -> proto::IngressInfo {
        let on_stage =
            self.app.media.stage(&ingress.room).iter().any(|speaker| speaker.identity == ingress.identity.as_str());
        let status = if on_stage { Status::EndpointPublishing } else { Status::EndpointInactive };
        proto::IngressInfo {
            ingress_id: ingress.id,
            name: ingress.name,
            url: format!("{}/whip/{}", self.public_url, ingress.room),
            input_type: proto::IngressInput::WhipInput.into(),
            enable_transcoding: Some(false),
            room_name: ingress.room.into(),
            participant_identity: ingress.identity,
            participant_name: ingress.participant_name,
            reusable: true,
            state: Some(proto::IngressState { status: status.into(), ..Default::default() }),
            enabled: Some(true),
            ..Default::default()
        }
    }
}

/// Refuses inputs and settings that WHIP into the SFU does not have.
fn check_served(request: &proto::CreateIngressRequest) -> Result<(), Failure> {
    if request.input_type != i32::from(proto::IngressInput::WhipInput) {
        return Err(Failure::unimplemented("the input is WHIP_INPUT: RTMP and URLs are not taken in"));
    }
    let options = request.audio.as_ref().is_some_and(|audio| *audio != Default::default())
        || request.video.as_ref().is_some_and(|video| *video != Default::default());
    if options || request.enable_transcoding == Some(true) {
        return Err(Failure::unimplemented("nothing is transcoded: tracks are forwarded as they are published"));
    }
    if !request.participant_metadata.is_empty() {
        return Err(Failure::unimplemented("who publishes by WHIP has an identity and a name, and no metadata"));
    }
    if request.enabled == Some(false) {
        return Err(Failure::unimplemented("an ingress is enabled until it is deleted"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

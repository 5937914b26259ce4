//! The control handle: what the rest of the server may ask of the SFU.

use std::sync::Arc;
use std::time::Duration;

use livekit_protocol::ParticipantInfo;

use crate::connection::Connection;
use crate::control::{Admission, Ask, Command, ConnectRequest, Reply, RoomEvent, RoomSeats, SfuError, Speaker};
use crate::room::now::Now;
use crate::start::{self, Running};
use access::{Keys, RoomName};

/// A cloneable handle. Every call is answered by its room; none blocks media.
#[derive(Clone)]
pub struct Sfu {
    running: Arc<Running>,
}

/// How long peers may take to be told that it is over.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);
/// How often that is looked at.
const SHUTDOWN_POLL: Duration = Duration::from_millis(10);

impl Sfu {
    /// Binds the media sockets and starts the media threads. They run until [`Sfu::shutdown`]. Participants' tokens are
    /// renewed with `keys` while they stay.
    pub fn start(config: crate::Config, keys: Keys) -> Result<Self, crate::StartError> {
        Ok(Self { running: Arc::new(start::start(config, keys)?) })
    }

    #[cfg(test)]
    pub(crate) fn driver(&self) -> &crate::room::driver::Driver {
        &self.running.driver
    }

    /// Refuses newcomers, tells every peer that it is over (DTLS close_notify), and stops the media threads. Bounded; a
    /// second call does nothing.
    pub async fn shutdown(&self) {
        let running = self.running.clone();
        running.driver.close(Now::read());
        let deadline = tokio::time::Instant::now() + SHUTDOWN_MAX;
        while running.driver.peers() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(SHUTDOWN_POLL).await;
        }
        let ended = tokio::task::spawn_blocking(move || running.join());
        if ended.await.is_err() {
            tracing::error!("a media thread ended badly");
        }
    }

    /// Asks something of a room.
    pub async fn call(&self, command: Command) -> Result<Reply, SfuError> {
        self.running.driver.call(command, Now::read())
    }

    /// As [`Sfu::call`], with the answer's own type.
    pub async fn ask<A: Ask>(&self, ask: A) -> Result<A::Answer, SfuError> {
        A::answer(self.call(ask.command()).await?).ok_or_else(SfuError::another_reply)
    }

    /// A client of LiveKit's protocol connects.
    pub async fn connect(&self, request: ConnectRequest) -> Result<Connection, SfuError> {
        Connection::open(self.running.driver.clone(), request)
    }

    /// Everybody on stage, in the order in which they came there.
    pub fn stage(&self, room: &str) -> Vec<Speaker> {
        self.running.driver.speakers(room)
    }

    /// Everybody in a room, in LiveKit's words: first by WHIP and WHEP, then by its protocol, each in order of coming.
    /// `hidden`: the hidden too, but for the broadcast's own viewers.
    pub fn participants(&self, room: &str, hidden: bool) -> Vec<ParticipantInfo> {
        self.running.driver.participants(room, hidden)
    }

    /// The seats of a room, and everybody in it by identity.
    pub fn seats(&self, room: &str) -> RoomSeats {
        self.running.driver.seats(room)
    }

    /// Whether somebody in a room publishes a track that is encrypted end to end.
    pub fn is_encrypted(&self, room: &str) -> bool {
        self.running.driver.is_encrypted(room)
    }

    /// The names of the rooms that somebody is in or has a lease for.
    pub fn rooms(&self) -> Vec<RoomName> {
        self.running.driver.names()
    }

    /// How this server as a whole lets people in from now on.
    pub fn admit(&self, admission: Admission) {
        self.running.driver.admit(admission);
    }

    /// Everything that happens in rooms from now on. Bounded: a receiver that lags is told how many it missed, and asks
    /// [`Sfu::stage`].
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<RoomEvent> {
        self.running.driver.events()
    }
}

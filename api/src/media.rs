//! The SFU as the routes see it: [`interactive_sfu::Sfu`] in one process; tests bring their own.

use std::future::Future;
use std::pin::Pin;

use interactive_sfu::{Ask, Command, ConnectRequest, Connection, Reply, Sfu, SfuError, Speaker};
use livekit_protocol as proto;

/// A future that can be kept in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The rooms of the SFU. See [`Sfu`] for what each call means.
pub trait Media: Send + Sync {
    /// Asks something of a room. `ask` gives the answer its own type.
    fn call(&self, command: Command) -> BoxFuture<'_, Result<Reply, SfuError>>;
    /// A client of LiveKit's protocol connects.
    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Connection, SfuError>>;
    /// Whether somebody in a room publishes a track that is encrypted end to end.
    fn is_encrypted(&self, room: &str) -> bool;
    /// Everybody on stage, in the order in which they came there.
    fn stage(&self, room: &str) -> Vec<Speaker>;
    /// Everybody in a room. `hidden`: the hidden too, as its administrators see it.
    fn participants(&self, room: &str, hidden: bool) -> Vec<proto::ParticipantInfo>;
}

impl dyn Media {
    /// As [`Media::call`], with the answer's own type.
    pub async fn ask<A: Ask>(&self, ask: A) -> Result<A::Answer, SfuError> {
        A::answer(self.call(ask.command()).await?).ok_or_else(SfuError::another_reply)
    }
}

impl Media for Sfu {
    fn call(&self, command: Command) -> BoxFuture<'_, Result<Reply, SfuError>> {
        Box::pin(Sfu::call(self, command))
    }

    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Connection, SfuError>> {
        Box::pin(Sfu::connect(self, request))
    }

    fn is_encrypted(&self, room: &str) -> bool {
        Sfu::is_encrypted(self, room)
    }

    fn stage(&self, room: &str) -> Vec<Speaker> {
        Sfu::stage(self, room)
    }

    fn participants(&self, room: &str, hidden: bool) -> Vec<proto::ParticipantInfo> {
        Sfu::participants(self, room, hidden)
    }
}

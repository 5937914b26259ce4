//! Everything that a room wants done. The driver carries it out, in this order.

use std::collections::HashMap;
use std::time::Duration;

use access::{Identity, Keys, Renewal, RoomName, Standing};
use livekit_protocol::ParticipantPermission;
use livekit_protocol::signal_response::Message;
use plane::Order;

use super::node::Resident;
use super::now::Now;
use crate::control::RoomEvent;
use crate::signalling::livekit::info;
use crate::signalling::livekit::message::Outgoing;

/// How long a renewed token is good for.
const TOKEN_TTL: Duration = Duration::from_secs(10 * 60);

/// One thing to do.
pub(crate) enum Output {
    /// An order for the media plane.
    Order(Order),
    /// A message for a signal connection.
    Tell(u32, Outgoing),
    /// A message for many signal connections.
    TellMany(Vec<u32>, Outgoing),
    /// A signal connection ends, after the messages before this.
    Hangup(u32),
    /// A signal connection is to be given a new token.
    RenewToken(u32, Box<Claims>),
    /// Something happened, for the rest of the server.
    Event(RoomEvent),
    /// A participant of another room, which is not connected yet, makes way for one of this room.
    CrowdOut(Resident),
}

/// The claims of a participant's new token.
pub(crate) struct Claims {
    pub room: RoomName,
    pub identity: Identity,
    pub name: String,
    pub metadata: String,
    pub attributes: HashMap<String, String>,
    pub permission: ParticipantPermission,
    pub standing: Standing,
}

impl Claims {
    /// The token, as the message that brings it. `None`, and logged: these keys cannot sign it.
    pub(super) fn token(&self, keys: &Keys, now: Now) -> Option<Outgoing> {
        let renewal = Renewal {
            identity: &self.identity,
            name: &self.name,
            metadata: &self.metadata,
            attributes: &self.attributes,
            room: &self.room,
            permission: info::allowed(&self.permission),
            standing: self.standing,
            leased_until_utc_ms: None,
        };
        let token = keys.renew(&renewal, TOKEN_TTL, now.utc);
        let token = token.inspect_err(|error| tracing::warn!(%error, "a participant's token is not renewed")).ok()?;
        Some(Message::RefreshToken(token).into())
    }
}

/// Outputs of a room that the driver has not taken yet.
#[derive(Default)]
pub(crate) struct Outputs {
    list: Vec<Output>,
}

impl Outputs {
    /// All of it, in order.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.list)
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.list.push(Output::Order(order));
    }

    /// A message for a connection, if there is one.
    pub(crate) fn tell(&mut self, connection: Option<u32>, message: impl Into<Outgoing>) {
        if let Some(connection) = connection {
            self.list.push(Output::Tell(connection, message.into()));
        }
    }

    pub(crate) fn tell_many(&mut self, connections: Vec<u32>, message: impl Into<Outgoing>) {
        if !connections.is_empty() {
            self.list.push(Output::TellMany(connections, message.into()));
        }
    }

    pub(crate) fn hangup(&mut self, connection: Option<u32>) {
        self.list.extend(connection.map(Output::Hangup));
    }

    pub(crate) fn renew(&mut self, connection: u32, claims: Claims) {
        self.list.push(Output::RenewToken(connection, Box::new(claims)));
    }

    pub(crate) fn crowd_out(&mut self, resident: Resident) {
        self.list.push(Output::CrowdOut(resident));
    }

    pub(crate) fn event(&mut self, event: RoomEvent) {
        self.list.push(Output::Event(event));
    }
}

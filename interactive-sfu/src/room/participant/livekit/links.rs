//! A participant's peer connections: two, one to publish on and one to be sent on, or a single one for both.
//!
//! With two (`/rtc`) the server offers what it sends; on a single one (`/rtc/v1`) the client always offers. Pure.

use crate::signalling::sdp::DtlsRole;
use plane::{LocalIce, PeerId, Quality};

/// One peer connection.
pub(crate) struct Link {
    pub peer: PeerId,
    pub ice: LocalIce,
    /// The client's user fragment; none before it has described itself.
    pub remote_ufrag: Option<String>,
    /// Our DTLS role, which the client's first description decides.
    pub role: Option<DtlsRole>,
    /// `<sess-id>` of our descriptions' `o=` line.
    pub session_id: u64,
    pub session_version: u64,
    pub connected: bool,
    pub quality: Quality,
}

impl Link {
    /// A connection that nobody has described yet. `session_id` stands in our descriptions' `o=` line.
    pub(crate) fn new(peer: PeerId, ice: LocalIce, session_id: u64) -> Self {
        Self {
            peer,
            ice,
            remote_ufrag: None,
            role: None,
            session_id,
            session_version: 0,
            connected: false,
            quality: Quality::default(),
        }
    }
}

/// The peer connections of one participant.
pub(crate) struct Links {
    single: bool,
    up: Option<Link>,
    down: Option<Link>,
}

impl Links {
    /// A participant without a connection yet.
    pub(crate) fn new(single: bool) -> Self {
        Self { single, up: None, down: None }
    }

    /// Whether one connection serves both ways.
    pub(crate) fn is_single(&self) -> bool {
        self.single
    }

    /// The connection that the participant publishes on.
    pub(crate) fn up(&self) -> Option<&Link> {
        self.up.as_ref()
    }

    pub(crate) fn up_mut(&mut self) -> &mut Option<Link> {
        &mut self.up
    }

    /// The connection that the participant is sent tracks on.
    pub(crate) fn down(&self) -> Option<&Link> {
        if self.single { self.up.as_ref() } else { self.down.as_ref() }
    }

    pub(crate) fn down_mut(&mut self) -> &mut Option<Link> {
        if self.single { &mut self.up } else { &mut self.down }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.up.iter().chain(&self.down)
    }

    /// Forgets a connection that is gone.
    pub(crate) fn lose(&mut self, peer: PeerId) {
        for link in [&mut self.up, &mut self.down] {
            link.take_if(|link| link.peer == peer);
        }
    }

    pub(crate) fn of_mut(&mut self, peer: PeerId) -> Option<&mut Link> {
        self.up.iter_mut().chain(&mut self.down).find(|link| link.peer == peer)
    }
}

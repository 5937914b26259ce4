//! A room: who is in it, who performs, and what each is sent.
//!
//! [`Room::handle`] takes an [`Input`] and the time, changes the room, and leaves [`Outputs`] for the driver. A room
//! reads no clock, opens no socket and starts no thread; its random numbers come from the seed that it is made with.
//! The files under `verbs` each hold one kind of thing that happens; [`super::participant`] has the people, `roster`
//! finds them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Identity, RoomName};
use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use plane::{LocalIce, Report};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::address::OurEnd;
use super::budget::Budget;
use super::departures::Departures;
use super::node::Node;
use super::now::Now;
use super::output::{Output, Outputs};
use super::participant::ParticipantKey;
use super::roster::Roster;
use super::seats::Seats;
use super::verbs::{Moving, Offered};
use crate::config::Config;
use crate::control::{Command, ConnectRequest, Reply, RoomEvent, SfuError};
use crate::signalling::sdp::{Limits, RemoteDescription, SdpError};

/// Everything that a room shares with the others of this process.
pub(crate) struct Ground {
    pub config: Arc<Config>,
    pub our_end: OurEnd,
    pub node: Node,
}

/// Something that happens to a room.
pub(crate) enum Input {
    /// A command; of a WHIP or WHEP POST the driver has read the offer, outside of the room's lock.
    Command(Command, Option<Box<RemoteDescription>>),
    /// A client opens a signal connection, to join or to resume.
    Connect(Box<ConnectRequest>, u32),
    /// A client says something on its signal connection.
    Signal { from: ParticipantKey, connection: u32, signal: Box<Signal> },
    /// A signal connection has ended, or is too far behind.
    Disconnected { from: ParticipantKey, connection: u32 },
    /// The media plane tells of one of the room's peers.
    Report(Report),
    /// A participant that is not connected yet makes way for another, in this room or elsewhere.
    CrowdOut(ParticipantKey),
    /// The server shuts down: everybody is shown out.
    Shutdown,
    /// Time has passed; comes some times a second.
    Tick,
}

/// A request of a client, read as far as it can be without the room.
pub(crate) struct Signal {
    /// `None`: of a kind that this version does not know.
    pub request: Option<Request>,
    /// The description that an offer or answer carries.
    pub description: Option<Result<RemoteDescription, SdpError>>,
    /// The length of the request's frame.
    pub bytes: usize,
}

impl Signal {
    /// Reads the description, if there is one: many sections take milliseconds.
    pub(crate) fn read(request: Option<Request>, bytes: usize) -> Self {
        let description = match &request {
            Some(Request::Offer(sdp) | Request::Answer(sdp)) => {
                Some(RemoteDescription::parse_within(&sdp.sdp, Limits::PARTICIPANT))
            }
            _ => None,
        };
        Self { request, description, bytes }
    }
}

/// A room's answer to an input.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Reply),
    /// A client may go on under this number. `None`: it was refused, and has been told.
    Connected(Option<ParticipantKey>),
    /// How long the client is to wait before it says more.
    Pause(Duration),
}

/// A room with somebody in it.
pub(crate) struct Room {
    pub(super) name: RoomName,
    pub(super) ground: Arc<Ground>,
    pub(super) out: Outputs,
    /// The time of the input that is being handled.
    pub(super) now: Now,
    random: StdRng,
    /// The media thread where the room began.
    pub(super) home: u16,
    /// Somebody has been there, not just asked to be.
    pub(super) started: bool,
    pub(super) roster: Roster,
    pub(super) seats: Seats,
    /// Everybody who has been told to move to the broadcast.
    pub(super) moving: Vec<Moving>,
    /// Everybody of whom the others are told: of an audience beyond `listed_max` only those who may publish. Not the
    /// hidden.
    pub(super) listed: Vec<ParticipantKey>,
    /// Everybody who publishes or is on stage, in the order in which they began to.
    pub(super) performers: Vec<ParticipantKey>,
    /// Viewers by WHEP.
    pub(super) watchers: Vec<ParticipantKey>,
    /// The room as clients are told of it.
    pub(super) about: Option<proto::Room>,
    /// When everybody was last told how many there are, and how many there were.
    pub(super) counted: Option<(Instant, u32)>,
    /// The list of participants for newcomers, encoded; `None` after a change.
    pub(super) roll: Option<Bytes>,
    /// The tracks that may be subscribed to; `None` after a change.
    pub(super) offered: Option<Arc<[Offered]>>,
    /// Subscribers may want other qualities than publishers are asked for.
    pub(super) qualities_stale: bool,
    /// Whom publishers let subscribe has changed: subscriptions follow with the next tick.
    pub(super) audiences_stale: bool,
    /// Participants of whom there is news that was not told yet.
    pub(super) news: Vec<ParticipantKey>,
    /// Whoever has left lately, for clients that resume.
    pub(super) departures: Departures,
    /// Whoever has left since the last news.
    pub(super) departed: Vec<proto::ParticipantInfo>,
    /// Requests of each identity; kept when somebody leaves, until it is full again.
    pub(super) requests: HashMap<Identity, Budget>,
}

impl Room {
    /// An empty room.
    pub(crate) fn new(name: RoomName, ground: Arc<Ground>, seed: [u8; 32], now: Now) -> Self {
        Self {
            name,
            home: ground.node.emptiest_shard(),
            seats: Seats::new(ground.config.participants_per_room_max),
            moving: Vec::new(),
            ground,
            out: Outputs::default(),
            now,
            random: StdRng::from_seed(seed),
            started: false,
            roster: Roster::default(),
            listed: Vec::new(),
            performers: Vec::new(),
            watchers: Vec::new(),
            about: None,
            counted: None,
            roll: None,
            offered: None,
            qualities_stale: false,
            audiences_stale: false,
            news: Vec::new(),
            departures: Departures::default(),
            departed: Vec::new(),
            requests: HashMap::new(),
        }
    }

    /// Lets something happen.
    pub(crate) fn handle(&mut self, input: Input, now: Now) -> Result<Answer, SfuError> {
        self.now = now;
        let done = Ok(Answer::Reply(Reply::Done));
        match input {
            Input::Command(command, offer) => self.command(command, offer).map(Answer::Reply),
            Input::Connect(request, connection) => self.connect(*request, connection).map(Answer::Connected),
            Input::Signal { from, connection, signal } => Ok(Answer::Pause(self.signal(from, connection, *signal))),
            Input::Disconnected { from, connection } => {
                self.disconnected(from, connection);
                done
            }
            Input::Report(report) => {
                self.report(report);
                done
            }
            Input::CrowdOut(key) => {
                self.crowd_out(key);
                done
            }
            Input::Shutdown => {
                self.shut_down();
                done
            }
            Input::Tick => {
                self.tick();
                done
            }
        }
    }

    fn command(&mut self, command: Command, offer: Option<Box<RemoteDescription>>) -> Result<Reply, SfuError> {
        let done = |()| Reply::Done;
        match command {
            Command::Publish(request) => {
                let offer = offer.map_or_else(|| request.description(), Ok)?;
                self.publish(request, &offer).map(Reply::Joined)
            }
            Command::Subscribe(request) => {
                let offer = offer.map_or_else(|| request.description(), Ok)?;
                self.subscribe(request, &offer).map(Reply::Joined)
            }
            Command::Patch(patch) => self.patch(&patch).map(Reply::Patched),
            Command::LimitLayer(limit) => self.limit_layer(&limit).map(done),
            Command::Leave(leave) => self.leave_session(&leave.session).map(done),
            Command::Remove(who) => self.remove(&who.identity).map(done),
            Command::MuteTrack(request) => self.mute_track(&request).map(|track| Reply::Track(Box::new(track))),
            Command::UpdateParticipant(request) => {
                self.update_participant(request).map(|info| Reply::Participant(Box::new(info)))
            }
            Command::UpdateSubscriptions(request) => self.update_subscriptions(request).map(done),
            Command::SendData(request) => self.send_data(request).map(done),
            Command::SetSeats(set) => {
                self.seats.limit(set.limits);
                Ok(Reply::Done)
            }
            Command::GrantSeat(ask) => Ok(Reply::Seat(self.grant_seat(&ask))),
            Command::Demote(demote) => self.demote(&demote).map(done),
            Command::SendAway(_) => {
                self.send_away();
                Ok(Reply::Done)
            }
            Command::TellRoom(room) => {
                self.tell_room(room.0);
                Ok(Reply::Done)
            }
            Command::CloseRoom(_) => {
                self.close();
                Ok(Reply::Done)
            }
        }
    }

    /// Outputs since this was last called, in order.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        self.out.take()
    }

    pub(crate) fn name(&self) -> &RoomName {
        &self.name
    }

    /// Whether nobody is there or about to come, so that the room can be forgotten.
    pub(crate) fn is_empty(&self) -> bool {
        self.roster.is_empty() && self.seats.is_empty()
    }

    /// The room is about to be forgotten.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.started) {
            self.out.event(RoomEvent::RoomFinished { room: self.name.clone() });
        }
    }

    /// `len` random letters and digits.
    pub(super) fn random_text(&mut self, len: usize) -> String {
        (&mut self.random).sample_iter(rand::distr::Alphanumeric).take(len).map(char::from).collect()
    }

    /// A number for our descriptions' `o=` line.
    pub(super) fn session_id(&mut self) -> u64 {
        u64::from(self.random.random::<u32>())
    }

    /// The first SSRC of a peer's sections: others follow upwards.
    pub(super) fn first_ssrc(&mut self) -> u32 {
        self.random.random_range(0x1000_0000..0x7000_0000)
    }

    /// New ICE credentials for a peer.
    pub(super) fn local_ice(&mut self, serial: u32) -> LocalIce {
        LocalIce::new(serial, |len| self.random_text(len))
    }
}

#[cfg(any(test, feature = "simulation"))]
impl Room {
    /// Everything that is still known of anybody, in words; none when nobody is there.
    pub(crate) fn remains(&self) -> Vec<String> {
        let mut remains = self.roster.remains();
        remains.extend(
            self.seats.sessions().map(|(identity, sessions)| format!("seat of {identity}, {sessions} sessions")),
        );
        remains.extend(self.moving.iter().map(|moving| format!("{moving:?}")));
        let lists = [("listed", &self.listed), ("performers", &self.performers), ("watchers", &self.watchers)];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        remains.extend(lists.map(|(name, list)| format!("{name}: {list:?}")));
        remains
    }
}

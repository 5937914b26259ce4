//! People come, lose their socket, resume and go, by each protocol.

use access::{Class, Grants, nobody};
use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;

use crate::control::{Client as About, Command, ConnectRequest, JoinRequest, Patch, Reply, SeatLimits, SfuError};
use crate::room::machine::Signal;
use crate::room::simulation::client::Client;
use crate::room::simulation::descriptions;
use crate::room::simulation::step::Join;
use crate::room::simulation::world::{IDENTITIES, OTHERS, ROOMS, World, choose};

impl World {
    pub(super) fn join(&mut self, join: Join) {
        let identity = IDENTITIES[choose(&IDENTITIES, join.who).unwrap()];
        let room = ROOMS[choose(&ROOMS, join.room).unwrap()];
        let grants = grants(identity, join);
        let Ok(connected) = self.driver.connect(request(room, grants, join.single, join.auto, None), self.now) else {
            return;
        };
        // Whoever had no socket is not told that another has taken their place.
        self.clients.retain(|c| c.inbox.is_some() || c.identity != identity || c.room != room);
        self.clients.push(Client::new(identity, room, join.single, connected));
    }

    pub(super) fn lose_socket(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        let client = &mut self.clients[index];
        if let (Some(_), Some(key)) = (client.inbox.take(), client.key) {
            self.driver.disconnected(&client.cell, key, client.connection, self.now);
        }
    }

    pub(super) fn resume(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        let client = &mut self.clients[index];
        let join =
            Join { who, room: 0, single: client.single, publishes: true, subscribes: true, hidden: false, auto: true };
        let grants = grants(&client.identity, join);
        let request = request(&client.room, grants, client.single, true, Some(client.sid.clone()));
        let Ok(connected) = self.driver.connect(request, self.now) else { return };
        // Its last words on the old connection are heard no more.
        client.offers.clear();
        client.inbox = Some(connected.inbox);
        client.resumes = true;
        (client.cell, client.key) = (connected.cell, connected.key);
        if connected.key.is_some() {
            client.connection = connected.connection;
            // It offers ICE anew on the connections that it offers on.
            client.owes_offer |= client.single;
        }
    }

    pub(super) fn say_leave(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        self.say(index, Request::Leave(proto::LeaveRequest::default()));
    }

    pub(super) fn say_stale(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        let client = &self.clients[index];
        let Some(key) = client.key else { return };
        let leave = Request::Leave(proto::LeaveRequest::default());
        let (signal, before) = (Signal::read(Some(leave), 0), client.connection.wrapping_sub(1));
        self.driver.signal(&client.cell, key, before, signal, self.now);
        self.driver.disconnected(&client.cell, key, before, self.now);
    }

    pub(super) fn session(&mut self, publishes: bool, who: u8, room: u8, video: bool, hidden: bool) {
        let room = ROOMS[choose(&ROOMS, room).unwrap()];
        let participant = (who >= 128 && !publishes).then(|| IDENTITIES[usize::from(who % 7)]);
        let offer = descriptions::session(publishes, video);
        let class = if publishes { Class::Speaker } else { Class::Viewer };
        let request = JoinRequest { hidden, class, ..visit(who, room, participant, offer) };
        let command = if publishes { Command::Publish(request) } else { Command::Subscribe(request) };
        if let Ok(Reply::Joined(joined)) = self.driver.call(command, self.now) {
            self.sessions.push((room, joined.session));
        }
    }

    /// A viewer by WHEP, who is not hidden.
    pub(in crate::room::simulation) fn whep(&mut self, who: u8, participant: Option<&str>) -> Result<(), SfuError> {
        let request = visit(who, ROOMS[0], participant, descriptions::session(false, true));
        self.driver.call(Command::Subscribe(request), self.now).map(drop)
    }

    /// A POST of any text.
    pub(super) fn post(&mut self, publishes: bool, offer: &[u8]) {
        let request = visit(0, ROOMS[0], None, String::from_utf8_lossy(offer).into_owned());
        let command = if publishes { Command::Publish(request) } else { Command::Subscribe(request) };
        if let Ok(Reply::Joined(joined)) = self.driver.call(command, self.now) {
            self.sessions.push((ROOMS[0], joined.session));
        }
    }

    pub(super) fn end_session(&mut self, n: u8) {
        let Some(index) = choose(&self.sessions, n) else { return };
        let (room, id) = self.sessions.swap_remove(index);
        // It may be gone for other reasons; and a room that is not its own has no such session.
        self.leave("elsewhere", &id);
        self.leave(room, &id);
    }

    pub(super) fn restart_ice(&mut self, n: u8) {
        self.patch(n, &format!("a=ice-ufrag:u{n:03}\r\na=ice-pwd:0123456789012345678901\r\n"));
    }

    pub(super) fn patch(&mut self, n: u8, fragment: &str) {
        let Some(index) = choose(&self.sessions, n) else { return };
        let (room, session) = self.sessions[index].clone();
        let (room, if_match, fragment) = (room.parse().unwrap(), Some("*".into()), fragment.to_owned());
        self.call(Command::Patch(Patch { room, session, if_match, fragment }));
    }
}

/// A WHIP or WHEP POST of somebody who is not hidden.
fn visit(who: u8, room: &str, participant: Option<&str>, offer: String) -> JoinRequest {
    let identity = OTHERS[choose(&OTHERS, who).unwrap()];
    JoinRequest {
        room: room.parse().unwrap(),
        identity: identity.parse().unwrap(),
        name: identity.into(),
        participant: participant.map(|identity| identity.parse().unwrap()),
        local: false,
        hidden: false,
        class: Class::Viewer,
        leased_until_utc_ms: None,
        seats: SeatLimits::default(),
        offer,
    }
}

fn grants(identity: &str, join: Join) -> Grants {
    Grants {
        identity: identity.parse().ok(),
        name: identity.to_uppercase(),
        room_join: true,
        can_publish: join.publishes,
        can_subscribe: join.subscribes,
        can_publish_data: true,
        can_update_own_metadata: true,
        hidden: join.hidden,
        ..nobody()
    }
}

fn request(
    room: &str,
    grants: Grants,
    single_connection: bool,
    auto_subscribe: bool,
    resume: Option<String>,
) -> ConnectRequest {
    ConnectRequest {
        room: room.parse().unwrap(),
        identity: grants.identity.clone().unwrap(),
        grants,
        about: proto::Room { name: room.into(), ..Default::default() },
        seats: SeatLimits::default(),
        ice_servers: vec![],
        local: true,
        resume,
        client: About { auto_subscribe, single_connection, sdk: "simulated".into(), protocol: 16 },
        requests: vec![],
    }
}

//! What must be so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add;

use livekit_protocol as proto;

use super::client::Client;
use super::world::World;
use crate::room::member::Member;
use crate::room::participants::info;
use crate::room::state::State;

/// Orders, and tasks of the DTLS thread, that one step may lead to: this many, and for each person this many for each
/// track.
const WORK_MAX: usize = 64;
const WORK_PER_PERSON_AND_TRACK: usize = 4;

type Checked = Result<(), String>;

/// How often the checks had something to compare: a simulation in which nobody is sent anything proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    /// People whom a client sees.
    pub(super) people: u64,
    /// Tracks that a client is sent.
    pub(super) tracks: u64,
    /// Clients that have resumed.
    pub(super) resumed: u64,
}

fn equal<T: PartialEq + std::fmt::Debug>(what: impl FnOnce() -> String, told: &T, so: &T) -> Checked {
    if told == so { Ok(()) } else { Err(format!("{}: told {told:?}, but it is {so:?}", what())) }
}

impl Add for Compared {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            people: self.people + other.people,
            tracks: self.tracks + other.tracks,
            resumed: self.resumed + other.resumed,
        }
    }
}

impl World {
    /// What holds at every moment.
    pub(super) fn check(&mut self) -> Checked {
        if let Some(fault) = self.plane.faults.first() {
            return Err(format!("the media plane cannot: {fault}"));
        }
        if let Some(fault) = self.clients.iter().find_map(|client| client.faults.first()) {
            return Err(fault.clone());
        }
        let tracks = self.plane.tracks();
        let people = self.plane.peers.len();
        let taken = std::mem::take(&mut self.plane.taken);
        if taken > WORK_MAX + WORK_PER_PERSON_AND_TRACK * people * (1 + tracks.len()) {
            return Err(format!("{taken} orders at once, with {people} peers and {} tracks", tracks.len()));
        }
        let gone = self.plane.peers.values().filter(|peer| !peer.removed && !peer.dead).find_map(|peer| {
            let mut attached = peer.sections.iter().filter_map(|section| section.attached);
            attached.find(|track| !tracks.contains(&track.0)).map(|track| (peer.id, track))
        });
        if let Some((peer, track)) = gone {
            return Err(format!("{peer:?} is to be sent {track:?}, which nobody publishes"));
        }
        let state = self.authority.lock();
        let peers: u32 = state.peers.iter().sum();
        equal(|| "peers".into(), &(peers as usize), &people)?;
        for client in &self.clients {
            if let Some(seen) = client.others.values().find(|one| one.permission.as_ref().is_some_and(|p| p.hidden)) {
                return Err(format!("{} sees {}, who is hidden", client.identity, seen.identity));
            }
            if client.inbox.is_some() && !state.members.contains_key(&client.sid) {
                return Err(format!("{} was forgotten without a word", client.identity));
            }
        }
        for (name, room) in &state.rooms {
            let members = || state.members_of(name);
            let seen = members().filter(|member| !member.hidden()).count();
            equal(|| format!("people seen in {name}"), &room.seen, &(seen as u32))?;
            let performs = |member: &&Member| member.on_stage || !member.uplink.tracks.is_empty();
            let mut performers: Vec<String> = members().filter(performs).map(|member| member.sid.clone()).collect();
            performers.sort();
            equal(|| format!("performers of {name}"), &state.performer_sids(name), &performers)?;
            let unlisted = members().find(|m| m.listed == m.hidden() && (m.hidden() || m.permission.can_publish));
            if let Some(member) = unlisted {
                return Err(format!("{} is listed: {}", member.identity, member.listed));
            }
        }
        Ok(())
    }

    /// What holds when everybody has said what they had to say.
    pub(super) fn check_settled(&mut self) -> Checked {
        self.check()?;
        let state = self.authority.lock();
        for client in self.clients.iter().filter(|client| client.inbox.is_some()) {
            let Some(member) = state.members.get(&client.sid) else { continue };
            check_told(client, member, &state)?;
            self.compared.people += client.others.len() as u64;
            let Some(link) = member.links.down().filter(|_| client.offers.is_empty() && !client.owes_offer) else {
                continue;
            };
            self.compared.tracks += due(member, &state).len() as u64;
            let (sent, due) = (self.plane.sent_to(link.peer.serial), due(member, &state));
            equal(|| format!("tracks sent to {} in {}", client.identity, client.room), &sent, &due)?;
        }
        Ok(())
    }

    /// What holds when nobody is there any more.
    pub(super) fn check_empty(&mut self) -> Checked {
        self.check()?;
        let mut remains = self.authority.lock().remains();
        remains.extend(self.plane.peers.keys().map(|serial| format!("peer {serial} in the media plane")));
        remains.extend(self.clients.iter().map(|client| format!("client {}", client.identity)));
        if remains.is_empty() { Ok(()) } else { Err(remains.join("; ")) }
    }
}

/// What a client was told of itself and of others equals what is so.
fn check_told(client: &Client, member: &Member, state: &State) -> Checked {
    let who = &client.identity;
    equal(|| format!("{who}, of itself"), &client.own, &member.info())?;
    let members = state.listed_of(&client.room).filter(|other| other.sid != member.sid).map(Member::info);
    let sessions = state.connected(&client.room).filter(|session| !session.hidden && session.identity != *who);
    let so: BTreeMap<String, proto::ParticipantInfo> =
        members.chain(sessions.map(|session| info(&[session]))).map(|one| (one.identity.clone(), one)).collect();
    let sids = |of: &BTreeMap<String, proto::ParticipantInfo>| -> BTreeSet<(String, String)> {
        of.values().map(|one| (one.identity.clone(), one.sid.clone())).collect()
    };
    equal(|| format!("{who}, whom it sees"), &sids(&client.others), &sids(&so))?;
    for (identity, one) in &so {
        equal(|| format!("{who}, of {}", one.identity), &client.others[identity], one)?;
    }
    Ok(())
}

/// The tracks that a participant is to be sent, sorted: all that others publish, let them have, and that they want.
fn due(member: &Member, state: &State) -> Vec<u32> {
    let mut due = Vec::new();
    if !member.permission.can_subscribe {
        return due;
    }
    let wants = |sid: &str| member.chosen.get(sid).copied().unwrap_or(member.auto_subscribe);
    for other in state.members_of(&member.room).filter(|other| !other.hidden() && other.sid != member.sid) {
        let lets = |sid: &str| other.audience.admits(&member.sid, &member.identity, sid);
        let tracks = other.uplink.tracks.iter().filter(|track| wants(&track.info.sid) && lets(&track.info.sid));
        due.extend(tracks.map(|track| track.media.id.0));
    }
    for session in state.connected(&member.room).filter(|s| !s.hidden && s.identity != member.identity) {
        let tracks = crate::room::participants::tracks(session);
        due.extend(tracks.into_iter().filter(|(track, _)| wants(&track.sid)).map(|(_, media)| media.id.0));
    }
    due.sort_unstable();
    due
}

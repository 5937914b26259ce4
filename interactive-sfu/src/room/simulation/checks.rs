//! The rules that every run must keep.

use std::collections::{BTreeMap, BTreeSet};

use livekit_protocol as proto;

use super::client::Client;
use super::compared::Compared;
use super::world::World;
use crate::room::machine::Room;
use crate::room::participant::livekit::{LiveKit, WAITING_BYTES_MAX};
use crate::room::participant::whip_whep::Kind;
use crate::room::participant::{Participant, PublishedTrack};

/// Orders, and tasks of the DTLS thread, that one step may lead to: this many, and for each person this many for each
/// track.
const WORK_MAX: usize = 64;
const WORK_PER_PERSON_AND_TRACK: usize = 4;

pub(super) type Checked = Result<(), String>;

fn equal<T: PartialEq + std::fmt::Debug>(what: impl FnOnce() -> String, told: &T, so: &T) -> Checked {
    if told == so { Ok(()) } else { Err(format!("{}: told {told:?}, but it is {so:?}", what())) }
}

impl World {
    /// Rules of every moment.
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
        equal(|| "peers".into(), &(self.driver.peers() as usize), &people)?;
        for client in &self.clients {
            if let Some(seen) = client.others.values().find(|one| one.permission.as_ref().is_some_and(|p| p.hidden)) {
                return Err(format!("{} sees {}, who is hidden", client.identity, seen.identity));
            }
        }
        let mut checked = Ok(());
        let (mut given, mut places) = (BTreeMap::new(), 0);
        self.driver.each_room(|name, room| {
            if checked.is_ok() {
                checked = self.check_room(name, room).and_then(|()| self.check_seats(name, room));
            }
            given.insert(name.to_string(), room.seats.given().total());
            places += room.roster.iter().count() + room.seats.leased().total() as usize;
        });
        self.given = given;
        checked?;
        equal(|| "places on the server".into(), &self.driver.participants_count(), &places)
    }

    fn check_room(&self, name: &str, room: &Room) -> Checked {
        for client in self.clients.iter().filter(|client| client.room == name && client.inbox.is_some()) {
            if client.key.is_some_and(|key| room.roster.get(key).is_none()) {
                return Err(format!("{} was forgotten without a word", client.identity));
            }
        }
        let seen = room.roster.all_livekit().filter(|(who, _)| !who.hidden).count();
        for (who, livekit) in room.roster.all_livekit() {
            let bytes: usize = livekit.waiting.iter().map(|message| message.len()).sum();
            equal(|| format!("bytes that wait for {}", who.identity), &livekit.waiting_bytes, &bytes)?;
            if bytes > WAITING_BYTES_MAX {
                return Err(format!("{bytes} bytes wait for {}", who.identity));
            }
        }
        equal(|| format!("people seen in {name}"), &room.roster.seen(), &(seen as u32))?;
        let mut so: Vec<_> = room.roster.iter().filter(|one| one.performs()).map(Participant::key).collect();
        let mut performers = room.performers.clone();
        so.sort();
        performers.sort();
        equal(|| format!("performers of {name}"), &performers, &so)?;
        for one in room.roster.iter() {
            let known = room.listed.contains(&one.key());
            let must = match one.livekit() {
                Some(livekit) => livekit.permission.can_publish,
                None => one.on_stage,
            };
            if one.listed != known || (one.listed && one.who.hidden) || (must && !one.who.hidden && !one.listed) {
                return Err(format!("{} is listed: {}", one.who.identity, one.listed));
            }
            if one.on_stage != one.as_speaker(None).is_some() {
                return Err(format!("{} is on stage: {}", one.who.identity, one.on_stage));
            }
        }
        Ok(())
    }

    /// Everybody in a room has one seat, no seat is given beyond the limit, and the rest of the server knows who is
    /// there.
    fn check_seats(&self, name: &str, room: &Room) -> Checked {
        let mut sessions: BTreeMap<&str, u32> = BTreeMap::new();
        room.roster.iter().for_each(|one| *sessions.entry(one.who.identity.as_str()).or_default() += 1);
        let seated = room.seats.sessions().filter(|(_, sessions)| *sessions > 0);
        let seated: BTreeMap<&str, u32> = seated.map(|(identity, sessions)| (identity.as_str(), sessions)).collect();
        equal(|| format!("sessions of those with a seat in {name}"), &seated, &sessions)?;
        let (given, max) = (room.seats.given().total(), room.seats.limits().max);
        if given > max && given > self.given.get(name).copied().unwrap_or_default() {
            return Err(format!("{given} seats are given in {name}, which has {max}"));
        }
        equal(|| format!("seats given in {name}"), &given, &(sessions.len() as u32 + room.seats.leased().total()))?;
        let seen = room.roster.iter().filter(|one| !one.who.hidden).map(|one| one.who.identity.to_string());
        let told = self.told_seated.iter().filter(|(room, _)| room == name).map(|(_, identity)| identity.clone());
        equal(|| format!("people in {name}"), &told.collect::<BTreeSet<_>>(), &seen.collect())
    }

    /// Rules for when everybody has said what they had to say.
    pub(super) fn check_settled(&mut self) -> Checked {
        self.check()?;
        let (mut checked, mut compared) = (Ok(()), Compared::default());
        self.driver.each_room(|name, room| {
            for client in self.clients.iter().filter(|client| client.room == name.as_str() && client.inbox.is_some()) {
                if checked.is_ok() {
                    checked = self.check_client(client, room, &mut compared);
                }
            }
            for viewer in room.roster.iter() {
                if checked.is_ok() {
                    checked = self.check_viewer(viewer, room, &mut compared);
                }
            }
        });
        self.compared = self.compared + compared;
        checked?;
        self.plane.overdue().map_or(Ok(()), Err)?;
        self.check_qualities(false)
    }

    fn check_client(&self, client: &Client, room: &Room, compared: &mut Compared) -> Checked {
        let Some(participant) = client.key.and_then(|key| room.roster.get(key)) else { return Ok(()) };
        let Some(livekit) = participant.livekit() else { return Ok(()) };
        check_told(client, participant, room)?;
        compared.people += client.others.len() as u64;
        // A client that has said nonsense may have refused what it was to be sent.
        let settled = client.offers.is_empty() && !client.owes_offer && !client.garbles;
        let Some(link) = livekit.links.down().filter(|_| settled) else { return Ok(()) };
        let (sent, due) = (self.plane.sent_to(link.peer.serial), due(participant, livekit, room));
        compared.tracks += due.len() as u64;
        equal(|| format!("tracks sent to {} in {}", client.identity, client.room), &sent, &due)
    }

    /// A WHEP viewer is sent only tracks of people on stage who let it, and as many as it has sections for.
    fn check_viewer(&self, viewer: &Participant, room: &Room, compared: &mut Compared) -> Checked {
        let Some((session, peer)) = viewer.whip_whep().and_then(|session| Some((session, session.peer?))) else {
            return Ok(());
        };
        let Kind::Watch { participant, sections } = &session.kind else { return Ok(()) };
        let stage = room.performers.iter().filter_map(|key| room.roster.get(*key)).filter(|one| one.on_stage);
        let watched = stage.filter(|one| participant.as_ref().is_none_or(|only| one.who.identity == *only));
        let speakers: Vec<_> = watched.filter_map(|one| one.as_speaker(Some(&viewer.who))).collect();
        let tracks = |video: bool| {
            let tracks =
                speakers.iter().filter_map(move |one| if video { one.video.clone() } else { one.audio.clone() });
            tracks.map(|track| track.id.0).collect::<BTreeSet<u32>>()
        };
        let sent: BTreeSet<u32> = self.plane.sent_to(peer.serial).into_iter().collect();
        let due: BTreeSet<u32> = tracks(false).union(&tracks(true)).copied().collect();
        if !sent.is_subset(&due) {
            return Err(format!("{} is sent {sent:?} by WHEP, and may see {due:?}", viewer.who.identity));
        }
        if let Some(only) = participant {
            // One participant has a section for each kind, if the viewer offered any.
            let room_for = |video: bool| sections.iter().any(|section| section.slot.video == video);
            let missing = [false, true].into_iter().filter(|video| room_for(*video)).flat_map(tracks);
            let missing: Vec<u32> = missing.filter(|track| !sent.contains(track)).collect();
            // Of two people of one identity the one who came on stage first is seen.
            let twins = speakers.len() > 1;
            if !missing.is_empty() && !twins {
                return Err(format!("{} watches {only} and is not sent {missing:?}", viewer.who.identity));
            }
        }
        compared.tracks += sent.len() as u64;
        Ok(())
    }

    /// Rules for when everybody has left.
    pub(super) fn check_empty(&mut self) -> Checked {
        self.check()?;
        let mut remains = self.driver.remains();
        remains.extend(self.plane.peers.keys().map(|serial| format!("peer {serial} in the media plane")));
        remains.extend(self.clients.iter().map(|client| format!("client {}", client.identity)));
        if remains.is_empty() { Ok(()) } else { Err(remains.join("; ")) }
    }
}

/// A client was told of itself and of others as they are.
fn check_told(client: &Client, participant: &Participant, room: &Room) -> Checked {
    let who = &client.identity;
    equal(|| format!("{who}, of itself"), &client.own, &participant.info())?;
    let others = room.listed().filter(|other| other.who.identity != who.as_str()).map(Participant::info);
    let so: BTreeMap<String, proto::ParticipantInfo> = others.map(|one| (one.identity.clone(), one)).collect();
    let sids = |of: &BTreeMap<String, proto::ParticipantInfo>| -> BTreeSet<(String, String)> {
        of.values().map(|one| (one.identity.clone(), one.sid.clone())).collect()
    };
    equal(|| format!("{who}, whom it sees"), &sids(&client.others), &sids(&so))?;
    for (identity, one) in &so {
        equal(|| format!("{who}, of {}", one.identity), &client.others[identity], one)?;
    }
    Ok(())
}

/// The tracks that a participant is to be sent, sorted: all that others publish, let it have, and that it wants.
fn due(participant: &Participant, livekit: &LiveKit, room: &Room) -> Vec<u32> {
    let mut due = Vec::new();
    if !livekit.permission.can_subscribe {
        return due;
    }
    let wants = |sid: &str| livekit.chosen.get(sid).copied().unwrap_or(livekit.auto_subscribe);
    let others = room.roster.iter().filter(|other| !other.who.hidden);
    for other in others.filter(|other| other.who.identity != participant.who.identity) {
        let tracks = other.tracks();
        let fits = |track: &&PublishedTrack<'_>| wants(&track.info.sid) && track.admits(&participant.who);
        due.extend(tracks.iter().filter(fits).map(|track| track.media.id.0));
    }
    due.sort_unstable();
    due
}

//! A client of LiveKit's protocol: what it was told, and what it says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use livekit_protocol as proto;
use livekit_protocol::VideoQuality;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::descriptions::{self, Line};
use crate::room::cells::Cell;
use crate::room::driver::Connected;
use crate::room::participant::ParticipantKey;
use crate::room::participant::livekit::rank;
use crate::signalling::livekit::Frame;
use crate::signalling::livekit::message::Outgoing;

pub(super) struct Client {
    pub(super) identity: String,
    pub(super) room: String,
    pub(super) single: bool,
    pub(super) sid: String,
    pub(super) connection: u32,
    /// The room behind the connection, and the participant there. `None`: the server refused the client.
    pub(super) cell: Arc<Cell>,
    pub(super) key: Option<ParticipantKey>,
    /// `None`: its socket is lost.
    pub(super) inbox: Option<mpsc::Receiver<Outgoing>>,
    /// It was told to leave, or its connection was ended.
    pub(super) ended: bool,
    /// It asked to resume, and has not heard yet whether it may.
    pub(super) resumes: bool,
    /// How often it has resumed.
    pub(super) resumed: u64,
    pub(super) own: proto::ParticipantInfo,
    /// Whom it sees, by identity, as clients know them.
    pub(super) others: BTreeMap<String, proto::ParticipantInfo>,
    pub(super) count: u32,
    /// Offers that it has not answered.
    pub(super) offers: VecDeque<proto::SessionDescription>,
    /// It was asked for lines that it has not offered.
    pub(super) owes_offer: bool,
    pub(super) published: Vec<Line>,
    /// Lines to receive on, of one connection: whether each is for a picture.
    pub(super) receiving: Vec<bool>,
    pub(super) faults: Vec<String>,
    /// It said something that no client says: the server may end its session for that.
    pub(super) garbles: bool,
    /// Messages that came.
    pub(super) messages: usize,
    /// The quality that it is asked to publish, by track and codec. None yet: all that there is.
    pub(super) asked: BTreeMap<(String, String), VideoQuality>,
}

impl Client {
    /// A client that was let in, or refused.
    pub(super) fn new(identity: &str, room: &str, single: bool, connected: Connected) -> Self {
        Self {
            identity: identity.into(),
            room: room.into(),
            single,
            sid: String::new(),
            connection: connected.connection,
            cell: connected.cell,
            key: connected.key,
            inbox: Some(connected.inbox),
            ended: false,
            resumes: false,
            resumed: 0,
            own: proto::ParticipantInfo::default(),
            others: BTreeMap::new(),
            count: 0,
            offers: VecDeque::new(),
            owes_offer: single,
            published: Vec::new(),
            receiving: Vec::new(),
            faults: Vec::new(),
            garbles: false,
            messages: 0,
            asked: BTreeMap::new(),
        }
    }

    /// Reads what came.
    pub(super) fn read(&mut self) {
        while let Some(inbox) = &mut self.inbox {
            match inbox.try_recv() {
                Ok(message) => {
                    let Frame::Binary(bytes) = message.frame(false) else { continue };
                    let message = proto::SignalResponse::decode(bytes).unwrap().message.unwrap();
                    self.told(message);
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    (self.inbox, self.ended) = (None, true);
                }
            }
        }
    }

    fn told(&mut self, message: Message) {
        self.messages += 1;
        match message {
            Message::Join(join) => {
                self.own = join.participant.unwrap();
                self.sid = self.own.sid.clone();
                self.others = join.other_participants.into_iter().map(|one| (one.identity.clone(), one)).collect();
                self.count = join.room.unwrap().num_participants;
                if self.others.contains_key(&self.identity) {
                    self.faults.push(format!("{} is told of itself as of another", self.identity));
                }
            }
            Message::Update(update) => update.participants.into_iter().for_each(|one| self.told_of(one)),
            Message::RoomUpdate(update) => self.count = update.room.unwrap().num_participants,
            Message::Offer(offer) => self.offers.push_back(offer),
            Message::MediaSectionsRequirement(missing) => {
                self.owes_offer = true;
                self.receiving.extend((0..missing.num_audios).map(|_| false));
                self.receiving.extend((0..missing.num_videos).map(|_| true));
            }
            Message::SubscribedQualityUpdate(update) => self.told_qualities(update),
            Message::Reconnect(_) => (self.resumes, self.resumed) = (false, self.resumed + 1),
            Message::Leave(leave) => {
                self.ended = true;
                // It says nothing that a server could not serve.
                if leave.reason() == proto::DisconnectReason::StateMismatch && !self.resumes && !self.garbles {
                    self.faults.push(format!("{} is misunderstood", self.identity));
                }
            }
            _ => {}
        }
    }

    fn told_qualities(&mut self, update: proto::SubscribedQualityUpdate) {
        for codec in update.subscribed_codecs {
            let enabled = codec.qualities.iter().filter(|quality| quality.enabled).map(|quality| quality.quality());
            let most = enabled.max_by_key(|quality| rank(*quality)).unwrap_or(VideoQuality::Off);
            self.asked.insert((update.track_sid.clone(), codec.codec), most);
        }
    }

    fn told_of(&mut self, one: proto::ParticipantInfo) {
        if one.identity == self.identity {
            if one.sid == self.sid {
                self.own = one;
            }
        } else if one.state() == Presence::Disconnected {
            // Of somebody it has never seen it is told too: who came and went between two updates.
            self.others.remove(&one.identity);
        } else {
            let known = self.others.insert(one.identity.clone(), one.clone());
            if known.is_some_and(|known| known.sid == one.sid && known.version > one.version) {
                self.faults.push(format!("{} is told of an older {}", self.identity, one.identity));
            }
        }
    }

    /// The client's next offer: lines to publish on and, on one connection, lines to receive on.
    pub(super) fn offer(&mut self) -> Request {
        self.owes_offer = false;
        let sdp = descriptions::offer(&self.published, &self.receiving);
        Request::Offer(proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() })
    }

    /// Its answer to the next offer.
    pub(super) fn answer(&mut self) -> Option<Request> {
        let offer = self.offers.pop_front()?;
        let sdp = descriptions::answer(&offer.sdp);
        Some(Request::Answer(proto::SessionDescription {
            r#type: "answer".into(),
            sdp,
            id: offer.id,
            ..Default::default()
        }))
    }
}

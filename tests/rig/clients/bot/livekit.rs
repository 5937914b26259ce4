//! A participant of LiveKit's protocol (`/rtc`): one peer connection to publish on, which the bot offers, and one to
//! watch on, whose offers are the server's.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;

use super::connection::{Codecs, Connection};
use super::data::{self, Message};
use super::receiving::Received;
use super::sending::{self, Playing};
use super::signal::Signal;
use super::{DtlsRole, RUNTIME};
use crate::clip::Clip;
use crate::error::{Error, Result};
use crate::http::Http;

/// The server may take so long to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// One who has joined a room. Leaves when dropped.
pub struct Participant {
    http: Http,
    token: String,
    sid: String,
    signal: Signal,
    shared: Arc<Shared>,
    said: Said,
    sender: data::Sender,
    messages: data::Messages,
    playing: Vec<Playing>,
    published: Vec<proto::TrackPublishedResponse>,
}

/// What the thread of the signal connection and the participant share.
struct Shared {
    publisher: Connection,
    subscriber: Connection,
    /// Who publishes each track, by its id.
    publishers: Mutex<HashMap<String, String>>,
    /// Why the server's offers could not be answered, or why it bade to leave.
    error: Mutex<Option<String>>,
}

/// What the server answers to requests.
struct Said {
    answers: Receiver<String>,
    published: Receiver<proto::TrackPublishedResponse>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Participant {
    /// Joins, and subscribes to everything. Waits until the peer connection to publish on, which carries data as well,
    /// is connected.
    pub fn join(http: &Http, token: &str, role: DtlsRole) -> Result<Self> {
        let messages = data::Messages::default();
        let (shared, sender) = RUNTIME.block_on(async {
            let (publisher, _) = Connection::new(role, Codecs::OfClip).await?;
            let sender = data::Sender::new(&publisher).await?;
            let (subscriber, channels) = Connection::new(role, Codecs::All).await?;
            messages.receive(channels);
            let (publishers, error) = Default::default();
            Ok::<_, Error>((Arc::new(Shared { publisher, subscriber, publishers, error }), sender))
        })?;
        let (signal, (join, said)) = Signal::connect(http, token, "&auto_subscribe=1", |first| {
            let Response::Join(join) = first else { return Err(refused(&first)) };
            shared.update(&join.other_participants);
            let (said, handler) = handler(shared.clone());
            Ok(((join, said), handler))
        })?;
        let sid = join.participant.unwrap_or_default().sid;
        let (http, token) = (http.clone(), token.to_owned());
        let (playing, published) = (vec![], vec![]);
        let participant = Self { http, token, sid, signal, shared, said, sender, messages, playing, published };
        participant.negotiate(false)?;
        RUNTIME.block_on(participant.shared.publisher.connected())?;
        Ok(participant)
    }

    /// Publishes the clip as camera and microphone.
    pub fn publish(&mut self) -> Result<()> {
        let clip = Clip::load()?;
        let _inside = RUNTIME.enter();
        for (playing, kind, source) in [
            (sending::picture("camera", &clip), proto::TrackType::Video, proto::TrackSource::Camera),
            (sending::sound("microphone", &clip), proto::TrackType::Audio, proto::TrackSource::Microphone),
        ] {
            self.signal.say(Request::AddTrack(proto::AddTrackRequest {
                // As the offer's msid has it.
                cid: RUNTIME.block_on(playing.track.track_id()),
                r#type: kind.into(),
                source: source.into(),
                width: 320,
                height: 180,
                ..Default::default()
            }));
            self.published.push(self.await_said(&self.said.published, "agree to a track")?);
            RUNTIME.block_on(self.shared.publisher.send(playing.track.clone()))?;
            self.playing.push(playing);
        }
        self.negotiate(false)
    }

    /// Sends data to everybody.
    pub fn send(&mut self, reliable: bool, text: &str) -> Result<()> {
        RUNTIME.block_on(self.sender.send(reliable, text))
    }

    /// Data that came so far, in order of coming.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.all()
    }

    /// What came of somebody's tracks so far.
    pub fn received(&self, identity: &str) -> Vec<Received> {
        let publishers = lock(&self.shared.publishers);
        let theirs = |track: &Received| publishers.get(&track.track).is_some_and(|publisher| publisher == identity);
        self.shared.subscriber.tracks.received().into_iter().filter(theirs).collect()
    }

    /// Why the bot takes part no longer; `None` while it does.
    pub fn error(&self) -> Option<String> {
        lock(&self.shared.error).clone()
    }

    /// Loses the WebSocket and resumes with another one, as clients do: both peer connections restart ICE.
    pub fn resume(&mut self) -> Result<()> {
        self.signal.cut();
        let parameters = format!("&auto_subscribe=1&reconnect=1&sid={}", self.sid);
        let shared = self.shared.clone();
        let (signal, said) = Signal::connect(&self.http, &self.token, &parameters, |first| {
            let Response::Reconnect(_) = first else { return Err(refused(&first)) };
            Ok(handler(shared))
        })?;
        (self.signal, self.said) = (signal, said);
        self.signal.say(Request::SyncState(proto::SyncState {
            subscription: Some(proto::UpdateSubscription { subscribe: true, ..Default::default() }),
            publish_tracks: self.published.clone(),
            ..Default::default()
        }));
        self.negotiate(true)
    }

    /// Offers what is to be published.
    fn negotiate(&self, ice_restart: bool) -> Result<()> {
        let sdp = RUNTIME.block_on(self.shared.publisher.offer(ice_restart))?;
        let offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() };
        self.signal.say(Request::Offer(offer));
        let answer = self.await_said(&self.said.answers, "answer an offer")?;
        RUNTIME.block_on(self.shared.publisher.answered(&answer))
    }

    fn await_said<T>(&self, said: &Receiver<T>, what: &str) -> Result<T> {
        said.recv_timeout(ANSWER_MAX).map_err(|_| Error::Timeout {
            what: format!("the server to {what}"),
            seconds: ANSWER_MAX.as_secs(),
            detail: self.error().map(|error| format!("; instead: {error}")).unwrap_or_default(),
        })
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.signal.say(Request::Leave(proto::LeaveRequest::default()));
        self.signal.finish();
        RUNTIME.block_on(async {
            self.shared.publisher.close().await;
            self.shared.subscriber.close().await;
        });
    }
}

fn refused(first: &Response) -> Error {
    Error::Bot { doing: "joining", detail: format!("the server's first message is {first:?}") }
}

/// Deals with what the server says.
fn handler(shared: Arc<Shared>) -> (Said, impl FnMut(Response) -> Option<Request> + Send + 'static) {
    let (answer, answers) = channel();
    let (publish, published) = channel();
    (Said { answers, published }, move |message| shared.handle(message, &answer, &publish))
}

impl Shared {
    fn handle(
        &self,
        message: Response,
        answers: &Sender<String>,
        published: &Sender<proto::TrackPublishedResponse>,
    ) -> Option<Request> {
        match message {
            Response::Offer(offer) => return self.answer(&offer),
            Response::Answer(answer) => drop(answers.send(answer.sdp)),
            Response::TrackPublished(track) => drop(published.send(track)),
            Response::Update(update) => self.update(&update.participants),
            Response::Leave(leave) => *lock(&self.error) = Some(format!("{leave:?}")),
            // Candidates stand in the descriptions as well.
            _ => {}
        }
        None
    }

    fn answer(&self, offer: &proto::SessionDescription) -> Option<Request> {
        match RUNTIME.block_on(self.subscriber.answer(&offer.sdp)) {
            Ok(sdp) => {
                let r#type = "answer".into();
                Some(Request::Answer(proto::SessionDescription { r#type, sdp, id: offer.id, ..Default::default() }))
            }
            Err(error) => {
                *lock(&self.error) = Some(error.to_string());
                None
            }
        }
    }

    fn update(&self, participants: &[proto::ParticipantInfo]) {
        let tracks = |one: &proto::ParticipantInfo| {
            let identity = one.identity.clone();
            one.tracks.iter().map(move |track| (track.sid.clone(), identity.clone())).collect::<Vec<_>>()
        };
        lock(&self.publishers).extend(participants.iter().flat_map(tracks));
    }
}

//! A client of LiveKit's protocol, for load: one track published, any number watched. Blocking, like [`crate::peer`].
//!
//! With two peer connections, as `/rtc` has it: what is published on the one, and what is watched on the other, whose
//! offers are the server's and are answered as they come. Candidates may stand in descriptions or be trickled.

use std::net::{SocketAddr, UdpSocket};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;

use crate::candidate;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::ice::Secret;
use crate::peer::{Credentials, Peer, Signalled};
use crate::sdp::{Answer, Direction, Offer, Video};
use crate::session::Session;
pub use crate::signal::Signal;

/// Where a [`Signal`] keeps candidates of the connection that we publish on, and of the one that we watch on.
const PUBLISHER: usize = 0;
const SUBSCRIBER: usize = 1;

/// A kind of track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// VP8.
    Picture,
    /// Opus.
    Sound,
}

/// What a peer connection that we offer is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    /// A picture in this codec.
    pub video: Option<Video>,
    /// Sound.
    pub audio: bool,
    /// Data channels.
    pub data: bool,
    /// The SSRC of the picture; sound has the next one.
    pub ssrc: u32,
}

/// Publishes a track. The token must not allow watching: there would be a second peer connection.
pub fn publish(http: &Http, credentials: &Credentials, token: &str, kind: Kind, ssrc: u32) -> Result<Peer> {
    let (mut signal, _) = Signal::join(http, token, false)?;
    let (mut peer, _) = signal.publish(credentials, kind, ssrc)?;
    peer.session = Session::of(signal);
    Ok(peer)
}

/// Joins to send data: a peer connection with channels of its own, which open a round trip later. The token must not
/// allow watching.
pub fn send_data(http: &Http, credentials: &Credentials, token: &str) -> Result<Peer> {
    let (mut signal, _) = Signal::join(http, token, false)?;
    let mut peer = signal.offer(credentials, Sending { video: None, audio: false, data: true, ssrc: 1 })?;
    peer.session = Session::of(signal);
    peer.begin_data(true);
    Ok(peer)
}

/// Watches all that `whom` publish, who publish already. `auto_subscribe`: nobody else does.
pub fn watch(
    http: &Http,
    credentials: &Credentials,
    token: &str,
    whom: &[String],
    auto_subscribe: bool,
) -> Result<Peer> {
    let (mut signal, _) = Signal::join(http, token, auto_subscribe)?;
    let tracks = signal.wait("a track of everybody who is to be watched", |heard| {
        let tracks_of = |identity: &String| heard.tracks.iter().find(|track| track.identity == *identity);
        whom.iter().map(|identity| tracks_of(identity).map(|track| track.sid.clone())).collect::<Option<Vec<_>>>()
    })?;
    if !auto_subscribe {
        signal.subscribe(&tracks)?;
    }
    let peer = signal.connect(credentials)?;
    signal.watched(peer, &tracks)
}

/// One of a meeting: has published, and watches nobody yet.
pub struct Attendee {
    signal: Signal,
    watching: Peer,
    /// What others are to ask for.
    pub track: String,
}

impl Attendee {
    /// Joins and publishes a track; the peer connection for that has no session of its own.
    pub fn join(http: &Http, credentials: &Credentials, token: &str, kind: Kind, ssrc: u32) -> Result<(Self, Peer)> {
        let (mut signal, _) = Signal::join(http, token, false)?;
        let watching = signal.connect(credentials)?;
        let (publishing, track) = signal.publish(credentials, kind, ssrc)?;
        Ok((Self { signal, watching, track }, publishing))
    }

    /// Watches these tracks.
    pub fn watch(mut self, tracks: &[String]) -> Result<Peer> {
        self.signal.subscribe(tracks)?;
        self.signal.watched(self.watching, tracks)
    }
}

impl Signal {
    /// A socket for a peer connection, at the address that the server knows us by, and that address.
    fn bind(&self) -> Result<(UdpSocket, SocketAddr)> {
        let socket = UdpSocket::bind((self.local_ip()?, 0)).map_err(Error::io("binding a peer's socket"))?;
        let local = socket.local_addr().map_err(Error::io("reading a peer's address"))?;
        Ok((socket, local))
    }

    /// Publishes; the track's id.
    fn publish(&mut self, credentials: &Credentials, kind: Kind, ssrc: u32) -> Result<(Peer, String)> {
        let sid = self.announce(add_track(kind))?;
        let (video, audio) = ((kind == Kind::Picture).then_some(Video::Vp8), kind == Kind::Sound);
        Ok((self.offer(credentials, Sending { video, audio, data: false, ssrc })?, sid))
    }

    /// Announces a track; its id.
    pub(crate) fn announce(&mut self, track: proto::AddTrackRequest) -> Result<String> {
        self.say(Request::AddTrack(track))?;
        Ok(self.wait("a track being published", |heard| heard.published.take())?.sid)
    }

    /// The peer connection that we offer, to send on. It has no session of its own.
    pub(crate) fn offer(&mut self, credentials: &Credentials, sending: Sending) -> Result<Peer> {
        let (secret, (socket, local)) = (Secret::random(), self.bind()?);
        let Sending { video, audio, data, ssrc } = sending;
        let (ufrag, pwd) = (secret.ufrag.clone(), secret.pwd.clone());
        let fingerprint = credentials.fingerprint().to_owned();
        let sdp = Offer { direction: Direction::Publish, video, audio, data, ufrag, pwd, fingerprint, ssrc }.print();
        let offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() };
        self.say(Request::Offer(offer))?;
        let (candidate_init, target) = (candidate::print_init(local), proto::SignalTarget::Publisher.into());
        self.say(Request::Trickle(proto::TrickleRequest { candidate_init, target, ..Default::default() }))?;
        let answer = self.wait("an answer with a candidate", |heard| {
            Answer::parse_trickled(&heard.answer.as_ref()?.sdp, &heard.candidates[PUBLISHER]).ok()
        })?;
        Peer::connect(credentials, Signalled::answered(answer, Session::none(), secret).with_socket(socket))
    }

    /// The peer connection that the server offers.
    fn connect(&mut self, credentials: &Credentials) -> Result<Peer> {
        let (secret, (socket, local)) = (Secret::random(), self.bind()?);
        self.answer_with(secret.clone(), credentials.fingerprint(), local)?;
        let offer = self.wait("an offer with a candidate", |heard| {
            Answer::parse_trickled(&heard.offer.as_ref()?.sdp, &heard.candidates[SUBSCRIBER]).ok()
        })?;
        Peer::connect(credentials, Signalled::answering(offer, Session::none(), secret).with_socket(socket))
    }

    fn subscribe(&mut self, tracks: &[String]) -> Result<()> {
        let (track_sids, subscribe) = (tracks.to_vec(), true);
        self.say(Request::Subscription(proto::UpdateSubscription { track_sids, subscribe, ..Default::default() }))
    }

    /// Answers offers until one brings all of these tracks.
    fn watched(mut self, mut peer: Peer, tracks: &[String]) -> Result<Peer> {
        let (servers, mut judged) = (peer.answer.candidates.clone(), 0);
        peer.answer = self.wait("an offer with all tracks", |heard| {
            // Descriptions of many sections are long.
            let offer = heard.offer.as_ref().filter(|_| judged < heard.offers)?;
            judged = heard.offers;
            let told = |track: &String| offer.mid_to_track_id.values().any(|sid| sid == track);
            let brings = |track: &String| told(track) || offer.sdp.contains(track);
            tracks.iter().all(brings).then(|| Answer::parse_trickled(&offer.sdp, &servers).ok()).flatten()
        })?;
        peer.session = Session::of(self);
        Ok(peer)
    }
}

/// The offer's msid has the same `cid`s.
pub(crate) fn add_track(kind: Kind) -> proto::AddTrackRequest {
    match kind {
        Kind::Picture => proto::AddTrackRequest {
            cid: "video".to_owned(),
            r#type: proto::TrackType::Video.into(),
            source: proto::TrackSource::Camera.into(),
            width: 1280,
            height: 720,
            ..proto::AddTrackRequest::default()
        },
        // Redundancy (RFC 2198) would make other packets of ours.
        Kind::Sound => proto::AddTrackRequest {
            cid: "audio".to_owned(),
            r#type: proto::TrackType::Audio.into(),
            source: proto::TrackSource::Microphone.into(),
            disable_red: true,
            ..proto::AddTrackRequest::default()
        },
    }
}

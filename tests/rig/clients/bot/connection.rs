//! One peer connection of the `webrtc` crate.

use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use tokio::sync::{mpsc, watch};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
    RTCSessionDescription, Registry, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use super::DtlsRole;
use super::receiving::Tracks;
use crate::error::{Error, Result};
use crate::sdp::{AUDIO_PT, VIDEO_PT};

/// ICE and DTLS may take this long together.
const CONNECT_MAX: Duration = Duration::from_secs(15);

/// For `map_err`: says what the peer connection was doing.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(webrtc::error::Error) -> Error {
    move |error| Error::Bot { doing, detail: error.to_string() }
}

/// Which codecs a connection offers and accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Codecs {
    /// VP8 and Opus: what the clip has.
    OfClip,
    /// All that the crate knows: the bot decodes nothing.
    All,
}

/// A peer connection and what has come of it.
pub(super) struct Connection {
    peer: Arc<dyn PeerConnection>,
    role: DtlsRole,
    state: watch::Receiver<RTCPeerConnectionState>,
    /// What comes.
    pub(super) tracks: Tracks,
}

/// What the crate calls.
struct Events {
    state: watch::Sender<RTCPeerConnectionState>,
    tracks: Tracks,
    channels: mpsc::UnboundedSender<Arc<dyn DataChannel>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        // Nobody may care for channels.
        let _ = self.channels.send(channel);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tracks.count(track);
    }
}

impl Connection {
    /// A connection without a description yet, and the channels that the other end will make. Its candidates are of
    /// loopback.
    pub(super) async fn new(
        role: DtlsRole,
        codecs: Codecs,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Arc<dyn DataChannel>>)> {
        let mut media = MediaEngine::default();
        match codecs {
            Codecs::OfClip => register_clip_codecs(&mut media),
            Codecs::All => media.register_default_codecs(),
        }
        .map_err(failed("registering codecs"))?;
        let interceptors = register_default_interceptors(Registry::new(), &mut media);
        let answering = match role {
            DtlsRole::Own => RTCDtlsRole::default(),
            DtlsRole::Client => RTCDtlsRole::Client,
            DtlsRole::Server => RTCDtlsRole::Server,
        };
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_answering_dtls_role(answering)
            .build();
        let (state_sender, state) = watch::channel(RTCPeerConnectionState::New);
        let (channels, channels_receiver) = mpsc::unbounded_channel();
        let tracks = Tracks::default();
        let events = Events { state: state_sender, tracks: tracks.clone(), channels };
        let peer = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(interceptors.map_err(failed("registering interceptors"))?)
            .with_handler(Arc::new(events))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build();
        let peer = peer.await.map_err(failed("making a peer connection"))?;
        Ok((Self { peer: Arc::new(peer), role, state, tracks }, channels_receiver))
    }

    /// Adds a section to send a track on.
    pub(super) async fn send(&self, track: Arc<dyn TrackLocal>) -> Result<()> {
        let init = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            streams: vec![],
            send_encodings: vec![],
        };
        self.peer.add_transceiver_from_track(track, Some(init)).await.map_err(failed("adding a track"))?;
        Ok(())
    }

    /// Adds a section to receive on.
    pub(super) async fn receive(&self, kind: RtpCodecKind) -> Result<()> {
        let init = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: vec![],
            send_encodings: vec![],
        };
        self.peer.add_transceiver_from_kind(kind, Some(init)).await.map_err(failed("adding a section"))?;
        Ok(())
    }

    /// Adds a data channel; a lossy one is unordered and sends nothing again.
    pub(super) async fn channel(&self, label: &str, lossy: bool) -> Result<Arc<dyn DataChannel>> {
        let init = rtc::data_channel::RTCDataChannelInit {
            ordered: !lossy,
            max_retransmits: lossy.then_some(0),
            ..Default::default()
        };
        self.peer.create_data_channel(label, Some(init)).await.map_err(failed("adding a data channel"))
    }

    /// An offer, to be answered before the next one.
    pub(super) async fn offer(&self, ice_restart: bool) -> Result<String> {
        let offer = self.peer.create_offer(Some(RTCOfferOptions { ice_restart }));
        let offer = offer.await.map_err(failed("making an offer"))?;
        let sdp = match self.role {
            DtlsRole::Own => offer.sdp.clone(),
            // The crate offers both roles always, and takes the one that the answer leaves.
            DtlsRole::Client => offer.sdp.replace("a=setup:actpass", "a=setup:active"),
            DtlsRole::Server => offer.sdp.replace("a=setup:actpass", "a=setup:passive"),
        };
        self.peer.set_local_description(offer).await.map_err(failed("taking its own offer"))?;
        Ok(sdp)
    }

    /// Takes the answer to the last offer.
    pub(super) async fn answered(&self, sdp: &str) -> Result<()> {
        let answer = RTCSessionDescription::answer(sdp.to_owned()).map_err(failed("reading an answer"))?;
        self.peer.set_remote_description(answer).await.map_err(failed("taking an answer"))
    }

    /// Takes an offer; the answer to it.
    pub(super) async fn answer(&self, sdp: &str) -> Result<String> {
        let offer = RTCSessionDescription::offer(sdp.to_owned()).map_err(failed("reading an offer"))?;
        self.peer.set_remote_description(offer).await.map_err(failed("taking an offer"))?;
        let answer = self.peer.create_answer(None).await.map_err(failed("making an answer"))?;
        let sdp = answer.sdp.clone();
        self.peer.set_local_description(answer).await.map_err(failed("taking its own answer"))?;
        Ok(sdp)
    }

    /// Waits for ICE and DTLS.
    pub(super) async fn connected(&self) -> Result<()> {
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        let done = matches!(tokio::time::timeout(CONNECT_MAX, connected).await, Ok(Ok(_)));
        let detail = || format!("; instead: {}", *self.state.borrow());
        let timeout =
            || Error::Timeout { what: "a bot's connection".into(), seconds: CONNECT_MAX.as_secs(), detail: detail() };
        if done { Ok(()) } else { Err(timeout()) }
    }

    /// Ends it, and says so to the other end.
    pub(super) async fn close(&self) {
        let _ = self.peer.close().await;
    }
}

/// VP8 and Opus under the payload types that the clip is sent with.
fn register_clip_codecs(media: &mut MediaEngine) -> webrtc::error::Result<()> {
    let feedback = |kind: &str, parameter: &str| RTCPFeedback { typ: kind.into(), parameter: parameter.into() };
    let vp8 = RTCRtpCodec {
        mime_type: MIME_TYPE_VP8.into(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: vec![feedback("nack", ""), feedback("nack", "pli"), feedback("ccm", "fir")],
    };
    let opus = RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.into(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".into(),
        rtcp_feedback: vec![],
    };
    for (codec, payload_type, kind) in [(vp8, VIDEO_PT, RtpCodecKind::Video), (opus, AUDIO_PT, RtpCodecKind::Audio)] {
        let codec = RTCRtpCodecParameters { rtp_codec: codec, payload_type };
        media.register_codec(codec, kind)?;
    }
    Ok(())
}

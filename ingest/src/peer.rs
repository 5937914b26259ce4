//! A webrtcbin and its one negotiation: complete offer out, answer in. Used by those who watch and those who publish.
//!
//! Blocks while negotiating, with a bound: give it a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_sdp as gst_sdp;
use gstreamer_webrtc as gst_webrtc;

use crate::error::IngestError;
use crate::signalling::Exchange;

/// The time for each step of a negotiation.
const STEP_MAX: Duration = Duration::from_secs(5);
/// The time for connectivity checks and DTLS after the answer.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A peer connection in a pipeline of its own. Ends its session when dropped.
pub(crate) struct Peer {
    pub(crate) pipeline: gst::Pipeline,
    webrtc: gst::Element,
    /// Kept alive: webrtcbin forgets added addresses with the last reference to its agent.
    _ice: glib::Object,
    exchange: Arc<dyn Exchange>,
    resource: Option<String>,
    negotiated_at: Instant,
    packets: Arc<AtomicU64>,
    connected: bool,
}

/// The state of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Connecting,
    Connected,
    Dead(&'static str),
}

impl Peer {
    /// Takes over a pipeline that is not running yet and its webrtcbin.
    pub(crate) fn new(
        pipeline: gst::Pipeline,
        webrtc: gst::Element,
        exchange: Arc<dyn Exchange>,
    ) -> Result<Self, IngestError> {
        let ice = webrtc.property::<glib::Object>("ice-agent");
        if exchange.is_loopback() {
            // libnice passes over `lo` unless it is told to use it.
            ice.emit_by_name::<bool>("add-local-ip-address", &[&"127.0.0.1"]);
        }
        let packets = Arc::new(AtomicU64::new(0));
        count_packets(&webrtc, &packets);
        Ok(Self {
            pipeline,
            webrtc,
            _ice: ice,
            exchange,
            resource: None,
            negotiated_at: Instant::now(),
            packets,
            connected: false,
        })
    }

    /// Starts the pipeline and negotiates. The offer is made once `ready` has a message.
    pub(crate) fn negotiate(&mut self, ready: Option<mpsc::Receiver<()>>) -> Result<(), IngestError> {
        let playing = self.pipeline.set_state(gst::State::Playing);
        playing.map_err(|source| IngestError::State { what: "peer", source })?;
        let fail = |what: &str| IngestError::Negotiation(what.to_owned());
        if let Some(ready) = ready {
            ready.recv_timeout(STEP_MAX).map_err(|_| fail("the media never became ready"))?;
        }
        let offer = self.create_offer()?;
        self.webrtc.emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
        self.gather()?;
        let local = self.webrtc.property::<Option<gst_webrtc::WebRTCSessionDescription>>("local-description");
        let offer = local.and_then(|local| local.sdp().as_text().ok()).ok_or_else(|| fail("no local description"))?;
        tracing::trace!(offer, "offer");
        let answer = self.exchange.offer(&offer)?;
        tracing::trace!(answer = answer.sdp, "answer");
        self.resource = Some(answer.resource);
        self.negotiated_at = Instant::now();
        let sdp =
            gst_sdp::SDPMessage::parse_buffer(answer.sdp.as_bytes()).map_err(|_| fail("the answer is not SDP"))?;
        let answer = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Answer, sdp);
        let (done, result) = mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let refused = match reply {
                Ok(Some(reply)) => reply.get::<glib::Error>("error").ok().map(|error| error.to_string()),
                Ok(None) => None,
                Err(_) => Some("interrupted".to_owned()),
            };
            let _ = done.send(refused);
        });
        self.webrtc.emit_by_name::<()>("set-remote-description", &[&answer, &promise]);
        match result.recv_timeout(STEP_MAX) {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(IngestError::Negotiation(reason)),
            Err(_) => Err(fail("the answer was not taken in time")),
        }
    }

    fn create_offer(&self) -> Result<gst_webrtc::WebRTCSessionDescription, IngestError> {
        let (done, result) = mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let offer = reply.ok().flatten();
            let _ = done.send(offer.and_then(|r| r.get::<gst_webrtc::WebRTCSessionDescription>("offer").ok()));
        });
        self.webrtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
        let offer = result.recv_timeout(STEP_MAX).ok().flatten();
        offer.ok_or_else(|| IngestError::Negotiation("no offer could be made".to_owned()))
    }

    fn gather(&self) -> Result<(), IngestError> {
        let until = Instant::now() + STEP_MAX;
        while Instant::now() < until {
            let state = self.webrtc.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state");
            if state == gst_webrtc::WebRTCICEGatheringState::Complete {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(IngestError::Negotiation("candidates were not gathered in time".to_owned()))
    }

    /// Waits up to `patience` for a failure. Returns the peer's state.
    pub(crate) fn watch(&mut self, patience: Duration) -> Health {
        let Some(bus) = self.pipeline.bus() else { return Health::Dead("no bus") };
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos, gst::MessageType::Latency];
        if let Some(message) = bus.timed_pop_filtered(gst::ClockTime::try_from(patience).ok(), &kinds) {
            match message.view() {
                gst::MessageView::Error(error) => {
                    tracing::warn!(error = %error.error(), debug = ?error.debug(), "a peer's pipeline failed");
                    return Health::Dead("its pipeline failed");
                }
                gst::MessageView::Eos(_) => return Health::Dead("its media ended"),
                _ => drop(self.pipeline.recalculate_latency()),
            }
        }
        use gst_webrtc::WebRTCPeerConnectionState as State;
        match self.webrtc.property::<State>("connection-state") {
            State::Connected if !self.connected => {
                self.connected = true;
                // webrtcbin's session must hear the latency after it was linked, or its reports lack running time.
                drop(self.pipeline.recalculate_latency());
            }
            State::Failed => return Health::Dead("the connection failed"),
            State::Closed => return Health::Dead("the connection was closed"),
            _ if !self.connected && self.negotiated_at.elapsed() > CONNECT_MAX => {
                return Health::Dead("the connection was not made in time");
            }
            _ => {}
        }
        if self.connected { Health::Connected } else { Health::Connecting }
    }

    /// Packets that have come in, RTCP included.
    pub(crate) fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// See [`Exchange::limit_layer`].
    pub(crate) fn limit_layer(&self, (width, height): (u32, u32)) -> Result<(), IngestError> {
        let Some(resource) = &self.resource else { return Ok(()) };
        Ok(self.exchange.limit_layer(resource, width, height)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(resource) = &self.resource {
            self.exchange.leave(resource);
        }
    }
}

fn count_packets(webrtc: &gst::Element, packets: &Arc<AtomicU64>) {
    let Some(bin) = webrtc.downcast_ref::<gst::Bin>() else { return };
    let packets = packets.clone();
    bin.connect_deep_element_added(move |_, _, element| {
        if element.factory().is_none_or(|factory| factory.name() != "nicesrc") {
            return;
        }
        let Some(pad) = element.static_pad("src") else { return };
        let packets = packets.clone();
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
            packets.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    });
}

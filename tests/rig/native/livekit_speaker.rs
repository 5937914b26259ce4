//! A participant of LiveKit's protocol that publishes a camera and a microphone on one peer connection, and watches
//! nobody.

use livekit_protocol as proto;

use crate::error::Result;
use crate::http::Http;
use crate::livekit::{Kind, Sending, add_track};
use crate::peer::{Credentials, Peer};
use crate::sdp::Video;
use crate::signal::Signal;

/// A participant whose peer connection is up.
pub struct LivekitSpeaker {
    /// Carries what is published: the picture with the SSRC asked for, the sound with the next one.
    pub peer: Peer,
    /// The ids of camera and microphone.
    pub tracks: [String; 2],
    signal: Signal,
    /// Bytes of messages that the server has sent since the peer connection is up.
    pub heard_bytes: u64,
}

impl LivekitSpeaker {
    /// Joins with a token that does not allow watching, announces both tracks and connects.
    pub fn join(http: &Http, credentials: &Credentials, token: &str, ssrc: u32) -> Result<Self> {
        let (mut signal, _) = Signal::join(http, token, false)?;
        let camera = proto::AddTrackRequest { width: 320, height: 180, ..add_track(Kind::Picture) };
        let tracks = [signal.announce(camera)?, signal.announce(add_track(Kind::Sound))?];
        let sending = Sending { video: Some(Video::Vp8), audio: true, data: false, ssrc };
        Ok(Self { peer: signal.offer(credentials, sending)?, tracks, signal, heard_bytes: 0 })
    }

    /// To be called every second or so: reads what the server has said meanwhile, and pings it. `Err` once it bids to
    /// leave or has ended the connection.
    pub fn beat(&mut self) -> Result<()> {
        self.heard_bytes += self.signal.attend()?;
        Ok(())
    }

    /// Leaves the room.
    pub fn leave(&mut self) -> Result<()> {
        self.signal.leave()
    }
}

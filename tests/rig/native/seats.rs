//! Publishers by WHIP and viewers by WHEP of a server under test, and what it counted of datagrams that it threw away.

use crate::error::Result;
use crate::peer::{Credentials, Peer, Request, SrtpOffer};
use crate::sdp::{Direction, Video};
use crate::server::Server;
use crate::wait::wait_for_or;

/// Counts what the SFU threw away and whom it turned away, by reason.
const DROPPED: &str = "spillway_sfu_dropped_total";

/// A publisher with this codec, and the SSRC that it offered.
pub fn publisher(server: &Server, identity: &str, video: Video) -> Result<(Peer, u32)> {
    let token = server.speaker_token(identity);
    let mut request = Request::vp8(&format!("/whip/{}", server.room), Some(token), Direction::Publish);
    request.video = Some(video);
    Ok((Peer::join(&server.http, &Credentials::new(SrtpOffer::Gcm)?, &request)?, request.ssrc))
}

/// How to ask for a seat before one publisher.
pub fn request_to_watch(server: &Server, identity: &str, publisher: &str, video: Video) -> Request {
    let path = format!("/whep/{}?participant={publisher}", server.room);
    let request = Request::vp8(&path, Some(server.viewer_token(identity)), Direction::Watch);
    Request { video: Some(video), ..request }
}

/// A viewer of one publisher.
pub fn viewer(server: &Server, identity: &str, publisher: &str, video: Video) -> Result<Peer> {
    let request = request_to_watch(server, identity, publisher, video);
    Peer::join(&server.http, &Credentials::new(SrtpOffer::Gcm)?, &request)
}

impl Server {
    /// How much it threw away for this reason so far.
    pub fn dropped(&self, reason: &str) -> Result<f64> {
        Ok(self.metrics()?.sum(DROPPED, &[&format!("reason=\"{reason}\"")]))
    }

    /// Waits until so much more than `before` was thrown away for this reason.
    pub fn wait_for_drops(&self, reason: &str, before: f64, count: f64) -> Result<()> {
        wait_for_or(&format!("the count of {reason}"), 15, || {
            let more = self.dropped(reason).map_err(|error| error.to_string())? - before;
            if more >= count { Ok(()) } else { Err(format!("{more} of {count}")) }
        })
    }
}

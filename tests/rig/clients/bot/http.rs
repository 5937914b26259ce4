//! WHIP (RFC 9725) and WHEP.

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::connection::{Codecs, Connection};
use super::receiving::Received;
use super::sending::{self, Playing};
use super::{DtlsRole, RUNTIME};
use crate::clip::Clip;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::session::Session;

/// Publishes the clip by WHIP. Leaves when dropped.
pub struct Publisher {
    peer: Peer,
    _playing: [Playing; 2],
}

impl Publisher {
    /// Publishes at `path`, such as `/whip/demo`. Waits until it is connected.
    pub fn start(http: &Http, path: &str, token: &str, role: DtlsRole) -> Result<Self> {
        let clip = Clip::load()?;
        let (connection, playing) = RUNTIME.block_on(async {
            let (connection, _) = Connection::new(role, Codecs::OfClip).await?;
            let playing = [sending::picture("picture", &clip), sending::sound("sound", &clip)];
            for one in &playing {
                connection.send(one.track.clone()).await?;
            }
            Ok::<_, Error>((connection, playing))
        })?;
        Ok(Self { peer: Peer::connect(http, path, token, connection)?, _playing: playing })
    }

    /// The answer that the server gave.
    pub fn answer(&self) -> &str {
        &self.peer.answer
    }

    /// Restarts ICE by PATCH, and waits until it is connected again.
    pub fn restart_ice(&mut self) -> Result<()> {
        self.peer.restart_ice()
    }
}

/// Watches by WHEP, and counts what comes. Leaves when dropped.
pub struct Viewer(Peer);

impl Viewer {
    /// Watches one picture and one sound of `path`, such as `/whep/demo`. Waits until it is connected.
    pub fn start(http: &Http, path: &str, token: &str, role: DtlsRole) -> Result<Self> {
        let connection = RUNTIME.block_on(async {
            let (connection, _) = Connection::new(role, Codecs::All).await?;
            connection.receive(RtpCodecKind::Video).await?;
            connection.receive(RtpCodecKind::Audio).await?;
            Ok::<_, Error>(connection)
        })?;
        Ok(Self(Peer::connect(http, path, token, connection)?))
    }

    /// The answer that the server gave.
    pub fn answer(&self) -> &str {
        &self.0.answer
    }

    /// What came so far, by track.
    pub fn received(&self) -> Vec<Received> {
        self.0.connection.tracks.received()
    }

    /// As [`Publisher::restart_ice`].
    pub fn restart_ice(&mut self) -> Result<()> {
        self.0.restart_ice()
    }
}

/// A connection and its session.
struct Peer {
    connection: Connection,
    http: Http,
    session: Session,
    answer: String,
}

impl Peer {
    fn connect(http: &Http, path: &str, token: &str, connection: Connection) -> Result<Self> {
        let offer = RUNTIME.block_on(connection.offer(false))?;
        let reply = http.offer(path, Some(token), offer.as_bytes())?;
        if reply.status != 201 {
            return Err(reply.unexpected(&http.url(path)));
        }
        let location = reply.header("location").ok_or(Error::Answer("Location"))?.to_owned();
        let session = Session::new(location, Some(token.to_owned()));
        let peer = Self { connection, http: http.clone(), session, answer: reply.text() };
        RUNTIME.block_on(async {
            peer.connection.answered(&peer.answer).await?;
            peer.connection.connected().await
        })?;
        Ok(peer)
    }

    /// RFC 9725 §4.3.2.
    fn restart_ice(&mut self) -> Result<()> {
        let offer = RUNTIME.block_on(self.connection.offer(true))?;
        let wanted = ["a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:"];
        let lines = wanted.iter().filter_map(|start| line(&offer, start)).map(|line| format!("{line}\r\n"));
        let fragment: String = lines.collect();
        let reply = self.session.restart(&self.http, &fragment)?;
        if reply.status != 200 {
            return Err(reply.unexpected(&self.session.location));
        }
        let fragment = reply.text();
        let answer = self.answer.lines().map(|old| {
            let credential = ["a=ice-ufrag:", "a=ice-pwd:"].into_iter().find(|start| old.starts_with(start));
            credential.and_then(|start| line(&fragment, start)).unwrap_or(old).to_owned() + "\r\n"
        });
        self.answer = answer.collect();
        RUNTIME.block_on(async {
            self.connection.answered(&self.answer).await?;
            self.connection.connected().await
        })
    }
}

/// The first line that starts so.
fn line<'a>(sdp: &'a str, start: &str) -> Option<&'a str> {
    sdp.lines().find(|line| line.starts_with(start))
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The server may be gone already.
        let _ = self.session.leave(&self.http);
        RUNTIME.block_on(self.connection.close());
    }
}

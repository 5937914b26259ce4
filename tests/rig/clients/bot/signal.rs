//! The WebSocket of LiveKit's protocol, read by a thread of its own.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tungstenite::{Bytes, WebSocket};

use crate::error::{Error, Result};
use crate::http::Http;

/// The first message may take so long.
const FIRST_MAX: Duration = Duration::from_secs(10);
/// How often the thread looks for something to say.
const TURN: Duration = Duration::from_millis(10);
/// How often the server wants to hear of us.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A signal connection. Ends when dropped.
pub(super) struct Signal {
    requests: Sender<Request>,
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Bot { doing: "signalling", detail: error.to_string() }
}

impl Signal {
    /// Connects with these parameters besides the usual ones. The first message goes to `first`, all later ones to the
    /// handler that it returns, whose replies are sent.
    pub(super) fn connect<T, H>(
        http: &Http,
        token: &str,
        parameters: &str,
        first: impl FnOnce(Message) -> Result<(T, H)>,
    ) -> Result<(Self, T)>
    where
        H: FnMut(Message) -> Option<Request> + Send + 'static,
    {
        let origin = http.origin().replacen("http", "ws", 1);
        let host = origin.trim_start_matches("ws://");
        let url = format!("{origin}/rtc?access_token={token}&protocol=16&sdk=rig&version=1{parameters}");
        let stream = TcpStream::connect(host).map_err(Error::io("connecting to the server"))?;
        stream.set_nodelay(true).map_err(Error::io("setting up a connection"))?;
        stream.set_read_timeout(Some(FIRST_MAX)).map_err(Error::io("setting up a connection"))?;
        let ours = stream.try_clone().map_err(Error::io("setting up a connection"))?;
        let (mut socket, _) = tungstenite::client(url, stream).map_err(failed)?;
        let (first, handler) = first(next(&mut socket)?.ok_or_else(|| failed("no first message"))?)?;
        ours.set_read_timeout(Some(TURN)).map_err(Error::io("setting up a connection"))?;
        let (requests, to_send) = channel();
        let thread = std::thread::spawn(move || serve(socket, &to_send, handler));
        Ok((Self { requests, stream: ours, thread: Some(thread) }, first))
    }

    /// Says something; nothing happens once the server has ended the connection.
    pub(super) fn say(&self, request: Request) {
        let _ = self.requests.send(request);
    }

    /// Ends the connection without a word, as a network does.
    pub(super) fn cut(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// Waits until all that was said has been sent, and ends the connection.
    pub(super) fn finish(&mut self) {
        let (requests, _) = channel();
        // The thread ends when it has sent all.
        drop(std::mem::replace(&mut self.requests, requests));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Sends what is to be said and hands on what comes, until either end is gone.
fn serve(
    mut socket: WebSocket<TcpStream>,
    requests: &Receiver<Request>,
    mut handler: impl FnMut(Message) -> Option<Request>,
) {
    let mut pinged = Instant::now();
    loop {
        loop {
            match requests.try_recv() {
                Ok(request) => {
                    if send(&mut socket, request).is_err() {
                        return;
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        if pinged.elapsed() >= PING_INTERVAL {
            pinged = Instant::now();
            let _ = send(&mut socket, Request::PingReq(proto::Ping::default()));
        }
        match next(&mut socket) {
            Ok(message) => {
                if let Some(reply) = message.and_then(&mut handler) {
                    let _ = send(&mut socket, reply);
                }
            }
            Err(_) => return,
        }
    }
}

fn send(socket: &mut WebSocket<TcpStream>, request: Request) -> Result<()> {
    let bytes = proto::SignalRequest { message: Some(request) }.encode_to_vec();
    socket.send(tungstenite::Message::Binary(Bytes::from(bytes))).map_err(failed)
}

/// The next message; `None` if there is none within the socket's time limit, or it is of an unknown kind.
fn next(socket: &mut WebSocket<TcpStream>) -> Result<Option<Message>> {
    match socket.read() {
        Ok(tungstenite::Message::Binary(bytes)) => Ok(proto::SignalResponse::decode(bytes).map_err(failed)?.message),
        Ok(_) => Ok(None),
        Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

//! Data of LiveKit's protocol: packets on two data channels, one that loses nothing and one that may.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use livekit_protocol as proto;
use livekit_protocol::data_packet::Value;
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use super::connection::{Connection, failed};
use crate::error::{Error, Result};

/// The labels that the protocol gives the two channels.
const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";
/// A channel may take so long to open.
const OPEN_MAX: Duration = Duration::from_secs(10);

/// Data that came from another participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The participant that sent it.
    pub identity: String,
    /// Whether it came on the channel that loses nothing.
    pub reliable: bool,
    /// The text in it.
    pub text: String,
}

/// All data that has come, in order of coming.
#[derive(Clone, Default)]
pub(super) struct Messages(Arc<Mutex<Vec<Message>>>);

impl Messages {
    /// Takes what comes on the server's channels. To be called in the bots' runtime.
    pub(super) fn receive(&self, mut channels: mpsc::UnboundedReceiver<Arc<dyn DataChannel>>) {
        let messages = self.clone();
        tokio::spawn(async move {
            while let Some(channel) = channels.recv().await {
                tokio::spawn(messages.clone().receive_on(channel));
            }
        });
    }

    async fn receive_on(self, channel: Arc<dyn DataChannel>) {
        let reliable = channel.label().await.is_ok_and(|label| label == RELIABLE);
        while let Some(event) = channel.poll().await {
            if let DataChannelEvent::OnMessage(message) = event {
                self.take(&message.data, reliable);
            }
        }
    }

    fn take(&self, bytes: &[u8], reliable: bool) {
        let Ok(packet) = proto::DataPacket::decode(bytes) else { return };
        if let Some(Value::User(user)) = packet.value {
            let text = String::from_utf8_lossy(&user.payload).into_owned();
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Message { identity: packet.participant_identity, reliable, text });
        }
    }

    /// All so far.
    pub(super) fn all(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends data on channels of its own.
pub(super) struct Sender {
    reliable: Channel,
    lossy: Channel,
    /// Of the last reliable message.
    sequence: u32,
}

/// A data channel of the bot's.
struct Channel {
    channel: Arc<dyn DataChannel>,
    open: watch::Receiver<bool>,
}

impl Sender {
    /// Adds both channels to a connection.
    pub(super) async fn new(connection: &Connection) -> Result<Self> {
        let reliable = Channel::new(connection, RELIABLE, false).await?;
        Ok(Self { reliable, lossy: Channel::new(connection, LOSSY, true).await?, sequence: 0 })
    }

    /// Sends text to everybody, once the channel is open.
    pub(super) async fn send(&mut self, reliable: bool, text: &str) -> Result<()> {
        let user = proto::UserPacket { payload: text.as_bytes().to_vec(), ..Default::default() };
        let mut packet = proto::DataPacket { value: Some(Value::User(user)), ..Default::default() };
        if !reliable {
            return self.lossy.send(&packet.encode_to_vec()).await;
        }
        self.sequence += 1;
        packet.sequence = self.sequence;
        self.reliable.send(&packet.encode_to_vec()).await
    }
}

impl Channel {
    async fn new(connection: &Connection, label: &str, lossy: bool) -> Result<Self> {
        let channel = connection.channel(label, lossy).await?;
        let (opened, open) = watch::channel(false);
        let polled = channel.clone();
        tokio::spawn(async move {
            while let Some(event) = polled.poll().await {
                if let DataChannelEvent::OnOpen = event {
                    opened.send_replace(true);
                }
            }
        });
        Ok(Self { channel, open })
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let open = tokio::time::timeout(OPEN_MAX, self.open.wait_for(|open| *open));
        if !matches!(open.await, Ok(Ok(_))) {
            let what = "a bot's data channel to open".into();
            return Err(Error::Timeout { what, seconds: OPEN_MAX.as_secs(), detail: String::new() });
        }
        self.channel.send(BytesMut::from(bytes)).await.map_err(failed("sending data"))
    }
}

//! How channels open (RFC 8832), and which stream is which channel.

use std::time::Instant;

use rtc_datachannel::message::Message;
use rtc_datachannel::message::message_channel_ack::DataChannelAck;
use rtc_datachannel::message::message_channel_open::{CHANNEL_PRIORITY_NORMAL, ChannelType, DataChannelOpen};
use rtc_sctp::{PayloadProtocolIdentifier, ReliabilityType, StreamId};
use rtc_shared::marshal::{Marshal as _, Unmarshal as _};

use super::{DataEvent, DataTransport, Named};
use crate::transport::association::{Channel, DtlsRole};

/// Channels a peer may open.
const CHANNELS_MAX: usize = 8;

impl Channel {
    /// As LiveKit's clients know it.
    const fn label(self) -> &'static str {
        match self {
            Self::Reliable => "_reliable",
            Self::Lossy => "_lossy",
        }
    }

    /// The DTLS client opens even streams, the server odd ones (RFC 8832 §6).
    const fn our_stream(self, role: DtlsRole) -> StreamId {
        let of_server = match self {
            Self::Reliable => 1,
            Self::Lossy => 3,
        };
        match role {
            DtlsRole::Server => of_server,
            DtlsRole::Client => of_server - 1,
        }
    }

    pub(super) fn index(self) -> usize {
        usize::from(self == Self::Lossy)
    }
}

impl DataTransport {
    /// RFC 8832 §6: the channel may be used at once.
    pub(super) fn announce(&mut self, now: Instant, channel: Channel, events: &mut Vec<DataEvent>) {
        let Some(Named { association, .. }) = self.association.as_deref_mut() else { return };
        let id = channel.our_stream(self.role);
        let Ok(mut stream) = association.open_stream(id, PayloadProtocolIdentifier::Binary) else { return };
        let channel_type = match channel {
            Channel::Reliable => ChannelType::Reliable,
            Channel::Lossy => ChannelType::PartialReliableRexmitUnordered,
        };
        let open = Message::DataChannelOpen(DataChannelOpen {
            channel_type,
            priority: CHANNEL_PRIORITY_NORMAL,
            reliability_parameter: 0,
            label: channel.label().into(),
            protocol: Vec::new(),
        });
        let Ok(open) = open.marshal() else { return };
        if stream.write_with_ppi(now, &open, PayloadProtocolIdentifier::Dcep).is_err() {
            return;
        }
        if channel == Channel::Lossy {
            // The OPEN itself went out reliably; what follows does not.
            drop(stream.set_reliability_params(true, ReliabilityType::Rexmit, 0));
        }
        self.open[channel.index()] = Some(id);
        events.push(DataEvent::Opened(channel));
    }

    pub(super) fn channel_of(&self, id: StreamId) -> Option<Channel> {
        let ours = [Channel::Reliable, Channel::Lossy].into_iter().find(|c| self.open[c.index()] == Some(id));
        ours.or_else(|| self.theirs.iter().find(|(known, _)| *known == id).map(|(_, channel)| *channel))
    }

    /// The peer opens a channel: known by its label, used for sending where there is none yet.
    pub(super) fn control(&mut self, now: Instant, id: StreamId, mut message: &[u8], events: &mut Vec<DataEvent>) {
        let Ok(Message::DataChannelOpen(open)) = Message::unmarshal(&mut message) else { return };
        let Some(Named { association, .. }) = self.association.as_deref_mut() else { return };
        let Ok(mut stream) = association.stream(id) else { return };
        if let Ok(ack) = Message::DataChannelAck(DataChannelAck).marshal() {
            drop(stream.write_with_ppi(now, &ack, PayloadProtocolIdentifier::Dcep));
        }
        let known = [Channel::Reliable, Channel::Lossy].into_iter().find(|c| c.label().as_bytes() == open.label);
        let Some(channel) = known else { return };
        if self.theirs.len() < CHANNELS_MAX && !self.theirs.iter().any(|(other, _)| *other == id) {
            self.theirs.push((id, channel));
        }
        if !self.announces && self.open[channel.index()].is_none() {
            if channel == Channel::Lossy {
                drop(stream.set_reliability_params(true, ReliabilityType::Rexmit, 0));
            }
            self.open[channel.index()] = Some(id);
            events.push(DataEvent::Opened(channel));
        }
    }
}

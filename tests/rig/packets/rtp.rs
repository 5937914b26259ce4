//! Encoded media in RTP packets: VP8 (RFC 7741) and Opus (RFC 7587).

/// The longest payload, bytes: with all that encloses it, a packet stays below an Ethernet frame.
const PAYLOAD_BYTES_MAX: usize = 1160;
/// The payload descriptor: X, then I, then 15 bits of picture id (RFC 7741 §4.2), bytes.
const DESCRIPTOR_BYTES: usize = 4;

/// The counters of one stream.
#[derive(Clone, Debug)]
pub struct RtpStream {
    /// Its synchronisation source.
    pub ssrc: u32,
    payload_type: u8,
    sequence: u16,
    /// Of the frame that was sent last.
    pub timestamp: u32,
    picture_id: u16,
    /// Packets sent.
    pub packets: u32,
    /// Bytes of payload sent.
    pub octets: u32,
}

impl RtpStream {
    /// A stream that has sent nothing.
    pub fn new(ssrc: u32, payload_type: u8) -> Self {
        // Below 32768: a receiver that joins late guesses the rollover counter right (RFC 3711 §3.3.1).
        let sequence = 1024 + (ssrc as u16 & 0x3fff);
        Self { ssrc, payload_type, sequence, timestamp: ssrc, picture_id: 0, packets: 0, octets: 0 }
    }

    /// The packets of a VP8 frame that is shown `ticks` of 90 kHz after the last one.
    pub fn picture(&mut self, frame: &[u8], ticks: u32, mut send: impl FnMut(&[u8])) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        let [high, low] = (0x8000 | self.picture_id).to_be_bytes();
        let count = frame.len().div_ceil(PAYLOAD_BYTES_MAX - DESCRIPTOR_BYTES).max(1);
        for (i, part) in frame.chunks(frame.len().div_ceil(count).max(1)).enumerate() {
            // S on a frame's first packet; the marker on its last one.
            let payload = [&[0x80 | u8::from(i == 0) << 4, 0x80, high, low], part].concat();
            send(&self.packet(&payload, i + 1 == count));
        }
    }

    /// The packet of a frame of Opus that begins `ticks` of 48 kHz after the last one.
    pub fn sound(&mut self, frame: &[u8], ticks: u32, mut send: impl FnMut(&[u8])) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
        // The marker begins a talkspurt (RFC 7587 §4.1).
        let first = self.packets == 0;
        send(&self.packet(frame, first));
    }

    /// Lets time pass in which nothing is sent.
    pub fn skip(&mut self, ticks: u32) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }

    fn packet(&mut self, payload: &[u8], marker: bool) -> Vec<u8> {
        let mut packet = vec![0x80, self.payload_type | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_into_packets_that_join_to_it_again() {
        let mut stream = RtpStream::new(7, 96);
        for len in [1, 1156, 1157, 5000] {
            let frame: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut packets = vec![];
            stream.picture(&frame, 6000, |packet| packets.push(packet.to_vec()));
            let joined: Vec<u8> = packets.iter().flat_map(|packet| packet[16..].to_vec()).collect();
            assert_eq!(joined, frame);
            let (markers, starts): (Vec<bool>, Vec<bool>) =
                packets.iter().map(|packet| (packet[1] & 0x80 != 0, packet[12] & 0x10 != 0)).unzip();
            assert_eq!(markers.iter().position(|marker| *marker), Some(packets.len() - 1));
            assert_eq!(starts.iter().filter(|start| **start).count(), 1);
            assert!(starts[0] && packets.iter().all(|packet| packet.len() <= 12 + PAYLOAD_BYTES_MAX));
        }
        assert_eq!((stream.timestamp, stream.picture_id, stream.packets), (7 + 4 * 6000, 4, 9));
    }

    #[test]
    fn only_the_first_packet_of_sound_begins_a_talkspurt() {
        let (mut stream, mut packets) = (RtpStream::new(8, 111), vec![]);
        (0..2).for_each(|_| stream.sound(&[1, 2, 3], 960, |packet| packets.push(packet.to_vec())));
        assert_eq!((packets[0][1], packets[1][1], &packets[1][12..]), (0x80 | 111, 111, &[1, 2, 3][..]));
    }
}

use rtc_sctp::PayloadProtocolIdentifier;

use super::*;
use crate::ids::PeerId;

/// A client of the library's own, on a wire that loses nothing.
struct Client {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
}

impl Client {
    fn connect(now: Instant) -> Self {
        let config = TransportConfig::default().with_sctp_port(5000).with_max_message_size(MESSAGE_BYTES_MAX as u32);
        let endpoint_config = Arc::new(EndpointConfig::default());
        let mut endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, endpoint_config, None);
        let (handle, association) = endpoint.connect(now, ClientConfig::new(config), REMOTE).unwrap();
        Self { endpoint, handle, association }
    }

    /// Carries packets both ways until there are none. Returns what came of it at the server.
    fn exchange(&mut self, server: &mut DataTransport, now: Instant) -> Vec<DataEvent> {
        let mut events = Vec::new();
        loop {
            let mut idle = true;
            while let Some(transmit) = self.association.poll_transmit(now) {
                let Payload::RawEncode(packets) = transmit.message else { continue };
                idle = false;
                packets.into_iter().for_each(|packet| server.receive(now, packet, &mut events));
            }
            while let Some(packets) = server.poll_transmit(now) {
                for packet in packets {
                    idle = false;
                    if let Some((handle, DatagramEvent::AssociationEvent(event))) =
                        self.endpoint.handle(now, REMOTE, None, packet)
                    {
                        assert_eq!(handle, self.handle);
                        self.association.handle_event(event);
                    }
                }
            }
            while self.association.poll().is_some() {}
            if idle {
                return events;
            }
        }
    }

    fn read(&mut self, id: StreamId) -> Option<Vec<u8>> {
        let chunks = self.association.stream(id).ok()?.read_sctp().ok()??;
        Some(chunks.to_payload(MESSAGE_BYTES_MAX).unwrap().to_vec())
    }
}

#[test]
fn channels_that_we_announce_carry_messages_of_every_size_that_we_say_we_take() {
    let (mut server, now) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
    let mut client = Client::connect(now);
    let opened = client.exchange(&mut server, now);
    assert_eq!(opened, [DataEvent::Opened(Channel::Reliable), DataEvent::Opened(Channel::Lossy)]);
    assert!(client.read(1).is_some_and(|open| open.ends_with(b"_reliable")));
    assert!(client.read(3).is_some_and(|open| open.ends_with(b"_lossy")));
    for len in [1, 64_000, MESSAGE_BYTES_MAX] {
        assert_eq!(server.send(now, None, Channel::Reliable, &Bytes::from(vec![7; len])), Ok(()));
        client.exchange(&mut server, now);
        assert_eq!(client.read(1).map(|message| message.len()), Some(len));
    }
    let larger = Bytes::from(vec![7; MESSAGE_BYTES_MAX + 1]);
    assert_eq!(server.send(now, None, Channel::Reliable, &larger), Err(NotSent::TooLarge));
}

/// Carries packets between two transports of ours until there are none; what came of it at each.
fn exchange(one: &mut DataTransport, other: &mut DataTransport, now: Instant) -> [Vec<DataEvent>; 2] {
    let mut events = [vec![], vec![]];
    loop {
        let sent = [one.poll_transmit(now), other.poll_transmit(now)];
        let [None, None] = &sent else {
            let [to_other, to_one] = sent.map(Option::unwrap_or_default);
            to_other.into_iter().for_each(|packet| other.receive(now, packet, &mut events[1]));
            to_one.into_iter().for_each(|packet| one.receive(now, packet, &mut events[0]));
            continue;
        };
        return events;
    }
}

#[test]
fn the_client_of_dtls_begins_when_its_peer_does_not() {
    let now = Instant::now();
    let [mut client, mut server] =
        [(true, DtlsRole::Client), (false, DtlsRole::Server)].map(|(opens, role)| DataTransport::new(opens, role));
    client.start(now);
    server.start(now);
    assert_eq!((client.poll_timeout(), server.poll_timeout()), (Some(now + INIT_WAIT), None));
    let later = now + INIT_WAIT;
    client.handle_timeout(later, &mut vec![]);
    // The first INIT is lost, and sent again.
    assert!(client.poll_transmit(later).is_some());
    let again = client.poll_timeout().unwrap();
    assert!(again > later);
    client.handle_timeout(again, &mut vec![]);
    let [ours, theirs] = exchange(&mut client, &mut server, again);
    let both = [DataEvent::Opened(Channel::Reliable), DataEvent::Opened(Channel::Lossy)];
    assert_eq!((ours.as_slice(), theirs.as_slice()), (&both[..], &both[..]));
    let message = Bytes::from_static(b"hello");
    assert_eq!(server.send(again, None, Channel::Reliable, &message), Ok(()));
    let [came, _] = exchange(&mut client, &mut server, again);
    assert_eq!(came, [DataEvent::Message(Channel::Reliable, message)]);
}

#[test]
fn the_peers_init_counts_whether_it_comes_before_or_after_ours() {
    for wait in [Duration::ZERO, INIT_WAIT] {
        let now = Instant::now();
        let mut ours = DataTransport::new(true, DtlsRole::Client);
        ours.start(now);
        let later = now + wait;
        ours.handle_timeout(later, &mut vec![]);
        let mut peer = Client::connect(later);
        let mut init = vec![];
        while let Some(transmit) = peer.association.poll_transmit(later) {
            let Payload::RawEncode(packets) = transmit.message else { continue };
            init.extend(packets);
        }
        let mut events = vec![];
        init.into_iter().for_each(|packet| ours.receive(later, packet, &mut events));
        events.extend(peer.exchange(&mut ours, later));
        let opened = [DataEvent::Opened(Channel::Reliable), DataEvent::Opened(Channel::Lossy)];
        assert_eq!(events, opened, "after {wait:?}");
        assert!(peer.read(0).is_some_and(|open| open.ends_with(b"_reliable")));
        // No INIT of ours follows.
        ours.handle_timeout(later + INIT_WAIT, &mut vec![]);
        assert!(ours.begun.is_none() && ours.connect_at.is_none());
    }
}

#[test]
fn a_peer_that_sends_faster_than_it_may_waits_and_loses_nothing() {
    let (mut server, start) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
    let mut client = Client::connect(start);
    client.exchange(&mut server, start);
    let (mut came, mut now) = (0, start);
    let message = Bytes::from(vec![7; 32 * 1024]);
    for _ in 0..64 {
        let mut stream = client.association.stream(1).unwrap();
        stream.write_chunk_with_ppi(now, &message, PayloadProtocolIdentifier::Binary).unwrap();
    }
    let messages = |events: Vec<DataEvent>| {
        events.iter().filter(|e| matches!(e, DataEvent::Message(Channel::Reliable, _))).count()
    };
    came += messages(client.exchange(&mut server, now));
    assert!((1..64).contains(&came), "{came} at once");
    // Two megabytes, at two a second.
    for _ in 0..400 {
        now += Duration::from_millis(10);
        if client.association.poll_timeout().is_some_and(|at| at <= now) {
            client.association.handle_timeout(now);
        }
        let mut events = Vec::new();
        server.handle_timeout(now, &mut events);
        came += messages(events) + messages(client.exchange(&mut server, now));
    }
    assert_eq!(came, 64);
}

#[test]
fn nonsense_from_the_peer_is_ignored() {
    let (mut server, now, mut events) = (DataTransport::new(false, DtlsRole::Server), Instant::now(), Vec::new());
    for len in [0, 1, 11, 12, 40, 1200] {
        server.receive(now, Bytes::from(vec![0xff; len]), &mut events);
        server.receive(now, Bytes::from(vec![0; len]), &mut events);
    }
    assert_eq!((events, server.poll_timeout()), (vec![], None));
    assert_eq!(server.send(now, None, Channel::Lossy, &Bytes::from_static(b"x")), Err(NotSent::NotOpen));
}

const ONE: Option<PeerId> = Some(PeerId { shard: 0, serial: 1 });
const OTHER: Option<PeerId> = Some(PeerId { shard: 0, serial: 2 });

#[test]
fn sender_that_floods_a_slow_receiver_loses_its_own_messages_and_nobody_is_ended() {
    let (mut server, start) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
    let mut client = Client::connect(start);
    client.exchange(&mut server, start);
    let message = Bytes::from(vec![7; 32 * 1024]);
    // The receiver's network is down: nothing is carried from here on.
    let sent = (0..1000).filter(|_| server.send(start, ONE, Channel::Reliable, &message) == Ok(())).count();
    assert_eq!(sent, 32, "a megabyte");
    let later = start + Duration::from_secs(29);
    assert_eq!(server.send(later, ONE, Channel::Reliable, &message), Err(NotSent::Full));
    assert_eq!(server.send(later, OTHER, Channel::Reliable, &message), Ok(()), "another sender reaches it");
    assert_eq!(server.send(later, OTHER, Channel::Lossy, &message), Ok(()));
    let stalled = start + Duration::from_secs(31);
    assert_eq!(server.send(stalled, ONE, Channel::Reliable, &message), Err(NotSent::Stalled));
}

#[test]
fn receiver_that_comes_back_gets_everything_that_was_taken() {
    let (mut server, start) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
    let mut client = Client::connect(start);
    client.exchange(&mut server, start);
    client.read(1);
    let message = Bytes::from(vec![7; 32 * 1024]);
    let sent = (0..1000).filter(|_| server.send(start, ONE, Channel::Reliable, &message) == Ok(())).count();
    let (mut came, mut now) = (0, start);
    for _ in 0..200 {
        now += Duration::from_millis(20);
        server.handle_timeout(now, &mut vec![]);
        client.exchange(&mut server, now);
        came += std::iter::from_fn(|| client.read(1)).count();
    }
    assert_eq!(came, sent);
    assert_eq!(server.send(now, ONE, Channel::Reliable, &message), Ok(()), "its share is free again");
}

#[test]
fn sender_whose_messages_go_to_many_is_read_more_slowly() {
    let (mut server, start) = (DataTransport::new(true, DtlsRole::Server), Instant::now());
    let mut client = Client::connect(start);
    client.exchange(&mut server, start);
    for _ in 0..4000 {
        let mut stream = client.association.stream(1).unwrap();
        stream.write_chunk_with_ppi(start, &Bytes::from_static(b"x"), PayloadProtocolIdentifier::Binary).unwrap();
    }
    let (mut came, mut now) = (0, start);
    for _ in 0..2000 {
        now += Duration::from_millis(1);
        if client.association.poll_timeout().is_some_and(|at| at <= now) {
            client.association.handle_timeout(now);
        }
        let mut events = Vec::new();
        server.handle_timeout(now, &mut events);
        events.extend(client.exchange(&mut server, now));
        let messages = events.iter().filter(|event| matches!(event, DataEvent::Message(..))).count();
        assert!(messages <= 64, "{messages} before anybody can have said where they go");
        // Each goes to a thousand.
        (0..messages).for_each(|_| server.charge(1, 1000, now));
        came += messages;
    }
    // Eight megabytes at once and eight a second, of half a megabyte each; and what was read before the charge.
    assert!((32..=48 + 64).contains(&came), "{came} in two seconds");
}

#[test]
fn peer_that_opens_streams_without_end_is_to_be_ended() {
    let (mut server, now) = (DataTransport::new(false, DtlsRole::Server), Instant::now());
    let mut client = Client::connect(now);
    client.exchange(&mut server, now);
    let mut open = |streams: std::ops::Range<u16>| {
        for id in streams {
            let mut stream = client.association.open_stream(id, PayloadProtocolIdentifier::Binary).unwrap();
            stream.write_chunk_with_ppi(now, &Bytes::from_static(b"x"), PayloadProtocolIdentifier::Binary).unwrap();
        }
        client.exchange(&mut server, now)
    };
    assert!(!open(0..60).contains(&DataEvent::TooManyStreams));
    assert!(open(60..70).contains(&DataEvent::TooManyStreams));
}

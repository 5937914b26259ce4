use super::*;

const TRANSPORT: &str = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=setup:actpass\na=rtcp-mux\n\
    a=fingerprint:sha-256 AB:CD:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:FF\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\na=mid:0\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n\
    a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1;sprop-stereo=1\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n";
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 98 102 103 96 97\na=mid:1\na=rtpmap:98 H265/90000\n\
    a=rtpmap:102 H264/90000\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;sprop-parameter-sets=Z0I\n\
    a=rtcp-fb:102 nack\na=rtcp-fb:102 nack pli\na=rtcp-fb:* goog-remb\na=rtcp-fb:102 transport-cc\n\
    a=rtpmap:103 rtx/90000\na=fmtp:103 apt=102\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n\
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\na=extmap:13 urn:3gpp:video-orientation\n\
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n";
const LAYERS: &str = "a=rid:f send\na=rid:h send\na=rid:q send\na=simulcast:send q;~h;f\n";
const DATA: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\n";

/// Audio, video and data, the first two in `direction`.
fn offer(direction: &str) -> String {
    let head = "v=0\no=- 46 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1 2\n";
    format!("{head}{AUDIO}{TRANSPORT}a={direction}\n{VIDEO}{TRANSPORT}a={direction}\n{LAYERS}{DATA}{TRANSPORT}")
        .replace('\n', "\r\n")
}

fn answer(sections: Vec<NegotiatedSection>) -> LocalDescription {
    let candidates = host_candidates(&["192.0.2.1:5000".parse().unwrap()], &["[2001:db8::1]:443".parse().unwrap()]);
    let ice = IceCredentials::new("wxyz", "9876543210987654321098").unwrap();
    let fingerprint = Fingerprint([0xab; 32]);
    LocalDescription {
        setup: Setup::Passive,
        session_id: 7,
        session_version: 1,
        ice,
        fingerprint,
        candidates,
        sections,
    }
}

#[test]
fn offer_of_a_browser_is_read() {
    let offer = RemoteDescription::parse(&offer("sendonly")).unwrap();
    assert_eq!((offer.session_version, offer.ice.ufrag.as_str(), offer.setup), (2, "abcd", Setup::ActPass));
    assert_eq!((offer.fingerprint.0[0], offer.fingerprint.0[31]), (0xab, 0xff));
    assert_eq!(offer.bundle, ["0", "1", "2"]);
    let [audio, video, data] = &offer.sections[..] else { panic!() };
    assert_eq!(
        audio.codecs.iter().map(|c| (c.codec, c.red_payload_type)).collect::<Vec<_>>(),
        [(Codec::Opus, Some(63))]
    );
    assert_eq!(
        video.codecs.iter().map(|c| (c.payload_type, c.rtx_payload_type)).collect::<Vec<_>>(),
        [(102, Some(103)), (96, Some(97))]
    );
    let h264 = Codec::H264 { profile_level_id: 0x42e01f, packetization_mode: 1, level_asymmetry_allowed: true };
    assert_eq!(video.codecs[0].codec, h264);
    assert_eq!(
        video.codecs[0].feedback,
        Feedback { nack: true, pli: true, fir: false, remb: true, transport_cc: true }
    );
    assert_eq!(video.rids, ["q", "h", "f"]);
    assert_eq!(data.kind, SectionKind::Application);
}

#[test]
fn we_take_the_dtls_role_that_the_peer_leaves_us() {
    let table = [("actpass", DtlsRole::Server), ("active", DtlsRole::Server), ("passive", DtlsRole::Client)];
    for (setup, expected) in table {
        let text = offer("sendonly").replace("a=setup:actpass", &format!("a=setup:{setup}"));
        let role = RemoteDescription::parse(&text).unwrap().setup.our_role();
        assert_eq!(role, expected, "{setup}");
    }
    let sections = negotiate_publish(&RemoteDescription::parse(&offer("sendonly")).unwrap(), &PublishPolicy::default());
    let active = LocalDescription { setup: DtlsRole::Client.into(), ..answer(sections.unwrap()) }.to_sdp();
    assert!(active.contains("a=setup:active\r\n"));
    for (later, role, goes_on) in [
        (Setup::ActPass, DtlsRole::Client, true),
        (Setup::Passive, DtlsRole::Client, true),
        (Setup::Active, DtlsRole::Client, false),
        (Setup::ActPass, DtlsRole::Server, true),
        (Setup::Active, DtlsRole::Server, true),
        (Setup::Passive, DtlsRole::Server, false),
    ] {
        assert_eq!(later.keeps(role), goes_on, "{later:?} {role:?}");
    }
}

/// An answer with that many sections, as long as browsers write them.
fn large(sections: usize) -> String {
    let mids: Vec<String> = (0..sections).map(|mid| mid.to_string()).collect();
    let mut sdp = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
    for mid in mids {
        sdp += "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=recvonly\r\n";
        sdp += &format!("{}a=mid:{mid}\r\n", TRANSPORT.replace('\n', "\r\n"));
        sdp += &"a=rtcp-fb:96 something that nobody has heard of\r\n".repeat(90);
    }
    sdp
}

#[test]
fn description_of_a_participant_may_hold_all_that_the_server_asks_for() {
    let most = Limits::PARTICIPANT;
    let text = large(most.sections);
    assert!(text.len() > 1_000_000 && text.len() <= most.bytes, "{}", text.len());
    let parsed = RemoteDescription::parse_within(&text, most).unwrap();
    assert_eq!(parsed.sections.len(), most.sections);
    assert!(matches!(RemoteDescription::parse(&text), Err(SdpError::Malformed(why)) if why.contains("65536 bytes")));
    let more = RemoteDescription::parse_within(&large(most.sections + 1), Limits { bytes: usize::MAX, ..most });
    assert!(matches!(more, Err(SdpError::Unacceptable(why)) if why.contains("384")));
}

#[test]
fn redundant_audio_is_answered_first_where_it_is_wanted() {
    let offer = RemoteDescription::parse(&offer("sendonly")).unwrap();
    let sections = negotiate_uplink(&offer, &PublishPolicy { red: true, ..PublishPolicy::default() }, |_| Take::First);
    let sdp = answer(sections).to_sdp();
    assert!(sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"), "whoever sends takes the first: {sdp}");
    assert!(sdp.contains("a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"), "{sdp}");
    // A payload type that repeats another codec is no redundancy of Opus.
    let other = RemoteDescription::parse(&self::offer("sendonly").replace("a=fmtp:63 111/111", "a=fmtp:63 0/0"));
    assert_eq!(other.unwrap().sections[0].codecs[0].red_payload_type, None);
}

#[test]
fn publisher_gets_one_codec_its_layers_and_the_extensions_that_name_them() {
    let offer = RemoteDescription::parse(&offer("sendonly")).unwrap();
    let sections = negotiate_publish(&offer, &PublishPolicy::default()).unwrap();
    assert_eq!(sections[0].codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [111]);
    let video = &sections[1];
    assert_eq!(video.codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [102]);
    use Extension::{Mid, RepairedRtpStreamId, RtpStreamId};
    assert_eq!(video.extensions, [(4, Mid), (10, RtpStreamId), (11, RepairedRtpStreamId)]);
    let sdp = answer(sections).to_sdp();
    for line in [
        "a=ice-lite",
        "a=group:BUNDLE 0 1",
        "a=setup:passive",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1",
        "m=video 9 UDP/TLS/RTP/SAVPF 102 103",
        "a=recvonly",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=fmtp:103 apt=102",
        "a=rtcp-fb:102 goog-remb",
        "a=rid:q recv",
        "a=simulcast:recv q;h;f",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "a=candidate:u1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "a=candidate:t1 1 tcp 1520435199 2001:db8::1 443 typ host tcptype passive",
        "a=end-of-candidates",
    ] {
        assert!(sdp.split("\r\n").any(|l| l == line), "{line} in\n{sdp}");
    }
    assert!(!sdp.contains("transport-cc") && !sdp.contains("sprop-parameter-sets"), "{sdp}");
}

#[test]
fn subscriber_gets_every_codec_and_the_stream_is_announced() {
    let offer = RemoteDescription::parse(&offer("recvonly")).unwrap();
    let mut sections = negotiate_subscribe(&offer, &SubscribePolicy::default()).unwrap();
    assert_eq!(sections[1].codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [102, 96]);
    assert_eq!((sections[1].direction, sections[2].rejected), (Direction::SendOnly, true));
    let msid = Msid { stream: "s".into(), track: "t".into() };
    sections[1].send = Some(SendStream { ssrc: 5, rtx_ssrc: Some(6), cname: "c".into(), msid });
    let sdp = answer(sections).to_sdp();
    for line in [
        "a=sendonly",
        "a=msid:s t",
        "a=ssrc-group:FID 5 6",
        "a=ssrc:5 cname:c",
        "a=ssrc:6 msid:s t",
        "a=rtpmap:97 rtx/90000",
    ] {
        assert!(sdp.split("\r\n").any(|l| l == line), "{line} in\n{sdp}");
    }
    assert!(!sdp.contains("a=rid"), "{sdp}");
}

#[test]
fn transport_cc_is_agreed_only_without_remb() {
    let text = offer("recvonly").replace("a=rtcp-fb:* goog-remb\r\n", "");
    let sections = negotiate_subscribe(&RemoteDescription::parse(&text).unwrap(), &SubscribePolicy::default()).unwrap();
    assert!(sections[1].codecs[0].feedback.transport_cc);
    assert_eq!(sections[1].extension_id(Extension::TransportCc), Some(3));
}

#[test]
fn offer_in_the_wrong_direction_is_refused_whole() {
    let (sends, receives) =
        (RemoteDescription::parse(&offer("sendonly")).unwrap(), RemoteDescription::parse(&offer("recvonly")).unwrap());
    assert!(matches!(negotiate_publish(&receives, &PublishPolicy::default()), Err(SdpError::Unacceptable(_))));
    assert!(matches!(negotiate_subscribe(&sends, &SubscribePolicy::default()), Err(SdpError::Unacceptable(_))));
}

#[test]
fn second_video_section_is_inactive() {
    let second = format!("{VIDEO}{TRANSPORT}a=sendonly\n").replace("a=mid:1", "a=mid:3").replace('\n', "\r\n");
    let text = offer("sendonly").replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 3") + &second;
    let sections = negotiate_publish(&RemoteDescription::parse(&text).unwrap(), &PublishPolicy::default()).unwrap();
    assert_eq!((sections[3].direction, sections[3].rejected), (Direction::Inactive, false));
}

#[test]
fn broken_offers_are_malformed_and_foreign_ones_unacceptable() {
    let sha1 = format!("a=fingerprint:sha-1 {}\r\n", ["00"; 20].join(":"));
    let good = offer("sendonly");
    let sha256 = good.lines().find(|l| l.starts_with("a=fingerprint")).unwrap().to_owned() + "\r\n";
    // (fault, from, to, malformed)
    for (what, from, to, bad) in [
        ("no version", "v=0\r\n", "", true),
        ("a bad o= line", "o=- 46 2 IN", "o=- x 2 IN", true),
        ("no t=", "t=0 0\r\n", "", true),
        ("an empty line", "s=-\r\n", "s=-\r\n\r\n", true),
        ("leading space", "a=mid:0", " a=mid:0", true),
        ("a NUL", "s=-", "s=\0", true),
        ("twice the same mid", "a=mid:1", "a=mid:0", true),
        ("a long mid", "a=mid:1", "a=mid:12345678901234567", false),
        ("a payload type above 127", "rtpmap:96", "rtpmap:128", true),
        ("a payload type mapped twice", "rtpmap:97 rtx", "rtpmap:96 rtx", true),
        ("an extension id twice", "extmap:11 ", "extmap:10 ", true),
        (
            "an extension id with two meanings",
            "extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ice",
            "extmap:10 urn:x\r\na=ice",
            false,
        ),
        ("a payload type with two meanings", "a=rtpmap:63 red", "a=rtpmap:96 opus/48000/2\r\na=rtpmap:63 red", false),
        ("a short ufrag", "ice-ufrag:abcd", "ice-ufrag:abc", true),
        ("a short pwd", "ice-pwd:0123456789", "ice-pwd:012345678", true),
        ("no ufrag", "a=ice-ufrag:abcd\r\n", "", true),
        ("a short fingerprint", "00:FF", "00", true),
        ("sha-1 alone", sha256.as_str(), sha1.as_str(), false),
        ("no DTLS role", "setup:actpass", "setup:holdconn", false),
        ("no rtcp-mux", "a=rtcp-mux\r\n", "", false),
        ("no BUNDLE", "a=group:BUNDLE 0 1 2\r\n", "", false),
        ("half a BUNDLE", "BUNDLE 0 1 2", "BUNDLE 0 2", false),
        ("BUNDLE of a stranger", "BUNDLE 0 1 2", "BUNDLE 0 1 2 9", true),
        ("no DTLS", "UDP/TLS/RTP/SAVPF", "RTP/AVP", false),
        ("a RID that is not sent", "a=rid:q send\r\n", "", true),
        ("two directions", "a=rtcp-mux", "a=rtcp-mux\r\na=inactive", true),
        ("a bad candidate", "a=rtcp-mux", "a=rtcp-mux\r\na=candidate:1 1 udp x", true),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{what}");
        match RemoteDescription::parse(&text) {
            Err(SdpError::Malformed(why)) => assert!(bad, "{what}: malformed, {why}"),
            Err(SdpError::Unacceptable(why)) => assert!(!bad, "{what}: unacceptable, {why}"),
            Ok(_) => panic!("{what} was taken"),
        }
    }
    assert!(matches!(
        RemoteDescription::parse(&(good.clone() + &"a=x\r\n".repeat(20_000))),
        Err(SdpError::Malformed(_))
    ));
    let many = good + &"m=text 0 x 0\r\n".repeat(64);
    assert!(matches!(RemoteDescription::parse(&many), Err(SdpError::Unacceptable(_))));
}

#[test]
fn track_takes_the_nearest_payload_type() {
    let h264 = |profile_level_id, packetization_mode| Codec::H264 {
        profile_level_id,
        packetization_mode,
        level_asymmetry_allowed: true,
    };
    let offered = |payload_type, codec| OfferedCodec {
        payload_type,
        codec,
        clock_rate_hz: 90000,
        channels: 1,
        fmtp: String::new(),
        rtx_payload_type: None,
        red_payload_type: None,
        feedback: Feedback::default(),
    };
    let all = [
        offered(1, Codec::Vp8),
        offered(2, h264(0x640c1f, 1)),
        offered(3, h264(0x42e01f, 0)),
        offered(4, h264(0x42e01f, 1)),
        offered(5, Codec::Vp9 { profile: 0 }),
    ];
    for (track, offered, expected) in [
        (Codec::Vp8, &all[..], Some(1)),
        (h264(0x42c015, 1), &all[..], Some(4)), // constrained baseline by another spelling
        (h264(0x42e01f, 0), &all[..], Some(3)),
        (h264(0x42e01f, 1), &all[..3], Some(2)), // high contains it, mode 0 would break it
        (h264(0x64001f, 1), &all[2..], Some(4)), // last resort: same mode
        (Codec::Vp9 { profile: 2 }, &all[..], None),
        (Codec::Opus, &all[..], None),
    ] {
        assert_eq!(match_codec(&track, offered).map(|c| c.payload_type), expected, "{track:?}");
    }
}

#[test]
fn candidates_are_read_and_written_alike() {
    for text in [
        "1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "a+/9 2 tcp 1518280447 2001:db8::1 9 typ srflx tcptype active",
        "1 1 udp 1 0b1d-2f.local 5000 typ host",
    ] {
        assert_eq!(Candidate::parse(text).unwrap().to_string(), text);
        assert_eq!(
            Candidate::parse(&format!("candidate:{text} generation 0")).unwrap(),
            Candidate::parse(text).unwrap_or_else(|_| panic!())
        );
    }
    for text in [
        "",
        "1 1 udp 1 192.0.2.1 5000",
        "1 1 udp 0 192.0.2.1 5000 typ host",
        "1 1 sctp 1 192.0.2.1 5000 typ host",
        "1 1 tcp 1 192.0.2.1 5000 typ host",
        "1 0 udp 1 192.0.2.1 5000 typ host",
        "1 1 udp 1 a,b 5000 typ host",
        "1 1 udp 1 192.0.2.1 70000 typ host",
        "1 1 udp 1 192.0.2.1 5000 typ host raddr",
    ] {
        assert!(Candidate::parse(text).is_err(), "{text}");
    }
}

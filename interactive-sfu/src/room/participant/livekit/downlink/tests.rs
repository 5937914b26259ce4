use super::*;
use crate::signalling::sdp::{
    Candidate, Codec, Direction, Fingerprint, IceCredentials, Limits, LocalDescription, RemoteDescription,
    SUBSCRIBED_SECTIONS_MAX, Setup,
};
use plane::TrackId;

fn track(id: u32, codec: Codec) -> Wanted {
    let media = MediaTrack { id: TrackId(id), shard: 0, codec, clock_hz: 90_000, layers: 1 };
    Wanted { sid: format!("TR_{id}"), stream: "PA_1|camera".into(), media }
}

fn vp8(id: u32) -> Wanted {
    track(id, Codec::Vp8)
}

/// The answer of a client that takes every section but `without`.
fn answer(offer: &Offer, without: &[&str]) -> RemoteDescription {
    let mut sections = offer.sections.clone();
    for section in &mut sections {
        section.rejected |= without.contains(&section.mid.as_str());
        section.send = None;
        if section.direction == Direction::SendOnly {
            section.direction = Direction::RecvOnly;
        }
    }
    let text = LocalDescription {
        setup: Setup::Active,
        session_id: 1,
        session_version: 1,
        ice: IceCredentials::new("abcd", "0123456789012345678901").unwrap(),
        fingerprint: Fingerprint([1; 32]),
        candidates: Vec::<Candidate>::new(),
        sections,
    };
    RemoteDescription::parse(&text.to_sdp()).unwrap()
}

/// The MID of each section, and whether its port is 0.
fn lines(offer: &Offer) -> Vec<(&str, bool)> {
    offer.sections.iter().map(|section| (section.mid.as_str(), section.rejected)).collect()
}

#[test]
fn media_flows_once_the_client_has_agreed_and_changes_wait_for_their_turn() {
    let mut downlink = Offering::new(1000);
    downlink.want(vec![vp8(1)]);
    let first = downlink.poll_offer().unwrap();
    assert_eq!((lines(&first), first.mid_to_track_id["1"].as_str()), (vec![("0", false), ("1", false)], "TR_1"));
    downlink.want(vec![vp8(1), vp8(2)]);
    assert!(downlink.poll_offer().is_none(), "one at a time");
    assert!(downlink.answered(first.id + 7, &answer(&first, &[])).subscribed.is_empty(), "no answer to this offer");
    let agreed = downlink.answered(first.id, &answer(&first, &[]));
    assert_eq!(agreed.subscribed, ["TR_1"]);
    assert!(matches!(&agreed.changes[..], [Change::Attach(0, Some(source))] if source.track == TrackId(1)));
    let second = downlink.poll_offer().unwrap();
    assert_eq!(downlink.answered(second.id, &answer(&second, &[])).subscribed, ["TR_2"]);
    assert!(downlink.poll_offer().is_none(), "nothing changed");
}

#[test]
fn line_is_recycled_under_a_new_mid_after_both_sides_gave_it_up() {
    let mut downlink = Offering::new(1000);
    downlink.want(vec![vp8(1)]);
    let first = downlink.poll_offer().unwrap();
    downlink.answered(first.id, &answer(&first, &[]));
    assert!(matches!(downlink.want(vec![])[..], [Change::Attach(0, None)]));
    // The client has not heard of it yet.
    assert!(matches!(&downlink.want(vec![vp8(2)])[..], [Change::Set(1, section)] if section.mid == "2"));
    let second = downlink.poll_offer().unwrap();
    assert_eq!(lines(&second), [("0", false), ("1", true), ("2", false)]);
    downlink.answered(second.id, &answer(&second, &[]));
    let changes = downlink.want(vec![vp8(2), vp8(3)]);
    assert!(matches!(&changes[..], [Change::Set(0, section)] if section.mid == "3" && section.ssrc == 1004));
    let third = downlink.poll_offer().unwrap();
    assert_eq!(lines(&third), [("0", false), ("3", false), ("2", false)]);
    let agreed = downlink.answered(third.id, &answer(&third, &[]));
    assert_eq!((agreed.subscribed, downlink.section_of("TR_3")), (vec!["TR_3".to_owned()], Some(0)));
}

#[test]
fn rejected_track_is_told_and_a_restart_offers_all_again() {
    let mut downlink = Offering::new(1000);
    downlink.want(vec![vp8(1), track(2, Codec::Av1 { profile: 0, level_idx: 5, tier: 0 })]);
    let first = downlink.poll_offer().unwrap();
    downlink.offer_again();
    let again = downlink.poll_offer().unwrap();
    assert!(again.id > first.id && lines(&again) == lines(&first));
    assert!(downlink.answered(first.id, &answer(&first, &[])).subscribed.is_empty(), "that one is void");
    let agreed = downlink.answered(again.id, &answer(&again, &["2"]));
    let refused = vec![("TR_2".to_owned(), CodecName::Av1)];
    assert_eq!((agreed.subscribed, agreed.refused), (vec!["TR_1".to_owned()], refused));
}

/// A client's offer on its one connection: lines of these kinds (`a`, `v`) to receive on, in VP8 and Opus.
fn client_offer(lines: &[(&str, char, &str)]) -> RemoteDescription {
    let mids: Vec<&str> = lines.iter().map(|(mid, ..)| *mid).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
         a=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
        mids.join(" "),
        Fingerprint([1; 32])
    );
    for (mid, kind, direction) in lines {
        let (media, map) = if *kind == 'a' { ("audio", "opus/48000/2") } else { ("video", "VP8/90000") };
        let pt = if *kind == 'a' { 111 } else { 96 };
        sdp += &format!(
            "m={media} 9 UDP/TLS/RTP/SAVPF {pt}\r\na=mid:{mid}\r\na=rtcp-mux\r\na={direction}\r\na=rtpmap:{pt} {map}\r\n"
        );
    }
    RemoteDescription::parse(&sdp).unwrap()
}

/// The MID and the track of a line.
type Carried = Vec<(String, String)>;

/// An answer: each line's MID and whether we send, the changes for the media plane, and the track of each line.
fn answered(downlink: &mut Answering, offer: &RemoteDescription) -> (Vec<(String, bool)>, Agreed, Carried) {
    let policy = crate::room::negotiation::publish_policy();
    let mut sections = crate::signalling::sdp::negotiate_uplink(offer, &policy, |_| crate::signalling::sdp::Take::No);
    let (agreed, tracks) = downlink.answer(offer, &mut sections);
    let lines = sections.iter().map(|s| (s.mid.clone(), s.direction == Direction::SendOnly && s.send.is_some()));
    let mut tracks: Vec<_> = tracks.into_iter().collect();
    tracks.sort();
    (lines.collect(), agreed, tracks)
}

fn pairs(of: &[(&str, &str)]) -> Carried {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn tracks_take_free_lines_of_their_kind_and_the_client_is_asked_for_more_once() {
    let mut downlink = Answering::new(1000);
    downlink.want(vec![track(1, Codec::Opus), vp8(2), vp8(3)]);
    assert_eq!(downlink.poll_missing(), None, "its first offer comes unasked");
    let offer = client_offer(&[("0", 'a', "recvonly"), ("1", 'v', "recvonly"), ("2", 'a', "sendonly")]);
    let (lines, agreed, tracks) = answered(&mut downlink, &offer);
    assert_eq!(lines, [("0".into(), true), ("1".into(), true), ("2".into(), false)]);
    assert_eq!(tracks, pairs(&[("0", "TR_1"), ("1", "TR_2")]));
    assert!(
        matches!(&agreed.changes[..], [Change::Set(0, audio), Change::Attach(0, Some(_)), Change::Set(1, video), Change::Attach(1, Some(_))]
        if !audio.video && video.video && video.ssrc == 1002 && video.mid == "1")
    );
    assert_eq!(downlink.poll_missing(), Some(MissingSections { audio: 0, video: 1 }));
    assert_eq!(downlink.poll_missing(), None, "asked once");
    // This offer was on its way when the client was asked.
    let (_, agreed, _) = answered(&mut downlink, &offer);
    assert!(agreed.changes.is_empty());
    assert_eq!(downlink.poll_missing(), None, "it is still to come");
    let offer = client_offer(&[("0", 'a', "recvonly"), ("1", 'v', "recvonly"), ("3", 'v', "recvonly")]);
    let (_, agreed, tracks) = answered(&mut downlink, &offer);
    assert_eq!(
        (agreed.subscribed, tracks),
        (vec!["TR_3".to_owned()], pairs(&[("0", "TR_1"), ("1", "TR_2"), ("3", "TR_3")]))
    );
}

#[test]
fn line_is_inactive_once_before_another_track_has_it() {
    let mut downlink = Answering::new(1000);
    downlink.want(vec![vp8(1)]);
    let offer = client_offer(&[("0", 'v', "recvonly")]);
    answered(&mut downlink, &offer);
    assert!(matches!(downlink.want(vec![vp8(2)])[..], [Change::Attach(0, None)]));
    // The line is not free for the other track yet.
    assert_eq!(downlink.poll_missing(), Some(MissingSections { audio: 0, video: 1 }));
    let (lines, agreed, tracks) = answered(&mut downlink, &offer);
    assert_eq!((lines, tracks.len(), agreed.subscribed.len()), (vec![("0".into(), false)], 0, 0));
    assert_eq!(downlink.poll_missing(), Some(MissingSections::default()), "now it is free: an offer will do");
    let (_, agreed, tracks) = answered(&mut downlink, &offer);
    assert_eq!((tracks, downlink.section_of("TR_2")), (pairs(&[("0", "TR_2")]), Some(0)));
    assert!(matches!(&agreed.changes[..], [Change::Set(0, section), _] if section.ssrc == 1002));
    downlink.want(vec![]);
    assert_eq!(downlink.poll_missing(), Some(MissingSections::default()), "the client is to let go");
}

#[test]
fn client_that_adds_no_lines_is_not_asked_for_ever_and_is_told_of_tracks_it_cannot_decode() {
    let mut downlink = Answering::new(1000);
    downlink.want(vec![vp8(1), vp8(2), track(3, Codec::Av1 { profile: 0, level_idx: 5, tier: 0 })]);
    let offer = client_offer(&[("0", 'v', "recvonly")]);
    let (_, agreed, _) = answered(&mut downlink, &offer);
    assert_eq!(agreed.refused, [("TR_3".to_owned(), CodecName::Av1)]);
    assert_eq!(downlink.poll_missing(), Some(MissingSections { audio: 0, video: 1 }));
    answered(&mut downlink, &offer);
    assert_eq!(downlink.poll_missing(), None);
    // The line is gone: its track waits for another, and the one that was asked for is the only one.
    let (_, agreed, tracks) = answered(&mut downlink, &client_offer(&[("1", 'a', "recvonly")]));
    assert!(matches!(agreed.changes[..], [Change::Attach(0, None)]) && tracks.is_empty());
    assert_eq!(downlink.poll_missing(), Some(MissingSections { audio: 0, video: 1 }));
}

#[test]
fn tracks_beyond_what_a_client_may_be_asked_for_are_left_out_and_named() {
    let most = SUBSCRIBED_SECTIONS_MAX as u32;
    let wanted: Vec<Wanted> = (0..most + 3).map(vp8).collect();
    let mut offering = Offering::new(1000);
    assert_eq!(offering.want(wanted.clone()).len(), most as usize);
    let last = [most, most + 1, most + 2].map(|id| format!("TR_{id}"));
    assert_eq!(offering.left_out().collect::<Vec<_>>(), last);
    let offer = offering.poll_offer().unwrap();
    assert_eq!(offer.sections.len(), 1 + most as usize);
    assert!(offer.sections.len() <= Limits::PARTICIPANT.sections, "the answer to it may be read");

    let mut answering = Answering::new(1000);
    answering.want(wanted);
    assert_eq!(answering.left_out().collect::<Vec<_>>(), last);
    answered(&mut answering, &client_offer(&[("0", 'v', "recvonly")]));
    assert_eq!(answering.left_out().collect::<Vec<_>>(), last);
    assert_eq!(answering.poll_missing(), Some(MissingSections { audio: 0, video: most - 1 }));
}

#[test]
fn client_that_is_asked_for_sounds_and_pictures_is_asked_for_no_more_than_it_may_have() {
    let most = SUBSCRIBED_SECTIONS_MAX as u32;
    let sounds = (0..most).map(|id| track(id, Codec::Opus));
    let mut answering = Answering::new(1000);
    answering.want(sounds.chain((most..2 * most).map(vp8)).collect());
    answered(&mut answering, &client_offer(&[("0", 'v', "recvonly")]));
    let MissingSections { audio, video } = answering.poll_missing().unwrap();
    assert_eq!(1 + audio + video, most);
}

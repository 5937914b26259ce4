//! What a server of LiveKit's protocol has said so far, as far as it matters to clients of ours.

use std::net::SocketAddr;

use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;

use crate::candidate;

/// A track that somebody publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub identity: String,
    pub sid: String,
}

/// What the server has said, as far as it matters here.
#[derive(Default)]
pub(crate) struct Heard {
    /// The first message.
    pub join: Option<proto::JoinResponse>,
    /// The first message after a resume came.
    pub resumed: bool,
    /// Tracks of the others.
    pub tracks: Vec<Published>,
    /// The track that we publish.
    pub published: Option<proto::TrackInfo>,
    /// The answer to our offer.
    pub answer: Option<proto::SessionDescription>,
    /// Its latest offer, and how many there were.
    pub offer: Option<proto::SessionDescription>,
    pub offers: u32,
    /// Trickled candidates: of the connection that we publish on, and of the one that we watch on.
    pub candidates: [Vec<SocketAddr>; 2],
}

impl Heard {
    pub(crate) fn take(&mut self, message: Message) {
        match message {
            Message::Join(join) => {
                self.take_participants(&join.other_participants);
                self.join = Some(join);
            }
            Message::Reconnect(_) => self.resumed = true,
            Message::Update(update) => self.take_participants(&update.participants),
            Message::TrackPublished(published) => self.published = published.track,
            Message::Answer(answer) => self.answer = Some(answer),
            Message::Trickle(trickle) => {
                let target = usize::from(trickle.target() == proto::SignalTarget::Subscriber);
                self.candidates[target].extend(candidate::parse_init(&trickle.candidate_init));
            }
            _ => {}
        }
    }

    fn take_participants(&mut self, participants: &[proto::ParticipantInfo]) {
        for participant in participants {
            for track in &participant.tracks {
                let track = Published { identity: participant.identity.clone(), sid: track.sid.clone() };
                if !self.tracks.contains(&track) {
                    self.tracks.push(track);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trickled_candidates_are_kept_by_connection_and_tracks_once() {
        let trickle = |target: proto::SignalTarget, port: u16| {
            let candidate_init = candidate::print_init(SocketAddr::from(([127, 0, 0, 1], port)));
            Message::Trickle(proto::TrickleRequest { candidate_init, target: target.into(), ..Default::default() })
        };
        let track = proto::TrackInfo { sid: "TR_a".into(), ..proto::TrackInfo::default() };
        let ann = proto::ParticipantInfo { identity: "ann".into(), tracks: vec![track], ..Default::default() };
        let update = proto::ParticipantUpdate { participants: vec![ann.clone()] };
        let join = proto::JoinResponse { other_participants: vec![ann], ..Default::default() };
        let mut heard = Heard::default();
        for message in [
            trickle(proto::SignalTarget::Publisher, 1),
            trickle(proto::SignalTarget::Subscriber, 2),
            Message::Join(join),
            Message::Update(update),
        ] {
            heard.take(message);
        }
        assert_eq!(heard.candidates.each_ref().map(|list| list[0].port()), [1, 2]);
        assert!(heard.join.is_some() && heard.tracks == [Published { identity: "ann".into(), sid: "TR_a".into() }]);
    }
}

//! The effect of each step: `people` come and go, say what they `wish`, and are moderated; the `plane` reports.

mod people;
mod plane;
mod server;
mod wishes;

use std::time::Duration;

use super::step::Step;
use super::world::World;

impl World {
    pub(super) fn take(&mut self, step: &Step) {
        match *step {
            Step::Join(join) => self.join(join),
            Step::LoseSocket(who) => self.lose_socket(who),
            Step::Resume(who) => self.resume(who),
            Step::Leave(who) => self.say_leave(who),
            Step::Stale(who) => self.say_stale(who),
            Step::Whip { who, room, video, hidden } => self.session(true, who, room, video, hidden),
            Step::Whep { who, room } => self.session(false, who, room, true, false),
            Step::EndSession(n) => self.end_session(n),
            Step::Restart(n) => self.restart_ice(n),
            Step::Post(publishes, ref offer) => self.post(publishes, offer),
            Step::Patch(n, ref fragment) => self.patch(n, &String::from_utf8_lossy(fragment)),

            Step::Publish(who, media) => self.publish(who, media),
            Step::Unpublish(who, line) => self.unpublish(who, line),
            Step::ChangeSsrcs(who, line) => self.change_ssrcs(who, line),
            Step::Answer(who) => self.say_answer(who),
            Step::Offer(who) => self.say_offer(who),
            Step::Mute(who, track, muted) => self.say_mute(who, track, muted),
            Step::Subscribe(who, track, subscribe) => self.say_subscribe(who, track, subscribe),
            Step::Setting(who, track, size) => self.say_setting(who, track, size),
            Step::Audience(who, all) => self.say_audience(who, all),
            Step::Rename(who, name) => self.say_name(who, name),
            Step::Garbled { who, kind, ref flips } => self.say_garbled(who, kind, flips),
            Step::Frame(who, ref bytes) => self.say_bytes(who, bytes),

            Step::MuteByServer(who, track, muted) => self.mute_by_server(who, track, muted),
            Step::Permit(who, publish, subscribe) => self.permit(who, publish, subscribe),
            Step::Remove(n) => self.remove(n),
            Step::CloseRoom(n) => self.close_room(n),
            Step::SendAway(n) => self.send_away(n),
            Step::Lease { who, room, class } => self.lease(who, room, class),
            Step::LimitSeats { room, max, reserved } => self.limit_seats(room, max, reserved),
            Step::Demote(who) => self.demote(who),
            Step::Admit(n) => self.admit(n),

            Step::Connect => drop(self.connect_one()),
            Step::TellGone => drop(self.tell_gone()),
            Step::Break(n) => self.break_peer(n),
            Step::Loudness(n, step) => self.tell_loudness(n, step),
            Step::OpenData(n) => self.open_data(n),
            Step::Message(n, message) => self.send_message(n, message),
            Step::Data(n, ref bytes) => self.send_bytes(n, bytes),

            Step::Wait(ms) => self.wait(ms.into()),
            Step::SetClock(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs().into());
                self.now.utc = if seconds < 0 { self.now.utc - by } else { self.now.utc + by };
            }
            Step::Settle => self.settle(),
        }
    }
}

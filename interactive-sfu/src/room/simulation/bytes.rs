//! Steps out of any bytes, for a fuzzer. Each step begins with its kind; bytes that end too soon go on as zeros.

use super::step::Step::{self, *};
use super::step::{Join, Media, Message};

/// The bytes that are left.
struct Bytes<'a>(&'a [u8]);

/// The steps that some bytes are.
pub(super) fn steps(bytes: &[u8]) -> Vec<Step> {
    let (mut bytes, mut steps) = (Bytes(bytes), Vec::new());
    while !bytes.0.is_empty() {
        steps.push(bytes.step());
    }
    steps
}

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A text of bytes with its length before it.
    fn text(&mut self) -> Vec<u8> {
        let length = usize::from(self.number()).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        text.to_vec()
    }

    fn step(&mut self) -> Step {
        match self.byte() % 41 {
            0 => {
                let (who, room, flags) = (self.byte(), self.byte(), self.byte());
                let is = |bit: u8| flags & (1 << bit) == 0;
                let (publishes, subscribes, auto) = (is(0), is(1), is(2));
                Step::Join(Join { who, room, single: is(3), publishes, subscribes, hidden: !is(4), auto })
            }
            1 => LoseSocket(self.byte()),
            2 => Resume(self.byte()),
            3 => Leave(self.byte()),
            4 => Stale(self.byte()),
            5 => {
                let media = [Media::Sound, Media::Picture, Media::Simulcast];
                Publish(self.byte(), media[usize::from(self.byte() % 3)])
            }
            6 => Unpublish(self.byte(), self.byte()),
            7 => ChangeSsrcs(self.byte(), self.byte()),
            8 => Answer(self.byte()),
            9 => Offer(self.byte()),
            10 => Mute(self.byte(), self.byte(), self.flag()),
            11 => Subscribe(self.byte(), self.byte(), self.flag()),
            12 => Setting(self.byte(), self.byte(), self.byte()),
            13 => Audience(self.byte(), self.flag()),
            14 => Rename(self.byte(), self.byte()),
            15 => MuteByServer(self.byte(), self.byte(), self.flag()),
            16 => Permit(self.byte(), self.flag(), self.flag()),
            17 => Remove(self.byte()),
            18 => CloseRoom(self.byte()),
            19 => Whip { who: self.byte(), room: self.byte(), video: self.flag(), hidden: self.flag() },
            20 => Whep { who: self.byte(), room: self.byte() },
            21 => EndSession(self.byte()),
            22 => Restart(self.byte()),
            23 => Connect,
            24 => TellGone,
            25 => Break(self.byte()),
            26 => Loudness(self.byte(), self.byte()),
            27 => OpenData(self.byte()),
            28 => {
                let all = [Message::Lossy, Message::Reliable, Message::Large, Message::Numbered, Message::Again];
                Step::Message(self.byte(), all[usize::from(self.byte() % 5)])
            }
            29 => Wait(self.number()),
            30 => SetClock(i32::from(self.number().cast_signed())),
            31 => Frame(self.byte(), self.text()),
            32 => Data(self.byte(), self.text()),
            33 => Post(self.flag(), self.text()),
            34 => Step::Patch(self.byte(), self.text()),
            35 => Settle,
            36 => Lease { who: self.byte(), room: self.byte(), class: self.byte() },
            37 => LimitSeats { room: self.byte(), max: self.byte(), reserved: self.byte() },
            38 => Demote(self.byte()),
            39 => Admit(self.byte()),
            _ => SendAway(self.byte()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_steps_and_the_last_one_may_be_cut_short() {
        let found = steps(&[23, 31, 1, 0, 2, 7, 8, 29, 1, 2, 33, 1, 0, 9, 5]);
        let [Connect, Frame(1, frame), Wait(258), Post(true, offer)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&frame[..], &offer[..]), (&[7, 8][..], &[5][..]));
    }
}

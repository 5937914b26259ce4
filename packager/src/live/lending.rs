//! The segments in which a rung rests: the lowest rung's media stand in for its own.
//!
//! A rest begins and ends with a segment, and no earlier than with the first segment of which the rung has published
//! nothing, however late the message comes. Pure. Driven by `programme.rs`.

/// The media that a segment's URIs lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Whether they are the lowest rung's, because this one rests.
    pub lent: bool,
    /// Number of their init segment; `None` while there is none.
    pub map: Option<u32>,
}

/// The latest rest of a rung.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lending {
    from: Option<u64>,
    until: Option<u64>,
}

impl Lending {
    /// The rung rests from segment `msn` on.
    pub(crate) fn rest(&mut self, msn: u64) {
        let joins_the_last = self.from.is_some() && self.until.is_none_or(|until| until >= msn);
        if !joins_the_last {
            self.from = Some(msn);
        }
        self.until = None;
    }

    /// The rung gives its own media from segment `msn` on.
    pub(crate) fn wake(&mut self, msn: u64) {
        if self.from.is_some() {
            self.until.get_or_insert(msn);
        }
    }

    /// Whether the media of segment `msn` are lent.
    pub(crate) fn covers(&self, msn: u64) -> bool {
        self.from.is_some_and(|from| from <= msn) && self.until.is_none_or(|until| msn < until)
    }

    /// The first segment of the latest rest.
    pub(crate) fn from(&self) -> Option<u64> {
        self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(lending: Lending) -> Vec<u64> {
        (0..12).filter(|msn| lending.covers(*msn)).collect()
    }

    #[test]
    fn rest_lasts_from_its_segment_to_the_wake() {
        let mut lending = Lending::default();
        assert_eq!(covered(lending), []);
        lending.rest(4);
        lending.rest(6);
        assert_eq!(covered(lending), (4..12).collect::<Vec<_>>());
        lending.wake(7);
        lending.wake(9);
        assert_eq!(covered(lending), [4, 5, 6]);
        lending.rest(10);
        assert_eq!(covered(lending), [10, 11]);
    }

    #[test]
    fn rest_that_is_taken_back_before_it_begins_covers_no_segment() {
        let mut lending = Lending::default();
        lending.rest(4);
        lending.wake(4);
        assert_eq!(covered(lending), []);
    }

    #[test]
    fn rest_that_follows_a_wake_at_once_goes_on() {
        let mut lending = Lending::default();
        lending.rest(4);
        lending.wake(7);
        lending.rest(7);
        assert_eq!(covered(lending), (4..12).collect::<Vec<_>>());
    }
}

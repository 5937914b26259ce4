//! The people whom one step of the decision moves in a room, as webhooks are told of them: one fact for each direction
//! and reason, however many they are. Pure.

use access::{Class, Identity};
use rooms::overflow::Reason;
use rooms::{FactKind, MovedViewer};

/// The people who were told to move. As many as the decision moves in a step.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    promoted: Vec<MovedViewer>,
    demoted: Vec<(Reason, Vec<MovedViewer>)>,
}

impl Moved {
    /// A seat is kept for somebody, if they could be told.
    pub(crate) fn promoted(&mut self, is_told: bool, identity: Identity, class: Class) {
        if is_told {
            self.promoted.push(MovedViewer { identity, class });
        }
    }

    /// Somebody was told to leave their seat.
    pub(crate) fn demoted(&mut self, reason: Reason, identity: Identity, class: Class) {
        let viewer = MovedViewer { identity, class };
        match self.demoted.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, viewers)) => viewers.push(viewer),
            None => self.demoted.push((reason, vec![viewer])),
        }
    }

    /// The facts.
    pub(crate) fn facts(self) -> impl Iterator<Item = FactKind> {
        let promoted = Some(self.promoted).filter(|viewers| !viewers.is_empty());
        let promoted = promoted.map(|viewers| FactKind::ViewersPromoted { viewers });
        let demoted = self.demoted.into_iter().map(|(reason, viewers)| FactKind::ViewersDemoted { reason, viewers });
        promoted.into_iter().chain(demoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_moved_in_one_step_are_one_fact_for_each_direction_and_reason() {
        let viewer = |name: &str| MovedViewer { identity: name.parse().unwrap(), class: Class::Viewer };
        let (mut moved, name) = (Moved::default(), |name: &str| name.parse::<Identity>().unwrap());
        moved.demoted(Reason::RoomFull, name("ann"), Class::Viewer);
        moved.demoted(Reason::NodeDrains, name("ben"), Class::Viewer);
        moved.demoted(Reason::RoomFull, name("cleo"), Class::Viewer);
        moved.promoted(true, name("dan"), Class::Viewer);
        moved.promoted(false, name("eve"), Class::Viewer);
        let facts: Vec<FactKind> = moved.facts().collect();
        let expected = [
            FactKind::ViewersPromoted { viewers: vec![viewer("dan")] },
            FactKind::ViewersDemoted { reason: Reason::RoomFull, viewers: vec![viewer("ann"), viewer("cleo")] },
            FactKind::ViewersDemoted { reason: Reason::NodeDrains, viewers: vec![viewer("ben")] },
        ];
        assert_eq!(facts, expected);
        assert_eq!(Moved::default().facts().count(), 0);
    }
}

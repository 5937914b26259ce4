//! Newcomers that have not shown yet that they are genuine: oldest first, and bounded in all and by group.
//!
//! A genuine newcomer is pending for a round trip or two, a flood for as long as it is let. So where there are too
//! many, the oldest goes, and never the newest is refused: first the oldest of a group that has its share, then the
//! oldest of all. No I/O and no clock; each call costs O(log n). Kept for TCP connections
//! here, and for sessions by whoever decides about rooms.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// A newcomer's place. Later ones are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Pending newcomers `T`, in groups `G`.
#[derive(Debug)]
pub struct Pending<G, T> {
    next: u64,
    by_age: BTreeMap<Ticket, (G, T)>,
    groups: HashMap<G, BTreeSet<Ticket>>,
}

impl<G, T> Default for Pending<G, T> {
    fn default() -> Self {
        Self { next: 0, by_age: BTreeMap::new(), groups: HashMap::new() }
    }
}

impl<G: Clone + Eq + Hash, T> Pending<G, T> {
    /// Adds a newcomer of `group`, the youngest of all.
    pub fn add(&mut self, group: G, newcomer: T) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.groups.entry(group.clone()).or_default().insert(ticket);
        self.by_age.insert(ticket, (group, newcomer));
        ticket
    }

    /// The newcomer is pending no more. `None`: it was not pending.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let (group, newcomer) = self.by_age.remove(&ticket)?;
        if let Some(tickets) = self.groups.get_mut(&group) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.groups.remove(&group);
            }
        }
        Some(newcomer)
    }

    /// The newcomer that has to go before one more of `group` comes, where a group may have `group_max` and all
    /// together `all_max`.
    pub fn to_go(&self, group: &G, group_max: usize, all_max: usize) -> Option<&T> {
        let own = self.groups.get(group).filter(|tickets| tickets.len() >= group_max).and_then(BTreeSet::first);
        let oldest = || (self.by_age.len() >= all_max).then(|| self.by_age.first_key_value().map(|(ticket, _)| ticket));
        let ticket = own.or_else(|| oldest().flatten())?;
        self.by_age.get(ticket).map(|(_, newcomer)| newcomer)
    }

    /// The newcomer that has been pending for longest.
    pub fn oldest(&self) -> Option<&T> {
        self.by_age.first_key_value().map(|(_, (_, newcomer))| newcomer)
    }
}

#[cfg(test)]
impl<G, T> Pending<G, T> {
    /// The one that came last.
    pub fn newest(&self) -> Option<&T> {
        self.by_age.last_key_value().map(|(_, (_, newcomer))| newcomer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_group_with_its_share_loses_its_own_oldest_and_others_keep_theirs() {
        let mut pending = Pending::default();
        pending.add("quiet", 0);
        let tickets: Vec<_> = (1..=3).map(|n| pending.add("flood", n)).collect();
        assert_eq!(pending.to_go(&"flood", 3, 100), Some(&1));
        assert_eq!(pending.to_go(&"flood", 4, 100), None);
        assert_eq!(pending.to_go(&"quiet", 3, 100), None);
        assert_eq!(pending.to_go(&"new", 3, 4), Some(&0), "the oldest of all where all are too many");
        assert_eq!((pending.remove(tickets[0]), pending.remove(tickets[0])), (Some(1), None));
        assert_eq!(pending.to_go(&"flood", 3, 100), None);
        assert_eq!(pending.oldest(), Some(&0));
    }

    proptest! {
        #[test]
        fn limits_hold_whoever_comes_and_goes(steps in proptest::collection::vec((0u8..6, any::<bool>()), 1..300)) {
            let (mut pending, mut tickets) = (Pending::default(), Vec::new());
            for (n, (group, leaves)) in steps.into_iter().enumerate() {
                if leaves && !tickets.is_empty() {
                    pending.remove(tickets.remove(n % tickets.len()));
                    continue;
                }
                while let Some(&gone) = pending.to_go(&group, 4, 12) {
                    let index = tickets.iter().position(|ticket| *ticket == Ticket(gone)).unwrap();
                    prop_assert_eq!(pending.remove(tickets.remove(index)), Some(gone));
                }
                let next = pending.next;
                tickets.push(pending.add(group, next));
                let own = pending.by_age.values().filter(|(owner, _)| *owner == group).count();
                prop_assert!(own <= 4 && pending.by_age.len() <= 12 && pending.by_age.len() == tickets.len());
                prop_assert_eq!(pending.groups.values().map(BTreeSet::len).sum::<usize>(), tickets.len());
            }
        }
    }
}

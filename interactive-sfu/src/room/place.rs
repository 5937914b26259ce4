//! Which media thread a peer goes to.

/// Peers more than on the emptiest thread before a room spreads: below that, keeping a room together saves passing
/// packets on.
const TOGETHER: u32 = 48;

/// `peers`: how many each thread has. `home`: where the room is, if it is somewhere.
pub(crate) fn place(peers: &[u32], home: Option<u16>) -> u16 {
    let emptiest = (0u16..).zip(peers).min_by_key(|(_, n)| **n);
    let Some((emptiest, least)) = emptiest else { return 0 };
    match home {
        Some(home) if peers.get(usize::from(home)).is_some_and(|n| *n <= least + TOGETHER) => home,
        _ => emptiest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_room_stays_together_and_a_large_one_spreads() {
        assert_eq!(place(&[5, 3, 4], None), 1);
        assert_eq!(place(&[5, 3, 4], Some(0)), 0);
        let mut peers = [0, 0];
        for _ in 0..1000 {
            peers[usize::from(place(&peers, Some(0)))] += 1;
        }
        assert!(peers[0] - peers[1] <= TOGETHER + 1, "{peers:?}");
    }
}

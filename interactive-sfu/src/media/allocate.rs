//! How pictures share a path.
//!
//! First every picture gets its smallest layer, in order, while there is room; then each in turn the next larger one, as long as
//! that fits. What is left is offered to all of them, for whoever keeps a layer that has become a little dearer. Pure.

/// For each picture, what it may cost. `layers`: bit rates of each picture's layers that are wanted, ascending. 0: there is no
/// room for it at all.
pub(crate) fn shares(budget_bits_per_second: u64, pictures: &[Vec<u64>]) -> Vec<u64> {
    let mut left = budget_bits_per_second;
    let mut take = |more: u64| {
        let fits = more <= left;
        left -= if fits { more } else { 0 };
        fits
    };
    let mut ranks: Vec<Option<usize>> =
        pictures.iter().map(|layers| layers.first().is_some_and(|least| take(*least)).then_some(0)).collect();
    loop {
        let mut raised = false;
        for (layers, rank) in pictures.iter().zip(&mut ranks) {
            let Some(at) = rank else { continue };
            let Some(next) = layers.get(*at + 1) else { continue };
            if take(next.saturating_sub(layers[*at])) {
                *at += 1;
                raised = true;
            }
        }
        if !raised {
            break;
        }
    }
    let cost = |(layers, rank): (&Vec<u64>, &Option<usize>)| rank.map_or(0, |at| layers[at] + left);
    pictures.iter().zip(&ranks).map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_the_least_before_anybody_gets_more() {
        let camera = || vec![150, 500, 1_700];
        assert_eq!(shares(2_000, &[camera()]), [2_000], "alone it has all");
        assert_eq!(shares(300, &[camera(), camera()]), [150, 150]);
        assert_eq!(shares(700, &[camera(), camera()]), [550, 200], "the first is raised, and 50 are left");
        assert_eq!(shares(200, &[camera(), camera()]), [200, 0], "the second has no room");
        assert_eq!(shares(10_000, &[camera(), camera()]), [8_300, 8_300]);
        assert_eq!(shares(100, &[vec![], camera()]), [0, 0], "nothing arrives of the first");
    }
}

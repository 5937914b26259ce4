//! How pictures share a path.
//!
//! First every picture gets its smallest layer, in order, while there is room; then each in turn the next larger one,
//! as long as that fits. A speaker's picture comes first in both. All of them are offered the rest, for a picture
//! that keeps a layer that has become a little dearer. Pure.

/// A picture that is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// It comes before the others.
    pub preferred: bool,
    /// Of the layers that are wanted, ascending; none: nothing arrives.
    pub layers_bits_per_second: Vec<u64>,
}

/// For each picture, what it may cost. 0: there is no room for it at all.
pub(crate) fn shares(budget_bits_per_second: u64, pictures: &[Picture]) -> Vec<u64> {
    let mut left = budget_bits_per_second;
    let mut take = |more: u64| {
        let fits = more <= left;
        left -= if fits { more } else { 0 };
        fits
    };
    let layers_of = |i: usize| pictures[i].layers_bits_per_second.as_slice();
    let mut order: Vec<usize> = (0..pictures.len()).collect();
    order.sort_by_key(|i| !pictures[*i].preferred);
    let mut ranks: Vec<Option<usize>> = vec![None; pictures.len()];
    for i in &order {
        ranks[*i] = layers_of(*i).first().is_some_and(|least| take(*least)).then_some(0);
    }
    loop {
        let mut raised = false;
        for i in &order {
            let Some(rank) = &mut ranks[*i] else { continue };
            let Some(next) = layers_of(*i).get(*rank + 1) else { continue };
            if take(next.saturating_sub(layers_of(*i)[*rank])) {
                *rank += 1;
                raised = true;
            }
        }
        if !raised {
            break;
        }
    }
    let cost = |(i, rank): (usize, &Option<usize>)| rank.map_or(0, |rank| layers_of(i)[rank] + left);
    ranks.iter().enumerate().map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Picture {
        Picture { preferred: false, layers_bits_per_second: vec![150, 500, 1_700] }
    }

    #[test]
    fn everybody_gets_the_least_before_anybody_gets_more() {
        assert_eq!(shares(2_000, &[camera()]), [2_000], "alone it has all");
        assert_eq!(shares(300, &[camera(), camera()]), [150, 150]);
        assert_eq!(shares(700, &[camera(), camera()]), [550, 200], "the first is raised, and 50 are left");
        assert_eq!(shares(200, &[camera(), camera()]), [200, 0], "the second has no room");
        assert_eq!(shares(10_000, &[camera(), camera()]), [8_300, 8_300]);
        assert_eq!(shares(100, &[Picture::default(), camera()]), [0, 0], "nothing arrives of the first");
    }

    #[test]
    fn picture_of_a_speaker_comes_first() {
        let speaker = || Picture { preferred: true, ..camera() };
        assert_eq!(shares(200, &[camera(), speaker()]), [0, 200]);
        assert_eq!(shares(700, &[camera(), speaker(), camera()]), [150, 150, 150].map(|least| least + 250));
        assert_eq!(shares(800, &[camera(), speaker(), camera()]), [150, 500, 150]);
    }
}

//! Figures of many samples.

/// The value below which `share` (0 to 1) of the samples lie; NaN without samples. Samples need not be in order.
pub fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// By how much `y` grows per unit of `x`: the least-squares line through the points. 0 with fewer than two different
/// `x`.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len().max(1) as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(|p| p.0), mean(|p| p.1));
    let across: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let along: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if along == 0.0 { 0.0 } else { across / along }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_samples() {
        let samples = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!((quantile(&samples, 0.0), quantile(&samples, 0.5), quantile(&samples, 1.0)), (1.0, 3.0, 5.0));
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]), 2.0);
        assert_eq!((slope(&[]), slope(&[(1.0, 1.0)])), (0.0, 0.0));
    }
}

//! How sure a pooled figure is: images (or slides) drawn anew, with replacement.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::metrics::Ratio;

/// The bounds of the percentile interval, as shares of the resamples.
const BOUNDS: [f64; 2] = [0.025, 0.975];

/// The 95 % percentile interval of each figure's pooled ratio over resampled images; all figures see the same resamples.
///
/// `figures` holds, per figure, its ratio in each image. `None` where there are fewer than two images, or the figure has no meaning in some resample.
pub fn intervals(
    figures: &[Vec<Ratio>],
    images: usize,
    resamples: u32,
    seed: u64,
) -> Vec<Option<[f64; 2]>> {
    if images < 2 || resamples == 0 {
        return vec![None; figures.len()];
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(resamples as usize); figures.len()];
    let mut draw = vec![0_usize; images];
    for _ in 0..resamples {
        draw.fill_with(|| random.random_range(0..images));
        for (figure, values) in figures.iter().zip(&mut values) {
            let pooled = Ratio::pooled(draw.iter().map(|&i| figure[i]));
            values.extend(pooled.value());
        }
    }
    values
        .into_iter()
        .map(|mut values| {
            // A figure without meaning in some resamples would get an interval of the others alone.
            if values.len() < resamples as usize {
                return None;
            }
            values.sort_unstable_by(f64::total_cmp);
            Some(BOUNDS.map(|share| quantile(&values, share)))
        })
        .collect()
}

/// Wilson's score interval of a share (J Am Stat Assoc 1927;22:209-212); of nothing, 0 to 1.
pub fn wilson(k: u64, n: u64) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return [0.0, 1.0];
    }
    let n = n as f64;
    let (p, z2) = (k as f64 / n, Z * Z);
    let centre = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    [
        ((centre - half) / scale).max(0.0),
        ((centre + half) / scale).min(1.0),
    ]
}

/// Between the two nearest ranks in a straight line, as NumPy's default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let low = sorted[place.floor() as usize];
    let high = sorted[place.ceil() as usize];
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_agree_leave_no_doubt_and_one_image_says_nothing() {
        let same = vec![vec![Ratio::new(3.0, 4.0); 10]];
        let [low, high] = intervals(&same, 10, 200, 1)[0].unwrap();
        assert!((low - 0.75).abs() < 1e-12 && (high - 0.75).abs() < 1e-12);
        assert_eq!(intervals(&[vec![Ratio::new(1.0, 2.0)]], 1, 200, 1), [None]);
        let empty = vec![vec![Ratio::default(); 5]];
        assert_eq!(intervals(&empty, 5, 200, 1), [None]);
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        // 400 images of one nucleus each, half of them found: the share is 0.5 +- 1.96 x 0.025.
        let found: Vec<Ratio> = (0..400)
            .map(|i| Ratio::new(f64::from(i % 2), 1.0))
            .collect();
        let [low, high] = intervals(&[found], 400, 4000, 7)[0].unwrap();
        assert!(
            (low - 0.451).abs() < 0.006 && (high - 0.549).abs() < 0.006,
            "{low} {high}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let ratios = vec![
            (0..30)
                .map(|i| Ratio::new(f64::from(i), 30.0))
                .collect::<Vec<_>>(),
        ];
        assert_eq!(
            intervals(&ratios, 30, 100, 3),
            intervals(&ratios, 30, 100, 3)
        );
        assert_ne!(
            intervals(&ratios, 30, 100, 3),
            intervals(&ratios, 30, 100, 4)
        );
    }
}

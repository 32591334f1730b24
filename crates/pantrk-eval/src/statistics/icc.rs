//! Intraclass correlation of single readings (Shrout and Fleiss 1979; `McGraw` and Wong 1996).

use super::Undefined;
use super::distributions::f_quantile;
use crate::output::Estimate;

/// The square of a few rounding errors.
const ROUNDING: f64 = 1e-28;

/// The mean squares of a two-way table without repeats.
struct MeanSquares {
    rows: f64,
    columns: f64,
    error: f64,
    n: f64,
    k: f64,
}

fn mean_squares(table: &[Vec<f64>]) -> Result<MeanSquares, Undefined> {
    let (n, k) = (table.len(), table.first().map_or(0, Vec::len));
    if n < 3 || k < 2 {
        return Err(format!("needs 3 slides read by all, found {n}"));
    }
    let (nf, kf) = (n as f64, k as f64);
    let row_means: Vec<f64> = table.iter().map(|row| super::mean(row)).collect();
    let column_means: Vec<f64> = (0..k)
        .map(|j| table.iter().map(|row| row[j]).sum::<f64>() / nf)
        .collect();
    let grand = super::mean(&row_means);
    let rows = kf * row_means.iter().map(|m| (m - grand).powi(2)).sum::<f64>();
    let columns = nf
        * column_means
            .iter()
            .map(|m| (m - grand).powi(2))
            .sum::<f64>();
    // From the residuals themselves: the difference of sums loses its digits where readers nearly agree.
    let error: f64 = table
        .iter()
        .zip(&row_means)
        .flat_map(|(row, rm)| {
            row.iter()
                .zip(&column_means)
                .map(move |(x, cm)| (x - rm - cm + grand).powi(2))
        })
        .sum();
    // Squares of rounding errors are no disagreement.
    let error = if error > ROUNDING * (rows + columns) {
        error
    } else {
        0.0
    };
    Ok(MeanSquares {
        rows: rows / (nf - 1.0),
        columns: columns / (kf - 1.0),
        error: error / ((nf - 1.0) * (kf - 1.0)),
        n: nf,
        k: kf,
    })
}

/// Why there is no interval where nothing differs.
const SAME: &str = "the readers read every slide the same";

/// ICC(2,1): absolute agreement of readers who stand for others like them. `table` holds a row per slide, a column per reader, no gaps.
///
/// # Errors
/// With too few slides, or where all readings are the same.
pub fn icc_2_1(table: &[Vec<f64>]) -> Result<Estimate, Undefined> {
    let ms = mean_squares(table)?;
    let below = ms.rows + (ms.k - 1.0) * ms.error + ms.k * (ms.columns - ms.error) / ms.n;
    if below <= 0.0 {
        return Err("not defined: all readings are the same".to_owned());
    }
    let icc = (ms.rows - ms.error) / below;
    let (n, k) = (ms.n, ms.k);
    let interval = if ms.error > 0.0 {
        let f = ms.columns / ms.error;
        let a = k * icc * f + n * (1.0 + (k - 1.0) * icc) - k * icc;
        let v = (k - 1.0) * (n - 1.0) * a.powi(2)
            / ((n - 1.0) * (k * icc * f).powi(2) + (n * (1.0 + (k - 1.0) * icc) - k * icc).powi(2));
        let upper = f_quantile(0.975, n - 1.0, v);
        let lower = f_quantile(0.975, v, n - 1.0);
        let rest = k * ms.columns + (k * n - k - n) * ms.error;
        Some([
            n * (ms.rows - upper * ms.error) / (upper * rest + n * ms.rows),
            n * (lower * ms.rows - ms.error) / (rest + n * lower * ms.rows),
        ])
    } else if ms.columns > 0.0 {
        // Readers that differ by an offset alone: the same formula with the error going to 0, where v goes to k - 1.
        let upper = f_quantile(0.975, n - 1.0, k - 1.0);
        let lower = f_quantile(0.975, k - 1.0, n - 1.0);
        let offset = k * ms.columns;
        Some([
            n * ms.rows / (upper * offset + n * ms.rows),
            n * lower * ms.rows / (offset + n * lower * ms.rows),
        ])
    } else {
        None
    };
    let why = if ms.error > 0.0 || ms.columns > 0.0 {
        "not finite on these readings"
    } else {
        SAME
    };
    Ok(Estimate::plain(
        icc,
        interval.filter(|i| i.iter().all(|v| v.is_finite())),
        table.len() as u64,
        3,
    )
    .or_because(why))
}

/// ICC(3,1): consistency of these very readers; a reader's constant offset does not count.
///
/// # Errors
/// With too few slides, or where all slides are read the same.
pub fn icc_3_1(table: &[Vec<f64>]) -> Result<Estimate, Undefined> {
    let ms = mean_squares(table)?;
    let below = ms.rows + (ms.k - 1.0) * ms.error;
    if below <= 0.0 {
        return Err("not defined: all slides are read the same".to_owned());
    }
    let icc = (ms.rows - ms.error) / below;
    let interval = (ms.error > 0.0).then(|| {
        let (d1, d2) = (ms.n - 1.0, (ms.n - 1.0) * (ms.k - 1.0));
        let f = ms.rows / ms.error;
        let low = f / f_quantile(0.975, d1, d2);
        let high = f * f_quantile(0.975, d2, d1);
        [low, high].map(|f| (f - 1.0) / (f + ms.k - 1.0))
    });
    let why = if ms.columns > 0.0 {
        "the readers differ by an offset alone"
    } else {
        SAME
    };
    Ok(Estimate::plain(icc, interval, table.len() as u64, 3).or_because(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_who_differ_by_an_offset_alone_have_the_interval_that_the_formula_goes_to() {
        let rows = |noise: f64| -> Vec<Vec<f64>> {
            (0..12)
                .map(|i| {
                    let x = f64::from(i * i % 37);
                    let jitter = noise * f64::from(i % 3 - 1);
                    vec![x, x + 4.0 + jitter, x - 1.0]
                })
                .collect()
        };
        let exact = icc_2_1(&rows(0.0)).unwrap();
        let near = icc_2_1(&rows(1e-6)).unwrap();
        assert!((exact.value - near.value).abs() < 1e-9);
        let (exact, near) = (exact.interval95.unwrap(), near.interval95.unwrap());
        for (a, b) in exact.iter().zip(near) {
            assert!((a - b).abs() < 1e-6, "{exact:?} {near:?}");
        }
        assert!(icc_3_1(&rows(0.0)).unwrap().no_interval.is_some());
    }

    #[test]
    fn readers_who_read_the_same_have_no_interval_and_it_says_why() {
        let rows: Vec<Vec<f64>> = (0..9).map(|i| vec![f64::from(i); 2]).collect();
        for icc in [icc_2_1(&rows).unwrap(), icc_3_1(&rows).unwrap()] {
            assert!((icc.value - 1.0).abs() < 1e-12 && icc.interval95.is_none());
            assert_eq!(icc.no_interval, Some(SAME));
        }
    }
}

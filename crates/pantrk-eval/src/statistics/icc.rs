//! Intraclass correlation of single readings (Shrout and Fleiss 1979; `McGraw` and Wong 1996).

use super::Undefined;
use super::distributions::f_quantile;
use crate::output::Estimate;

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
    Ok(MeanSquares {
        rows: rows / (nf - 1.0),
        columns: columns / (kf - 1.0),
        error: error / ((nf - 1.0) * (kf - 1.0)),
        n: nf,
        k: kf,
    })
}

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
    let interval = (ms.error > 0.0).then(|| {
        let (n, k) = (ms.n, ms.k);
        let f = ms.columns / ms.error;
        let a = k * icc * f + n * (1.0 + (k - 1.0) * icc) - k * icc;
        let v = (k - 1.0) * (n - 1.0) * a.powi(2)
            / ((n - 1.0) * (k * icc * f).powi(2) + (n * (1.0 + (k - 1.0) * icc) - k * icc).powi(2));
        let upper = f_quantile(0.975, n - 1.0, v);
        let lower = f_quantile(0.975, v, n - 1.0);
        let rest = k * ms.columns + (k * n - k - n) * ms.error;
        [
            n * (ms.rows - upper * ms.error) / (upper * rest + n * ms.rows),
            n * (lower * ms.rows - ms.error) / (rest + n * lower * ms.rows),
        ]
    });
    Ok(Estimate::plain(
        icc,
        interval.filter(|i| i.iter().all(|v| v.is_finite())),
        table.len() as u64,
        3,
    ))
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
    Ok(Estimate::plain(icc, interval, table.len() as u64, 3))
}

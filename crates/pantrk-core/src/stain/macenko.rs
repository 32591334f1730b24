//! Macenko's stain vectors by principal components, as the field's other programs compute them.
//!
//! Macenko et al., A method for normalizing histology slides for quantitative analysis, ISBI 2009, 1107-1110.
//! Kept to compare with: on H-DAB slides [`super::estimate_vectors`] is used, which haze and negative slides do not lead astray.

use pantrk_space::RgbBuffer;

/// What the method leaves open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacenkoOptions {
    /// RGB value of clear glass.
    pub white: f64,
    /// Pixels whose optical density in the plane is below this are left out; in the scale on which black is 255.
    pub least_magnitude: f64,
    /// Quantiles of the direction that become the two stains, 0 to 1.
    pub quantiles: [f64; 2],
}

impl Default for MacenkoOptions {
    /// The paper's 0.15 (log10) and 1 %, glass 255.
    fn default() -> Self {
        Self {
            white: 255.0,
            least_magnitude: 16.0,
            quantiles: [0.01, 0.99],
        }
    }
}

/// The two stains of an image and what is at right angles to them, as columns of unit length, in the order of the quantiles; `None` if too few pixels are dark enough.
pub fn macenko_pca(rgb: &RgbBuffer, options: MacenkoOptions) -> Option<[[f64; 3]; 3]> {
    let scale = 255.0 / options.white.ln();
    let table: Vec<f64> = (0..256_u32)
        .map(|v| -(f64::from(v.max(1)) / options.white).ln() * scale)
        .collect();
    let density = |p: &[u8]| -> [f64; 3] { std::array::from_fn(|c| table[p[c] as usize]) };
    let mut moments = [[0.0; 3]; 3];
    for pixel in rgb.as_bytes().chunks_exact(3) {
        let od = density(pixel);
        for i in 0..3 {
            for j in 0..3 {
                moments[i][j] += od[i] * od[j];
            }
        }
    }
    let [first, second] = leading_vectors(moments);
    let mut directions: Vec<(f64, [f64; 2])> = Vec::new();
    for pixel in rgb.as_bytes().chunks_exact(3) {
        let od = density(pixel);
        let dot = |v: &[f64; 3]| od.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
        let (a, b) = (dot(&first), dot(&second));
        let length = a.hypot(b);
        if length > options.least_magnitude {
            directions.push(((1.0 - b / length) * a.signum(), [a, b]));
        }
    }
    if directions.is_empty() {
        return None;
    }
    let n = directions.len();
    let at = |q: f64| ((q * n as f64 + 0.5) as usize).min(n - 1);
    let pick = |directions: &mut Vec<(f64, [f64; 2])>, q: f64| {
        let (_, found, _) = directions.select_nth_unstable_by(at(q), |x, y| {
            x.0.total_cmp(&y.0)
                .then(x.1[0].total_cmp(&y.1[0]))
                .then(x.1[1].total_cmp(&y.1[1]))
        });
        let [a, b] = found.1;
        unit(std::array::from_fn(|c| a * first[c] + b * second[c]))
    };
    let low = pick(&mut directions, options.quantiles[0]);
    let high = pick(&mut directions, options.quantiles[1]);
    let cross = unit([
        low[1] * high[2] - low[2] * high[1],
        low[2] * high[0] - low[0] * high[2],
        low[0] * high[1] - low[1] * high[0],
    ]);
    Some([low, high, cross])
}

fn unit(v: [f64; 3]) -> [f64; 3] {
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-300);
    v.map(|x| x / length)
}

/// The eigenvectors of the two largest eigenvalues of a symmetric matrix, by Jacobi's rotations.
///
/// Signs: the first looks away from the densities, as decompositions usually give it; the second has its first component positive.
#[expect(
    clippy::needless_range_loop,
    reason = "rows and columns of one matrix change together"
)]
fn leading_vectors(mut m: [[f64; 3]; 3]) -> [[f64; 3]; 2] {
    let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..60 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if m[p][q].abs() < 1e-300 {
                continue;
            }
            let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
            let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let t = if theta.abs() < 1e-300 { 1.0 } else { t };
            let c = 1.0 / t.hypot(1.0);
            let s = t * c;
            for k in 0..3 {
                let (a, b) = (m[k][p], m[k][q]);
                m[k][p] = c * a - s * b;
                m[k][q] = s * a + c * b;
            }
            for k in 0..3 {
                let (a, b) = (m[p][k], m[q][k]);
                m[p][k] = c * a - s * b;
                m[q][k] = s * a + c * b;
            }
            for row in &mut vectors {
                let (a, b) = (row[p], row[q]);
                row[p] = c * a - s * b;
                row[q] = s * a + c * b;
            }
        }
    }
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| m[b][b].total_cmp(&m[a][a]));
    let column = |k: usize| [vectors[0][k], vectors[1][k], vectors[2][k]];
    let (first, second) = (column(order[0]), column(order[1]));
    let sign = |v: [f64; 3], positive: bool| if positive { v } else { v.map(|x| -x) };
    [
        sign(first, first.iter().sum::<f64>() < 0.0),
        sign(second, second[0] > 0.0),
    ]
}

#[cfg(test)]
#[path = "../../../../tests/src/shared_data.rs"]
mod shared_data;

#[cfg(test)]
mod tests {
    use super::*;

    /// HistomicsTK's published test of its PCA-based Macenko method on `Easy1.png`: columns are the stains and the complement.
    const GOLDEN: [[f64; 3]; 3] = [
        [0.089_411, 0.558_021, -0.130_574],
        [0.837_138, 0.729_935, 0.546_981],
        [0.539_635, 0.394_725, -0.826_899],
    ];

    #[test]
    fn histomicstk_s_golden_matrix_is_met() {
        let Some(path) = shared_data::shared_data("he/HistomicsTK_Easy1.png") else {
            return;
        };
        let image = image::open(&path).unwrap().to_rgb8();
        let size = pantrk_space::LevelSize {
            width: image.width(),
            height: image.height(),
        };
        let rgb = RgbBuffer::from_raw(size, image.into_raw()).unwrap();
        let found = macenko_pca(&rgb, MacenkoOptions::default()).unwrap();
        for (row, wanted) in GOLDEN.iter().enumerate() {
            for (stain, wanted) in wanted.iter().enumerate() {
                let found = found[stain][row];
                assert!(
                    (found - wanted).abs() < 1e-6,
                    "{row} {stain}: {found} for {wanted}"
                );
            }
        }
    }

    #[test]
    fn an_image_of_glass_has_no_stains() {
        let size = pantrk_space::LevelSize {
            width: 8,
            height: 8,
        };
        let glass = RgbBuffer::filled(size, [254; 3]);
        assert!(macenko_pca(&glass, MacenkoOptions::default()).is_none());
    }
}

//! Stain vectors and their inverse.

use serde::{Deserialize, Serialize};

/// Directions of hematoxylin, DAB and the residual in optical-density space (red, green, blue), each of length 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StainVectors {
    /// Hematoxylin.
    pub hematoxylin: [f64; 3],
    /// DAB.
    pub dab: [f64; 3],
    /// At right angles to both.
    pub residual: [f64; 3],
}

/// Vectors from which no stain can be separated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StainVectorError {
    /// A vector that is not a direction.
    #[error(
        "the {stain} vector {found:?} is not a stain: three finite numbers, not below 0 and not all 0, were wanted"
    )]
    NotADirection {
        /// Which.
        stain: &'static str,
        /// As given.
        found: [f64; 3],
    },
    /// Two vectors that cannot be told apart.
    #[error(
        "the hematoxylin and DAB vectors lie {degrees:.1} degrees apart; at least 5 are needed to separate the stains"
    )]
    TooClose {
        /// The angle between them.
        degrees: f64,
    },
}

impl StainVectors {
    /// Vectors in any length; the residual is their normalised cross product.
    ///
    /// # Errors
    /// If a vector is no direction, or the two lie within 5 degrees of each other.
    pub fn new(hematoxylin: [f64; 3], dab: [f64; 3]) -> Result<Self, StainVectorError> {
        let unit = |stain, v: [f64; 3]| {
            let length = dot(v, v).sqrt();
            if v.iter().all(|x| x.is_finite() && *x >= 0.0) && length > 1e-6 {
                Ok(v.map(|x| x / length))
            } else {
                Err(StainVectorError::NotADirection { stain, found: v })
            }
        };
        let h = unit("hematoxylin", hematoxylin)?;
        let d = unit("DAB", dab)?;
        let degrees = dot(h, d).clamp(-1.0, 1.0).acos().to_degrees();
        if degrees < 5.0 {
            return Err(StainVectorError::TooClose { degrees });
        }
        let cross = [
            h[1] * d[2] - h[2] * d[1],
            h[2] * d[0] - h[0] * d[2],
            h[0] * d[1] - h[1] * d[0],
        ];
        let length = dot(cross, cross).sqrt();
        Ok(Self {
            hematoxylin: h,
            dab: d,
            residual: cross.map(|x| x / length),
        })
    }

    /// The H-DAB vectors that QuPath and most of the field start from: Ruifrok's 0.65/0.70/0.29 and 0.27/0.57/0.78, of unit length.
    ///
    /// # Panics
    /// Never: the vectors are known to be good.
    #[expect(clippy::expect_used, reason = "constants that a test holds")]
    pub fn h_dab_default() -> Self {
        Self::new([0.65111, 0.70119, 0.29049], [0.26917, 0.56824, 0.77759])
            .expect("the default vectors are 37 degrees apart")
    }

    /// The matrix that takes an optical density (red, green, blue; as a row vector) to hematoxylin, DAB and residual: its rows belong to red, green and blue.
    pub fn inverse(&self) -> [[f64; 3]; 3] {
        // Rows of `m` are the stains; the inverse is the adjugate over the determinant.
        let m = [self.hematoxylin, self.dab, self.residual];
        let cofactor = |r: usize, c: usize| {
            let (r1, r2) = ((r + 1) % 3, (r + 2) % 3);
            let (c1, c2) = ((c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: f64 = (0..3).map(|c| m[0][c] * cofactor(0, c)).sum();
        std::array::from_fn(|r| std::array::from_fn(|c| cofactor(c, r) / determinant))
    }
}

pub(crate) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_matches_the_published_matrix() {
        // Computed in double precision from the same vectors by another program.
        let wanted = [
            [1.208_587_994_3, -0.697_207_727_7, 0.633_043_538_8],
            [0.684_400_309_5, 0.021_001_686_4, -0.712_859_903_0],
            [-0.918_496_070_3, 1.512_013_250_1, 0.301_805_627_2],
        ];
        let found = StainVectors::h_dab_default().inverse();
        for (f, w) in found.as_flattened().iter().zip(wanted.as_flattened()) {
            assert!((f - w).abs() < 2e-5, "{f} for {w}");
        }
    }

    #[test]
    fn vectors_that_separate_nothing_are_refused() {
        assert!(matches!(
            StainVectors::new([0.0; 3], [0.3, 0.6, 0.8]),
            Err(StainVectorError::NotADirection {
                stain: "hematoxylin",
                ..
            })
        ));
        assert!(matches!(
            StainVectors::new([0.3, 0.6, 0.8], [0.3, 0.61, 0.8]),
            Err(StainVectorError::TooClose { .. })
        ));
    }
}

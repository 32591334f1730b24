//! The slide's own stain vectors, from differences between places that lie close together.
//!
//! Macenko's method (ISBI 2009, 1107-1110) takes the outermost directions of a slide's optical densities for its stains.
//! On an immunostain that fails: haze lies on every pixel and turns hematoxylin's direction, cytoplasm under DAB is counterstained and turns DAB's, and on a negative slide the outermost direction on DAB's side is noise.
//! Differences are free of both: between two nuclei, or a nucleus and the stroma beside it, haze cancels and what is left is hematoxylin; between stained and unstained cytoplasm the counterstain cancels and what is left is DAB.
//! So the directions looked for are those in which differences pile up near the usual vectors, the most frequent slope of one stain's difference against the other's.
//! Differences in both stains at once spread over many slopes and pile up nowhere.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sample::{FIELD_SIDE, Field, TissueSample};
use super::vectors::dot;
use super::{StainVectorError, StainVectors};

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StainEstimate {
    /// The vectors: those found, and the default of a stain that was not.
    pub vectors: StainVectors,
    /// Whether hematoxylin was found.
    pub hematoxylin: bool,
    /// Whether DAB was found.
    pub dab: bool,
}

/// Pairs of pixels lie this far apart, in field pixels of 0.5 um, along rows and along columns.
const OFFSETS: [usize; 3] = [5, 9, 18];
/// Every other pixel of every other row is enough.
const STEP: usize = 2;
/// Both pixels of a pair are tissue: optical density, sum of the channels.
const LEAST_TISSUE: f32 = 0.09;
/// Pixels darker than this in a channel are pigment or too dark to have a colour.
const MOST_OD: f32 = 1.7;
/// A pair tells about a stain if it differs in it by this much.
const LEAST_DIFFERENCE: f32 = 0.16;
/// Slopes are searched between these and counted in bins of that width; 9 degrees either way.
const SLOPES: (f32, f32) = (-0.36, 0.36);
const BIN: f32 = 0.01;
const BINS: usize = 72;
/// A stain must make up this share of all pairs to be found.
const LEAST_SHARE: f64 = 0.002;
const LEAST_PAIRS: f64 = 1500.0;
/// Laboratories' vectors scatter about the usual ones: one deviation of the slope, about 3.5 degrees.
const USUAL_SPREAD: f64 = 0.12;
/// Stained structures have a little more counterstain than the gaps between them, so DAB's pile lies off by this slope, 1.5 degrees.
const COUNTERSTAIN_SLOPE: f64 = 0.036;
/// How far DAB is turned towards what was found; the rest is left to the usual vector.
const DAB_TRUST: f64 = 0.85;
/// No laboratory's stain lies further from the usual vectors (degrees).
const MOST_TURN: f64 = 12.0;
const ROUNDS: usize = 6;
/// How much of hematoxylin's turn is expected of DAB.
const WITH_HEMATOXYLIN: f64 = 0.5;

/// Estimates the stain vectors of a sample.
///
/// Hematoxylin never becomes DAB or the other way round: each is looked for near its own usual direction alone.
pub fn estimate_vectors(sample: &TissueSample) -> StainEstimate {
    let usual = StainVectors::h_dab_default();
    let mut estimate = StainEstimate {
        vectors: usual,
        hematoxylin: false,
        dab: false,
    };
    for round in 0..ROUNDS {
        let slopes = Slopes::gather(sample, &estimate.vectors);
        let current = estimate.vectors;
        let turned = |found: Option<(f64, f64)>, own: [f64; 3], other: [f64; 3]| {
            found.map(|(slope, off_plane)| {
                std::array::from_fn(|c| {
                    (own[c] + slope * other[c] + off_plane * current.residual[c]).max(0.0)
                })
            })
        };
        let hematoxylin = turned(
            slopes.hematoxylin.peak(slopes.pairs, 0.0),
            current.hematoxylin,
            current.dab,
        );
        // What turns colours on a scanner turns both stains, what turns one in the laboratory does not: half is expected of DAB.
        // Once on its side, DAB is followed from where it was found.
        let expected = if round < ROUNDS / 2 {
            -WITH_HEMATOXYLIN * share_of(&usual, current.hematoxylin, 0, 1)
                - share_of(&usual, current.dab, 1, 0)
        } else {
            0.0
        };
        // Beside a hematoxylin that is off, DAB looks twice as far off as it is: its turn comes when that is found.
        let dab = turned(
            slopes
                .dab
                .peak(slopes.pairs, expected)
                .filter(|_| round > 0),
            current.dab,
            current.hematoxylin,
        );
        let within = |v: &[f64; 3], usual: [f64; 3]| {
            let cos = dot(*v, usual) / dot(*v, *v).sqrt();
            cos.clamp(-1.0, 1.0).acos().to_degrees() <= MOST_TURN
        };
        let hematoxylin = hematoxylin.filter(|v| within(v, usual.hematoxylin));
        let dab = dab.filter(|v| within(v, usual.dab));
        let vectors: Result<StainVectors, StainVectorError> = StainVectors::new(
            hematoxylin.unwrap_or(current.hematoxylin),
            dab.unwrap_or(current.dab),
        );
        let Ok(vectors) = vectors else {
            break;
        };
        estimate = StainEstimate {
            vectors,
            hematoxylin: hematoxylin.is_some(),
            dab: dab.is_some(),
        };
    }
    if estimate.dab {
        let found = estimate.vectors;
        let towards = std::array::from_fn(|c| {
            let own = found.dab[c] - COUNTERSTAIN_SLOPE * found.hematoxylin[c];
            (usual.dab[c] + DAB_TRUST * (own - usual.dab[c])).max(0.0)
        });
        if let Ok(vectors) = StainVectors::new(estimate.vectors.hematoxylin, towards) {
            estimate.vectors = vectors;
        }
    }
    if !estimate.hematoxylin || !estimate.dab {
        // A stain that was lost on the way keeps nothing of what was found before.
        let keep = |found: bool, own: [f64; 3], usual: [f64; 3]| if found { own } else { usual };
        let vectors = StainVectors::new(
            keep(
                estimate.hematoxylin,
                estimate.vectors.hematoxylin,
                usual.hematoxylin,
            ),
            keep(estimate.dab, estimate.vectors.dab, usual.dab),
        );
        estimate.vectors = vectors.unwrap_or(usual);
    }
    estimate
}

/// How much of one usual stain a vector holds, as a share of what it holds of the other.
fn share_of(usual: &StainVectors, vector: [f64; 3], own: usize, other: usize) -> f64 {
    let inverse = usual.inverse();
    let holds = |stain: usize| -> f64 { (0..3).map(|c| vector[c] * inverse[c][stain]).sum() };
    holds(other) / holds(own)
}

/// How often each slope occurs, and what lies off the plane of the two stains.
struct Pile {
    weight: [f64; BINS],
    /// Sums of residual difference times difference, and of squared difference.
    across: [f64; BINS],
    squares: [f64; BINS],
}

struct Slopes {
    pairs: f64,
    hematoxylin: Pile,
    dab: Pile,
}

impl Slopes {
    fn gather(sample: &TissueSample, vectors: &StainVectors) -> Self {
        let inverse = vectors.inverse().map(|row| row.map(|v| v as f32));
        let of_fields: Vec<Self> = sample
            .fields
            .par_iter()
            .map(|field| Self::of_field(field, &inverse))
            .collect();
        // In the order of the fields, whichever thread was first.
        let mut slopes = Self::new();
        for field in &of_fields {
            slopes.pairs += field.pairs;
            slopes.hematoxylin.join(&field.hematoxylin);
            slopes.dab.join(&field.dab);
        }
        slopes
    }

    const fn new() -> Self {
        Self {
            pairs: 0.0,
            hematoxylin: Pile::new(),
            dab: Pile::new(),
        }
    }

    fn of_field(field: &Field, inverse: &[[f32; 3]; 3]) -> Self {
        /// With room for a pair's other pixel beyond the field; there and off tissue no number.
        const WIDTH: usize = FIELD_SIDE + OFFSETS[OFFSETS.len() - 1];
        let mut slopes = Self::new();
        let mut stains = vec![[f32::NAN; 3]; WIDTH * WIDTH];
        let rows = stains.chunks_exact_mut(WIDTH);
        for (row, ods) in rows.zip(field.od.chunks_exact(FIELD_SIDE)) {
            for (to, od) in row.iter_mut().zip(ods) {
                let tissue =
                    od[0] + od[1] + od[2] > LEAST_TISSUE && od[0].max(od[1]).max(od[2]) < MOST_OD;
                if tissue {
                    // Written out: a sum over a range would be called for each pixel.
                    let [r, g, b] = inverse;
                    *to = std::array::from_fn(|s| od[0] * r[s] + od[1] * g[s] + od[2] * b[s]);
                }
            }
        }
        let (mut hematoxylin, mut dab) = (Differences::new(), Differences::new());
        let mut pairs = 0_u32;
        for y in (0..FIELD_SIDE).step_by(STEP) {
            for x in (0..FIELD_SIDE).step_by(STEP) {
                let here = stains[y * WIDTH + x];
                if here[0].is_nan() {
                    continue;
                }
                for offset in OFFSETS {
                    for at in [y * WIDTH + x + offset, (y + offset) * WIDTH + x] {
                        let there = stains[at];
                        let [h, d, r] =
                            [there[0] - here[0], there[1] - here[1], there[2] - here[2]];
                        pairs += u32::from(!h.is_nan());
                        // A comparison with no number is false.
                        hematoxylin.push([h, d, r], h.abs() >= LEAST_DIFFERENCE);
                        dab.push([d, h, r], d.abs() >= LEAST_DIFFERENCE);
                    }
                }
            }
            slopes.hematoxylin.add(hematoxylin.take());
            slopes.dab.add(dab.take());
        }
        slopes.pairs = f64::from(pairs);
        slopes
    }
}

/// Pairs of a row of a field, both ways.
const ROW_PAIRS: usize = FIELD_SIDE.div_ceil(STEP) * OFFSETS.len() * 2;

/// The pairs of a row that tell about a stain: differences in it, in the other stain and off their plane.
///
/// Gathered first and counted then: whether a pair tells cannot be foreseen, and what is written over need not be.
struct Differences {
    count: usize,
    /// One more, where what does not count is written.
    of_pairs: [[f32; 3]; ROW_PAIRS + 1],
}

impl Differences {
    const fn new() -> Self {
        Self {
            count: 0,
            of_pairs: [[0.0; 3]; ROW_PAIRS + 1],
        }
    }

    #[inline]
    fn push(&mut self, differences: [f32; 3], counts: bool) {
        self.of_pairs[self.count] = differences;
        self.count += usize::from(counts);
    }

    /// All of them; the next row begins anew.
    fn take(&mut self) -> &[[f32; 3]] {
        let count = std::mem::take(&mut self.count);
        &self.of_pairs[..count]
    }
}

impl Pile {
    const fn new() -> Self {
        Self {
            weight: [0.0; BINS],
            across: [0.0; BINS],
            squares: [0.0; BINS],
        }
    }

    fn add(&mut self, differences: &[[f32; 3]]) {
        for &[own, other, residual] in differences {
            let slope = other / own;
            let bin = (slope - SLOPES.0) / BIN;
            if bin >= 0.0 && bin < BINS as f32 {
                let bin = bin as usize;
                self.weight[bin] += 1.0;
                self.across[bin] += f64::from(residual * own);
                self.squares[bin] += f64::from(own * own);
            }
        }
    }

    fn join(&mut self, other: &Self) {
        let of = |own: &mut [f64; BINS], other: &[f64; BINS]| {
            for (own, &other) in own.iter_mut().zip(other) {
                *own += other;
            }
        };
        of(&mut self.weight, &other.weight);
        of(&mut self.across, &other.across);
        of(&mut self.squares, &other.squares);
    }

    /// The most frequent slope, and the slope off the plane that goes with it.
    fn peak(&self, pairs: f64, expected: f64) -> Option<(f64, f64)> {
        let mut smooth = smoothed(&self.weight);
        for (i, value) in smooth.iter_mut().enumerate() {
            let slope = f64::from(SLOPES.0) + (i as f64 + 0.5) * f64::from(BIN);
            *value *= (-((slope - expected) / USUAL_SPREAD).powi(2) / 2.0).exp();
        }
        // A pile is a hill of its own, not the flank of what lies beyond the search.
        let top = (3..BINS - 3)
            .filter(|&i| smooth[i] >= smooth[i - 1] && smooth[i] > smooth[i + 1])
            .max_by(|&a, &b| smooth[a].total_cmp(&smooth[b]))?;
        let height = smooth[top];
        let near = top.saturating_sub(4)..(top + 5).min(BINS);
        let within: f64 = self.weight[near.clone()].iter().sum();
        if within < (LEAST_SHARE * pairs).max(LEAST_PAIRS) {
            return None;
        }
        // The middle of the upper half of the peak, which skewed flanks hardly move.
        let (mut sum, mut weight) = (0.0, 0.0);
        for i in near.clone() {
            let above = (smooth[i] - 0.6 * height).max(0.0);
            sum += above * (f64::from(SLOPES.0) + (i as f64 + 0.5) * f64::from(BIN));
            weight += above;
        }
        let squares: f64 = self.squares[near.clone()].iter().sum();
        let across: f64 = self.across[near].iter().sum();
        (weight > 0.0 && squares > 0.0).then(|| (sum / weight, across / squares))
    }
}

/// Three box filters of half width 2, close to a Gaussian of deviation 0.025 in slope.
fn smoothed(values: &[f64; BINS]) -> [f64; BINS] {
    let mut current = *values;
    for _ in 0..3 {
        current = std::array::from_fn(|i| {
            let from = i.saturating_sub(2);
            let to = (i + 3).min(BINS);
            current[from..to].iter().sum::<f64>() / (to - from) as f64
        });
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::SlidePoint;

    fn turned(degrees: f64, dab_degrees: f64) -> [[f64; 3]; 2] {
        let usual = StainVectors::h_dab_default();
        let turn = |v: [f64; 3], degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let n = usual.residual;
            let side = [
                n[1] * v[2] - n[2] * v[1],
                n[2] * v[0] - n[0] * v[2],
                n[0] * v[1] - n[1] * v[0],
            ];
            std::array::from_fn(|c| v[c] * cos + side[c] * sin)
        };
        [
            turn(usual.hematoxylin, degrees),
            turn(usual.dab, dab_degrees),
        ]
    }

    /// Round nuclei on a lattice, every third of them in a cell of stained cytoplasm.
    fn sample(vectors: [[f64; 3]; 2], haze: f64, stained: bool) -> TissueSample {
        sample_of(vectors, haze, |kind| stained && kind == 0)
    }

    /// Of the three kinds of cells, those that stain.
    fn sample_of(
        vectors: [[f64; 3]; 2],
        haze: f64,
        stains: impl Fn(usize) -> bool,
    ) -> TissueSample {
        let mut noise = 12345_u64;
        let mut next = move || {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (noise >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        let fields = (0..30).map(|f| {
            let mut od = Vec::new();
            for y in 0..FIELD_SIDE {
                for x in 0..FIELD_SIDE {
                    let (cx, cy) = ((x + f * 7) / 22, (y + f * 5) / 22);
                    let (dx, dy) = ((x + f * 7) % 22, (y + f * 5) % 22);
                    let r = (dx as f64 - 11.0).hypot(dy as f64 - 11.0);
                    let kind = (cx * 5 + cy * 3) % 3;
                    let nucleus = r < 7.0 + (cx % 2) as f64;
                    let h = if nucleus {
                        0.42 + 0.12 * ((cx + cy) % 3) as f64
                    } else {
                        0.09
                    };
                    let d = match (stains(kind), nucleus) {
                        (true, false) => 0.35 + 0.2 * (cy % 2) as f64,
                        _ => 0.02,
                    };
                    let (h, d) = (h + 0.04 * next(), d + haze + 0.04 * next());
                    od.push(std::array::from_fn(|c| {
                        (h * vectors[0][c] + d * vectors[1][c] + 0.01 * next()) as f32
                    }));
                }
            }
            Field {
                od,
                middle: SlidePoint { x: 0.0, y: 0.0 },
            }
        });
        TissueSample {
            fields: fields.collect(),
        }
    }

    fn angle(a: [f64; 3], b: [f64; 3]) -> f64 {
        (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt())
            .clamp(-1.0, 1.0)
            .acos()
            .to_degrees()
    }

    #[test]
    fn turned_vectors_are_found_under_haze() {
        for (h, d) in [(0.0, 0.0), (6.0, 6.0), (-6.0, -6.0), (4.0, -4.0)] {
            for haze in [0.0, 0.1] {
                let truth = turned(h, d);
                let found = estimate_vectors(&sample(truth, haze, true));
                assert!(found.hematoxylin && found.dab);
                let off = (
                    angle(found.vectors.hematoxylin, truth[0]),
                    angle(found.vectors.dab, truth[1]),
                );
                // DAB is not turned all the way.
                assert!(off.0 < 1.2 && off.1 < 2.8, "{h} {d} {haze}: {off:?}");
            }
        }
    }

    #[test]
    fn where_most_cells_stain_around_free_nuclei_dab_is_followed_to_its_own_side() {
        // Nucleus against cytoplasm differs in both stains, which piles up beyond the search on the other side of the usual vector.
        let truth = turned(-6.0, -6.0);
        let mut mostly = sample(truth, 0.02, true);
        let others = sample_of(truth, 0.02, |kind| kind != 0);
        mostly.fields.truncate(6);
        mostly.fields.extend(others.fields);
        let found = estimate_vectors(&mostly);
        let off = angle(found.vectors.dab, truth[1]);
        assert!(found.dab && off < 3.0, "{off}");
    }

    #[test]
    fn a_slide_without_dab_keeps_its_usual_vector() {
        let truth = turned(5.0, 5.0);
        let found = estimate_vectors(&sample(truth, 0.05, false));
        assert!(found.hematoxylin && !found.dab);
        assert!(angle(found.vectors.hematoxylin, truth[0]) < 1.2);
        let usual = StainVectors::h_dab_default().dab;
        assert!(angle(found.vectors.dab, usual) < 1e-4);
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        let found = estimate_vectors(&TissueSample::default());
        assert!(!found.hematoxylin && !found.dab);
        assert_eq!(found.vectors, StainVectors::h_dab_default());
    }
}

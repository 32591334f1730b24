//! The cells: which stand where, their shape and what they are painted with.
//!
//! **Architecture invariant:** a cell follows from its lattice place alone, so that every tile that touches it draws the same cell.

use serde::{Deserialize, Serialize};

use crate::layout::{Fields, Layout};
use crate::noise::{Dice, fbm, hash2, mix};
use crate::spec::{Architecture, Level, SlideSpec, StainExtent, StainPattern};

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// A tumour cell: the only kind that is scored.
    Tumour,
    /// A fibroblast or an endothelial cell.
    Stroma,
    /// A lymphocyte.
    Lymphocyte,
    /// A cell of a nerve bundle.
    Nerve,
    /// A smooth muscle cell.
    Muscle,
}

impl CellKind {
    /// As in the cells table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tumour => "tumour",
            Self::Stroma => "stroma",
            Self::Lymphocyte => "lymphocyte",
            Self::Nerve => "nerve",
            Self::Muscle => "muscle",
        }
    }
}

/// A cell's place on its lattice; the order of places is the order of drawing and of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellKey {
    pub(crate) row: i32,
    pub(crate) column: i32,
    pub(crate) lattice: u8,
}

/// DAB optical densities a cell is painted with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Paint {
    pub(crate) nucleus: f32,
    pub(crate) rim: f32,
    pub(crate) cytoplasm: f32,
    pub(crate) membrane: f32,
    pub(crate) granular: bool,
}

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) key: CellKey,
    pub(crate) kind: CellKind,
    /// Centre in um.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// Half axes of the nucleus in um.
    pub(crate) a: f32,
    pub(crate) b: f32,
    /// Direction of the long axis.
    pub(crate) cos: f32,
    pub(crate) sin: f32,
    /// Three-fold bump of the outline.
    pub(crate) bump_cos: f32,
    pub(crate) bump_sin: f32,
    /// How far the cytoplasm may reach from the nucleus in um.
    pub(crate) expansion: f32,
    pub(crate) paint: Paint,
    /// Hematoxylin optical density of the nucleus.
    pub(crate) chromatin: f32,
    /// Contrast of its texture.
    pub(crate) contrast: f32,
    /// How pale its centre is, 0 to 1.
    pub(crate) vesicular: f32,
    /// Nucleolus: place relative to the centre in um, and radius (0 = none).
    pub(crate) nucleolus: (f32, f32, f32),
    /// Hematoxylin of its cytoplasm.
    pub(crate) basophilia: f32,
}

impl Cell {
    /// No pixel further than this from the centre (um) belongs to it.
    pub(crate) fn reach(&self) -> f32 {
        self.a.max(self.b) * 1.12 + self.expansion + 3.2
    }
}

/// No cell reaches further than this, in um.
pub(crate) const MAX_REACH: f32 = 22.0;

/// Distances that turn random ranks into shares, learnt from the slide's own cells.
#[derive(Debug, Clone)]
struct Ranks {
    /// Cells whose rank value is at least this are positive.
    positive_from: f32,
    /// Grade values from which a positive cell is 2+ and 3+.
    grade_from: [f32; 2],
}

/// Makes the cells of a slide.
#[derive(Debug, Clone)]
pub(crate) struct CellMaker {
    seed: u64,
    architecture: Architecture,
    pattern: StainPattern,
    extent: StainExtent,
    spread: f32,
    pitch: f32,
    radius: f32,
    radius_spread: f32,
    elongation: f32,
    chromatin: f32,
    nucleoli: f32,
    hematoxylin: f32,
    lymphocytes: f32,
    ranks: Ranks,
}

/// Lattice numbers.
const TUMOUR: u8 = 0;
const STROMA: u8 = 1;
const LYMPH: u8 = 2;
/// Rows of the triangular lattice are closer than its columns.
const ROW: f32 = 0.87;

impl CellMaker {
    pub(crate) fn new(spec: &SlideSpec, layout: &Layout) -> Self {
        let mut maker = Self {
            seed: mix(spec.seed ^ 0xCE11),
            architecture: spec.architecture,
            pattern: spec.pattern,
            extent: spec.extent,
            spread: spec.grade_spread as f32,
            pitch: spec.cell_pitch_um as f32,
            radius: spec.nucleus_radius_um as f32,
            radius_spread: spec.nucleus_spread as f32,
            elongation: spec.nucleus_elongation as f32,
            chromatin: spec.chromatin as f32,
            nucleoli: spec.nucleoli as f32,
            hematoxylin: spec.hematoxylin as f32,
            lymphocytes: spec.lymphocytes as f32,
            ranks: Ranks {
                positive_from: f32::MAX,
                grade_from: [f32::MAX; 2],
            },
        };
        maker.ranks = maker.learn(spec, layout);
        maker
    }

    fn pitch_of(&self, lattice: u8) -> f32 {
        match lattice {
            TUMOUR => self.pitch,
            STROMA => 15.5,
            _ => 7.6,
        }
    }

    /// The shares that the specification asks for, as rank values on this slide.
    fn learn(&self, spec: &SlideSpec, layout: &Layout) -> Ranks {
        let (width, height) = spec.extent_um();
        let columns = (width / self.pitch) as i32 + 1;
        let rows = (height / (self.pitch * ROW)) as i32 + 1;
        // About 30,000 places are enough for a percent, and cost the same on any slide.
        let every = (f64::from(columns) * f64::from(rows) / 30_000.0).max(1.0);
        let mut ranks = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                let pick = mix(hash2(self.seed ^ 0x9A, column, row)) >> 40;
                if pick as f64 * every > 16_777_216.0 {
                    continue;
                }
                let key = CellKey {
                    row,
                    column,
                    lattice: TUMOUR,
                };
                let (x, y, _) = self.place(key);
                if is_tumour(&layout.at(x, y)) {
                    ranks.push((self.rank(key, x, y), self.grade_rank(key, x, y)));
                }
            }
        }
        let count = ranks.len();
        let wanted = (spec.positive_fraction * count as f64).round() as usize;
        ranks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let positive_from = if spec.positive_fraction <= 0.0 {
            f32::MAX
        } else {
            ranks.get(wanted).map_or(f32::MIN, |r| r.0)
        };
        let mut grades: Vec<f32> = ranks
            .iter()
            .take(wanted.max(1).min(count))
            .map(|r| r.1)
            .collect();
        grades.sort_by(f32::total_cmp);
        let sum: f64 = spec.grade_mix.iter().sum();
        let at = |share: f64| {
            if share >= 1.0 {
                return f32::MAX;
            }
            let index = (share * grades.len() as f64) as usize;
            grades.get(index).copied().unwrap_or(f32::MAX)
        };
        Ranks {
            positive_from,
            grade_from: [
                at(spec.grade_mix[0] / sum),
                at((spec.grade_mix[0] + spec.grade_mix[1]) / sum),
            ],
        }
    }

    fn place(&self, key: CellKey) -> (f32, f32, Dice) {
        let pitch = self.pitch_of(key.lattice);
        let seed = self.seed ^ (u64::from(key.lattice) << 32);
        let mut dice = Dice::new(hash2(seed, key.column, key.row));
        let jitter = if key.lattice == STROMA { 0.46 } else { 0.27 };
        let offset = if key.row & 1 == 0 { 0.25 } else { 0.75 };
        let x = (key.column as f32 + offset + jitter * dice.signed()) * pitch;
        let y = (key.row as f32 + 0.5 + jitter * dice.signed()) * pitch * ROW;
        (x, y, dice)
    }

    fn rank(&self, key: CellKey, x: f32, y: f32) -> f32 {
        let own = Dice::new(hash2(self.seed ^ 0x70, key.column, key.row)).bell();
        match self.extent {
            StainExtent::Scattered => own,
            StainExtent::Diffuse => {
                fbm(self.seed ^ 0xD1F, x / 55.0, y / 55.0, 2) * 1.3 + 0.22 * own
            }
            StainExtent::Focal => {
                fbm(self.seed ^ 0xF0C, x / 380.0, y / 380.0, 3) * 2.0 + 0.06 * own
            }
        }
    }

    fn grade_rank(&self, key: CellKey, x: f32, y: f32) -> f32 {
        let own = Dice::new(hash2(self.seed ^ 0x71, key.column, key.row)).bell();
        fbm(self.seed ^ 0x6A3, x / 70.0, y / 70.0, 2) + 0.2 * own
    }

    /// The true grade that the cell is meant to have.
    fn grade(&self, key: CellKey, x: f32, y: f32) -> u8 {
        if self.rank(key, x, y) < self.ranks.positive_from {
            return 0;
        }
        let value = self.grade_rank(key, x, y);
        1 + self
            .ranks
            .grade_from
            .iter()
            .map(|&from| u8::from(value >= from))
            .sum::<u8>()
    }

    /// All cells whose pixels may lie in the rectangle (um), in drawing order.
    pub(crate) fn cells_near(
        &self,
        layout: &Layout,
        from: (f32, f32),
        to: (f32, f32),
    ) -> Vec<Cell> {
        let mut cells = Vec::new();
        for lattice in [TUMOUR, STROMA, LYMPH] {
            let pitch = self.pitch_of(lattice);
            let columns = (
                ((from.0 - MAX_REACH) / pitch).floor() as i32 - 2,
                ((to.0 + MAX_REACH) / pitch).ceil() as i32 + 1,
            );
            let rows = (
                ((from.1 - MAX_REACH) / (pitch * ROW)).floor() as i32 - 1,
                ((to.1 + MAX_REACH) / (pitch * ROW)).ceil() as i32 + 1,
            );
            for row in rows.0..=rows.1 {
                for column in columns.0..=columns.1 {
                    let key = CellKey {
                        row,
                        column,
                        lattice,
                    };
                    let (x, y, dice) = self.place(key);
                    if x < from.0 - MAX_REACH
                        || x > to.0 + MAX_REACH
                        || y < from.1 - MAX_REACH
                        || y > to.1 + MAX_REACH
                    {
                        continue;
                    }
                    let fields = layout.at(x, y);
                    if let Some(cell) = self.cell(layout, key, (x, y), dice, &fields) {
                        let reach = cell.reach();
                        if x + reach > from.0
                            && x - reach < to.0
                            && y + reach > from.1
                            && y - reach < to.1
                        {
                            cells.push(cell);
                        }
                    }
                }
            }
        }
        cells
    }

    fn cell(
        &self,
        layout: &Layout,
        key: CellKey,
        (x, y): (f32, f32),
        mut dice: Dice,
        fields: &Fields,
    ) -> Option<Cell> {
        match key.lattice {
            TUMOUR if is_tumour(fields) => {
                if dice.chance(0.035 * self.lymphocytes) {
                    Some(self.lymphocyte(key, (x, y), &mut dice))
                } else {
                    Some(self.tumour(layout, key, (x, y), &mut dice))
                }
            }
            STROMA if fields.tissue > 3.0 && fields.tumour < -7.0 => {
                if dice.chance(0.22) || (fields.lymph > 0.0 && dice.chance(0.8)) {
                    return None;
                }
                Some(self.spindle(layout, key, (x, y), &mut dice, fields))
            }
            LYMPH
                if fields.tissue > 4.0
                    && fields.tumour < -6.0
                    && fields.nerve < -5.0
                    && fields.muscle < 0.0
                    && fields.lymph > 0.0 =>
            {
                let density = 0.25 + 3.0 * fields.lymph;
                dice.chance(density.min(0.9))
                    .then(|| self.lymphocyte(key, (x, y), &mut dice))
            }
            _ => None,
        }
    }

    fn tumour(&self, layout: &Layout, key: CellKey, (x, y): (f32, f32), dice: &mut Dice) -> Cell {
        let (dx, dy) = match self.architecture {
            Architecture::Glands => layout.inwards(x, y),
            Architecture::Spindle => layout.fibre_direction(x, y),
            Architecture::Nests | Architecture::Sheets => {
                let angle = 5.0 * fbm(self.seed ^ 0xA41E, x / 90.0, y / 90.0, 2);
                (angle.cos(), angle.sin())
            }
        };
        let tilt = match self.architecture {
            Architecture::Glands | Architecture::Spindle => 0.16 * dice.bell(),
            Architecture::Nests | Architecture::Sheets => 0.7 * dice.bell(),
        };
        let (ts, tc) = tilt.sin_cos();
        let (cos, sin) = (dx * tc - dy * ts, dx * ts + dy * tc);
        let radius = self.radius * (1.0 + self.radius_spread * dice.bell()).clamp(0.55, 1.7);
        let stretch = (self.elongation * (1.0 + 0.13 * dice.bell()))
            .max(1.0)
            .sqrt();
        let grade = self.grade(key, x, y);
        let vesicular = dice.between(0.15, 0.6);
        let nucleolus = if dice.chance(self.nucleoli) {
            (
                0.4 * radius * dice.signed(),
                0.4 * radius * dice.signed(),
                dice.between(0.55, 1.0),
            )
        } else {
            (0.0, 0.0, 0.0)
        };
        Cell {
            key,
            kind: CellKind::Tumour,
            x,
            y,
            a: (radius * stretch).min(12.0),
            b: radius / stretch,
            cos,
            sin,
            bump_cos: 0.07 * dice.signed(),
            bump_sin: 0.07 * dice.signed(),
            expansion: dice.between(4.3, 5.0),
            paint: self.paint(grade, dice),
            chromatin: self.hematoxylin * dice.between(0.40, 0.62),
            contrast: self.chromatin * dice.between(0.16, 0.28),
            vesicular,
            nucleolus,
            basophilia: self.hematoxylin * dice.between(0.075, 0.12),
        }
    }

    fn lymphocyte(&self, key: CellKey, (x, y): (f32, f32), dice: &mut Dice) -> Cell {
        let radius = dice.between(2.5, 3.1);
        Cell {
            key,
            kind: CellKind::Lymphocyte,
            x,
            y,
            a: radius * dice.between(1.0, 1.15),
            b: radius,
            cos: 1.0,
            sin: 0.0,
            bump_cos: 0.04 * dice.signed(),
            bump_sin: 0.04 * dice.signed(),
            expansion: dice.between(0.7, 1.2),
            paint: Paint::default(),
            chromatin: self.hematoxylin * dice.between(0.66, 0.85),
            contrast: self.chromatin * dice.between(0.18, 0.26),
            vesicular: 0.0,
            nucleolus: (0.0, 0.0, 0.0),
            basophilia: self.hematoxylin * 0.10,
        }
    }

    fn spindle(
        &self,
        layout: &Layout,
        key: CellKey,
        (x, y): (f32, f32),
        dice: &mut Dice,
        fields: &Fields,
    ) -> Cell {
        let (dx, dy) = layout.fibre_direction(x, y);
        let (kind, a, b) = if fields.nerve > 1.0 {
            (
                CellKind::Nerve,
                dice.between(3.8, 6.0),
                dice.between(1.2, 1.8),
            )
        } else if fields.muscle > 1.0 {
            (
                CellKind::Muscle,
                dice.between(5.0, 8.0),
                dice.between(1.3, 1.9),
            )
        } else if dice.chance(0.3) {
            // A fibroblast seen from the side of its flat nucleus.
            (
                CellKind::Stroma,
                dice.between(3.6, 5.2),
                dice.between(2.2, 3.0),
            )
        } else {
            (
                CellKind::Stroma,
                dice.between(4.2, 7.2),
                dice.between(1.2, 1.9),
            )
        };
        let (ts, tc) = (0.2 * dice.bell()).sin_cos();
        Cell {
            key,
            kind,
            x,
            y,
            a,
            b,
            cos: dx * tc - dy * ts,
            sin: dx * ts + dy * tc,
            bump_cos: 0.10 * dice.signed(),
            bump_sin: 0.10 * dice.signed(),
            expansion: 2.0,
            paint: Paint::default(),
            chromatin: self.hematoxylin * dice.between(0.36, 0.66),
            contrast: self.chromatin * dice.between(0.14, 0.24),
            vesicular: 0.15,
            nucleolus: (0.0, 0.0, 0.0),
            basophilia: self.hematoxylin * 0.05,
        }
    }

    /// What a tumour cell of that grade is painted with.
    fn paint(&self, grade: u8, dice: &mut Dice) -> Paint {
        // Inside the bands 0-0.2, 0.2-0.4, 0.4-0.6, 0.6-; half the spread keeps 0.04 from the edges for texture.
        // Granules add a spread of their own.
        let spread = if self.pattern.granular {
            0.5 * self.spread
        } else {
            self.spread
        };
        let mut od = |grade: u8| {
            let (aim, half) = match grade {
                0 => (0.025, 0.02),
                1 => (0.30, 0.045),
                2 => (0.50, 0.045),
                _ => (0.82, 0.11),
            };
            let value: f32 = aim + half * spread * dice.signed();
            value.max(0.0)
        };
        if grade == 0 {
            let (nucleus, cytoplasm) = (od(0), od(0));
            return Paint {
                nucleus,
                rim: nucleus.min(cytoplasm),
                cytoplasm,
                membrane: cytoplasm,
                granular: false,
            };
        }
        let mut level = |level: Level, trace: f32| match level {
            Level::Off => trace,
            Level::Lower => od(grade - 1),
            Level::Full => od(grade),
        };
        let pattern = self.pattern;
        let nucleus = level(pattern.nucleus, 0.04);
        let cytoplasm = level(pattern.cytoplasm, 0.06);
        let between = nucleus.min(cytoplasm).max(0.04);
        let rim = match pattern.nuclear_rim {
            Level::Off => between,
            on => level(on, 0.0).max(between),
        };
        let membrane = match pattern.membrane {
            Level::Off => cytoplasm,
            // The line fades within its band, of which nine tenths are painted.
            on => ((level(on, 0.0) - 0.1 * cytoplasm) / 0.9).max(cytoplasm),
        };
        Paint {
            nucleus,
            rim,
            cytoplasm,
            membrane,
            granular: pattern.granular,
        }
    }
}

fn is_tumour(fields: &Fields) -> bool {
    fields.tissue > 6.0 && fields.tumour > 3.5 && fields.lumen < -5.0
}

//! Regions that a pathologist drew: which cells are tumour, which are left out.

use pantrk_space::{SlidePoint, SlideRect};

/// What a region's class does to the cells in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionRole {
    /// Its cells are tumour cells.
    Tumour,
    /// Its cells are left out, also within a tumour region.
    Exclude,
    /// Control tissue on the same slide: left out of the tumour's score.
    Control,
    /// Kept, but without effect on the score.
    Neutral,
}

impl RegionRole {
    /// The role of a class name as QuPath users write it, upper or lower case; of a derived class (`Tumor: Positive`) the first part decides.
    pub fn from_class(class: &str) -> Self {
        let base = class.split(':').next().unwrap_or_default();
        let base = base.trim().to_lowercase();
        CLASSES
            .iter()
            .find(|(name, _)| match name.strip_suffix('*') {
                Some(start) => base.starts_with(start),
                None => base == *name,
            })
            .map_or(Self::Neutral, |&(_, role)| role)
    }
}

/// Classes and their roles; `*` at the end stands for any ending.
const CLASSES: [(&str, RegionRole); 9] = [
    ("tumor", RegionRole::Tumour),
    ("tumour", RegionRole::Tumour),
    ("exclude", RegionRole::Exclude),
    ("ignore*", RegionRole::Exclude),
    ("necrosis", RegionRole::Exclude),
    ("nerve", RegionRole::Exclude),
    ("muscle", RegionRole::Exclude),
    ("pigment", RegionRole::Exclude),
    ("control", RegionRole::Control),
];

/// Edges are kept in horizontal bands of at least this many level-0 pixels.
const BAND: f64 = 256.0;
/// A region has at most this many bands, however far its outline reaches.
const MOST_BANDS: f64 = 4096.0;

/// One region: rings in level-0 pixels; a point is inside if it is inside an odd number of rings, so that a ring within a ring is a hole.
#[derive(Debug, Clone)]
pub struct Region {
    role: RegionRole,
    bounds: SlideRect,
    band_height: f64,
    /// Per band, the edges that cross it: x0, y0, x1, y1.
    bands: Vec<Vec<[f64; 4]>>,
}

impl Region {
    /// From closed rings (the last point may repeat the first or not).
    pub fn new(role: RegionRole, rings: &[Vec<SlidePoint>]) -> Self {
        let points = || rings.iter().flatten();
        let low = |f: fn(&SlidePoint) -> f64| points().map(f).fold(f64::INFINITY, f64::min);
        let high = |f: fn(&SlidePoint) -> f64| points().map(f).fold(f64::NEG_INFINITY, f64::max);
        let (x, y) = (low(|p| p.x), low(|p| p.y));
        if !x.is_finite() || !y.is_finite() {
            return Self {
                role,
                bounds: SlideRect {
                    x: 0.0,
                    y: 0.0,
                    width: 0.0,
                    height: 0.0,
                },
                band_height: BAND,
                bands: Vec::new(),
            };
        }
        let bounds = SlideRect {
            x,
            y,
            width: high(|p| p.x) - x,
            height: high(|p| p.y) - y,
        };
        let band_height = BAND.max(bounds.height / MOST_BANDS);
        let mut bands = vec![Vec::new(); (bounds.height / band_height) as usize + 1];
        for ring in rings {
            for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                let (top, bottom) = (a.y.min(b.y), a.y.max(b.y));
                let first = ((top - y) / band_height) as usize;
                let last = ((bottom - y) / band_height) as usize;
                for band in bands.iter_mut().take(last + 1).skip(first) {
                    band.push([a.x, a.y, b.x, b.y]);
                }
            }
        }
        Self {
            role,
            bounds,
            band_height,
            bands,
        }
    }

    /// What it does to cells.
    pub fn role(&self) -> RegionRole {
        self.role
    }

    /// The smallest rectangle around it.
    pub fn bounds(&self) -> SlideRect {
        self.bounds
    }

    /// Whether a point lies inside.
    pub fn contains(&self, p: SlidePoint) -> bool {
        let offset = (p.y - self.bounds.y) / self.band_height;
        if offset < 0.0 || p.x < self.bounds.x || p.x > self.bounds.x + self.bounds.width {
            return false;
        }
        let Some(band) = self.bands.get(offset as usize) else {
            return false;
        };
        let crossings = band.iter().filter(|[x0, y0, x1, y1]| {
            (*y0 <= p.y) != (*y1 <= p.y) && p.x < x0 + (p.y - y0) / (y1 - y0) * (x1 - x0)
        });
        crossings.count() % 2 == 1
    }
}

/// All regions of a slide.
#[derive(Debug, Clone, Default)]
pub struct Regions {
    regions: Vec<Region>,
}

impl Regions {
    /// From single regions.
    pub fn new(regions: Vec<Region>) -> Self {
        Self { regions }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }

    /// Whether any region says where the tumour is.
    pub fn has_tumour(&self) -> bool {
        self.regions.iter().any(|r| r.role == RegionRole::Tumour)
    }

    /// Whether a point lies in a region of this role.
    pub fn contains(&self, role: RegionRole, point: SlidePoint) -> bool {
        self.regions
            .iter()
            .any(|region| region.role == role && region.contains(point))
    }

    /// Whether cells in this rectangle may matter: it meets the bounds of a tumour or control region, or there is no tumour region.
    pub fn may_matter(&self, rect: SlideRect) -> bool {
        !self.has_tumour()
            || self.regions.iter().any(|region| {
                let b = region.bounds;
                matches!(region.role, RegionRole::Tumour | RegionRole::Control)
                    && rect.x < b.x + b.width
                    && b.x < rect.x + rect.width
                    && rect.y < b.y + b.height
                    && b.y < rect.y + rect.height
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64, side: f64) -> Vec<SlidePoint> {
        [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
            .map(|(x, y)| SlidePoint { x, y })
            .to_vec()
    }

    #[test]
    fn a_ring_within_a_ring_is_a_hole() {
        let region = Region::new(
            RegionRole::Tumour,
            &[square(0.0, 0.0, 1000.0), square(300.0, 300.0, 400.0)],
        );
        for (x, y, wanted) in [
            (10.0, 10.0, true),
            (500.0, 500.0, false),
            (999.0, 999.0, true),
            (1001.0, 5.0, false),
            (-1.0, 5.0, false),
        ] {
            assert_eq!(region.contains(SlidePoint { x, y }), wanted, "{x}, {y}");
        }
    }

    #[test]
    fn classes_have_roles() {
        for (class, role) in [
            ("Tumor", RegionRole::Tumour),
            ("Ignore*", RegionRole::Exclude),
            ("Nerve", RegionRole::Exclude),
            ("Control", RegionRole::Control),
            ("Tissue", RegionRole::Neutral),
        ] {
            assert_eq!(RegionRole::from_class(class), role, "{class}");
        }
    }

    #[test]
    fn a_star_agrees_with_the_winding_of_angles() {
        let ring: Vec<_> = (0..40)
            .map(|i| {
                let (a, r) = (
                    f64::from(i) * std::f64::consts::TAU / 40.0,
                    if i % 2 == 0 { 900.0 } else { 400.0 },
                );
                SlidePoint {
                    x: 1000.0 + r * a.cos(),
                    y: 1000.0 + r * a.sin(),
                }
            })
            .collect();
        let region = Region::new(RegionRole::Tumour, std::slice::from_ref(&ring));
        for i in 0..2000_u32 {
            let p = SlidePoint {
                x: f64::from(i * 37 % 2000),
                y: f64::from(i * 91 % 2000),
            };
            let winding: f64 = ring
                .iter()
                .zip(ring.iter().cycle().skip(1))
                .map(|(a, b)| {
                    let (u, v) = ((a.x - p.x, a.y - p.y), (b.x - p.x, b.y - p.y));
                    (u.0 * v.1 - u.1 * v.0).atan2(u.0 * v.0 + u.1 * v.1)
                })
                .sum();
            assert_eq!(region.contains(p), winding.abs() > 3.0, "{p:?}");
        }
    }
}

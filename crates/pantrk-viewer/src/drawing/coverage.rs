//! What of the drawn tumour was not scored.
//!
//! Cells are looked for in the tissue within the bounds of Tumor and Control regions, and in all tissue where no region says where the tumour is (`pantrk_core::region::Regions::may_matter`).
//! So only of a slide that was scored within Tumor regions a part can be missing: tissue, quality and Exclude regions keep no cells from being found.
//! Patches reach a little beyond those bounds; as far as that is chance, it is not taken for scored.

use geo::{BooleanOps as _, BoundingRect as _, Contains as _, MultiPolygon, Rect};
use pantrk_core::region::{RegionRole, Regions};
use pantrk_space::SlideMpp;

use super::{Shape, geometry};

/// The code of the warning that something is missing, in a result as it would be.
pub(crate) const UNSCORED: &str = "unscored-tumour";

/// What is missing in the figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unscored {
    /// So much of the drawn tumour lies where no cells were looked for.
    Part {
        /// Square level-0 pixels.
        outside_px: f64,
        /// The drawn tumour in all.
        tumour_px: f64,
    },
    /// No region says where the tumour is any more, so that all tissue counts, but cells were looked for within regions.
    Rest,
    /// The slide was scored within regions that are not known.
    Unknown,
}

/// Less than a nucleus is nothing, um2.
const NOTHING_UM2: f64 = 20.0;

/// What is missing where the `shapes` count and a slide was scored within the regions `base`; `None` for those where they are not known.
pub(crate) fn unscored(
    base: Option<&Regions>,
    shapes: &[Shape],
    mpp: SlideMpp,
) -> Option<Unscored> {
    let of = |wanted: &[RegionRole]| -> Vec<&MultiPolygon> {
        let drawn = shapes.iter().filter(|shape| !shape.trains);
        let drawn = drawn.filter(|shape| wanted.contains(&RegionRole::from_class(&shape.class)));
        drawn.filter_map(Shape::area).collect()
    };
    let tumour = of(&[RegionRole::Tumour]);
    let Some(base) = base else {
        return (!tumour.is_empty()).then_some(Unscored::Unknown);
    };
    if !base.has_tumour() {
        return None;
    }
    if tumour.is_empty() {
        return Some(Unscored::Rest);
    }
    let within = base.iter().filter_map(looked_in).collect::<Vec<_>>();
    let is_within = |area: &&MultiPolygon| {
        area.iter().all(|part| {
            let bounds = part.bounding_rect();
            bounds.is_none_or(|bounds| within.iter().any(|known| known.contains(&bounds)))
        })
    };
    if tumour.iter().all(is_within) {
        return None;
    }
    let within: Vec<MultiPolygon> = within
        .iter()
        .map(|rect| MultiPolygon::from(rect.to_polygon()))
        .collect();
    let within: Vec<&MultiPolygon> = within.iter().collect();
    let left_out = geometry::joined(&of(&[RegionRole::Exclude, RegionRole::Control]));
    let tumour = geometry::joined(&tumour).difference(&left_out);
    let outside = tumour.difference(&geometry::joined(&within));
    let outside_px = geometry::area_px(&outside);
    let um2 = outside_px * mpp.x.get() * mpp.y.get();
    (um2 > NOTHING_UM2).then(|| Unscored::Part {
        outside_px,
        tumour_px: geometry::area_px(&tumour),
    })
}

/// Where cells were looked for because of a region.
fn looked_in(region: &pantrk_core::region::Region) -> Option<Rect> {
    let looked = matches!(region.role(), RegionRole::Tumour | RegionRole::Control);
    let bounds = region.bounds();
    let (x, y) = (bounds.x, bounds.y);
    looked.then(|| Rect::new((x, y), (x + bounds.width, y + bounds.height)))
}

impl Unscored {
    /// In words, whole sentences.
    pub(crate) fn text(self, mpp: SlideMpp) -> String {
        match self {
            Self::Part {
                outside_px,
                tumour_px,
            } => {
                let mm2 = outside_px * mpp.x.get() * mpp.y.get() / 1e6;
                let percent = 100.0 * outside_px / tumour_px.max(outside_px);
                let amount = match (mm2, percent) {
                    (mm2, percent) if mm2 < 0.01 || percent < 1.0 => {
                        format!("{mm2:.4} mm² ({percent:.2} %)")
                    }
                    (mm2, percent) => format!("{mm2:.2} mm² ({percent:.0} %)"),
                };
                format!(
                    "{amount} of the drawn Tumor area was not scored: no cells of it are in these figures."
                )
            }
            Self::Rest => "No Tumor region is drawn any more, so all tissue counts; but the slide was scored within Tumor regions alone, and no cells from elsewhere are in these figures.".to_owned(),
            Self::Unknown => "The regions that the slide was scored within are not known, so cells of the Tumor area that is drawn now may be missing in these figures.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_core::region::Region;
    use pantrk_space::{MicronsPerPixel, SlidePoint};

    fn at(x: f64, y: f64) -> SlidePoint {
        SlidePoint { x, y }
    }

    fn shape(class: &str, from: (f64, f64), to: (f64, f64)) -> Shape {
        let area = geometry::rectangle(at(from.0, from.1), at(to.0, to.1)).unwrap();
        Shape::of_class(class, area)
    }

    fn base(role: RegionRole) -> Regions {
        // A triangle: cells are looked for in all of its bounds.
        let ring = vec![at(0.0, 0.0), at(1000.0, 0.0), at(0.0, 1000.0)];
        Regions::new(vec![Region::new(role, &[ring])])
    }

    fn mpp() -> SlideMpp {
        SlideMpp::square(MicronsPerPixel::new(0.5).unwrap())
    }

    #[test]
    fn what_lies_beyond_the_bounds_of_the_scored_regions_is_missing() {
        let base = base(RegionRole::Tumour);
        let missing = |shapes: &[Shape]| unscored(Some(&base), shapes, mpp());
        assert_eq!(
            missing(&[shape("Tumor", (600.0, 600.0), (1000.0, 1000.0))]),
            None
        );
        // Half of it is beyond; what is excluded there does not count anyway.
        let half = shape("Tumor", (800.0, 0.0), (1200.0, 1000.0));
        let found = missing(std::slice::from_ref(&half));
        let part = |outside_px, tumour_px| {
            Some(Unscored::Part {
                outside_px,
                tumour_px,
            })
        };
        assert_eq!(found, part(200_000.0, 400_000.0));
        let text = found.unwrap().text(mpp());
        assert!(
            text.starts_with("0.05 mm² (50 %) of the drawn Tumor"),
            "{text}"
        );
        let excluded = shape("Exclude", (1000.0, 0.0), (1200.0, 500.0));
        let neutral = shape("Tissue", (5000.0, 0.0), (6000.0, 500.0));
        let shapes = [half.clone(), excluded, neutral];
        assert_eq!(missing(&shapes), part(100_000.0, 300_000.0));
        let stroke = Shape {
            trains: true,
            ..half
        };
        let inside = shape("Tumor", (10.0, 10.0), (90.0, 90.0));
        assert_eq!(missing(&[inside, stroke.clone()]), None);
        // Without any, all tissue counts.
        assert_eq!(missing(&[stroke]), Some(Unscored::Rest));
        // A sliver narrower than a nucleus.
        assert_eq!(
            missing(&[shape("Tumor", (0.0, 0.0), (1000.01, 1000.0))]),
            None
        );
    }

    #[test]
    fn a_slide_scored_without_tumour_regions_was_scored_as_a_whole() {
        let far = [shape("Tumor", (9000.0, 0.0), (9900.0, 900.0))];
        for whole in [
            Regions::default(),
            base(RegionRole::Exclude),
            base(RegionRole::Control),
        ] {
            assert_eq!(unscored(Some(&whole), &far, mpp()), None);
        }
        assert_eq!(unscored(None, &far, mpp()), Some(Unscored::Unknown));
        assert_eq!(unscored(None, &[], mpp()), None);
    }
}

//! What is drawn on a slide: areas with a class, rulers, points; and all that can be done with them.
//!
//! **Architecture invariant:** every change is an [`Edit`], a list of what goes and what comes; undo and redo run edits backwards and forwards, without limit, and nothing else changes the shapes.

mod coverage;
pub(crate) mod geojson;
pub(crate) mod geometry;
mod tool;

pub(crate) use coverage::{UNSCORED, Unscored, unscored};
pub(crate) use tool::{CLASSES, Gesture, TOOLS, Tool, ToolRow, class_colour};

use std::collections::BTreeSet;

use geo::{Contains as _, MultiPolygon, Point};
use pantrk_core::region::{RegionRole, Regions};
use pantrk_space::SlidePoint;
use pantrk_store::{Region, RegionPolygon};

use geometry::{coord, point};

/// What a shape looks like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Geometry {
    /// One or more areas with their holes, level-0 pixels.
    Area(MultiPolygon),
    /// A ruler from one point to another.
    Ruler([SlidePoint; 2]),
    /// A point.
    Point(SlidePoint),
}

/// Something drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Its own, never used again.
    pub(crate) id: u64,
    /// As QuPath names it; empty without one.
    pub(crate) class: String,
    /// Its name; empty without one.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) geometry: Geometry,
    /// Whether it is a stroke that trains the region classifier: no region, and without effect on the score.
    pub(crate) trains: bool,
}

/// The strokes of one shape, as training takes them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stroke {
    /// The shape's.
    pub(crate) id: u64,
    /// Its class.
    pub(crate) class: String,
    /// Where it is.
    pub(crate) area: MultiPolygon,
}

impl Shape {
    /// An area of a class.
    pub(crate) fn of_class(class: &str, area: MultiPolygon) -> Self {
        Self {
            id: 0,
            class: class.to_owned(),
            name: String::new(),
            geometry: Geometry::Area(area),
            trains: false,
        }
    }

    /// A ruler or a point.
    pub(crate) const fn mark(geometry: Geometry) -> Self {
        Self {
            id: 0,
            class: String::new(),
            name: String::new(),
            geometry,
            trains: false,
        }
    }

    /// The area, if it is one.
    pub(crate) const fn area(&self) -> Option<&MultiPolygon> {
        match &self.geometry {
            Geometry::Area(area) => Some(area),
            Geometry::Ruler(_) | Geometry::Point(_) => None,
        }
    }

    /// Its middle.
    pub(crate) fn centre(&self) -> Option<SlidePoint> {
        match &self.geometry {
            Geometry::Area(area) => geometry::middle(area),
            Geometry::Ruler([a, b]) => Some(SlidePoint {
                x: f64::midpoint(a.x, b.x),
                y: f64::midpoint(a.y, b.y),
            }),
            Geometry::Point(at) => Some(*at),
        }
    }

    /// Whether a point of the slide lies on it, give or take `reach` pixels.
    fn is_at(&self, at: SlidePoint, reach: f64) -> bool {
        match &self.geometry {
            Geometry::Area(area) => area.contains(&Point::from(coord(at))),
            Geometry::Ruler([a, b]) => distance_to_line(at, *a, *b) <= reach,
            Geometry::Point(p) => (p.x - at.x).hypot(p.y - at.y) <= reach,
        }
    }

    fn moved(&self, dx: f64, dy: f64) -> Self {
        let go = |p: SlidePoint| SlidePoint {
            x: p.x + dx,
            y: p.y + dy,
        };
        let geometry = match &self.geometry {
            Geometry::Area(area) => Geometry::Area(geometry::moved(area, dx, dy)),
            Geometry::Ruler(ends) => Geometry::Ruler(ends.map(go)),
            Geometry::Point(p) => Geometry::Point(go(*p)),
        };
        Self {
            geometry,
            ..self.clone()
        }
    }
}

fn distance_to_line(at: SlidePoint, a: SlidePoint, b: SlidePoint) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 {
        (((at.x - a.x) * dx + (at.y - a.y) * dy) / square).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (at.x - a.x - along * dx).hypot(at.y - a.y - along * dy)
}

/// One change, as data: it can be run either way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    /// In a word, for the menu: "draw", "move".
    pub(crate) what: &'static str,
    /// What goes.
    removed: Vec<Shape>,
    /// What comes.
    added: Vec<Shape>,
}

/// All shapes, and how they came about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drawing {
    shapes: Vec<Shape>,
    done: Vec<Edit>,
    undone: Vec<Edit>,
    /// What is selected.
    pub(crate) selected: BTreeSet<u64>,
    next_id: u64,
    /// The areas that the slide was scored with.
    base: Vec<Region>,
    /// Whether those are known.
    pub(crate) base_known: bool,
    /// Grows with each change.
    pub(crate) revision: u64,
    /// Grows with each change of a training stroke.
    pub(crate) stroke_revision: u64,
    /// Edits that were ever made.
    pub(crate) made: u64,
}

impl Drawing {
    /// All shapes, the oldest first.
    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Starts from the regions that the slide was scored with; undo does not go behind them.
    pub(crate) fn set_base(&mut self, shapes: Vec<Shape>) {
        self.base_known = true;
        self.start_from(shapes);
        self.base = self.regions();
    }

    /// Starts from these shapes; undo does not go behind them.
    pub(crate) fn start_from(&mut self, shapes: Vec<Shape>) {
        self.shapes.clear();
        for shape in shapes {
            let shape = self.numbered(shape);
            self.shapes.push(shape);
        }
        self.done.clear();
        self.undone.clear();
        self.selected.clear();
        self.revision += 1;
        self.stroke_revision += 1;
    }

    /// The training strokes, the oldest first.
    pub(crate) fn strokes(&self) -> Vec<Stroke> {
        let of = |shape: &Shape| {
            Some(Stroke {
                id: shape.id,
                class: shape.class.clone(),
                area: shape.area()?.clone(),
            })
        };
        self.shapes
            .iter()
            .filter(|shape| shape.trains)
            .filter_map(of)
            .collect()
    }

    /// The regions that the slide was scored with, as scoring takes them; `None` where they are not known.
    pub(crate) fn scored_regions(&self) -> Option<Regions> {
        self.base_known
            .then(|| pantrk_store::scoring_regions(&self.base))
    }

    /// Whether the areas with an effect on the score differ from those that it was made with.
    pub(crate) fn areas_changed(&self) -> bool {
        let with_effect = |regions: &[Region]| -> Vec<Region> {
            let effect = |r: &&Region| r.role != RegionRole::Neutral;
            regions.iter().filter(effect).cloned().collect()
        };
        with_effect(&self.regions()) != with_effect(&self.base)
    }

    /// The areas as the score takes them.
    pub(crate) fn regions(&self) -> Vec<Region> {
        let ring = |line: &geo::LineString| -> Vec<SlidePoint> {
            let corners = line.0.len().saturating_sub(1);
            line.0.iter().take(corners).map(|&c| point(c)).collect()
        };
        self.shapes
            .iter()
            .filter(|shape| !shape.trains)
            .filter_map(|shape| {
                let area = shape.area()?;
                Some(Region {
                    role: RegionRole::from_class(&shape.class),
                    class: shape.class.clone(),
                    name: (!shape.name.is_empty()).then(|| shape.name.clone()),
                    polygons: area
                        .iter()
                        .map(|part| RegionPolygon {
                            exterior: ring(part.exterior()),
                            holes: part.interiors().iter().map(ring).collect(),
                        })
                        .collect(),
                })
            })
            .collect()
    }

    /// The topmost shape at a point; small ones before large ones, so that what lies within another can be reached.
    pub(crate) fn shape_at(&self, at: SlidePoint, reach: f64) -> Option<&Shape> {
        let size = |shape: &Shape| shape.area().map_or(0.0, geometry::area_px);
        self.shapes
            .iter()
            .rev()
            .filter(|shape| shape.is_at(at, reach))
            .min_by(|a, b| size(a).total_cmp(&size(b)))
    }

    /// The shape of this id.
    pub(crate) fn shape(&self, id: u64) -> Option<&Shape> {
        self.shapes.iter().find(|shape| shape.id == id)
    }

    /// The one shape that is selected.
    pub(crate) fn selected_shape(&self) -> Option<&Shape> {
        match self.selected.iter().collect::<Vec<_>>().as_slice() {
            [id] => self.shape(**id),
            _ => None,
        }
    }

    /// What undo would take back.
    pub(crate) fn can_undo(&self) -> Option<&'static str> {
        self.done.last().map(|edit| edit.what)
    }

    /// What redo would do again.
    pub(crate) fn can_redo(&self) -> Option<&'static str> {
        self.undone.last().map(|edit| edit.what)
    }

    /// Takes the last change back.
    pub(crate) fn undo(&mut self) {
        if let Some(edit) = self.done.pop() {
            self.run(&edit.added, &edit.removed);
            self.undone.push(edit);
        }
    }

    /// Does what was taken back again.
    pub(crate) fn redo(&mut self) {
        if let Some(edit) = self.undone.pop() {
            self.run(&edit.removed, &edit.added);
            self.done.push(edit);
        }
    }

    /// Adds shapes and selects them.
    pub(crate) fn add(&mut self, what: &'static str, shapes: Vec<Shape>) {
        self.replace(what, Vec::new(), shapes);
    }

    /// Puts shapes in the place of others, as one change; what came is selected.
    pub(crate) fn replace(&mut self, what: &'static str, removed: Vec<Shape>, added: Vec<Shape>) {
        let added: Vec<Shape> = added.into_iter().map(|s| self.numbered(s)).collect();
        if removed.is_empty() && added.is_empty() {
            return;
        }
        let edit = Edit {
            what,
            removed,
            added,
        };
        self.run(&edit.removed, &edit.added);
        self.selected = edit.added.iter().map(|shape| shape.id).collect();
        self.done.push(edit);
        self.undone.clear();
        self.made += 1;
    }

    /// Edits that can be taken back, and those that can be done again.
    pub(crate) const fn depth(&self) -> [usize; 2] {
        [self.done.len(), self.undone.len()]
    }

    /// What was taken back is not done again: something else was done since.
    pub(crate) fn forget_undone(&mut self) {
        self.undone.clear();
    }

    /// Undo does not go behind what is there now.
    pub(crate) fn seal(&mut self) {
        self.done.clear();
        self.undone.clear();
    }

    /// Whether the same is drawn, however it came about.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let is_in = |shape: &Shape, all: &[Shape]| {
            all.iter().any(|one| {
                Shape {
                    id: one.id,
                    ..shape.clone()
                } == *one
            })
        };
        self.shapes.len() == other.shapes.len()
            && self.shapes.iter().all(|shape| is_in(shape, &other.shapes))
            && other.shapes.iter().all(|shape| is_in(shape, &self.shapes))
    }

    /// Takes the edits of another drawing that is alike; what the slide was scored with stays.
    pub(crate) fn go_on_from(&mut self, other: Self) {
        *self = Self {
            base: std::mem::take(&mut self.base),
            base_known: self.base_known,
            revision: self.revision.max(other.revision) + 1,
            stroke_revision: self.stroke_revision.max(other.stroke_revision) + 1,
            ..other
        };
    }

    fn run(&mut self, removed: &[Shape], added: &[Shape]) {
        self.shapes
            .retain(|shape| !removed.iter().any(|r| r.id == shape.id));
        self.shapes.extend_from_slice(added);
        self.shapes.sort_by_key(|shape| shape.id);
        let there: BTreeSet<u64> = self.shapes.iter().map(|shape| shape.id).collect();
        self.selected.retain(|id| there.contains(id));
        self.revision += 1;
        self.stroke_revision += u64::from(removed.iter().chain(added).any(|s| s.trains));
    }

    /// With a number of its own, unless it has one that is not taken.
    fn numbered(&mut self, shape: Shape) -> Shape {
        let id = if shape.id > 0 && shape.id <= self.next_id {
            shape.id
        } else {
            self.next_id += 1;
            self.next_id
        };
        Shape { id, ..shape }
    }

    fn take_selected(&self) -> Vec<Shape> {
        let is_selected = |shape: &&Shape| self.selected.contains(&shape.id);
        self.shapes.iter().filter(is_selected).cloned().collect()
    }

    /// Takes the selected shapes away.
    pub(crate) fn delete_selected(&mut self) {
        let removed = self.take_selected();
        self.replace("delete", removed, Vec::new());
    }

    /// Gives the selected shapes a class.
    pub(crate) fn set_class(&mut self, class: &str) {
        let before = self.take_selected();
        let after: Vec<Shape> = before
            .iter()
            .map(|shape| Shape {
                class: class.to_owned(),
                ..shape.clone()
            })
            .collect();
        if after != before {
            self.replace("class", before, after);
        }
    }

    /// Moves the selected shapes.
    pub(crate) fn move_selected(&mut self, dx: f64, dy: f64) {
        let before = self.take_selected();
        let after = before.iter().map(|shape| shape.moved(dx, dy)).collect();
        self.replace("move", before, after);
    }

    /// Makes one area of the selected ones; the first one's class stays. With one selected, all of its class are joined.
    pub(crate) fn merge(&mut self) -> Result<(), &'static str> {
        let mut parts = self.take_selected();
        if let [one] = parts.as_slice() {
            let (class, trains) = (one.class.clone(), one.trains);
            let same = |s: &&Shape| s.class == class && s.trains == trains && s.area().is_some();
            parts = self.shapes.iter().filter(same).cloned().collect();
        }
        parts.retain(|shape| shape.area().is_some());
        if parts.iter().any(|part| part.trains != parts[0].trains) {
            return Err("training strokes and regions stay apart");
        }
        if parts.len() < 2 {
            return Err("select at least two areas, or one whose class has others");
        }
        let areas: Vec<&MultiPolygon> = parts.iter().filter_map(Shape::area).collect();
        let merged = Shape {
            id: 0,
            geometry: Geometry::Area(geometry::joined(&areas)),
            ..parts[0].clone()
        };
        self.replace("merge", parts, vec![merged]);
        Ok(())
    }

    /// Makes the parts of the selected area shapes of their own; an area of one part is cut along the selected or last ruler.
    pub(crate) fn split(&mut self) -> Result<(), &'static str> {
        let areas: Vec<Shape> = self
            .take_selected()
            .into_iter()
            .filter(|shape| shape.area().is_some())
            .collect();
        let [shape] = areas.as_slice() else {
            return Err("select one area");
        };
        let Some(area) = shape.area() else {
            return Err("select one area");
        };
        let pieces: Vec<MultiPolygon> = if area.0.len() > 1 {
            area.iter().cloned().map(MultiPolygon::from).collect()
        } else {
            let ruler = self.shapes.iter().rev().find_map(|s| match s.geometry {
                Geometry::Ruler(ends) => Some(ends),
                _ => None,
            });
            let cut = ruler.and_then(|[a, b]| geometry::cut(area, a, b));
            cut.ok_or("the area is of one part: draw a ruler across it, and it is cut there")?
                .into()
        };
        let made = pieces.into_iter().map(|piece| Shape {
            id: 0,
            geometry: Geometry::Area(piece),
            ..shape.clone()
        });
        let made = made.collect();
        self.replace("split", vec![shape.clone()], made);
        Ok(())
    }

    /// Fills the holes of the selected areas.
    pub(crate) fn fill_holes(&mut self) {
        let before: Vec<Shape> = self
            .take_selected()
            .into_iter()
            .filter(|shape| shape.area().is_some())
            .collect();
        let after: Vec<Shape> = before
            .iter()
            .filter_map(|shape| {
                Some(Shape {
                    geometry: Geometry::Area(geometry::filled(shape.area()?)),
                    ..shape.clone()
                })
            })
            .collect();
        if after != before {
            self.replace("fill holes", before, after);
        }
    }

    /// The selected area's corner nearest to a point, within `reach` pixels: part, ring (0 is the outline) and corner.
    pub(crate) fn corner_at(&self, at: SlidePoint, reach: f64) -> Option<[usize; 3]> {
        let area = self.selected_shape()?.area()?;
        let mut best: Option<(f64, [usize; 3])> = None;
        for (p, part) in area.iter().enumerate() {
            let rings = std::iter::once(part.exterior()).chain(part.interiors());
            for (r, ring) in rings.enumerate() {
                for (c, corner) in ring.0.iter().enumerate() {
                    let away = (corner.x - at.x).hypot(corner.y - at.y);
                    if away <= reach && best.is_none_or(|(least, _)| away < least) {
                        best = Some((away, [p, r, c]));
                    }
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// Moves one corner of the selected area.
    pub(crate) fn move_corner(&mut self, [part, ring, corner]: [usize; 3], to: SlidePoint) {
        let Some(before) = self.selected_shape().cloned() else {
            return;
        };
        let Some(mut area) = before.area().cloned() else {
            return;
        };
        let Some(polygon) = area.0.get_mut(part) else {
            return;
        };
        let set = |line: &mut geo::LineString| {
            let last = line.0.len().saturating_sub(1);
            // The first corner stands at the end once more.
            let twins = if corner == 0 || corner == last {
                vec![0, last]
            } else {
                vec![corner]
            };
            for place in twins {
                if let Some(c) = line.0.get_mut(place) {
                    *c = coord(to);
                }
            }
        };
        if ring == 0 {
            polygon.exterior_mut(set);
        } else {
            polygon.interiors_mut(|rings| {
                if let Some(line) = rings.get_mut(ring - 1) {
                    set(line);
                }
            });
        }
        // An outline that was pulled across itself falls into its parts.
        let area = geo::BooleanOps::union(&area, &MultiPolygon::new(Vec::new()));
        if area.0.is_empty() {
            return;
        }
        let after = Shape {
            geometry: Geometry::Area(area),
            ..before.clone()
        };
        self.replace("edit", vec![before], vec![after]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(x: f64, y: f64) -> SlidePoint {
        SlidePoint { x, y }
    }

    fn block(class: &str, x: f64, y: f64, side: f64) -> Shape {
        let area = geometry::rectangle(at(x, y), at(x + side, y + side)).unwrap();
        Shape::of_class(class, area)
    }

    #[test]
    fn strokes_are_no_regions_and_do_not_mix_with_them() {
        let mut drawing = Drawing::default();
        let stroke = |class: &str, x: f64| Shape {
            trains: true,
            ..block(class, x, 0.0, 40.0)
        };
        drawing.add("draw", vec![block("Tumor", 0.0, 0.0, 100.0)]);
        let before = drawing.stroke_revision;
        drawing.add("stroke", vec![stroke("Tumor", 20.0)]);
        assert!(drawing.stroke_revision > before);
        assert_eq!((drawing.regions().len(), drawing.strokes().len()), (1, 1));
        drawing.selected = BTreeSet::from([1, 2]);
        assert!(drawing.merge().is_err());
        drawing.selected = BTreeSet::from([1]);
        assert!(
            drawing.merge().is_err(),
            "the stroke is no region of its class"
        );
        drawing.undo();
        assert!(drawing.strokes().is_empty());
        drawing.redo();
        assert_eq!(drawing.strokes().len(), 1);
    }

    #[test]
    fn merged_and_split_again() {
        let mut drawing = Drawing::default();
        drawing.add("draw", vec![block("Tumor", 0.0, 0.0, 100.0)]);
        drawing.add("draw", vec![block("Tumor", 300.0, 0.0, 100.0)]);
        drawing.add("draw", vec![block("Nerve", 50.0, 0.0, 100.0)]);
        drawing.selected = BTreeSet::from([1]);
        drawing.merge().unwrap();
        let merged = drawing.selected_shape().unwrap();
        assert_eq!(merged.area().unwrap().0.len(), 2, "apart, so two parts");
        assert_eq!(drawing.shapes().len(), 2);
        drawing.split().unwrap();
        assert_eq!(drawing.shapes().len(), 3);
        assert!(drawing.merge().is_ok());
        drawing.selected = BTreeSet::from([3]);
        assert!(drawing.merge().is_err(), "the only one of its class");
        let words = drawing.split().unwrap_err();
        assert!(words.contains("ruler"), "{words}");
        let ruler = Shape {
            geometry: Geometry::Ruler([at(100.0, -50.0), at(100.0, 150.0)]),
            ..block("", 0.0, 0.0, 1.0)
        };
        drawing.add("ruler", vec![ruler]);
        drawing.selected = BTreeSet::from([3]);
        drawing.split().unwrap();
        let nerves = drawing.regions();
        assert_eq!(nerves.iter().filter(|r| r.class == "Nerve").count(), 2);
    }

    #[test]
    fn only_areas_with_an_effect_change_the_score() {
        let mut drawing = Drawing::default();
        drawing.set_base(vec![block("Tumor", 0.0, 0.0, 100.0)]);
        assert!(!drawing.areas_changed());
        drawing.add("draw", vec![block("Tissue", 10.0, 10.0, 10.0)]);
        assert!(!drawing.areas_changed());
        drawing.add("draw", vec![block("Exclude", 10.0, 10.0, 10.0)]);
        assert!(drawing.areas_changed());
        drawing.undo();
        assert!(!drawing.areas_changed());
    }

    #[test]
    fn a_corner_is_pulled_and_the_outline_stays_closed() {
        let mut drawing = Drawing::default();
        drawing.add("draw", vec![block("Tumor", 0.0, 0.0, 100.0)]);
        let corner = drawing.corner_at(at(1.0, 1.0), 5.0).unwrap();
        drawing.move_corner(corner, at(-100.0, -100.0));
        let area = drawing.selected_shape().unwrap().area().unwrap();
        assert!((geometry::area_px(area) - 20_000.0).abs() < 1.0);
        assert!(drawing.corner_at(at(1.0, 1.0), 5.0).is_none());
        drawing.undo();
        assert!(drawing.corner_at(at(1.0, 1.0), 5.0).is_some() || drawing.selected.is_empty());
    }

    #[test]
    fn the_smallest_shape_under_the_pointer_is_hit() {
        let mut drawing = Drawing::default();
        drawing.add("draw", vec![block("Nerve", 40.0, 40.0, 10.0)]);
        drawing.add("draw", vec![block("Tumor", 0.0, 0.0, 100.0)]);
        let hit = |x, y| drawing.shape_at(at(x, y), 2.0).map(|s| s.class.as_str());
        assert_eq!(hit(45.0, 45.0), Some("Nerve"));
        assert_eq!(hit(80.0, 80.0), Some("Tumor"));
        assert_eq!(hit(180.0, 80.0), None);
    }

    proptest! {
        /// Whatever was done, undoing all of it gives what was there, and doing it again what was made.
        #[test]
        fn undo_and_redo_are_inverses(steps in prop::collection::vec((0..6_u8, 0..8_u64, 0.0..500.0_f64), 1..40)) {
            let mut drawing = Drawing::default();
            drawing.start_from(vec![block("Tumor", 0.0, 0.0, 100.0), block("Nerve", 50.0, 50.0, 30.0)]);
            let before = drawing.shapes().to_vec();
            for (what, which, x) in steps {
                let id = drawing.shapes().get(which as usize).map(|s| s.id);
                drawing.selected = id.into_iter().collect();
                match what {
                    0 | 1 => drawing.add("draw", vec![block(if what == 0 { "Tumor" } else { "Exclude" }, x, x / 2.0, 60.0)]),
                    2 => drawing.move_selected(x, -x),
                    3 => drawing.delete_selected(),
                    4 => drawing.set_class("Muscle"),
                    _ => drop(drawing.merge()),
                }
            }
            let after = drawing.shapes().to_vec();
            while drawing.can_undo().is_some() {
                drawing.undo();
            }
            prop_assert_eq!(drawing.shapes(), &before);
            while drawing.can_redo().is_some() {
                drawing.redo();
            }
            prop_assert_eq!(drawing.shapes(), &after);
        }
    }
}

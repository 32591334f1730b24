//! Commands that draw.

use pantrk_space::SlidePoint;

use crate::command::DrawCommand;
use crate::drawing::{Geometry, Gesture, Shape, Tool, geometry};
use crate::state::OpenItem;
use crate::view::View;

use super::Viewer;

/// Within so many points of the screen a corner, a line or a cell is hit.
const REACH: f64 = 8.0;

impl Viewer {
    pub(super) fn draw_command(&mut self, command: DrawCommand) {
        if command == DrawCommand::Export {
            self.export_shapes();
            return;
        }
        let looks = matches!(
            command,
            DrawCommand::Tool(Tool::Move)
                | DrawCommand::Select(_)
                | DrawCommand::Click { .. }
                | DrawCommand::Cancel
        );
        if self.session.is_locked() && !looks {
            self.refuse_signed();
            return;
        }
        let before = self
            .session
            .open
            .as_ref()
            .map(|o| o.review.drawing.revision);
        let problem = self.draw_command_inner(command);
        if let Some(problem) = problem {
            self.inform(problem);
        }
        if let Some(open) = self.session.open.as_mut()
            && before != Some(open.review.drawing.revision)
        {
            open.review.take_regions();
        }
    }

    /// What went wrong, for the user.
    fn draw_command_inner(&mut self, command: DrawCommand) -> Option<String> {
        let settings = &mut self.settings;
        let open = self.session.open.as_mut()?;
        let drawing = &mut open.review.drawing;
        match command {
            DrawCommand::Tool(tool) => {
                settings.tool = tool;
                open.gesture = None;
            }
            // With a tool in hand that draws, the class is the next shape's; else the selected shapes'.
            DrawCommand::Class(class) if settings.tool.draws() => {
                drawing.selected.clear();
                settings.class = class;
            }
            DrawCommand::Class(class) => {
                drawing.set_class(&class);
                settings.class = class;
            }
            DrawCommand::StrokeClass(class) => {
                settings.tool = Tool::Stroke;
                settings.class = class;
                open.gesture = None;
                drawing.selected.clear();
            }
            DrawCommand::BrushSize(factor) => {
                settings.brush = (settings.brush * factor).clamp(3.0, 200.0);
            }
            DrawCommand::Press { at, erase } => self.press(at, erase),
            DrawCommand::Drag(at) => drag(open, at),
            DrawCommand::Release => self.release(),
            DrawCommand::Click { at, add } => self.click(at, add),
            DrawCommand::Close => self.close_polygon(),
            DrawCommand::Cancel => {
                if open.gesture.take().is_none() {
                    drawing.selected.clear();
                    open.chosen_cell = None;
                }
            }
            DrawCommand::Select(id) => {
                drawing.selected = std::iter::once(id).collect();
                look_at(open, id);
            }
            DrawCommand::Delete => drawing.delete_selected(),
            DrawCommand::Merge => return drawing.merge().err().map(|e| format!("Merge: {e}.")),
            DrawCommand::Split => return drawing.split().err().map(|e| format!("Split: {e}.")),
            DrawCommand::FillHoles => drawing.fill_holes(),
            DrawCommand::Export => {}
        }
        None
    }

    fn press(&mut self, at: SlidePoint, erase: bool) {
        let pixel = self.pixel();
        let tool = self.settings.tool;
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let drawing = &open.review.drawing;
        open.gesture = match tool {
            Tool::Rectangle | Tool::Ellipse | Tool::Ruler => {
                Some(Gesture::Span { from: at, to: at })
            }
            Tool::Brush | Tool::Eraser | Tool::Stroke => {
                open.erasing = erase || tool == Tool::Eraser;
                Some(Gesture::Path {
                    points: vec![at],
                    freehand: true,
                })
            }
            // A stroke over a polygon that is being clicked together goes on with it.
            Tool::Polygon => match open.gesture.take() {
                Some(gesture @ Gesture::Path { .. }) => Some(gesture),
                _ => Some(Gesture::Path {
                    points: vec![at],
                    freehand: true,
                }),
            },
            Tool::Move => match drawing.corner_at(at, REACH * pixel) {
                Some(place) => Some(Gesture::Corner { place, to: at }),
                None => drawing
                    .shape_at(at, REACH * pixel)
                    .filter(|shape| drawing.selected.contains(&shape.id))
                    .map(|_| Gesture::Shift { from: at, to: at }),
            },
            Tool::Point | Tool::Cell => None,
        };
    }

    fn release(&mut self) {
        let pixel = self.pixel();
        let tool = self.settings.tool;
        let radius = f64::from(self.settings.brush) * pixel;
        let class = self.settings.class.clone();
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let Some(gesture) = open.gesture.take() else {
            return;
        };
        let erasing = std::mem::take(&mut open.erasing);
        let drawing = &mut open.review.drawing;
        match (gesture, tool) {
            (Gesture::Span { from, to }, Tool::Ruler) => {
                if (from.x - to.x).hypot(from.y - to.y) > pixel {
                    drawing.add("ruler", vec![Shape::mark(Geometry::Ruler([from, to]))]);
                }
            }
            (Gesture::Span { from, to }, _) => {
                let area = if tool == Tool::Ellipse {
                    geometry::ellipse(from, to)
                } else {
                    geometry::rectangle(from, to)
                };
                let area = area.filter(|a| geometry::area_px(a) > 16.0 * pixel * pixel);
                if let Some(area) = area {
                    drawing.add("draw", vec![Shape::of_class(&class, area)]);
                }
            }
            (Gesture::Path { points, .. }, Tool::Stroke) if !erasing => {
                let area = geometry::tidied(&geometry::brush(&points, radius), pixel);
                let stroke = Shape {
                    trains: true,
                    ..Shape::of_class(&class, area)
                };
                drawing.add("stroke", vec![stroke]);
                // Not selected: the next class chosen is the next stroke's, not this one's.
                drawing.selected.clear();
            }
            (Gesture::Path { points, .. }, Tool::Brush | Tool::Eraser | Tool::Stroke) => {
                let stroke = geometry::brush(&points, radius);
                let trains = tool == Tool::Stroke;
                paint(open, &stroke, (erasing, trains), (&class, pixel));
            }
            (Gesture::Path { points, freehand }, _) => {
                if freehand && points.len() > 4 {
                    if let Some(area) = geometry::polygon(&points) {
                        let area = geometry::tidied(&area, pixel);
                        if !area.0.is_empty() {
                            drawing.add("draw", vec![Shape::of_class(&class, area)]);
                        }
                    }
                } else {
                    // A short stroke was a click: the corners go on.
                    open.gesture = Some(Gesture::Path {
                        points: points.into_iter().take(1).collect(),
                        freehand: false,
                    });
                }
            }
            (Gesture::Shift { from, to }, _) => {
                drawing.move_selected(to.x - from.x, to.y - from.y);
            }
            (Gesture::Corner { place, to }, _) => drawing.move_corner(place, to),
        }
    }

    fn click(&mut self, at: SlidePoint, add: bool) {
        let pixel = self.pixel();
        let reach = REACH * pixel;
        let tool = self.session.tool(self.settings.tool);
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let drawing = &mut open.review.drawing;
        match tool {
            Tool::Polygon => match &mut open.gesture {
                Some(Gesture::Path { points, freehand }) => {
                    *freehand = false;
                    points.push(at);
                }
                _ => {
                    open.gesture = Some(Gesture::Path {
                        points: vec![at],
                        freehand: false,
                    });
                }
            },
            Tool::Point => drawing.add("point", vec![Shape::mark(Geometry::Point(at))]),
            Tool::Cell => {
                let found = open
                    .cells
                    .ready()
                    .and_then(|cells| cells.layer.nearest(at, reach.max(20.0)));
                self.choose_cell(found);
            }
            Tool::Brush | Tool::Eraser | Tool::Stroke => {
                self.press(at, false);
                self.release();
            }
            Tool::Move | Tool::Rectangle | Tool::Ellipse | Tool::Ruler => {
                let hit = drawing.shape_at(at, reach).map(|shape| shape.id);
                if !add {
                    drawing.selected.clear();
                }
                if let Some(id) = hit
                    && !drawing.selected.insert(id)
                {
                    drawing.selected.remove(&id);
                }
            }
        }
    }

    fn close_polygon(&mut self) {
        let class = self.settings.class.clone();
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        if let Some(Gesture::Path { points, .. }) = open.gesture.take()
            && let Some(area) = geometry::polygon(&points)
        {
            let drawn = Shape::of_class(&class, area);
            open.review.drawing.add("draw", vec![drawn]);
        }
    }

    /// Level-0 pixels along a point of the screen.
    fn pixel(&self) -> f64 {
        let open = self.session.open.as_ref();
        let view = open.and_then(|open| open.view.or(open.fitted));
        view.map_or(1.0, |view| 1.0 / view.points_per_pixel)
    }
}

fn drag(open: &mut OpenItem, at: SlidePoint) {
    match &mut open.gesture {
        Some(Gesture::Span { to, .. } | Gesture::Shift { to, .. } | Gesture::Corner { to, .. }) => {
            *to = at;
        }
        Some(Gesture::Path { points, .. }) if points.last() != Some(&at) => points.push(at),
        Some(Gesture::Path { .. }) | None => {}
    }
}

/// A stroke of the brush onto the selected area, or a new one; or away from the selected areas, or from all regions, or from all training strokes.
fn paint(
    open: &mut OpenItem,
    stroke: &geo::MultiPolygon,
    (erasing, trains): (bool, bool),
    (class, pixel): (&str, f64),
) {
    let drawing = &mut open.review.drawing;
    if !erasing {
        let target = drawing
            .selected_shape()
            .filter(|s| s.area().is_some() && !s.trains)
            .cloned();
        let stroke = geometry::tidied(stroke, pixel);
        match target {
            Some(shape) => {
                let joined = shape.area().map(|area| geometry::joined(&[area, &stroke]));
                let after = joined.map(|area| Shape {
                    geometry: Geometry::Area(area),
                    ..shape.clone()
                });
                drawing.replace("brush", vec![shape], after.into_iter().collect());
            }
            None => drawing.add("brush", vec![Shape::of_class(class, stroke)]),
        }
        return;
    }
    let all = drawing.selected.is_empty();
    let before: Vec<Shape> = drawing
        .shapes()
        .iter()
        .filter(|shape| (all && shape.trains == trains) || drawing.selected.contains(&shape.id))
        .filter(|shape| shape.area().is_some())
        .cloned()
        .collect();
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for shape in before {
        let Some(area) = shape.area() else { continue };
        let left = geometry::without(area, stroke, pixel);
        if geometry::area_px(&left) < geometry::area_px(area) - 0.5 {
            if !left.0.is_empty() {
                added.push(Shape {
                    geometry: Geometry::Area(left),
                    ..shape.clone()
                });
            }
            removed.push(shape);
        }
    }
    drawing.replace("erase", removed, added);
}

/// Puts a shape into the middle of the canvas.
fn look_at(open: &mut OpenItem, id: u64) {
    let Some(view) = open.view.or(open.fitted) else {
        return;
    };
    let centre = open.review.drawing.shape(id).and_then(Shape::centre);
    if let Some(centre) = centre {
        open.view = Some(View { centre, ..view });
    }
}

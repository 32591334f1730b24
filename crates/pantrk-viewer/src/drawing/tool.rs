//! The tools, the classes, and a stroke under way.

use egui::{Color32, Key};
use pantrk_space::SlidePoint;

use crate::tokens;

/// What the pointer does on the canvas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Moves the slide, selects and moves shapes.
    #[default]
    Move,
    /// A rectangle.
    Rectangle,
    /// An ellipse.
    Ellipse,
    /// A polygon, corner by corner or in one stroke.
    Polygon,
    /// Paints onto the selected area, or a new one.
    Brush,
    /// Takes away from the selected area, or from all.
    Eraser,
    /// Paints strokes that train the region classifier.
    Stroke,
    /// A ruler.
    Ruler,
    /// A point.
    Point,
    /// Corrects cells.
    Cell,
}

/// A row of the table of tools.
pub(crate) struct ToolRow {
    /// Which.
    pub(crate) tool: Tool,
    /// In a word.
    pub(crate) name: &'static str,
    /// QuPath's key.
    pub(crate) key: Key,
    /// The key as people see it.
    pub(crate) key_name: &'static str,
    /// How it is used.
    pub(crate) help: &'static str,
}

/// All tools, in the order of the toolbar; the keys are QuPath's where it has the tool.
pub(crate) const TOOLS: [ToolRow; 10] = [
    ToolRow {
        tool: Tool::Move,
        name: "Move",
        key: Key::M,
        key_name: "M",
        help: "drag the slide; click selects, Shift+click adds; drag a selected shape or its corners",
    },
    ToolRow {
        tool: Tool::Rectangle,
        name: "Rectangle",
        key: Key::R,
        key_name: "R",
        help: "drag from corner to corner",
    },
    ToolRow {
        tool: Tool::Ellipse,
        name: "Ellipse",
        key: Key::O,
        key_name: "O",
        help: "drag from corner to corner",
    },
    ToolRow {
        tool: Tool::Polygon,
        name: "Polygon",
        key: Key::P,
        key_name: "P",
        help: "click corner by corner, double-click or Enter closes; or drag in one stroke",
    },
    ToolRow {
        tool: Tool::Brush,
        name: "Brush",
        key: Key::B,
        key_name: "B",
        help: "paints onto the selected area, else a new one; Alt erases, Alt+wheel changes the size",
    },
    ToolRow {
        tool: Tool::Eraser,
        name: "Eraser",
        key: Key::E,
        key_name: "E",
        help: "takes away from the selected areas, or from all where none is selected",
    },
    ToolRow {
        tool: Tool::Stroke,
        name: "Training strokes",
        key: Key::K,
        key_name: "K",
        help: "paint a few strokes per class over what looks like it; the region classifier learns from them; Alt erases",
    },
    ToolRow {
        tool: Tool::Ruler,
        name: "Ruler",
        key: Key::L,
        key_name: "L",
        help: "drag from end to end; splitting an area cuts it along the last ruler",
    },
    ToolRow {
        tool: Tool::Point,
        name: "Point",
        key: Key::Period,
        key_name: ".",
        help: "click",
    },
    ToolRow {
        tool: Tool::Cell,
        name: "Cells",
        key: Key::X,
        key_name: "X",
        help: "click a cell to correct its grade or to take it out",
    },
];

impl Tool {
    /// Whether dragging draws instead of moving the slide.
    pub(crate) const fn draws(self) -> bool {
        !matches!(self, Self::Move | Self::Point | Self::Cell)
    }

    /// Whether it has the size of a brush.
    pub(crate) const fn is_brush(self) -> bool {
        matches!(self, Self::Brush | Self::Eraser | Self::Stroke)
    }
}

/// A class that can be given.
pub(crate) struct Class {
    /// As QuPath writes it.
    pub(crate) name: &'static str,
    /// What it does to the score.
    pub(crate) effect: &'static str,
}

/// The classes on offer; others that a file brings are kept.
pub(crate) const CLASSES: [Class; 9] = [
    Class {
        name: "Tumor",
        effect: "its cells count",
    },
    Class {
        name: "Exclude",
        effect: "left out",
    },
    Class {
        name: "Necrosis",
        effect: "left out",
    },
    Class {
        name: "Nerve",
        effect: "left out; stains without being tumour",
    },
    Class {
        name: "Muscle",
        effect: "left out; stains without being tumour",
    },
    Class {
        name: "Pigment",
        effect: "left out",
    },
    Class {
        name: "Control",
        effect: "control tissue, left out of the tumour's score",
    },
    Class {
        name: "Stroma",
        effect: "kept, without effect on the score",
    },
    Class {
        name: "Tissue",
        effect: "kept, without effect on the score",
    },
];

/// The colour of a class, apart from the colours of grades.
pub(crate) fn class_colour(class: &str) -> Color32 {
    let place = CLASSES
        .iter()
        .position(|c| c.name.eq_ignore_ascii_case(class));
    tokens::class(place)
}

/// A stroke under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gesture {
    /// From here to there.
    Span {
        /// Where it began.
        from: SlidePoint,
        /// Where it is.
        to: SlidePoint,
    },
    /// A way or corners.
    Path {
        /// The points so far.
        points: Vec<SlidePoint>,
        /// Whether it is drawn in one stroke.
        freehand: bool,
    },
    /// The selected shapes are being moved.
    Shift {
        /// Where it began.
        from: SlidePoint,
        /// Where it is.
        to: SlidePoint,
    },
    /// A corner of the selected area is being moved: part, ring, corner.
    Corner {
        /// Which.
        place: [usize; 3],
        /// Where it is.
        to: SlidePoint,
    },
}

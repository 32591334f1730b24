//! What the drawing side asks for.

use pantrk_space::SlidePoint;

use crate::pyramid::TileKey;
use crate::view::View;

/// One wish of a panel or of the canvas, run at the start of the next frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Open the worklist's entry of this place.
    Open(usize),
    /// Look there.
    Look(View),
    /// Show the whole slide.
    Fit,
    /// What lies under the pointer, or nothing.
    Point(Option<SlidePoint>),
    /// The tiles that were drawn, and those that were missing with the most wanted first.
    Tiles {
        /// Used in this frame.
        drawn: Vec<TileKey>,
        /// To be read.
        wanted: Vec<TileKey>,
    },
    /// Show the heatmap of this metric, or none.
    ShowHeatmap(Option<String>),
    /// How opaque the heatmap is, 0 to 1.
    HeatmapOpacity(f32),
    /// Whether cells are drawn.
    ShowCells(bool),
    /// Light, dark, or as the system has it.
    Theme(egui::ThemePreference),
    /// Take away the message of this place.
    Dismiss(usize),
}

impl Command {
    /// Whether the screen changes by it, so that another frame has to be drawn.
    fn asks_for_frame(&self) -> bool {
        !matches!(self, Self::Tiles { wanted, .. } if wanted.is_empty())
    }
}

/// The wishes of one frame, in their order.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    list: Vec<Command>,
}

impl Commands {
    /// Adds a wish.
    pub(crate) fn push(&mut self, command: Command) {
        self.list.push(command);
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.list)
    }

    /// Whether another frame has to be drawn for them.
    pub(crate) fn ask_for_frame(&self) -> bool {
        self.list.iter().any(Command::asks_for_frame)
    }
}

//! What the drawing side asks for.

use std::path::PathBuf;

use pantrk_core::score::{Compartment, Thresholds};
use pantrk_space::{MicronsPerPixel, SlidePoint, SlideRect};
use pantrk_triage::Case;

use crate::app::Opinion;
use crate::browser::Purpose;
use crate::drawing::Tool;
use crate::outlines::Field;
use crate::pyramid::TileKey;
use crate::review::Correction;
use crate::state::Stain;
use crate::training::PlaceTile;
use crate::view::View;
use crate::worklist::{Filter, SortBy};

/// One wish of a panel or of the canvas, run at the start of the next frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Open the worklist's entry of this place.
    Open(usize),
    /// Look there.
    Look(View),
    /// Show the whole slide.
    Fit,
    /// What showing the whole slide comes to on the canvas as it is, and where the canvas is in the window.
    Fitted(View, egui::Rect),
    /// This part of the slide was looked at closely.
    Seen(SlideRect),
    /// Show the worklist's entry of this place beside what is open, or nothing.
    Beside(Option<usize>),
    /// Move the second slide alone, um.
    ShiftBeside(f64, f64),
    /// Turn the slide by a quarter.
    Turn,
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
    /// Show the slide as it is, or one stain alone.
    ShowStain(Stain),
    /// Light, dark, or as the system has it.
    Theme(egui::ThemePreference),
    /// How large text and all else is drawn, 1 as made.
    FontScale(f32),
    /// Whether the help sheet is shown.
    Help(bool),
    /// Whether the log is shown.
    Log(bool),
    /// How opaque cells are drawn, 0 to 1.
    CellOpacity(f32),
    /// How opaque drawn regions are, 0 to 1.
    RegionOpacity(f32),
    /// Whether drawn regions are shown.
    ShowRegions(bool),
    /// Whether the layers show their opacities and legends.
    LayerDetails(bool),
    /// The outlines of the cells in these fields are in view and not there, the most wanted first.
    WantOutlines(Vec<Field>),
    /// Save the view as a picture.
    SavePicture,
    /// How opaque the region classifier's preview is, 0 to 1.
    PreviewOpacity(f32),
    /// Search the worklist for this.
    Search(String),
    /// Show this of the worklist.
    Filter(Filter),
    /// Order the worklist by this.
    Sort(SortBy),
    /// The picture of the worklist's entry of this place is in view and not there.
    WantThumbnail(usize),
    /// Score all slides that are not.
    ScoreAll,
    /// Score the slide of this entry.
    Score(usize),
    /// Score the slide of this entry again; asked first where somebody reviewed it.
    ScoreAgain(usize),
    /// Whether the slide that was asked of is scored again.
    AnswerAgain(bool),
    /// Stop scoring this slide, by its entry's place.
    CancelScoring(PathBuf),
    /// Open the slide so many rows further down the worklist.
    Step(i32),
    /// Open the next case of the worklist that is not signed.
    NextCase,
    /// Go to the field so many further on in the tour.
    Tour(i32),
    /// Lead the tour through fields of the next kind.
    TourKind,
    /// Open this address in the browser.
    OpenAddress(String),
    /// Take this notice away.
    Dismiss(u64),
    /// Take away all notices that stay until then.
    DismissAll,
    /// The pointer lies on this notice.
    HoldNotice(u64),
    /// Draw, or change what is drawn.
    Draw(DrawCommand),
    /// Change what is reviewed.
    Review(ReviewCommand),
    /// Sign, and what belongs to it.
    Sign(SignCommand),
    /// Train the region classifier, or use it.
    Train(TrainCommand),
    /// Choose a file.
    Browse(BrowseCommand),
}

/// What can be done with the list of files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BrowseCommand {
    /// Show it.
    For(Purpose),
    /// List this folder.
    Go(PathBuf),
    /// This stands in the field.
    Name(String),
    /// Take what stands there.
    Choose,
    /// Put the list away.
    Close,
}

/// What can be done with the region classifier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TrainCommand {
    /// Whether it is trained while strokes are painted, and what it says is shown.
    Live(bool),
    /// Train it now.
    Now,
    /// These tiles of the preview are in view and not there, the most wanted first.
    Wanted(Vec<PlaceTile>),
    /// Make regions of what it says of the whole slide.
    MakeRegions,
    /// Stop making regions.
    Stop,
    /// Take all strokes away.
    DeleteStrokes,
    /// Write it to a file beside the results.
    Save,
    /// Read one from this file.
    Load(PathBuf),
}

/// What can be done about a signature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SignCommand {
    /// This is the name that stands under reviews.
    Name(String),
    /// This is what the person says of the slide.
    Opinion(Opinion),
    /// Sign.
    Sign,
    /// Send the case back.
    Return,
    /// Open a signed case again.
    Reopen,
    /// Write the report as the review stands.
    Report,
}

/// What can be done with what is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DrawCommand {
    /// Take this tool.
    Tool(Tool),
    /// What is drawn from now on is of this class, and so are the selected shapes.
    Class(String),
    /// Paint training strokes of this class.
    StrokeClass(String),
    /// A stroke begins; `erase` where Alt is held.
    Press {
        /// Where.
        at: SlidePoint,
        /// Whether the brush erases.
        erase: bool,
    },
    /// A stroke goes on.
    Drag(SlidePoint),
    /// A stroke ends.
    Release,
    /// A click; `add` where Shift is held.
    Click {
        /// Where.
        at: SlidePoint,
        /// Whether the selection grows.
        add: bool,
    },
    /// Close the polygon.
    Close,
    /// Let go of the stroke, or of the selection.
    Cancel,
    /// Select a shape, and look at it.
    Select(u64),
    /// Take the selected shapes away.
    Delete,
    /// Make one of them.
    Merge,
    /// Take it apart.
    Split,
    /// Fill its holes.
    FillHoles,
    /// Make the brush larger or smaller by this factor.
    BrushSize(f32),
    /// Write the shapes beside the results.
    Export,
}

/// What can be changed in a review.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReviewCommand {
    /// Grade by these.
    Thresholds(Thresholds),
    /// Grade by what the slide was scored with.
    ResetThresholds,
    /// Show the histogram of this compartment; `None` for the highest per cell.
    Compartment(Option<Compartment>),
    /// Decide on these facts.
    Case(Box<Case>),
    /// Decide on the facts that the slide was scored with.
    ResetCase,
    /// This is the pixel size, which the file does not say.
    PixelSize(Option<MicronsPerPixel>),
    /// Correct the cell of this row, or take its correction back.
    Correct(u32, Option<Correction>),
    /// Take the last change back, of whatever kind.
    Undo,
    /// Do it again.
    Redo,
}

impl Command {
    /// Whether the screen changes by it, so that another frame has to be drawn.
    fn asks_for_frame(&self) -> bool {
        !matches!(self, Self::Tiles { wanted, .. } if wanted.is_empty())
            && !matches!(self, Self::HoldNotice(_))
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

    /// Adds a wish about what is drawn.
    pub(crate) fn draw(&mut self, command: DrawCommand) {
        self.push(Command::Draw(command));
    }

    /// Adds a wish about the review.
    pub(crate) fn review(&mut self, command: ReviewCommand) {
        self.push(Command::Review(command));
    }

    /// Adds a wish about the signature.
    pub(crate) fn sign(&mut self, command: SignCommand) {
        self.push(Command::Sign(command));
    }

    /// Adds a wish about the region classifier.
    pub(crate) fn train(&mut self, command: TrainCommand) {
        self.push(Command::Train(command));
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

//! Commands about the region classifier, and what its worker answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use egui::TextureOptions;
use pantrk_slide::Slide;
use pantrk_space::RegionReader;

use super::Viewer;
use crate::command::TrainCommand;
use crate::drawing::Shape;
use crate::jobs::{
    FileRequest, TrainedSlide, TrainingAnswer, TrainingOutcome, TrainingRequest, TrainingTask,
};
use crate::training::{Making, Origin, PROPOSED, PreviewTile, Work, stroke_counts};

/// Strokes rest so long before they are trained with: a hand that paints on is not waited for.
const REST: Duration = Duration::from_millis(250);
/// Tiles of the preview that are asked for at once; between, a new stroke takes its turn.
const AT_ONCE: usize = 2;

impl Viewer {
    pub(super) fn train_command(&mut self, command: TrainCommand) {
        if let TrainCommand::Live(live) = command {
            self.settings.live_preview = live;
            return;
        }
        let locked = self.session.is_locked();
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let training = &mut open.training;
        match command {
            TrainCommand::Now => {
                training.forced = true;
                training.trained = None;
            }
            TrainCommand::Wanted(tiles) => training.wanted = tiles,
            TrainCommand::Stop => {
                if let Some(making) = &training.making {
                    making.cancel.store(true, Ordering::Relaxed);
                }
            }
            TrainCommand::MakeRegions | TrainCommand::DeleteStrokes if locked => {
                self.refuse_signed();
            }
            TrainCommand::MakeRegions => {
                if training.making.is_none() && training.model.is_some() {
                    training.making = Some(Making::default());
                }
            }
            TrainCommand::DeleteStrokes => {
                let drawing = &mut open.review.drawing;
                let strokes = drawing.shapes().iter().filter(|s| s.trains);
                let strokes = strokes.cloned().collect();
                drawing.replace("delete strokes", strokes, Vec::new());
                open.review.take_regions();
            }
            TrainCommand::Save => self.save_classifier(),
            TrainCommand::Load(path) => {
                let opening = open.opening;
                self.ask_files(FileRequest::LoadClassifier { opening, path });
            }
            TrainCommand::Live(_) => {}
        }
    }

    /// Nobody waits for the regions of a slide that is left.
    pub(super) fn stop_making(&self) {
        let open = self.session.open.as_ref();
        if let Some(making) = open.and_then(|open| open.training.making.as_ref()) {
            making.cancel.store(true, Ordering::Relaxed);
        }
    }

    fn save_classifier(&mut self) {
        let path = self.export_path("region-classifier.json");
        let model = self.session.open.as_ref().and_then(|open| {
            let model = open.training.model.as_ref()?;
            Some(Arc::clone(model))
        });
        let (Some(path), Some(model)) = (path, model) else {
            return;
        };
        self.ask_files(FileRequest::SaveClassifier { model, path });
    }

    /// Gives the worker what is to be done next: one thing at a time, regions before training before the preview.
    pub(super) fn mind_training(&mut self, ctx: &egui::Context) {
        let live = self.settings.live_preview;
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let Some(slide) = open.slide.ready() else {
            return;
        };
        let training = &mut open.training;
        let drawing = &open.review.drawing;
        let revision = drawing.stroke_revision;
        if training.trained != Some(revision) && (live || training.forced) {
            let strokes = drawing.strokes();
            let classes = stroke_counts(&strokes);
            // A classifier from a file serves until strokes are painted beside it.
            let from_file =
                matches!(&training.model, Some(m) if matches!(m.origin, Origin::File(_)));
            if classes.len() < 2 || slide.mpp.is_none() {
                training.trained = Some(revision);
                training.forced = false;
                training.problem = wanting(&classes, slide.mpp.is_some());
                if !from_file {
                    training.drop_model();
                }
            }
        }
        let Some(mpp) = slide.mpp else {
            return;
        };
        if training.working.is_some() {
            return;
        }
        let model = training.model.as_ref().map(Arc::clone);
        let wants_training = training.trained != Some(revision) && (live || training.forced);
        let (work, task) = if let (Some(making), Some(model)) = (&training.making, &model) {
            let task = TrainingTask::Regions {
                model: Arc::clone(model),
                cancel: Arc::clone(&making.cancel),
            };
            (Work::Regions, task)
        } else if wants_training {
            let since = match training.changed {
                Some((of, since)) if of == revision => since,
                _ => Instant::now(),
            };
            training.changed = Some((revision, since));
            let rested = since.elapsed();
            if rested < REST && !training.forced {
                ctx.request_repaint_after(REST.saturating_sub(rested));
                return;
            }
            let strokes = open.review.drawing.strokes();
            (Work::Train, TrainingTask::Train { revision, strokes })
        } else if let Some(model) = model.filter(|_| live && !training.broken) {
            let tiles: Vec<_> = training.wanted.iter().copied().take(AT_ONCE).collect();
            if tiles.is_empty() && training.grid.is_some() {
                return;
            }
            (Work::Preview, TrainingTask::Preview { model, tiles })
        } else {
            return;
        };
        let request = TrainingRequest {
            slide: TrainedSlide {
                opening: open.opening,
                reader: Arc::<Slide>::clone(&slide.reader) as Arc<dyn RegionReader>,
                mpp,
            },
            task,
        };
        if self.training.ask(request).is_ok() {
            open.training.working = Some(work);
        }
    }

    pub(super) fn take_training(&mut self, ctx: &egui::Context, answer: TrainingAnswer) {
        let TrainingAnswer { opening, outcome } = answer;
        let locked = self.session.is_locked();
        let Some(open) = self.opened(opening) else {
            return;
        };
        let training = &mut open.training;
        match outcome {
            TrainingOutcome::Grid(grid) => training.grid = Some(grid),
            TrainingOutcome::Trained {
                revision,
                classifier,
                took,
            } => {
                training.trained = Some(revision);
                training.forced = false;
                match classifier {
                    Ok(classifier) => training.take_model(*classifier, Origin::Strokes(took)),
                    Err(problem) => training.problem = Some(sentence(&problem)),
                }
            }
            TrainingOutcome::Tile {
                tile,
                model,
                rect,
                image,
            } => {
                let texture =
                    image.map(|image| ctx.load_texture("preview", image, TextureOptions::NEAREST));
                let preview = PreviewTile {
                    model,
                    rect,
                    texture,
                };
                training.take_tile(tile, preview);
            }
            TrainingOutcome::Progress { done, total } => {
                if let Some(making) = &mut training.making {
                    making.done = making.done.max(done);
                    making.total = total;
                }
            }
            TrainingOutcome::Done => {
                if training.working.take() == Some(Work::Regions) {
                    training.making = None;
                }
            }
            TrainingOutcome::Regions(None) => {
                self.log("Making regions was stopped.");
            }
            TrainingOutcome::Regions(Some(shapes)) => {
                if locked {
                    return;
                }
                let drawing = &mut open.review.drawing;
                let before: Vec<Shape> = drawing
                    .shapes()
                    .iter()
                    .filter(|shape| shape.name == PROPOSED && !shape.trains)
                    .cloned()
                    .collect();
                let n = shapes.len();
                drawing.replace("make regions", before, shapes);
                drawing.selected.clear();
                open.review.take_regions();
                if n == 0 {
                    self.note("The classifier found no region that is large enough.".to_owned());
                } else {
                    self.done(format!(
                        "{n} regions were made, one per class; look through them, and undo (Ctrl+Z) takes them back."
                    ));
                }
            }
            TrainingOutcome::Trouble(text) => {
                // Not asked again with the same strokes, or it would fail again and again.
                training.trained = Some(open.review.drawing.stroke_revision);
                training.broken = true;
                training.forced = false;
                training.problem = Some(sentence(&text));
            }
        }
    }
}

/// What strokes lack, in words; `None` without any.
fn wanting(classes: &[(&str, usize)], has_size: bool) -> Option<String> {
    match classes {
        [] => None,
        _ if !has_size => Some(
            "The slide's pixel size is not known, and the classifier looks at places of 8 um: score the slide with --mpp first.".to_owned(),
        ),
        [(class, _)] => Some(format!(
            "All strokes are {class}: paint at least one more class, so that there is something to tell it from."
        )),
        _ => None,
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), chars.as_str())
}

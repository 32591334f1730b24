//! A fixed way over the slide, after which a picture of the window is saved and the window closes.
//!
//! For checks of the window without a hand on the mouse, and for the picture in the README.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::error::ViewerError;
use crate::jobs::write_beside;
use crate::state::Load;
use crate::view::{ScreenVector, View};

use super::Viewer;
use super::desk::PictureSlot;

/// Frames of the way.
const FRAMES: u32 = 60;
/// Frames without anything new before the picture is taken.
const CALM: u32 = 5;
/// Waiting longer than this for the slide, or for its tiles at the end, is given up.
const PATIENCE: Duration = Duration::from_mins(4);

/// The way, and how far along it is.
pub(super) struct Film {
    path: PathBuf,
    frame: u32,
    since: Instant,
    slot: PictureSlot,
    asked: bool,
    /// Frames since all was there that is to be seen.
    calm: u32,
    /// Why it failed, once it did; shared with who waits for the window to close.
    outcome: Outcome,
}

/// What became of it.
pub(super) type Outcome = Arc<std::sync::Mutex<Option<Result<(), ViewerError>>>>;

impl Film {
    pub(super) fn new(path: PathBuf, outcome: Outcome) -> Self {
        Self {
            path,
            frame: 0,
            since: Instant::now(),
            slot: PictureSlot::default(),
            asked: false,
            calm: 0,
            outcome,
        }
    }

    fn end(&self, ctx: &egui::Context, result: Result<(), String>) {
        let result = result.map_err(|message| ViewerError::Screenshot {
            message,
            path: self.path.clone(),
        });
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }
}

/// Where the way leads: the share of frames done, 0 to 1, to a view.
pub(crate) fn view_along(fitted: View, share: f64) -> View {
    // In towards a point beside the middle, then along, then out again: share, right, down, magnification.
    let steps = [
        (0.0, 0.0, 0.0, 1.0_f64),
        (0.5, -0.1, 0.02, 24.0),
        (0.8, -0.22, 0.03, 24.0),
        (1.0, -0.22, 0.03, 8.0),
    ];
    let next = steps
        .iter()
        .position(|s| s.0 >= share)
        .unwrap_or(steps.len() - 1)
        .max(1);
    let ((s0, x0, y0, z0), (s1, x1, y1, z1)) = (steps[next - 1], steps[next]);
    let part = ((share - s0) / (s1 - s0)).clamp(0.0, 1.0);
    let between = |a: f64, b: f64| a + (b - a) * part;
    let zoom = between(z0.ln(), z1.ln()).exp();
    // Shares of a thousand points of the whole slide on the canvas.
    let whole = 1000.0 * zoom;
    View {
        points_per_pixel: fitted.points_per_pixel * zoom,
        ..fitted
    }
    .panned(ScreenVector {
        dx: -between(x0, x1) * whole,
        dy: -between(y0, y1) * whole,
    })
}

impl Viewer {
    /// One step of the film, if there is one.
    pub(super) fn film(&mut self, ctx: &egui::Context) {
        let Some(mut film) = self.film.take() else {
            return;
        };
        ctx.request_repaint();
        if film.asked {
            Self::film_end(ctx, &film);
            self.film = Some(film);
            return;
        }
        // A slide that cannot be read is never fitted onto the canvas.
        let slide = self.session.open.as_ref().map(|open| &open.slide);
        if let Some(Load::Failed(reason)) = slide {
            film.end(ctx, Err(format!("the slide cannot be shown: {reason}")));
            self.film = Some(film);
            return;
        }
        let late = film.since.elapsed() > PATIENCE;
        let opened = self
            .session
            .open
            .as_ref()
            .and_then(|open| Some((open.fitted?, &open.slide, open.pending.len())));
        match opened {
            Some((fitted, Load::Ready(_), _)) if film.frame < FRAMES => {
                film.frame += 1;
                let share = f64::from(film.frame) / f64::from(FRAMES);
                self.commands.push(Command::Look(view_along(fitted, share)));
                film.since = Instant::now();
            }
            Some((_, Load::Ready(_), pending)) => {
                let settled = pending == 0 && film.since.elapsed() > Duration::from_millis(700);
                let scored =
                    self.session.open.as_ref().is_some_and(|o| {
                        o.review.live.is_some() || !matches!(o.cells, Load::Ready(_))
                    });
                let outlined = self
                    .session
                    .open
                    .as_ref()
                    .is_some_and(|o| o.outlines.is_settled());
                // For some frames, because what comes may ask for more.
                film.calm = if settled && scored && outlined {
                    film.calm + 1
                } else {
                    0
                };
                if film.calm > CALM || late {
                    let slot = Arc::clone(&film.slot);
                    let waker = ctx.clone();
                    let callback = egui::ScreenshotCallback::new(move |image| {
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
                        waker.request_repaint();
                    });
                    ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(callback));
                    film.asked = true;
                    film.since = Instant::now();
                }
            }
            _ if late => {
                film.end(ctx, Err("no slide was opened".to_owned()));
            }
            None if !self.session.scanning && self.session.open.is_none() => {
                if self.session.worklist.is_empty() {
                    film.end(ctx, Err("there is nothing to open".to_owned()));
                } else {
                    // Of many, the first of the list.
                    self.commands.push(Command::Step(0));
                }
            }
            _ => {}
        }
        self.film = Some(film);
    }

    fn film_end(ctx: &egui::Context, film: &Film) {
        let image = film.slot.try_lock().ok().and_then(|mut slot| slot.take());
        match image {
            Some(image) => {
                let [width, height] = image.size;
                let bytes: Vec<u8> = image
                    .pixels
                    .iter()
                    .flat_map(|p| [p.r(), p.g(), p.b()])
                    .collect();
                let mut png = Vec::new();
                let saved = image::RgbImage::from_raw(width as u32, height as u32, bytes)
                    .ok_or_else(|| "the window gave no pixels".to_owned())
                    .and_then(|picture| {
                        picture
                            .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
                            .map_err(|e| e.to_string())
                    })
                    .and_then(|()| write_beside(&film.path, &png).map_err(|e| e.to_string()));
                film.end(ctx, saved);
            }
            None if film.since.elapsed() > PATIENCE => {
                film.end(ctx, Err("the window gave no pixels".to_owned()));
            }
            None => {}
        }
    }
}

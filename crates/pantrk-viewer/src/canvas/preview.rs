//! What the region classifier says of the part in view, as colours over the slide.

use egui::{Color32, Painter};

use super::Projector;
use crate::command::{Commands, TrainCommand};
use crate::settings::Settings;
use crate::state::OpenItem;
use crate::training::PlaceTile;

/// Parts that are asked for ahead.
const ASKED: usize = 64;

/// Draws what is there, and asks for what is not.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    open: &OpenItem,
    settings: &Settings,
    out: &mut Commands,
) {
    let training = &open.training;
    if !settings.live_preview || training.model.is_none() {
        return;
    }
    let Some(grid) = training.grid else {
        return;
    };
    let tint = Color32::WHITE.gamma_multiply(settings.preview_opacity);
    let seen = grid.tiles_in(projector.visible());
    // One that is not of now is better than none, until its successor comes.
    for tile in seen.iter().filter_map(|tile| training.tiles.get(tile)) {
        if let Some(texture) = &tile.texture {
            projector.image(painter, texture.id(), tile.rect, tint);
        }
    }
    let wanted: Vec<PlaceTile> = seen
        .into_iter()
        .filter(|tile| !training.has(*tile))
        .take(ASKED)
        .collect();
    if wanted != training.wanted {
        out.train(TrainCommand::Wanted(wanted));
    }
}

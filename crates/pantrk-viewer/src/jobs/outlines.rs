//! Outlines of the cells in view, found again by what found them when the slide was scored.

use std::sync::Arc;

use pantrk_core::pipeline::{CellOutline, CellOutliner};
use pantrk_core::segment::Segmenter;
use pantrk_space::{Microns, RegionReader, SlideMpp};
use pantrk_store::SlideResult;

use super::{Outbox, Pool, PoolSize, ScoredCells};
use crate::SlideScorer;
use crate::error::ViewerError;
use crate::outlines::{Field, Outlined};
use crate::stain_view::deconvolver;

/// A nucleus found again lies where it was counted, up to this (um).
const SAME_NUCLEUS_UM: f64 = 1.5;
/// The usual reach of cells, where a result does not tell its own (um).
const USUAL_REACH_UM: f64 = 5.0;

/// Fields to be looked at.
pub(crate) struct OutlineRequest {
    /// The opening.
    pub(crate) opening: u64,
    /// The slide.
    pub(crate) reader: Arc<dyn RegionReader>,
    /// Its pixel size.
    pub(crate) mpp: SlideMpp,
    /// As it was scored.
    pub(crate) scored: Arc<SlideResult>,
    /// Its cells.
    pub(crate) cells: Arc<ScoredCells>,
    /// Which; none asks for the size of a field alone.
    pub(crate) fields: Vec<Field>,
}

/// What was found.
pub(crate) enum OutlineAnswer {
    /// The size of a field, level-0 pixels.
    FieldSize {
        /// The opening.
        opening: u64,
        /// Along x and y.
        size: (f64, f64),
    },
    /// The cells of a field.
    Field {
        /// The opening.
        opening: u64,
        /// Which.
        field: Field,
        /// Those that the layer has too.
        cells: Vec<Outlined>,
    },
    /// A request is done; with what went wrong.
    Done {
        /// The opening.
        opening: u64,
        /// Why not all came.
        problem: Option<String>,
    },
}

/// Starts the thread that outlines.
pub(crate) fn outline_pool(
    ctx: &egui::Context,
    scorer: Arc<dyn SlideScorer>,
) -> Result<Pool<OutlineRequest, OutlineAnswer>, ViewerError> {
    let size = PoolSize {
        name: "outlines",
        threads: 1,
        queue: 1,
    };
    Pool::start(
        size,
        ctx,
        move |request: OutlineRequest, outbox: &Outbox<OutlineAnswer>| {
            let mut problem = None;
            let lent = scorer.with_segmenter(&mut |segmenter| {
                problem = outline(&request, segmenter, outbox).err();
            });
            outbox.send(OutlineAnswer::Done {
                opening: request.opening,
                problem: lent.err().or(problem),
            });
        },
    )
}

fn outline(
    request: &OutlineRequest,
    segmenter: &dyn Segmenter,
    outbox: &Outbox<OutlineAnswer>,
) -> Result<(), String> {
    let opening = request.opening;
    let stains = deconvolver(Some(&request.scored.stain));
    let told = request.scored.run.parameters.get("expansion_um");
    let reach = told.and_then(serde_json::Value::as_f64);
    let mut outliner = CellOutliner::new(
        (&*request.reader, request.mpp),
        segmenter,
        &stains,
        Microns::new(reach.unwrap_or(USUAL_REACH_UM)),
    );
    let size = outliner.field_size();
    outbox.send(OutlineAnswer::FieldSize { opening, size });
    for &field in &request.fields {
        let found = outliner.outline(field).map_err(|e| e.to_string())?;
        let cells = found
            .into_iter()
            .filter_map(|cell| of_layer(cell, request))
            .collect();
        let answer = OutlineAnswer::Field {
            opening,
            field,
            cells,
        };
        if !outbox.send(answer) || outbox.is_closed() {
            break;
        }
    }
    Ok(())
}

/// The cell of the layer that was found again, if it is one.
fn of_layer(cell: CellOutline, request: &OutlineRequest) -> Option<Outlined> {
    let layer = &request.cells.layer;
    let place = layer.nearest(cell.centre, SAME_NUCLEUS_UM / request.mpp.mean().get())?;
    let at = layer.at(place);
    let off = [(cell.centre.x - at.x) as f32, (cell.centre.y - at.y) as f32];
    let moved = |ring: Vec<[f32; 2]>| -> Vec<[f32; 2]> {
        let moved = ring.into_iter().map(|[x, y]| [x + off[0], y + off[1]]);
        moved.collect()
    };
    Some(Outlined {
        place,
        nucleus: moved(cell.nucleus),
        cell: moved(cell.cell),
    })
}

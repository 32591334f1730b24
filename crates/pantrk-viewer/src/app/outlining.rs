//! Outlines of the cells in view: asked for, and taken.

use std::sync::Arc;

use pantrk_slide::Slide;
use pantrk_space::RegionReader;

use super::Viewer;
use crate::jobs::{OutlineAnswer, OutlineRequest};
use crate::state::WorkSource;

/// Fields that are asked for at once; then it is looked again at what is in view.
const AT_ONCE: usize = 2;

impl Viewer {
    pub(super) fn ask_for_outlines(&mut self) {
        let (Some(pool), Some(open)) = (&self.outlining, self.session.open.as_mut()) else {
            return;
        };
        let outlines = &open.outlines;
        let known = outlines.field_size.is_some();
        if !outlines.possible || outlines.working || (known && outlines.wanted.is_empty()) {
            return;
        }
        // Nothing is looked for before the view is near enough for the first time.
        if !known && !outlines.asked {
            return;
        }
        let item = self.session.worklist.get(open.index);
        let Some(WorkSource::Result { result, .. }) = item.map(|item| &item.source) else {
            return;
        };
        let (Some(slide), Some(cells)) = (open.slide.ready(), open.cells.ready()) else {
            return;
        };
        let Some(mpp) = slide.mpp else {
            return;
        };
        let request = OutlineRequest {
            opening: open.opening,
            reader: Arc::<Slide>::clone(&slide.reader) as Arc<dyn RegionReader>,
            mpp,
            scored: Arc::clone(result),
            cells: Arc::clone(cells),
            fields: outlines.wanted.iter().copied().take(AT_ONCE).collect(),
        };
        if pool.ask(request).is_ok() {
            open.outlines.working = true;
        }
    }

    pub(super) fn take_outlines(&mut self) {
        while let Some(answer) = self.outlining.as_ref().and_then(crate::jobs::Pool::take) {
            match answer {
                OutlineAnswer::FieldSize { opening, size } => {
                    if let Some(open) = self.opened(opening) {
                        open.outlines.field_size = Some(size);
                    }
                }
                OutlineAnswer::Field {
                    opening,
                    field,
                    cells,
                } => {
                    if let Some(open) = self.opened(opening) {
                        open.outlines.take(field, cells);
                    }
                }
                OutlineAnswer::Done { opening, problem } => {
                    if let Some(open) = self.opened(opening) {
                        open.outlines.working = false;
                        // What fails once fails again: discs stand in.
                        if problem.is_some() {
                            open.outlines.possible = false;
                        }
                    }
                    if let Some(problem) = problem {
                        self.log(&format!(
                            "Cells are drawn as discs, because their outlines cannot be found: {problem}"
                        ));
                    }
                }
            }
        }
    }
}

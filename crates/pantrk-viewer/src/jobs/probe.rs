//! The colour of the slide under the pointer.

use std::sync::Arc;

use pantrk_space::{LevelIndex, LevelRect, RegionReader, RgbBuffer, SlidePoint};

use super::{Outbox, Pool, PoolSize};
use crate::error::ViewerError;

/// Pixels along the square whose mean is told: one pixel alone is noise.
const SIDE: u32 = 3;

/// A place to be looked at.
pub(crate) struct ProbeRequest {
    /// The opening.
    pub(crate) opening: u64,
    /// Where.
    pub(crate) at: SlidePoint,
    /// The slide.
    pub(crate) reader: Arc<dyn RegionReader>,
}

/// What was found there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probe {
    /// The opening.
    pub(crate) opening: u64,
    /// Where.
    pub(crate) at: SlidePoint,
    /// The mean colour of the pixels around it; `None` beside the slide and where it cannot be read.
    pub(crate) rgb: Option<[u8; 3]>,
}

/// Starts the thread that looks.
pub(crate) fn probe_pool(ctx: &egui::Context) -> Result<Pool<ProbeRequest, Probe>, ViewerError> {
    let size = PoolSize {
        name: "probe",
        threads: 1,
        queue: 1,
    };
    Pool::start(size, ctx, |request, outbox: &Outbox<Probe>| {
        outbox.send(probe(&request));
    })
}

fn probe(request: &ProbeRequest) -> Probe {
    let at = request.at;
    let half = i64::from(SIDE / 2);
    let rect = LevelRect {
        x: at.x.floor() as i64 - half,
        y: at.y.floor() as i64 - half,
        width: SIDE,
        height: SIDE,
    };
    let mut pixels = RgbBuffer::new();
    let read = request.reader.levels().first().and_then(|level| {
        let rect = rect.intersection(&LevelRect::of_size(level.size))?;
        let gaps = request.reader.read_region(LevelIndex(0), rect, &mut pixels);
        gaps.ok().filter(Vec::is_empty)
    });
    let bytes = pixels.as_bytes();
    let n = (bytes.len() / 3) as u32;
    let rgb = read.filter(|_| n > 0).map(|_| {
        let sum = |channel: usize| -> u32 {
            let values = bytes.iter().skip(channel).step_by(3);
            values.map(|&v| u32::from(v)).sum()
        };
        [0, 1, 2].map(|channel| ((sum(channel) + n / 2) / n) as u8)
    });
    Probe {
        opening: request.opening,
        at,
        rgb,
    }
}

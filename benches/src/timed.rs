//! Where a slide's time goes, read off from outside: a reader and a segmenter that count.
//!
//! What is left of the threads' time went into halving, stains and the quality of blocks.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pantrk_core::pipeline::{Progress, Stage};
use pantrk_core::segment::heads::{Head, HeadWorker, Maps, head_by_kind};
use pantrk_core::segment::{
    LabelImage, OnnxSegmenter, PatchInput, SegmentError, SegmentWorker, Segmenter,
};
use pantrk_nn::{InputSource, Model, ModelWorker};
use pantrk_space::{
    Gap, Level, LevelIndex, LevelRect, LevelSize, MicronsPerPixel, ReadError, RegionReader,
    RgbBuffer, SlideMpp,
};

/// Nanoseconds that threads spent on something, all of them together.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Runs `work` and counts it.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.add(started.elapsed());
        result
    }

    /// Counts what was timed elsewhere.
    pub fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counted so far.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.0.load(Ordering::Relaxed)).as_secs_f64()
    }
}

/// A reader that counts the time of its regions.
pub struct TimedReader<'a> {
    /// Does the work.
    pub reader: &'a dyn RegionReader,
    /// Reading and decoding.
    pub clock: Clock,
}

impl RegionReader for TimedReader<'_> {
    fn levels(&self) -> &[Level] {
        self.reader.levels()
    }

    fn mpp(&self) -> Option<SlideMpp> {
        self.reader.mpp()
    }

    fn read_region(
        &self,
        level: LevelIndex,
        rect: LevelRect,
        out: &mut RgbBuffer,
    ) -> Result<Vec<Gap>, ReadError> {
        self.clock
            .time(|| self.reader.read_region(level, rect, out))
    }
}

/// What the segmenter's threads count.
#[derive(Debug, Default)]
pub struct SegmentClocks {
    /// The network.
    pub inference: Clock,
    /// From maps to nuclei.
    pub head: Clock,
    /// Patches.
    pub patches: AtomicU64,
}

/// The network on board with its head, counted apart.
pub struct TimedSegmenter {
    plain: OnnxSegmenter,
    head: Box<dyn Head>,
    clocks: std::sync::Arc<SegmentClocks>,
}

impl TimedSegmenter {
    /// Of the model on board.
    ///
    /// # Errors
    /// If it does not load, as a sentence.
    pub fn new() -> Result<Self, String> {
        let model = Model::embedded().map_err(|e| e.to_string())?;
        let manifest = model.manifest();
        let head = head_by_kind(&manifest.head.kind)
            .ok_or("the model's head is not known")?
            .build(&manifest.head.parameters, manifest.input.mpp)?;
        Ok(Self {
            head,
            plain: OnnxSegmenter::new(model).map_err(|e| e.to_string())?,
            clocks: std::sync::Arc::default(),
        })
    }

    /// What was counted.
    pub fn clocks(&self) -> &SegmentClocks {
        &self.clocks
    }
}

impl Segmenter for TimedSegmenter {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn mpp(&self) -> MicronsPerPixel {
        self.plain.mpp()
    }

    fn patch_size(&self) -> Option<LevelSize> {
        self.plain.patch_size()
    }

    fn takes(&self, size: LevelSize) -> bool {
        self.plain.takes(size)
    }

    fn halo(&self) -> u32 {
        self.plain.halo()
    }

    fn worker(&self) -> Box<dyn SegmentWorker> {
        Box::new(Worker {
            model: self.plain.model().worker(),
            head: self.head.worker(),
            clocks: std::sync::Arc::clone(&self.clocks),
        })
    }
}

struct Worker {
    model: ModelWorker,
    head: Box<dyn HeadWorker>,
    clocks: std::sync::Arc<SegmentClocks>,
}

impl SegmentWorker for Worker {
    fn segment(&mut self, patch: PatchInput<'_>, out: &mut LabelImage) -> Result<(), SegmentError> {
        let source = InputSource {
            rgb: patch.rgb,
            hematoxylin: &patch.stains.hematoxylin,
        };
        self.clocks.patches.fetch_add(1, Ordering::Relaxed);
        self.clocks
            .inference
            .time(|| self.model.run_patch(source))
            .map_err(|source| SegmentError::Model {
                segmenter: "bench".to_owned(),
                source,
            })?;
        let maps = Maps {
            width: patch.stains.width,
            height: patch.stains.height,
            stride: 1,
            values: self.model.output(0),
        };
        self.clocks.head.time(|| self.head.label(maps, out));
        LABELLED.set(Some(Instant::now()));
        Ok(())
    }
}

thread_local! {
    /// When this thread's patch had its nuclei.
    static LABELLED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Notes when each stage begins, and what a patch takes once it has its nuclei.
#[derive(Debug, Default)]
pub struct StageTimes {
    begun: std::sync::Mutex<Vec<(Stage, Instant)>>,
    /// Measuring cells and keeping them.
    pub cells: Clock,
}

impl StageTimes {
    /// Stages and their seconds; the last one lasts until now.
    pub fn seconds(&self) -> Vec<(&'static str, f64)> {
        let begun = self
            .begun
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let ends = begun
            .iter()
            .skip(1)
            .map(|&(_, at)| at)
            .chain([Instant::now()]);
        begun
            .iter()
            .zip(ends)
            .map(|(&(stage, at), end)| (stage.name(), (end - at).as_secs_f64()))
            .collect()
    }
}

impl Progress for StageTimes {
    fn begin(&self, stage: Stage, _total: u64) {
        self.begun
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((stage, Instant::now()));
    }

    fn step(&self) {
        if let Some(at) = LABELLED.take() {
            self.cells.add(at.elapsed());
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

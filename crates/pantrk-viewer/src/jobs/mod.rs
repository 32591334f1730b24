//! The background: worker threads, and bounded channels to and from them.
//!
//! **Architecture invariant:** no channel grows without bound, and no request makes the asker wait: what finds the queue full is handed back.
//!
//! **Architecture invariant:** workers end with the viewer; dropping a [`Pool`] waits for them.

mod database;
mod files;
mod library;
mod live;
mod outlines;
mod probe;
mod reviews;
mod scoring;
mod tiles;
mod training;

pub(crate) use files::{FileAnswer, FileRequest, ReportRequest, file_pool, write_beside};
pub(crate) use library::{
    LibraryAnswer, LibraryRequest, SlideSource, ThumbnailSource, library_pool, read_result,
    scan_pool, scored_mpp,
};
pub(crate) use live::{
    BINS, Counted, LiveAnswer, LiveRequest, RegionSet, ScoredCells, TOP_OD, live_pool,
};
pub(crate) use outlines::{OutlineAnswer, OutlineRequest, outline_pool};
pub(crate) use probe::{Probe, ProbeRequest, probe_pool};
pub(crate) use reviews::{ReviewAnswer, ReviewPlace, ReviewRequest, review_pool};
pub(crate) use scoring::{
    SIGNED_FIRST, ScoringAnswer, ScoringRequest, ScoringSource, scoring_pool,
};
pub(crate) use tiles::{TileAnswer, TilePool, TileRequest, tile_pool};
pub(crate) use training::{
    TrainedSlide, TrainingAnswer, TrainingOutcome, TrainingRequest, TrainingTask, training_pool,
};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::ViewerError;

/// Answers that may wait for a frame to take them; workers wait when there are more.
const ANSWERS: usize = 64;

/// Worker threads that turn requests `Q` into answers `A`.
pub(crate) struct Pool<Q, A> {
    requests: Option<SyncSender<Q>>,
    answers: Option<Receiver<A>>,
    threads: Vec<JoinHandle<()>>,
    closed: Arc<AtomicBool>,
}

/// Where a worker puts its answers.
#[derive(Clone)]
pub(crate) struct Outbox<A> {
    answers: SyncSender<A>,
    ctx: egui::Context,
    closed: Arc<AtomicBool>,
}

impl<A> Outbox<A> {
    /// Hands an answer over and asks for a frame; `false` once nobody waits for answers any more.
    pub(crate) fn send(&self, answer: A) -> bool {
        let taken = self.answers.send(answer).is_ok();
        self.ctx.request_repaint();
        taken
    }

    /// Hands an answer over if there is room for it.
    pub(crate) fn try_send(&self, answer: A) {
        if self.answers.try_send(answer).is_ok() {
            self.ctx.request_repaint();
        }
    }

    /// Whether the viewer is going, so that long work should end.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// How a [`Pool`] is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolSize {
    /// The threads' name.
    pub(crate) name: &'static str,
    /// How many.
    pub(crate) threads: usize,
    /// Requests that may wait.
    pub(crate) queue: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Pool<Q, A> {
    /// Starts the threads; each runs `work` on one request after the other.
    pub(crate) fn start(
        size: PoolSize,
        ctx: &egui::Context,
        work: impl Fn(Q, &Outbox<A>) + Clone + Send + 'static,
    ) -> Result<Self, ViewerError> {
        let (requests, inbox) = sync_channel::<Q>(size.queue);
        let (sender, answers) = sync_channel(ANSWERS);
        let inbox = Arc::new(Mutex::new(inbox));
        let mut pool = Self {
            requests: Some(requests),
            answers: Some(answers),
            threads: Vec::with_capacity(size.threads),
            closed: Arc::new(AtomicBool::new(false)),
        };
        for _ in 0..size.threads {
            let inbox = Arc::clone(&inbox);
            let outbox = Outbox {
                answers: sender.clone(),
                ctx: ctx.clone(),
                closed: Arc::clone(&pool.closed),
            };
            let work = work.clone();
            let body = move || {
                loop {
                    let request = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match request {
                        Ok(request) => work(request, &outbox),
                        // The viewer is gone.
                        Err(_) => break,
                    }
                }
            };
            let thread = std::thread::Builder::new()
                .name(size.name.to_owned())
                .spawn(body)
                .map_err(|source| ViewerError::Thread { source })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Hands a request to the threads; it comes back where the queue is full.
    pub(crate) fn ask(&self, request: Q) -> Result<(), Q> {
        match &self.requests {
            None => Err(request),
            Some(requests) => requests.try_send(request).map_err(|error| match error {
                TrySendError::Full(request) | TrySendError::Disconnected(request) => request,
            }),
        }
    }

    /// The next answer, if there is one.
    pub(crate) fn take(&self) -> Option<A> {
        self.answers.as_ref().and_then(|a| a.try_recv().ok())
    }
}

impl<Q, A> Drop for Pool<Q, A> {
    fn drop(&mut self) {
        // In this order: without requests the threads end, and without a receiver none waits to hand over.
        self.closed.store(true, Ordering::Relaxed);
        self.requests = None;
        self.answers = None;
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so on its own.
            drop(thread.join());
        }
    }
}

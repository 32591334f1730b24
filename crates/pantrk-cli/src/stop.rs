//! SIGINT and SIGTERM: finish what is in hand, then stop.

use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Starts listening; where no handler can be set, signals keep their usual effect.
pub(crate) fn listen() {
    drop(ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)));
}

/// Whether to stop.
pub(crate) fn asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

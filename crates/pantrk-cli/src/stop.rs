//! SIGINT and SIGTERM: finish what is in hand, then stop.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Exit;

static STOP: AtomicBool = AtomicBool::new(false);
static HEEDED: AtomicBool = AtomicBool::new(false);

/// Starts listening; where no handler can be set, signals keep their usual effect.
pub(crate) fn listen() {
    drop(ctrlc::set_handler(|| {
        let again = STOP.swap(true, Ordering::Relaxed);
        // Work that never asks would go on to its end, and who asks twice means it.
        if again || !HEEDED.load(Ordering::Relaxed) {
            leave();
        }
    }));
}

/// From here on the work asks by itself whether to stop.
pub(crate) fn heed() {
    HEEDED.store(true, Ordering::Relaxed);
}

/// Whether to stop.
pub(crate) fn asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

#[expect(
    clippy::exit,
    reason = "the handler's thread can only end the process; what is under work has a name that says so"
)]
fn leave() {
    std::process::exit(Exit::Interrupted.number().into());
}

//! Something that is done from time to time beside a longer work.

use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Works, while another thread calls `look` after each `interval` until it breaks off or the work has ended.
///
/// It returns when both have.
pub(crate) fn meanwhile<T>(
    interval: Duration,
    mut look: impl FnMut() -> ControlFlow<()> + Send,
    work: impl FnOnce() -> T,
) -> T {
    /// Ends the other thread, also where the work panics.
    struct End<'a>(&'a Mutex<bool>, &'a Condvar);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.1.notify_all();
        }
    }
    let (ended, wake) = (Mutex::new(false), Condvar::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = wake.wait_timeout_while(guard, interval, |ended| !*ended);
                if *waited.unwrap_or_else(PoisonError::into_inner).0 || look().is_break() {
                    return;
                }
            }
        });
        let _end = End(&ended, &wake);
        work()
    })
}

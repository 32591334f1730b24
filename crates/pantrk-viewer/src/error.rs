//! What keeps the viewer from opening.
//!
//! What goes wrong with a slide or a result while it is open is shown in the window instead.

use std::io;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewerError {
    /// A path that was given does not exist.
    #[error("there is no slide and no folder of this name: {}", path.display())]
    NotFound {
        /// As given.
        path: PathBuf,
    },
    /// No window could be opened.
    #[error(
        "no window could be opened, the viewer needs a display with OpenGL; results can be read without one by `pantrk report`: {message}"
    )]
    Window {
        /// What the window system said.
        message: String,
    },
    /// The picture of the window could not be made.
    #[error("no screenshot was made, {message}: {}", path.display())]
    Screenshot {
        /// Why.
        message: String,
        /// Where it was to go.
        path: PathBuf,
    },
    /// Nothing could be measured.
    #[error("nothing was measured: {message}")]
    Measure {
        /// Why.
        message: String,
    },
    /// The system gave no thread for the background work.
    #[error("could not start a worker thread: {source}")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

//! pantrk-viewer

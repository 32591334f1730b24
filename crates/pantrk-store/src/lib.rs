//! pantrk-store

//! pantrk-eval

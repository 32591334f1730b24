//! pantrk-nn

//! pantrk-phantom

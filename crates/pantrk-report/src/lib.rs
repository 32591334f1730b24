//! pantrk-report

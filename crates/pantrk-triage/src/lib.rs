//! pantrk-triage

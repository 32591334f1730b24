//! pantrk-slide

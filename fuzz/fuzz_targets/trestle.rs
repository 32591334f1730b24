//! Slides of the format `trestle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.tif", input);
});

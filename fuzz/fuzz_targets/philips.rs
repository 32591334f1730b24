//! Slides of the format `philips`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.tiff", input);
});

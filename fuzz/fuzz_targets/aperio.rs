//! Slides of the format `aperio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.svs", input);
});
